//! Numbers as people read them.

use core::time::Duration;

/// Microseconds in the unit that fits: `87.3 us`, `12.34 ms`, `1.20 s`.
pub(super) fn time_us(us: f64) -> String {
    match us {
        us if us < 1000.0 => format!("{us:.1} us"),
        us if us < 1_000_000.0 => format!("{:.2} ms", us / 1000.0),
        us => format!("{:.2} s", us / 1_000_000.0),
    }
}

/// The same for a [`Duration`] that a person chose: no needless digits.
pub(super) fn span(time: Duration) -> String {
    match time {
        time if time.subsec_millis() == 0 => format!("{} s", time.as_secs()),
        time if time.as_secs() == 0 => format!("{} ms", time.as_millis()),
        time => format!("{:.3} s", time.as_secs_f64()),
    }
}

/// `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate, or a dash where none was measured.
pub(super) fn rate(per_s: Option<f64>) -> String {
    per_s.map_or_else(|| "-".to_owned(), |rate| format!("{}/s", significant(rate)))
}

/// Bytes in binary units.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// Digits worth showing: none behind the point for large numbers.
pub(super) fn significant(value: f64) -> String {
    match value {
        value if value >= 1000.0 => count(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
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
        let spans = [20_000, 250, 1500].map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(spans, ["20 s", "250 ms", "1.500 s"]);
    }
}
