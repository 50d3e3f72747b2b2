//! Courses of rates as flags have them: `100:2k`, `100,200,400`, `100:2k:5s`.

use crate::values;
use anyhow::ensure;
use std::time::Duration;
use stress_core::Phase;

/// From one rate to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ramp {
    from_per_s: f64,
    to_per_s: f64,
}

/// One rate after the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Steps(Vec<f64>);

/// A peak between two stretches of the same rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spike {
    base_per_s: f64,
    peak_per_s: f64,
    lasts: Duration,
}

impl Ramp {
    pub(super) fn phases(&self, over: Duration) -> Vec<Phase> {
        vec![Phase { lasts: over, from_per_s: self.from_per_s, to_per_s: self.to_per_s }]
    }
}

impl Steps {
    pub(super) fn phases(&self, over: Duration) -> Vec<Phase> {
        let each = over / self.0.len() as u32;
        self.0.iter().map(|per_s| Phase::even(each, *per_s)).collect()
    }
}

impl Spike {
    pub(super) fn phases(&self, over: Duration) -> anyhow::Result<Vec<Phase>> {
        ensure!(
            self.lasts < over,
            "the peak lasts as long as the whole run or longer: give -z more than {:?}",
            self.lasts
        );
        let aside = Phase::even((over - self.lasts) / 2, self.base_per_s);
        Ok(vec![aside, Phase::even(self.lasts, self.peak_per_s), aside])
    }
}

/// `FROM:TO`. From nothing is `0`.
pub(super) fn ramp(text: &str) -> Result<Ramp, String> {
    let (from, to) =
        text.split_once(':').ok_or_else(|| format!("{text:?} is no ramp: write FROM:TO, such as 100:2k"))?;
    Ok(Ramp { from_per_s: per_s(from)?, to_per_s: per_s(to)? })
}

/// `A,B,C`.
pub(super) fn steps(text: &str) -> Result<Steps, String> {
    text.split(',').map(per_s).collect::<Result<_, _>>().map(Steps)
}

/// `BASE:PEAK:TIME`.
pub(super) fn spike(text: &str) -> Result<Spike, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let &[base, peak, time] = parts.as_slice() else {
        return Err(format!("{text:?} is no spike: write BASE:PEAK:TIME, such as 100:2k:5s"));
    };
    Ok(Spike { base_per_s: per_s(base)?, peak_per_s: per_s(peak)?, lasts: values::duration(time)? })
}

/// `x10`, `10`, `x0.5`.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    let number = text.strip_prefix('x').unwrap_or(text).parse().ok();
    let fits = number.filter(|speed: &f64| *speed > 0.0 && *speed <= 10_000.0);
    fits.ok_or_else(|| format!("{text:?} is no speed: write x10 for ten times as fast, x0.5 for half, up to x10000"))
}

/// `50`, or `1:50` from one number to another.
pub(super) fn connections(text: &str) -> Result<(u32, u32), String> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    Ok((values::small_count(from)?, values::small_count(to)?))
}

/// A rate, or nothing.
pub(super) fn per_s(text: &str) -> Result<f64, String> {
    if text == "0" { Ok(0.0) } else { values::rate(text).map(|rate| rate.per_s()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn flags_come_to_phases() {
        let told = |phases: Vec<Phase>| {
            phases.iter().map(|one| (one.lasts.as_secs(), one.from_per_s, one.to_per_s)).collect::<Vec<_>>()
        };
        assert_eq!(told(ramp("0:2k").expect("one").phases(secs(10))), [(10, 0.0, 2000.0)]);
        assert_eq!(
            told(steps("60/m,5,0").expect("some").phases(secs(9))),
            [(3, 1.0, 1.0), (3, 5.0, 5.0), (3, 0.0, 0.0)]
        );
        let spike = spike("10:1k:5s").expect("one");
        assert_eq!(
            told(spike.phases(secs(15)).expect("fits")),
            [(5, 10.0, 10.0), (5, 1000.0, 1000.0), (5, 10.0, 10.0)]
        );
        assert!(spike.phases(secs(5)).is_err_and(|why| why.to_string().contains("give -z more than 5s")));
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        assert!(ramp("100").is_err_and(|why| why.contains("FROM:TO, such as 100:2k")));
        assert!(ramp("100:x").is_err_and(|why| why.contains("\"x\" is not a rate")));
        assert!(steps("1,,2").is_err_and(|why| why.contains("is not a rate")));
        assert!(super::spike("1:2").is_err_and(|why| why.contains("BASE:PEAK:TIME")));
        for (text, expect) in [("x10", Some(10.0)), ("2", Some(2.0)), ("x0.5", Some(0.5)), ("x0", None), ("fast", None)]
        {
            assert_eq!(speed(text).ok(), expect, "{text}");
        }
    }
}
