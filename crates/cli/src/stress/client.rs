//! What `quintet stress` makes of answers, as clients do: it goes where they lead.

use stress_core::client::FOLLOW_DEFAULT;

/// As a client does.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As clients do")]
pub(super) struct ClientArgs {
    /// Follow redirects, up to N for one request [default: 10]: it is one request all the same, complete with the answer that leads
    /// nowhere else. Other hosts get connections of their own, and are not told who asks.
    #[arg(
        short = 'L',
        long,
        visible_alias = "location",
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT
    )]
    follow: Option<u32>,
    /// The same number, as curl has it.
    #[arg(long, value_name = "N", requires = "follow")]
    max_redirs: Option<u32>,
}

const DEFAULT: &str = "10";
const _: () = assert!(FOLLOW_DEFAULT == 10, "what the help says");

impl ClientArgs {
    /// Redirects to follow, where any are.
    pub(super) fn follow(&self) -> Option<u32> {
        self.follow.map(|follow| self.max_redirs.unwrap_or(follow))
    }
}
