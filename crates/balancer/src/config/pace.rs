//! Of `[listener.limits]`: how fast clients have to be.

use balancer_core::PaceRules;
use config_file::{Mistake, Section};
use std::num::NonZeroU32;

/// Bytes per second: 1 GiB.
pub(super) const RATE_MAX: usize = 1 << 30;

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> PaceRules {
    let place = section.place_of("rate_grace");
    let asked = section.place_of("request_rate_min").is_some() || section.place_of("response_rate_min").is_some();
    let mut rate = |key| section.bounded(key, mistakes).and_then(|rate| NonZeroU32::new(rate as u32));
    let (request, response) = (rate("request_rate_min"), rate("response_rate_min"));
    let grace = section.duration("rate_grace", mistakes).unwrap_or(PaceRules::NONE.grace);
    if let Some(place) = place.filter(|_| !asked) {
        let title = "`rate_grace` has no meaning without `request_rate_min` or `response_rate_min`";
        let help = "such as `request_rate_min = 500`, in bytes per second";
        mistakes.push(Mistake::new(place, title, "nobody has to be fast").help(help));
    }
    PaceRules { request, response, grace }
}
