//! Which server of a `[[backend_set]]` a request goes to.

use balancer_core::SelectionRules;
use config_file::{Mistake, Section};

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> SelectionRules {
    SelectionRules { balance: section.named("balance", mistakes).unwrap_or_default() }
}
