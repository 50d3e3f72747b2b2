//! Tests that cannot run here: each says why, and the end of the run names and counts them.
//!
//! ```text
//! test result: ok. 14 passed; 0 failed; ...
//! skipped clients::curl_uses_its_connection_again: curl is not installed
//! skipped in all: 1 of these tests (with QUINTET_ALL=1 that is a failure)
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Environment variable that makes a skipped test a failed one: for a machine that has everything.
pub(crate) const ALL_VARIABLE: &str = "QUINTET_ALL";

/// Test and reason, in this process.
static SKIPPED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
/// The one test of this process, where it has only one.
static ONLY_TEST: OnceLock<String> = OnceLock::new();

/// Notes that the calling test leaves out what it is there for, and why. The test returns after that.
///
/// # Panics
/// With `QUINTET_ALL=1`: then nothing may be left out.
#[track_caller]
pub fn skip(why: impl Display) {
    let (test, why) = (this_test(), why.to_string().replace('\n', " "));
    assert!(!nothing_may_be_skipped(), "{test} cannot run here: {why} ({ALL_VARIABLE}=1 forbids to skip it)");
    let mut skipped = skipped();
    if skipped.is_empty() {
        assert!(sys::exit::at_exit(tell), "the C library takes no more atexit()");
    }
    skipped.insert(test, why);
}

/// What is there; where it is not, the calling test is skipped for this reason.
#[track_caller]
pub fn require<T, E: Display>(wanted: Result<T, E>) -> Option<T> {
    match wanted {
        Ok(there) => Some(there),
        Err(why) => {
            skip(why);
            None
        }
    }
}

/// Where an installed program is; where it is not, the calling test is skipped. Also looks where servers are and only
/// root does.
#[track_caller]
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut files = std::env::split_paths(&path).chain(more).map(|folder| folder.join(name));
    require(files.find(|file| file.is_file()).ok_or_else(|| format!("{name} is not installed")))
}

/// How many tests of this process were skipped.
pub fn count() -> usize {
    skipped().len()
}

/// This process runs this test alone.
pub(crate) fn only_test(name: &str) {
    ONLY_TEST.get_or_init(|| name.to_owned());
}

fn nothing_may_be_skipped() -> bool {
    std::env::var_os(ALL_VARIABLE).is_some_and(|value| !value.is_empty() && value != "0")
}

/// A panic elsewhere does not make the list wrong.
fn skipped() -> MutexGuard<'static, BTreeMap<String, String>> {
    SKIPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The usual harness names its threads by their tests.
#[track_caller]
fn this_test() -> String {
    let thread = std::thread::current();
    match (ONLY_TEST.get(), thread.name()) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) if name != "main" => name.to_owned(),
        _ => Location::caller().to_string(),
    }
}

/// At the end of the process, so that it stands below the harness's own result. Past the harness's capture.
extern "C" fn tell() {
    let skipped = skipped();
    let mut lines: Vec<String> = skipped.iter().map(|(test, why)| format!("skipped {test}: {why}\n")).collect();
    if ONLY_TEST.get().is_none() {
        lines.push(total(skipped.len()));
    }
    let _nobody_reads_it = std::io::stdout().write_all(lines.concat().as_bytes());
}

/// The last line of a run with skipped tests.
pub(crate) fn total(count: usize) -> String {
    format!("skipped in all: {count} of these tests (with {ALL_VARIABLE}=1 that is a failure)\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own_process::again;
    use std::process::Output;

    /// Runs the ignored test below in a process of its own.
    fn skipping(all: Option<&str>) -> Output {
        let mut command = again(&["--ignored", "--exact", "skip::tests::one_that_is_skipped"]);
        command.env_remove(ALL_VARIABLE).envs(all.map(|value| (ALL_VARIABLE, value)));
        command.output().expect("this program starts")
    }

    #[test]
    #[ignore = "the others start it"]
    fn one_that_is_skipped() {
        let missing: Result<(), &str> = Err("no such\nthing");
        assert_eq!(require(missing), None);
        assert_eq!(installed("no-such-program"), None);
    }

    #[test]
    fn a_skipped_test_is_named_and_counted_at_the_end() {
        for all in [None, Some("0"), Some("")] {
            let output = skipping(all);
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}");
            let expect = "skipped skip::tests::one_that_is_skipped: no-such-program is not installed\n\
                          skipped in all: 1 of these tests (with QUINTET_ALL=1 that is a failure)\n";
            assert!(text.ends_with(expect), "{text}");
        }
    }

    #[test]
    fn where_all_must_run_a_skip_is_a_failure() {
        let output = skipping(Some("1"));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{text}");
        assert!(text.contains("one_that_is_skipped cannot run here: no such thing (QUINTET_ALL=1"), "{text}");
    }

    #[test]
    fn what_is_there_is_handed_on() {
        assert_eq!(require(Ok::<_, String>(7)), Some(7));
        assert!(installed("sh").is_some());
        assert_eq!(count(), 0);
    }
}
