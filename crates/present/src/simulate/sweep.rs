//! Kernels in rows, settings in columns, in each cell the share of connects that the first SYN did not open.

use super::json;
use super::words::scene;
use crate::page::{breakable, document, faint_lines};
use crate::table::table;
use crate::text::Text;
use crate::{Page, Present};
use maud::{Markup, html};
use serde_json::{Value, json};
use tcp_model::simulate::{Cell, Output, RawPlan};

/// What the cells tell.
const TITLE: &str = "Connects that the first SYN did not open: delayed, failed, or waiting at the end";

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
        text.line(TITLE);
        let settings = self.rows().next().unwrap_or_default().iter().map(|cell| (cell.variant.as_str(), 100));
        let header: Vec<_> = [("kernel", 100)].into_iter().chain(settings).collect();
        text.block(&table(
            columns,
            &header,
            self.rows().map(|row| [kernel(row)].into_iter().chain(row.iter().map(mark)).collect()),
        ));
        self.reasons().iter().for_each(|reason| text.line(format!("  -  {reason}")));
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
    fn page(&self) -> String {
        let any = self.cells.iter().find_map(|cell| cell.result.as_ref().ok());
        let body = html! {
            h1 { (TITLE) }
            @if let Some(result) = any { (faint_lines(&scene(self.raw, result, "each of these kernels"))) }
            div.wide {
                table {
                    tr {
                        th { "kernel" }
                        @for cell in self.rows().next().unwrap_or_default() { th { (breakable(&cell.variant)) } }
                    }
                    @for row in self.rows() { tr { th { (kernel(row)) } @for cell in row { (page_cell(cell)) } } }
                }
            }
            @for reason in self.reasons() { p.faint { "-: " (reason) } }
        };
        document("quintet simulate --sweep", &body)
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

/// What stands in a cell: never more columns than two words.
fn mark(cell: &Cell) -> String {
    match &cell.result {
        Ok(result) if result.hurt_share() == 0.0 => "0".to_owned(),
        Ok(result) => format!("{:.2} %", result.hurt_share() * 100.0),
        Err(_) => "-".to_owned(),
    }
}

/// The redder, the more connects were hurt; even few are seen.
fn page_cell(cell: &Cell) -> Markup {
    let share = cell.result.as_ref().map_or(0.0, Output::hurt_share);
    let heat = (share > 0.0).then(|| format!("--share:{:.2}", 0.12 + share.sqrt() * 0.5));
    html! { td.hurt[heat.is_some()] style=[heat] { (mark(cell)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcp_model::simulate::{Variant, sweep};

    #[test]
    fn what_a_kernel_cannot_is_told_below_the_table() {
        let raw = RawPlan { clients: 20, rate: 5, duration_s: 5, ..RawPlan::default() };
        let cells = sweep(&raw, &["4.11".to_owned(), "4.12".to_owned()], &Variant::usual());
        let swept = Swept { raw: &raw, cells: &cells };
        let (text, page) = (swept.text(118), swept.page());
        assert_eq!(swept.rows().count(), 2);
        for shown in [&text, &page] {
            assert!(shown.contains("4.11") && shown.contains("no tcp_tw_recycle"), "{shown}");
        }
        assert!(swept.json()[1]["result"].is_object(), "{:#}", swept.json()[1]);
    }
}
