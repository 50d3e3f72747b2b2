//! A bar in text.

/// `####------`: as many marks as the share (0.0 to 1.0) asks for. Whatever happened at all is visible.
pub(crate) fn gauge(share: f64, columns: usize, full: &str, empty: &str) -> String {
    let exact = share.clamp(0.0, 1.0) * columns as f64;
    let marks = if exact > 0.0 { (exact.round() as usize).max(1) } else { 0 };
    full.repeat(marks) + &empty.repeat(columns - marks)
}

/// The share of a count; nothing of nothing is nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_rare_events_stay_visible() {
        let check = |part: u64, whole: u64, expect: &str| {
            assert_eq!(gauge(share(part, whole), 10, "#", "-"), expect, "{part} of {whole}");
        };
        check(4000, 4000, "##########");
        check(2000, 4000, "#####-----");
        check(1, 4000, "#---------");
        check(0, 4000, "----------");
        check(0, 0, "----------");
        check(9, 4, "##########");
    }
}
