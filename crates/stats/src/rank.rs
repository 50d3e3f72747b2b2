//! Is one sample larger than another beyond noise? By ranks (Mann-Whitney U), which asks nothing of how values lie.

/// Smaller samples say nothing.
pub const SAMPLES_MIN: usize = 5;

/// The chance that two samples of one source differ at least so much in rank, two-sided; by the normal approximation,
/// corrected for ties and continuity. `None`: one of them has fewer than [`SAMPLES_MIN`] values, or one that is no number.
pub fn mann_whitney(one: &[f64], other: &[f64]) -> Option<f64> {
    let few = one.len().min(other.len()) < SAMPLES_MIN;
    if few || one.iter().chain(other).any(|value| value.is_nan()) {
        return None;
    }
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (rank_sum, ties) = ranks(&all);
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let of = n + m;
    let variance = n * m / 12.0 * (of + 1.0 - ties / (of * (of - 1.0)));
    if variance <= 0.0 {
        // All the same.
        return Some(1.0);
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    Some(two_sided(z))
}

/// The sum of the ranks of the first sample, and what ties take from the variance.
fn ranks(all: &[(f64, bool)]) -> (f64, f64) {
    let (mut sum, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let same = all[at..].iter().take_while(|(value, _)| *value == all[at].0).count();
        // Ranks begin with 1; those that are the same share theirs.
        let rank = at as f64 + (same as f64 + 1.0) / 2.0;
        sum += rank * all[at..at + same].iter().filter(|(_, first)| *first).count() as f64;
        ties += (same as f64).powi(3) - same as f64;
        at += same;
    }
    (sum, ties)
}

/// The chance of so many standard deviations or more, on either side (Abramowitz and Stegun 7.1.26, error below 1.5e-7).
pub fn two_sided(z: f64) -> f64 {
    let x = z / core::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let polynomial = terms.into_iter().fold(0.0, |sum, term| (sum + term) * t);
    (polynomial * (-x * x).exp()).clamp(0.0, 1.0)
}

/// The value in the middle; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let (half, even) = (values.len() / 2, values.len().is_multiple_of(2));
    match even {
        _ if values.is_empty() => None,
        true => Some(f64::midpoint(values[half - 1], values[half])),
        false => Some(values[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(seen: f64, expect: f64) -> bool {
        (seen - expect).abs() < 1e-4
    }

    #[test]
    fn known_chances_come_out() {
        assert!(near(two_sided(0.0), 1.0) && near(two_sided(1.959_964), 0.05) && near(two_sided(2.575_829), 0.01));
        // As scipy.stats.mannwhitneyu(..., method="asymptotic") has them.
        let (one, other) = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!(near(mann_whitney(&one, &other).expect("enough"), 0.012_185), "{:?}", mann_whitney(&one, &other));
        assert_eq!(mann_whitney(&one, &other), mann_whitney(&other, &one));
    }

    #[test]
    fn what_is_the_same_does_not_differ() {
        assert_eq!(mann_whitney(&[3.0; 9], &[3.0; 9]), Some(1.0));
        let mixed = [1.0, 5.0, 2.0, 4.0, 3.0, 1.0];
        assert!(mann_whitney(&mixed, &mixed).expect("enough") > 0.9);
    }

    #[test]
    fn few_values_say_nothing() {
        assert_eq!(mann_whitney(&[1.0; 4], &[2.0; 100]), None);
        assert_eq!(mann_whitney(&[1.0, 2.0, f64::NAN, 3.0, 4.0], &[2.0; 9]), None);
        assert_eq!((median(&[]), median(&[3.0, 1.0]), median(&[9.0, 1.0, 3.0])), (None, Some(2.0), Some(3.0)));
    }
}
