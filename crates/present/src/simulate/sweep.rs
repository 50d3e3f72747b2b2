//! Kernels in rows, settings in columns, in each cell the share of connects that the first SYN did not open.

use super::json;
use super::words::scene;
use crate::number::percent;
use crate::page::{breakable, document, faint_lines};
use crate::table::table;
use crate::text::Text;
use crate::{Made, Page, Present};
use maud::{Markup, html};
use serde_json::{Value, json};
use tcp_model::simulate::{Cell, RawPlan};

/// What the cells tell.
const TITLE: &str =
    "Connects that stalled (failed, hung, or were late by a second and more) or were slowed (late by less)";
/// A table needs as many columns, so that no name of a setting is broken.
const TABLE_COLUMNS_MIN: usize = 110;

/// A scene on several kernels, with several settings.
#[derive(Clone, Copy, Debug)]
pub struct Swept<'a> {
    /// As it was said.
    pub raw: &'a RawPlan,
    /// Kernel by kernel, the same settings for each.
    pub cells: &'a [Cell],
}

impl Present for Swept<'_> {
    fn text(&self, columns: usize) -> String {
        let mut text = Text::new(columns);
        text.paragraph(0, TITLE);
        if columns < TABLE_COLUMNS_MIN {
            self.rows().for_each(|row| push_stacked(&mut text, row));
            text.gap();
            self.reasons().iter().for_each(|reason| text.paragraph(0, &format!("-: {reason}")));
            return text.finish();
        }
        let settings = self.rows().next().unwrap_or_default().iter().map(|cell| (cell.variant.as_str(), 100));
        let header: Vec<_> = [("kernel", 100)].into_iter().chain(settings).collect();
        text.block(&table(
            columns,
            &header,
            self.rows().map(|row| [kernel(row)].into_iter().chain(row.iter().map(mark)).collect()),
        ));
        self.reasons().iter().for_each(|reason| text.paragraph(2, &format!("-: {reason}")));
        text.finish()
    }

    /// One entry per cell; `result` has the shape of a single run.
    fn json(&self) -> Value {
        let cell = |cell: &Cell| {
            let (result, why) = match &cell.result {
                Ok(result) => (Some(json::report(result)), None),
                Err(error) => (None, Some(error.problem.clone())),
            };
            json!({ "kernel": cell.kernel, "setting": cell.variant, "result": result, "why": why })
        };
        Value::Array(self.cells.iter().map(cell).collect())
    }
}

impl Page for Swept<'_> {
    fn page(&self, made: &Made) -> String {
        let any = self.cells.iter().find_map(|cell| cell.result.as_ref().ok());
        let body = html! {
            h1 { (TITLE) }
            @if let Some(result) = any { (faint_lines(&scene(self.raw, result, "each of these kernels"))) }
            div {
                table.sweep {
                    tr {
                        th { "kernel" }
                        @for cell in self.rows().next().unwrap_or_default() { th { (breakable(&cell.variant)) } }
                    }
                    @for row in self.rows() { tr { th { (kernel(row)) } @for cell in row { (page_cell(cell)) } } }
                }
            }
            @for reason in self.reasons() { p.faint { "-: " (reason) } }
        };
        document("quintet simulate --sweep", &body, made)
    }
}

impl<'a> Swept<'a> {
    /// The cells of each kernel, in the order they were run.
    fn rows(&self) -> impl Iterator<Item = &'a [Cell]> {
        self.cells.chunk_by(|one, other| one.kernel == other.kernel)
    }

    /// Why some cells are empty: the first kernel that cannot be set so, for each setting.
    fn reasons(&self) -> Vec<String> {
        let mut told: Vec<&str> = Vec::new();
        let mut reasons = Vec::new();
        for cell in self.cells {
            if let (Err(error), false) = (&cell.result, told.contains(&cell.variant.as_str())) {
                told.push(&cell.variant);
                reasons.push(error.problem.clone());
            }
        }
        reasons
    }
}

fn kernel(row: &[Cell]) -> String {
    row.first().map_or_else(String::new, |cell| cell.kernel.clone())
}

/// A kernel with its settings below each other, where a table would be too wide.
fn push_stacked(text: &mut Text, row: &[Cell]) {
    text.section(format!("Linux {}", kernel(row)));
    row.iter().for_each(|cell| text.paragraph(2, &format!("{}: {}", cell.variant, mark(cell).replace('\n', ", "))));
}

/// What stands in a cell: a line for those that stalled, one for those that were only slowed.
fn mark(cell: &Cell) -> String {
    let Ok(result) = &cell.result else { return "-".to_owned() };
    let shown = |count: u64, word: &str| (count > 0).then(|| format!("{} {word}", percent(count, result.connects)));
    let lines: Vec<String> =
        [shown(result.stalled(), "stalled"), shown(result.slowed(), "slowed")].into_iter().flatten().collect();
    if lines.is_empty() { "0".to_owned() } else { lines.join("\n") }
}

/// The redder, the more connects stalled; even few are seen. Being slowed by milliseconds reddens nothing.
fn page_cell(cell: &Cell) -> Markup {
    let share = cell.result.as_ref().map_or(0.0, |result| result.share(result.stalled()));
    let heat = (share > 0.0).then(|| format!("--share:{:.2}", 0.12 + share.sqrt() * 0.5));
    html! { td.hurt[heat.is_some()] style=[heat] data-name=(cell.variant) { @for line in mark(cell).lines() { span.line { (line) } } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcp_model::simulate::{Variant, sweep};

    fn fixture() -> Made {
        Made { host: "here".to_owned(), unix_s: 0, version: "1" }
    }

    /// Behind a gateway that hands 5-tuples on early. With tcp_rfc1337=1 the reset that answers a challenge is ignored, so
    /// that a connect hangs where it came 28 ms late: fewer connects in trouble, and far worse trouble.
    #[test]
    fn a_hang_looks_worse_than_a_short_delay() {
        let raw = RawPlan { nat: "random".to_owned(), nat_time_wait_s: 0, ..RawPlan::default() };
        let cells = sweep(&raw, &["6.18".to_owned()], &Variant::usual());
        let share = |name: &str| {
            let cell = cells.iter().find(|cell| cell.variant == name).expect("a usual one");
            let result = cell.result.as_ref().expect("6.18 can be set so");
            (result.share(result.stalled()), result.share(result.slowed()))
        };
        let (plain, ignoring) = (share("defaults"), share("tcp_rfc1337=1"));
        assert!(plain.0 < 0.01 && plain.1 > 0.1, "{plain:?}");
        assert!(ignoring.0 > 0.1 && ignoring.1 < 0.01, "{ignoring:?}");
        let narrow = Swept { raw: &raw, cells: &cells }.text(60);
        assert!(
            narrow.contains("tcp_rfc1337=1: ") && narrow.lines().all(|line| line.chars().count() <= 60),
            "{narrow}"
        );
    }

    #[test]
    fn what_a_kernel_cannot_is_told_below_the_table() {
        let raw = RawPlan { clients: 20, rate: 5, duration_s: 5, ..RawPlan::default() };
        let cells = sweep(&raw, &["4.11".to_owned(), "4.12".to_owned()], &Variant::usual());
        let swept = Swept { raw: &raw, cells: &cells };
        let (text, page) = (swept.text(118), swept.page(&fixture()));
        assert_eq!(swept.rows().count(), 2);
        for shown in [&text, &page] {
            assert!(shown.contains("4.11") && shown.contains("no tcp_tw_recycle"), "{shown}");
        }
        assert!(swept.json()[1]["result"].is_object(), "{:#}", swept.json()[1]);
    }
}
