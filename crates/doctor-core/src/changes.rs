//! The sysctls `--apply` would set, and the file that takes them back. Decides only; the shell writes.

use crate::facts::Sysctls;
use crate::finding::Finding;
use core::fmt;
use serde::Serialize;

/// The only sysctls ever written, whatever a revert file says.
pub(crate) const ALLOWED: [&str; 9] = [
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_tw_recycle",
    "net.ipv4.tcp_max_syn_backlog",
    "net.core.somaxconn",
    "net.netfilter.nf_conntrack_max",
];

/// Lines of a revert file that are read.
const REVERT_LINES_MAX: usize = 256;

/// One sysctl and its new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SysctlChange {
    /// Which.
    pub name: &'static str,
    /// New value.
    pub value: String,
}

impl SysctlChange {
    /// What a person would type.
    pub fn command(&self) -> String {
        format!("sysctl -w {}", assignment(self.name, &self.value))
    }
}

fn assignment(name: &str, value: &str) -> String {
    if value.contains(' ') { format!("{name}=\"{value}\"") } else { format!("{name}={value}") }
}

/// A change with what it replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedChange {
    /// Which sysctl.
    pub name: &'static str,
    /// Its value now.
    pub old: String,
    /// Its value then.
    pub new: String,
    /// Findings it cures.
    pub because: Vec<&'static str>,
}

impl fmt::Display for PlannedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} -> {:?} (for {})", self.name, self.old, self.new, self.because.join(", "))
    }
}

/// Every sysctl that a cure of `findings` sets, once each; worse findings decide. What this kernel does not
/// know, and what is so already, is left out.
pub fn plan(findings: &[Finding], now: &Sysctls) -> Vec<PlannedChange> {
    let mut plan: Vec<PlannedChange> = Vec::new();
    for finding in findings {
        for change in finding.cures.iter().filter_map(|cure| cure.change.as_ref()) {
            match plan.iter_mut().find(|known| known.name == change.name) {
                Some(known) => note(&mut known.because, finding.id),
                None => plan.extend(planned(change, finding.id, now)),
            }
        }
    }
    plan
}

fn note(because: &mut Vec<&'static str>, id: &'static str) {
    if !because.contains(&id) {
        because.push(id);
    }
}

fn planned(change: &SysctlChange, because: &'static str, now: &Sysctls) -> Option<PlannedChange> {
    let old = now.text(change.name)?;
    let differs = old != change.value && ALLOWED.contains(&change.name);
    differs.then(|| PlannedChange {
        name: change.name,
        old: old.to_owned(),
        new: change.value.clone(),
        because: vec![because],
    })
}

/// The first line of every revert file, by which it is known.
const REVERT_HEADER: &str = "# Values before `quintet doctor --apply`.";
/// Bytes of a revert file that are read: more than the lines of ours it may have.
pub const REVERT_BYTES_MAX: usize = 64 * 1024;

/// The text of a file that takes `changes` back; also fit for `sysctl -p`.
pub fn revert_text(changes: &[PlannedChange]) -> String {
    let mut text = format!("{REVERT_HEADER}\n");
    for change in changes {
        text.push_str(&format!("{} = {}\n", change.name, change.old));
    }
    text
}

