//! What `quintet stress` makes of answers, as clients do: it goes where they lead, and keeps the cookies they set.

use anyhow::{Context, anyhow};
use std::path::Path;
use stress_core::client::{FOLLOW_DEFAULT, Jar};

/// Bytes of a file of cookies.
const FILE_BYTES_MAX: usize = 1 << 20;

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
    /// Keep the cookies that answers set, and show them again (RFC 6265): each connection's place is a client of its own. It begins
    /// with those of FILE, as browsers and curl write them (Netscape's format); nothing is written there.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    cookie_jar: Option<String>,
}

const DEFAULT: &str = "10";
const _: () = assert!(FOLLOW_DEFAULT == 10, "what the help says");

impl ClientArgs {
    /// Redirects to follow, where any are.
    pub(super) fn follow(&self) -> Option<u32> {
        self.follow.map(|follow| self.max_redirs.unwrap_or(follow))
    }

    /// The cookies that clients begin with, where they keep any.
    pub(super) fn cookies(&self) -> anyhow::Result<Option<Jar>> {
        match self.cookie_jar.as_deref() {
            None => Ok(None),
            Some("") => Ok(Some(Jar::default())),
            Some(path) => {
                let bytes = sys::file::read(Path::new(path), FILE_BYTES_MAX);
                let bytes = bytes.with_context(|| format!("--cookie-jar={path}: cannot read this file"))?;
                let wrong =
                    |line| anyhow!("--cookie-jar={path}: line {line} is no cookie: seven parts with tabs between them");
                Jar::of_file(&String::from_utf8_lossy(&bytes)).map(Some).map_err(wrong)
            }
        }
    }
}
