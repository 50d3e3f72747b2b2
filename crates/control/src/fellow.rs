//! Whoever goes by the configuration beside the workers, such as the admin listener: asked before they are, told after.

use balancer::Config;
use std::sync::Arc;

/// What is to be done once the workers go by the configuration; answers with what people may want to know. Dropped,
/// nothing changes.
pub type Commit = Box<dyn FnOnce() -> Option<String> + Send>;

/// Makes everything that can fail for another configuration ready, or says why it cannot be. Called on a thread that may
/// wait, never twice at a time.
pub type Fellow = Arc<dyn Fn(&Config) -> Result<Commit, String> + Send + Sync>;
