//! Numbers as people read them.

use std::time::Duration;

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    units::grouped(number)
}

/// Digits worth showing: none behind the point for large numbers.
pub(crate) fn significant(value: f64) -> String {
    match value {
        value if value >= 1000.0 => count(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Ten to the power of so many microseconds: `100 us`, `1 ms`, `10 s`.
pub(crate) fn decade(power: i32) -> String {
    let number = |power: i32| 10i64.pow(power.clamp(0, 9).unsigned_abs());
    match power {
        ..=2 => format!("{} us", number(power)),
        3..=5 => format!("{} ms", number(power - 3)),
        _ => format!("{} s", number(power - 6)),
    }
}

/// A number at an axis, without needless digits: `0.25`, `2.5`, `28,232`.
pub(crate) fn tick(value: f64) -> String {
    if value.fract().abs() > 1e-9 && value < 100.0 {
        return format!("{value:.2}").trim_end_matches('0').to_owned();
    }
    count(value.round() as u64)
}

/// A rate, or a dash where none was measured.
pub(crate) fn rate(per_s: Option<f64>) -> String {
    per_s.map_or_else(|| "-".to_owned(), |rate| format!("{}/s", significant(rate)))
}

/// `12.34 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    format!("{:.2} %", 100.0 * part as f64 / whole.max(1) as f64)
}

/// Measured microseconds in the unit that fits: `87.3 us`, `12.34 ms`, `1.20 s`.
pub(crate) fn time_us(us: f64) -> String {
    match us {
        us if us < 1000.0 => format!("{us:.1} us"),
        us if us < 1_000_000.0 => format!("{:.2} ms", us / 1000.0),
        us => format!("{:.2} s", us / 1_000_000.0),
    }
}

/// How long something took: `3.001 s`, below a second as [`time_us`].
pub(crate) fn measured(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 1.0 { time_us(s * 1e6) } else { format!("{s:.3} s") }
}

/// `1,234 threads`, `1 thread`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A time that is exact (chosen by a person, or simulated), without needless digits: `20 s`, `250 ms`, `1.02 s`.
pub(crate) fn span(time: Duration) -> String {
    let (value, unit) = if time < Duration::from_secs(1) && !time.is_zero() {
        (time.as_secs_f64() * 1e3, "ms")
    } else {
        (time.as_secs_f64(), "s")
    };
    let digits = format!("{value:.3}");
    format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A long time, roughly: `8.2 s`, `90 s`, `5 min`, `2 h`, `30 days`.
pub(crate) fn rough(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// Bytes in binary units.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_unit() {
        assert_eq!([time_us(87.34), time_us(12_340.0), time_us(1.2e6)], ["87.3 us", "12.34 ms", "1.20 s"]);
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([rate(None), rate(Some(0.5)), rate(Some(12345.6))], ["-", "0.50/s", "12,346/s"]);
        assert_eq!([bytes(0), bytes(1023), bytes(1536), bytes(5 << 30)], ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!([percent(1, 3), percent(0, 0), percent(5, 5)], ["33.33 %", "0.00 %", "100.00 %"]);
    }

    #[test]
    fn short_runs_have_a_duration_and_one_is_no_plural() {
        assert_eq!(
            [421, 12_340, 3_000_600].map(|us| measured(Duration::from_micros(us))),
            ["421.0 us", "12.34 ms", "3.001 s"]
        );
        assert_eq!([1, 1_000].map(|number| counted(number, "thread")), ["1 thread", "1,000 threads"]);
    }

    #[test]
    fn exact_times_have_no_needless_digits() {
        let check = |us: u64, expect: &str| assert_eq!(span(Duration::from_micros(us)), expect);
        check(0, "0 s");
        check(20_000_000, "20 s");
        check(250_000, "250 ms");
        check(20_500, "20.5 ms");
        check(1_500_000, "1.5 s");
        check(3_020_000, "3.02 s");
    }

    #[test]
    fn long_times_are_rough() {
        let times = [0.0, 8.24, 90.0, 300.0, 7200.0, 2_592_000.0].map(rough);
        assert_eq!(times, ["0.0 s", "8.2 s", "90 s", "5 min", "2 h", "30 days"]);
    }

    #[test]
    fn powers_of_ten_are_times() {
        let all = ["1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s"];
        assert_eq!((0..8).map(decade).collect::<Vec<_>>(), all);
    }

    #[test]
    fn ticks_are_read_easily() {
        let check = |value: f64, expect: &str| assert_eq!(tick(value), expect);
        check(0.0, "0");
        check(0.25, "0.25");
        check(2.5, "2.5");
        check(120.0, "120");
        check(28_232.0, "28,232");
        check(1_000_000.0, "1,000,000");
    }
}
