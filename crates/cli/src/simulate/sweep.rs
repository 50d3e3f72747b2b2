//! `--sweep`: kernels in rows, settings in columns, in each cell the share of connects that the first SYN did not open.

use super::json;
use crate::output::width;
use anyhow::bail;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Value, json};
use tcp_model::Version;
use tcp_model::simulate::{Cell, RawPlan, Variant, sweep};

/// Where the decisions change: 2.6.32 of the guide, recycle's end (4.12), reuse on loopback (4.19), two long-term ones.
const KERNELS: [&str; 8] = ["2.6.32", "3.10", "3.18", "4.9", "4.11", "4.12", "5.4", "6.18"];
/// What the cells tell.
pub(super) const TITLE: &str = "Connects that the first SYN did not open: delayed, failed, or waiting at the end";
/// Kernels of one sweep.
const KERNELS_MAX: usize = 64;

/// The kernels that `--sweep` names, with commas between; none named: the usual ones.
pub(super) fn kernels(list: &str) -> anyhow::Result<Vec<String>> {
    if list.is_empty() {
        return Ok(KERNELS.map(str::to_owned).to_vec());
    }
    let kernels: Vec<String> = list.split(',').map(|kernel| kernel.trim().to_owned()).collect();
    if kernels.len() > KERNELS_MAX {
        bail!("--sweep: {} kernels; at most {KERNELS_MAX}", kernels.len());
    }
    for kernel in &kernels {
        kernel.parse::<Version>().map_err(|error| anyhow::anyhow!("--sweep: {error}, with commas between"))?;
    }
    Ok(kernels)
}

/// Every kernel with every usual setting.
pub(super) fn run(base: &RawPlan, kernels: &[String]) -> Vec<Cell> {
    sweep(base, kernels, &Variant::usual())
}

/// The cells of each kernel, in the order they were run.
pub(super) fn rows(cells: &[Cell]) -> impl Iterator<Item = &[Cell]> {
    cells.chunk_by(|one, other| one.kernel == other.kernel)
}

/// What stands in a cell: never more columns than two words.
pub(super) fn mark(cell: &Cell) -> String {
    match &cell.result {
        Ok(result) if result.hurt_share() == 0.0 => "0".to_owned(),
        Ok(result) => format!("{:.2} %", result.hurt_share() * 100.0),
        Err(_) => "-".to_owned(),
    }
}

/// Why some cells are empty: the first kernel that cannot be set so, for each setting.
pub(super) fn reasons(cells: &[Cell]) -> Vec<String> {
    let mut told: Vec<&str> = Vec::new();
    let mut reasons = Vec::new();
    for cell in cells {
        if let (Err(error), false) = (&cell.result, told.contains(&cell.variant.as_str())) {
            told.push(&cell.variant);
            reasons.push(error.problem.clone());
        }
    }
    reasons
}

/// The table for people.
pub(super) fn text(cells: &[Cell]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width());
    for row in rows(cells) {
        if table.header().is_none() {
            table.set_header(["kernel".to_owned()].into_iter().chain(row.iter().map(|cell| cell.variant.clone())));
        }
        table.add_row(row.iter().take(1).map(|cell| cell.kernel.clone()).chain(row.iter().map(mark)));
    }
    let reasons: String = reasons(cells).iter().map(|reason| format!("\n  -  {reason}")).collect();
    format!("{TITLE}\n{table}{reasons}")
}

/// One entry per cell; `result` has the shape of a single run.
pub(super) fn json(cells: &[Cell]) -> Value {
    let cell = |cell: &Cell| {
        let (result, why) = match &cell.result {
            Ok(result) => (Some(json::report(result)), None),
            Err(error) => (None, Some(error.problem.clone())),
        };
        json!({ "kernel": cell.kernel, "setting": cell.variant, "result": result, "why": why })
    };
    Value::Array(cells.iter().map(cell).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, expect: Result<usize, &str>) {
        match (kernels(list), expect) {
            (Ok(kernels), Ok(count)) => assert_eq!(kernels.len(), count, "{list}"),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{list}: {error}"),
            (result, _) => panic!("{list}: {result:?}"),
        }
    }

    #[test]
    fn kernels_are_named_with_commas() {
        check("", Ok(8));
        check("2.6.32, 6.18", Ok(2));
        check("4.11", Ok(1));
        check("six", Err("six"));
        check(&["6.18"; 65].join(","), Err("at most 64"));
    }

    #[test]
    fn what_a_kernel_cannot_is_told_below_the_table() {
        let base = RawPlan { clients: 20, rate: 5, duration_s: 5, ..RawPlan::default() };
        let cells = run(&base, &["4.11".to_owned(), "4.12".to_owned()]);
        let text = text(&cells);
        assert_eq!(rows(&cells).count(), 2);
        assert!(text.contains("4.11") && text.contains("no tcp_tw_recycle"), "{text}");
        assert!(json(&cells)[1]["result"].is_object(), "{:#}", json(&cells)[1]);
    }
}
