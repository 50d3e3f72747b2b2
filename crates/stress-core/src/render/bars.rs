//! A histogram drawn in text.

use super::numbers::{count, time_us};
use stats::recorder::Bar;

/// Columns of the longest bar.
const WIDTH: u64 = 40;

/// One line for each bar: its upper end, its count, and a bar in proportion to the largest.
pub(super) fn lines(bars: &[Bar]) -> Vec<String> {
    let largest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let line = |bar: &Bar| {
        // Whatever happened at all is visible.
        let columns = (bar.count * WIDTH / largest).max(u64::from(bar.count > 0));
        let mark = "#".repeat(columns as usize);
        format!("{:>10} {:>11} |{mark}", time_us(bar.up_to_us), count(bar.count))
    };
    bars.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_rare_events_stay_visible() {
        let bar = |up_to_us, count| Bar { up_to_us, count };
        let drawn = lines(&[bar(100.0, 4000), bar(200.0, 2000), bar(300.0, 1), bar(400.0, 0)]);
        assert_eq!(drawn[0], format!("  100.0 us       4,000 |{}", "#".repeat(40)));
        assert_eq!(drawn[1], format!("  200.0 us       2,000 |{}", "#".repeat(20)));
        assert_eq!(drawn[2], "  300.0 us           1 |#");
        assert_eq!(drawn[3], "  400.0 us           0 |");
        assert!(lines(&[]).is_empty());
    }
}