/// A revert file that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct RevertError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads what [`revert_text`] wrote.
///
/// # Errors
/// It does not begin as ours do, holds no change, has a line that is no `NAME = VALUE`, or names a sysctl that `--apply`
/// never sets.
pub fn parse_revert(text: &str) -> Result<Vec<SysctlChange>, RevertError> {
    if text.lines().next().map(str::trim_end) != Some(REVERT_HEADER) {
        return Err(RevertError {
            line: 1,
            what: format!("it does not begin with {REVERT_HEADER:?}, so --apply did not write it"),
        });
    }
    let mut changes = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let fail = |what: String| RevertError { line: at + 1, what };
        if at >= REVERT_LINES_MAX {
            return Err(fail(format!("more than {REVERT_LINES_MAX} lines: this is no revert file")));
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| fail(format!("{line:?} is not NAME = VALUE")))?;
        let known = ALLOWED.iter().find(|known| **known == name.trim());
        let name =
            known.ok_or_else(|| fail(format!("{:?} is not set by --apply, so it is not reverted", name.trim())))?;
        changes.push(SysctlChange { name, value: value.trim().to_owned() });
    }
    match changes.is_empty() {
        true => Err(RevertError { line: text.lines().count(), what: "there is nothing in it to set back".to_owned() }),
        false => Ok(changes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beliefs::Belief;
    use crate::finding::{Certainty, Cure, Severity};

    fn finding(id: &'static str, cures: Vec<Cure>) -> Finding {
        let wrong_cures: &'static [&'static Belief] = &[];
        let (severity, certainty) = (Severity::Error, Certainty::Measured);
        Finding { id, severity, title: "t", evidence: String::new(), certainty, cures, wrong_cures }
    }

    #[test]
    fn a_plan_has_each_sysctl_once_and_can_be_taken_back() {
        let mut now = Sysctls::default();
        now.set("net.ipv4.tcp_tw_reuse", "0");
        now.set("net.core.somaxconn", "4096");
        now.set("net.ipv4.ip_local_port_range", "32768\t60999");
        let reuse = || Cure::sysctl("reuse", "net.ipv4.tcp_tw_reuse", "1");
        let same = Cure::sysctl("as it is", "net.core.somaxconn", "4096");
        let unknown = Cure::sysctl("not here", "net.ipv4.tcp_tw_recycle", "0");
        let range = Cure::sysctl("wide", "net.ipv4.ip_local_port_range", "10240 65535");
        let findings = [finding("a", vec![reuse(), same]), finding("b", vec![reuse(), unknown, range])];
        let plan = plan(&findings, &now);
        let shown: Vec<String> = plan.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "net.ipv4.tcp_tw_reuse: \"0\" -> \"1\" (for a, b)",
                "net.ipv4.ip_local_port_range: \"32768 60999\" -> \"10240 65535\" (for b)"
            ]
        );
        let back = parse_revert(&revert_text(&plan)).expect("our own text");
        let pairs: Vec<(&str, &str)> = back.iter().map(|change| (change.name, change.value.as_str())).collect();
        assert_eq!(pairs, [("net.ipv4.tcp_tw_reuse", "0"), ("net.ipv4.ip_local_port_range", "32768 60999")]);
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(parse_revert(text).expect_err("no revert file").to_string(), expect);
    }

    #[test]
    fn a_tampered_revert_file_writes_nothing() {
        let ours = |rest: &str| format!("{REVERT_HEADER}\n{rest}");
        check(
            &ours("kernel.core_pattern = |/bin/sh\n"),
            "line 2: \"kernel.core_pattern\" is not set by --apply, so it is not reverted",
        );
        check(&ours("hello"), "line 2: \"hello\" is not NAME = VALUE");
        check(&ours(&"#\n".repeat(300)), "line 257: more than 256 lines: this is no revert file");
        check(&ours("# all of it is gone\n\n"), "line 3: there is nothing in it to set back");
    }

    #[test]
    fn a_file_of_somebody_else_is_none_of_ours() {
        let foreign = ["", "\n", "# my notes\n", "net.ipv4.tcp_tw_reuse = 1\n", "\0\0", " # Values before\n"];
        for text in foreign {
            let error = parse_revert(text).expect_err("no revert file").to_string();
            assert!(error.contains("line 1") && error.contains("--apply did not write it"), "{text:?}: {error}");
        }
        let twice = format!("{REVERT_HEADER}\r\nnet.ipv4.tcp_tw_reuse = 2\r\n");
        assert_eq!(parse_revert(&twice).expect("an editor's line ends").len(), 1);
    }
}
