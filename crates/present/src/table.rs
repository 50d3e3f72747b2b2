//! A table in text.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

/// A column: its title, and the share of the table's width it may have at most, in per cent (100: as it needs).
pub(crate) type Column<'a> = (&'a str, u16);

/// Rows under a header, folded into `columns`. Ends with a line break.
pub(crate) fn table(columns: usize, header: &[Column<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    table.set_header(header.iter().map(|(title, _)| *title));
    table.add_rows(rows);
    for (column, (_, share)) in table.column_iter_mut().zip(header).filter(|(_, (_, share))| *share < 100) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(*share)));
    }
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_its_width_and_all_words() {
        let rows = [vec!["one".to_owned(), "words that are folded because they are many".to_owned()]];
        let text = table(40, &[("name", 30), ("words", 100)], rows);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        for word in ["name", "one", "folded", "many"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}
