//! The series of a run as CSV (RFC 4180): a line per second, for a spreadsheet.

use stress_core::{Report, SeriesPoint, moment};

const HEAD: &str = "t_s,ok,failed,p50_us,p99_us,max_us,time_wait,connect_us,opened\r\n";

/// What was not measured is an empty field.
pub(super) fn csv(report: &Report) -> String {
    let rows = moment::series(&report.raw.timeline);
    HEAD.to_owned() + &rows.iter().map(row).collect::<String>()
}

fn row(point: &SeriesPoint) -> String {
    let measured = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
    let [p50, p99, max, connect_us] = [point.p50, point.p99, point.max, point.connect_us].map(measured);
    let SeriesPoint { t_s, ok, failed, time_wait, opened, .. } = point;
    format!("{t_s},{ok},{failed},{p50},{p99},{max},{time_wait},{connect_us},{opened}\r\n")
}
