//! `rate_limit`: how often somebody may ask.

use balancer_core::{LimitName, Rate, RateBy, RateLimit};
use config_file::{Mistake, Placed, Section, Value, value};
use std::cell::RefCell;
use std::time::Duration;

pub(super) const BURST_MAX: usize = 1_000_000;
const COUNT_MAX: u32 = 1_000_000;
const EXAMPLE: &str = "such as `rate = \"100/s\"`, \"30/m\" or \"1000/h\"";

/// The limits of each zone, as they are first met.
#[derive(Default)]
pub(super) struct Zones(RefCell<Vec<Placed<RateLimit>>>);

impl Zones {
    /// Limits that count together say the same.
    fn enter(&self, limit: &RateLimit, zone: &Placed<&str>, mistakes: &mut Vec<Mistake>) {
        let mut known = self.0.borrow_mut();
        let Some(first) = known.iter().find(|first| first.value.name == limit.name) else {
            return known.push(Placed { value: limit.clone(), span: zone.span.clone() });
        };
        if (first.value.rate, &first.value.by) != (limit.rate, &limit.by) {
            let title = format!("zone \"{}\" has another `rate`, `burst` or `by` elsewhere", zone.value);
            mistakes.push(
                Mistake::new(zone.span.clone(), title, "otherwise here")
                    .other(first.span.clone(), "first here")
                    .help("what counts in one zone is one limit: say the same, or name another zone"),
            );
        }
    }
}

pub(super) fn read(mut section: Section<'_, '_>, zones: &Zones, mistakes: &mut Vec<Mistake>) -> Option<RateLimit> {
    let known = mistakes.len();
    let rate = section.need("rate", "\"100/s\"", mistakes).and_then(|rate| read_rate(rate, mistakes));
    let burst = section.number("burst", 1, BURST_MAX, mistakes).map(|burst| burst as u32);
    let by = section.take("by").map_or(Some(RateBy::Client), |by| read_by(by, mistakes));
    let dry_run = section.switch("dry_run", mistakes).unwrap_or(false);
    let zone = section.text_if_any("zone", "\"logins\"", mistakes);
    section.finish(mistakes);
    let (count, period) = rate.filter(|_| mistakes.len() == known)?;
    // As many at once as come back in a second.
    let burst = burst.unwrap_or((u64::from(count) / period.as_secs()).max(1) as u32);
    let rate = Rate::new(count, period, burst).expect("bounds under which every rate can be told");
    let name = zone.as_ref().map(|zone| LimitName::of_zone(zone.value)).unwrap_or_default();
    let limit = RateLimit { rate, by: by?, dry_run, name };
    if let Some(zone) = zone {
        zones.enter(&limit, &zone, mistakes);
    }
    Some(limit)
}

fn read_rate(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<(u32, Duration)> {
    let text = value::text(value, mistakes)?;
    let period = |unit| match unit {
        "s" => Some(Duration::from_secs(1)),
        "m" => Some(Duration::from_secs(60)),
        "h" => Some(Duration::from_secs(3600)),
        _ => None,
    };
    let is_digits = |count: &str| count.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once('/').filter(|(count, _)| is_digits(count));
    let rate = parts.and_then(|(count, unit)| Some((count.parse().ok()?, period(unit)?)));
    let rate = rate.filter(|(count, _)| (1..=COUNT_MAX).contains(count));
    if rate.is_none() {
        let title = format!("\"{text}\" is not a rate: requests per `s`, `m` or `h`, 1 to {COUNT_MAX} of them");
        mistakes.push(Mistake::new(value.span(), title, "not a rate").help(EXAMPLE));
    }
    rate
}

fn read_by(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<RateBy> {
    let text = value::text(value, mistakes)?;
    let by = match text.split_once(':') {
        None if text == "client" => Some(RateBy::Client),
        None if text == "route" => Some(RateBy::Route),
        Some(("header", name)) if http::is_token(name.as_bytes()) => Some(RateBy::Header(name.into())),
        _ => None,
    };
    if by.is_none() {
        let title = format!("`by` has no choice \"{text}\"");
        let help = "there are: \"client\", \"route\" (all requests together), \"header:NAME\"";
        mistakes.push(Mistake::new(value.span(), title, value::UNKNOWN).help(help));
    }
    by
}
