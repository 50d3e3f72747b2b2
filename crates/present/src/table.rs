//! A table in text.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

/// A column: its title, and the share of the table's width it may have at most, in per cent (100: as it needs).
pub(crate) type Column<'a> = (&'a str, u16);

/// Blanks around a cell.
const PADDING: usize = 2;

/// Rows under a header, folded into `columns`. Ends with a line break.
pub(crate) fn table(columns: usize, header: &[Column<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    table.set_header(header.iter().map(|(title, _)| *title));
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let longest = longest_words(header, &rows);
    let fits = longest.iter().map(|words| words + PADDING).sum::<usize>() <= columns;
    table.add_rows(rows);
    for ((column, (_, share)), longest) in table.column_iter_mut().zip(header).zip(longest) {
        let fixed = |columns: usize| Width::Fixed(u16::try_from(columns).unwrap_or(u16::MAX));
        let lower = fixed(longest + PADDING);
        let upper = fixed((columns * usize::from(*share) / 100).max(longest + PADDING));
        column.set_constraint(match (fits, *share < 100) {
            (true, true) => ColumnConstraint::Boundaries { lower, upper },
            (true, false) => ColumnConstraint::LowerBoundary(lower),
            (false, true) => ColumnConstraint::UpperBoundary(Width::Percentage(*share)),
            (false, false) => continue,
        });
    }
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Of each column, so that no name is broken.
fn longest_words(header: &[Column<'_>], rows: &[Vec<String>]) -> Vec<usize> {
    let longest = |text: &str| text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
    let of_column = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| longest(cell)).max().unwrap_or(0);
    header.iter().enumerate().map(|(at, (title, _))| longest(title).max(of_column(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_not_broken() {
        let words = "words that are folded because they are many, and some more of them".to_owned();
        let text = table(60, &[("clients tcp_timestamps=2", 10), ("words", 100)], [vec![String::new(), words]]);
        assert!(text.contains("tcp_timestamps=2") && text.lines().all(|line| line.chars().count() <= 60), "{text}");
    }

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
