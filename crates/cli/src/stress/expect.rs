//! What responses of `quintet stress` have to be like.

use stress_core::plan::ExpectDraft;

/// A response that is not so is a failure of its own kind.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Expectations")]
pub(super) struct ExpectArgs {
    /// Statuses that responses have to have: `200,204`, `2xx`. Any other is a failure [default: any will do].
    #[arg(long, value_name = "LIST")]
    expect_status: Vec<String>,
    /// Header field that responses have to have, `Name: value`, or `Name:` with any value; may be given more than once.
    #[arg(long, value_name = "FIELD")]
    expect_header: Vec<String>,
    /// Text that bodies have to hold, as they come (not decompressed).
    #[arg(long, value_name = "TEXT")]
    expect_body: Option<String>,
}

impl ExpectArgs {
    pub(super) fn draft(&self) -> ExpectDraft {
        ExpectDraft {
            statuses: self.expect_status.clone(),
            headers: self.expect_header.clone(),
            body: self.expect_body.clone(),
        }
    }
}
