//! Open files of one process and its limit.

use super::gap;
use doctor_core::facts::{FileFacts, Gap};

/// `None`, with a gap noted, where the process cannot be looked at.
pub(super) fn read(pid: Option<u32>, gaps: &mut Vec<Gap>) -> Option<FileFacts> {
    let own = pid.is_none();
    let number = pid.unwrap_or_else(std::process::id);
    let text = std::fs::read_to_string(format!("/proc/{number}/limits"));
    let limits = text
        .map_err(|error| error.to_string())
        .and_then(|text| parse_limits(&text).ok_or_else(|| "its limits have no line for open files".to_owned()));
    let (soft, hard) = match limits {
        Ok(limits) => limits,
        Err(why) => {
            gaps.push(gap(format!("limits of process {number}"), why));
            return None;
        }
    };
    let open = std::fs::read_dir(format!("/proc/{number}/fd")).map(|files| files.count() as u64);
    if open.is_err() {
        gaps.push(gap(format!("open files of process {number}"), "run as root, or as its owner"));
    }
    Some(FileFacts { pid: number, own, open: open.ok(), soft, hard })
}

/// `Max open files            1024                 1048576              files`
fn parse_limits(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let number = |word: &str| if word == "unlimited" { Some(u64::MAX) } else { word.parse().ok() };
    let mut words = line.split_whitespace();
    Some((number(words.next()?)?, number(words.next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let text =
            "Limit  Soft  Hard  Units\nMax open files            1024                 unlimited            files\n";
        assert_eq!(parse_limits(text), Some((1024, u64::MAX)));
        assert_eq!(parse_limits("Max processes 1 2 processes\n"), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_a_gap() {
        let mut gaps = Vec::new();
        assert_eq!(read(Some(u32::MAX), &mut gaps), None);
        assert!(gaps[0].what.contains("4294967295"), "{gaps:?}");
    }
}
