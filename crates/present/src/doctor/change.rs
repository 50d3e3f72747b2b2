//! Sysctls that would be set, were set, or were taken back.

use crate::Present;
use crate::text::Text;
use doctor_core::changes::{PlannedChange, SysctlChange};
use serde::Serialize;
use serde_json::{Value, json};

/// What `--apply` has done.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Applied<'a> {
    /// What was set.
    pub changes: &'a [PlannedChange],
    /// What takes it back.
    pub revert_file: &'a str,
}

/// What `--revert` has done.
#[derive(Clone, Copy, Debug)]
pub struct Reverted<'a> {
    /// What was set back.
    pub changes: &'a [SysctlChange],
    /// The file that told so, and is gone.
    pub revert_file: &'a str,
}

impl Present for Reverted<'_> {
    fn text(&self, _columns: usize) -> String {
        let lines: String = self.changes.iter().map(|change| format!("{} = {}\n", change.name, change.value)).collect();
        format!("{lines}{} set back; {} is removed\n", self.changes.len(), self.revert_file)
    }

    fn json(&self) -> Value {
        json!({ "reverted": self.changes })
    }
}

/// What `--apply` is about to set (`apply`), or would set; empty where nothing needs saying.
pub fn planned(plan: &[PlannedChange], apply: bool, columns: usize) -> String {
    let title = match (plan.is_empty(), apply) {
        (true, false) => return String::new(),
        (true, true) => "no finding has a sysctl to set: nothing to apply",
        (false, true) => "To be set",
        (false, false) => "What --apply would set",
    };
    let mut text = Text::new(columns);
    text.line(title);
    plan.iter().for_each(|change| text.paragraph(2, &change.to_string()));
    format!("\n{}", text.finish())
}
