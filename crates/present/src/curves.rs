//! Curves for a terminal.

use lab::{Point, Series};

/// Columns of the plot itself, where there is room.
const WIDTH_MAX: usize = 60;
const WIDTH_MIN: usize = 24;
/// Columns beside it.
const LABEL_COLUMNS: usize = 10;
/// Rows of the plot itself.
const HEIGHT: usize = 12;
/// The first curve's sign, the second's, ...
const MARKS: [char; 4] = ['#', 'o', 'x', '+'];
/// Where two curves meet.
const BOTH: char = '*';

/// Draws `connect()` times (logarithmic, upwards) over the share of ports in TIME_WAIT (0 to 100 %).
/// Empty where there is nothing to draw.
pub(crate) fn draw(series: &[Series], columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(LABEL_COLUMNS).clamp(WIDTH_MIN, WIDTH_MAX);
    let times = || series.iter().flat_map(|one| &one.points).map(|point| point.connect_us_median);
    let low = times().fold(f64::INFINITY, f64::min).max(1.0);
    let high = times().fold(0.0, f64::max).max(low * 2.0);
    if times().next().is_none() {
        return Vec::new();
    }
    let axis = Axis { low, high };
    let mut cells = vec![vec![' '; width]; HEIGHT];
    for (one, mark) in series.iter().zip(MARKS) {
        one.points.iter().for_each(|point| axis.put(&mut cells, *point, mark));
    }
    let mut lines = vec![format!("median connect(), us      {}", legend(series))];
    lines.extend(cells.iter().enumerate().map(|(row, cells)| {
        let label = if row % 3 == 0 || row == HEIGHT - 1 { format!("{:.0}", axis.value(row)) } else { String::new() };
        format!("{label:>8} |{}", cells.iter().collect::<String>().trim_end())
    }));
    lines.push(format!("{:>8} +{}", "", "-".repeat(width)));
    let (half, whole) = (width / 2 - 3, width - width / 2);
    lines.push(format!("{:>10}0 %{:>half$}{:>whole$}", "", "50 %", "100 %"));
    lines.push(format!("{:>10}share of the ports in TIME_WAIT", ""));
    lines
}

fn legend(series: &[Series]) -> String {
    let parts: Vec<String> = series.iter().zip(MARKS).map(|(one, mark)| format!("{mark} {}", one.name)).collect();
    parts.join("   ")
}

/// A logarithmic axis from the top row (`high`) to the bottom row (`low`).
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn put(&self, cells: &mut [Vec<char>], point: Point, mark: char) {
        let row = &mut cells[self.row(point.connect_us_median)];
        let last = row.len() - 1;
        let column = (point.time_wait_percent / 100.0 * last as f64).round() as usize;
        let cell = &mut row[column.min(last)];
        *cell = if *cell == ' ' || *cell == mark { mark } else { BOTH };
    }

    fn row(&self, value: f64) -> usize {
        let share = (value.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        let from_bottom = (share * (HEIGHT - 1) as f64).round() as usize;
        HEIGHT - 1 - from_bottom.min(HEIGHT - 1)
    }

    fn value(&self, row: usize) -> f64 {
        let share = (HEIGHT - 1 - row) as f64 / (HEIGHT - 1) as f64;
        self.low * (self.high / self.low).powf(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &'static str, points: &[(f64, f64)]) -> Series {
        let point = |&(time_wait_percent, connect_us_median)| Point { time_wait_percent, connect_us_median };
        Series { name, points: points.iter().map(point).collect() }
    }

    #[test]
    fn nothing_draws_nothing() {
        assert!(draw(&[], 80).is_empty());
        assert!(draw(&[series("empty", &[])], 80).is_empty());
    }

    #[test]
    fn corners_are_where_they_belong() {
        let kernel = series("kernel", &[(0.0, 20.0), (100.0, 1000.0)]);
        let own = series("own", &[(0.0, 20.0), (50.0, 20.0)]);
        let lines = draw(&[kernel, own], 80);
        assert_eq!(lines[0], "median connect(), us      # kernel   o own");
        let top = format!("    1000 |{}#", " ".repeat(59));
        assert_eq!(lines[1], top);
        let bottom = format!("      20 |*{}o", " ".repeat(29));
        assert_eq!(lines[HEIGHT], bottom);
        assert_eq!(lines.len(), HEIGHT + 4);
    }

    #[test]
    fn a_plot_fits_a_narrow_terminal() {
        for columns in [44, 60, 80] {
            let lines = draw(&[series("kernel", &[(0.0, 20.0), (100.0, 1000.0)])], columns);
            assert!(lines[1..].iter().all(|line| line.chars().count() <= columns), "{columns}: {lines:#?}");
            assert!(lines[1].ends_with('#') && lines[HEIGHT + 2].ends_with("100 %"), "{columns}: {lines:#?}");
        }
    }

    #[test]
    fn one_flat_curve_is_drawn_at_the_bottom() {
        let lines = draw(&[series("flat", &[(10.0, 30.0), (90.0, 30.0)])], 80);
        assert_eq!(lines[HEIGHT].matches('#').count(), 2, "{lines:#?}");
    }
}
