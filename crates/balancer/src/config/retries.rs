//! Of a `[[backend_set]]`: when a request is sent again.

use super::statuses;
use balancer_core::BackendSetSettings;
use balancer_core::budget::RetryBudget;
use balancer_core::statuses::Statuses;
use config_file::{Mistake, Section, Value, value};

pub(super) const RETRIES_MAX: usize = 10;
const RETRY_ON: statuses::Statuses =
    statuses::Statuses { key: "retry_on", within: Statuses::ALL, help: "such as `retry_on = [502, 503, 504]`" };

/// What a set says of further attempts.
pub(super) struct Retries {
    /// What was written: it counts for connections that are refused, too.
    pub(super) max: Option<u32>,
    pub(super) on: Statuses,
    pub(super) budget: Option<RetryBudget>,
}

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Retries {
    let base = BackendSetSettings::new("", Vec::new());
    let max = section.number("retries_max", 0, RETRIES_MAX, mistakes).map(|n| n as u32);
    let on = RETRY_ON.read(section, mistakes);
    if let (Some(place), Some(never), Some(0)) = (section.place_of("retry_on"), section.place_of("retries_max"), max) {
        let mistake = Mistake::new(place, "`retry_on` has no meaning where nothing is sent again", "nobody asks");
        mistakes.push(mistake.other(never, "by this").help("leave one of them out"));
    }
    let budget = section.take("retry_budget").map(|value| read_budget(value, mistakes)).unwrap_or(base.retry_budget);
    Retries { max, on: on.into_iter().flatten().flatten().collect(), budget }
}

fn read_budget(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<RetryBudget> {
    let text = value::text(value, mistakes)?;
    if text == "off" {
        return None;
    }
    let percent = text.strip_suffix('%').and_then(|digits| digits.trim_end().parse().ok());
    let budget = percent.filter(|percent| (1..=100).contains(percent));
    if budget.is_none() {
        let mistake =
            Mistake::new(value.span(), format!("{text:?} is no share of the requests"), "expected 1% to 100%");
        mistakes.push(mistake.help("such as `retry_budget = \"20%\"`, or \"off\""));
    }
    budget.map(|percent| RetryBudget { percent, ..RetryBudget::default() })
}
