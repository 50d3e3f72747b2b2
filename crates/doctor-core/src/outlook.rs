//! How long the ports last, destination by destination, and whether an asked rate holds.

use crate::facts::{DestinationUse, HostFacts, Reuse};
use crate::rule::Case;
use core::time::Duration;
use ports::Budget;
use serde::{Serialize, Serializer};

/// Destinations shown.
const OUTLOOKS_MAX: usize = 16;

/// The ports towards one destination. Serialises to an entry of `ports` of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// Which, in words.
    pub to: String,
    /// Is this the answer to a question (`--rate`), not what is there?
    pub asked: bool,
    /// Ports held now, TIME_WAIT included.
    pub taken: u64,
    /// Of those, in TIME_WAIT.
    #[serde(skip)]
    pub time_wait: u64,
    /// Ports there are.
    pub capacity: u64,
    /// TIME_WAITs per second, seen or asked for.
    pub rate_per_s: f64,
    /// The rate that could go on for ever with us closing first.
    pub rate_per_s_max: f64,
    /// Until connects fail if it goes on like this; `None`: they last.
    #[serde(rename = "gone_in_s", serialize_with = "seconds_if_any")]
    pub gone_in: Option<Duration>,
}

fn seconds_if_any<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// What was asked, then the fullest destinations.
pub fn of(case: &Case<'_>) -> Vec<Outlook> {
    let seen = case.host.sockets.destinations.iter().take(OUTLOOKS_MAX).map(|to| towards(case.host, to));
    asked(case).into_iter().chain(seen).collect()
}

/// The ports towards one destination as they are used now.
pub fn towards(host: &HostFacts, to: &DestinationUse) -> Outlook {
    let capacity = u64::from(host.capacity());
    Outlook {
        to: format!("{} from {}", to.remote, to.source),
        taken: to.taken(),
        time_wait: to.time_wait,
        capacity,
        rate_per_s: to.time_waits_per_s(),
        rate_per_s_max: capacity as f64 / held_for(host, host.reuse(to)).as_secs_f64(),
        gone_in: gone_in(host, to),
        asked: false,
    }
}

/// Whether the asked rate holds with us closing first and the kernel choosing ports.
pub fn asked(case: &Case<'_>) -> Option<Outlook> {
    let rate_per_s = case.question.rate_per_s?;
    let budget = budget(case);
    let reuse = reuse_of_question(case);
    let held_s = held_for(case.host, reuse).as_secs_f64();
    let rate_per_s_max = budget.tuples() as f64 / held_s;
    let lasts_s = budget.left() as f64 / rate_per_s;
    let lasts = match reuse {
        Reuse::After { .. } => rate_per_s <= rate_per_s_max,
        _ => lasts_s >= held_s,
    };
    let gone_in = (!lasts).then(|| Duration::from_secs_f64(lasts_s));
    Some(Outlook {
        to: destinations_in_words(case),
        taken: budget.taken,
        time_wait: 0,
        capacity: budget.tuples(),
        rate_per_s,
        rate_per_s_max,
        gone_in,
        asked: true,
    })
}

/// How the kernel would treat the TIME_WAITs of what was asked.
pub(crate) fn reuse_of_question(case: &Case<'_>) -> Reuse {
    let target = case.target.filter(|target| target.is_reached());
    let loopback = target.and_then(|target| target.address).is_some_and(|address| address.ip().is_loopback());
    let timestamps = target.is_none_or(|target| target.handshake.timestamps);
    case.host.reuse_towards(loopback, timestamps)
}

/// The 4-tuples of what was asked, with what the probed target has taken of them already.
pub(crate) fn budget(case: &Case<'_>) -> Budget {
    let remote = case.target.and_then(|target| target.address);
    Budget {
        ports: case.host.capacity(),
        sources: case.question.sources.max(1),
        destinations: case.question.destinations.max(1),
        taken: remote.map_or(0, |remote| case.host.taken_towards(remote)),
    }
}

/// Until the first connect fails, if TIME_WAITs go on beginning as in the last seconds.
pub fn gone_in(host: &HostFacts, to: &DestinationUse) -> Option<Duration> {
    let capacity = u64::from(host.capacity());
    let left = capacity.saturating_sub(host.blocked(to));
    if left == 0 {
        return Some(Duration::ZERO);
    }
    let reuse = host.reuse(to);
    let arriving = host.fresh_time_waits_per_s(to);
    let held_at_last = arriving * held_for(host, reuse).as_secs_f64() + (to.live + to.syn_sent + to.fin_wait2) as f64;
    if held_at_last < capacity as f64 {
        return None;
    }
    let leaving = if reuse.applies() { 0.0 } else { to.ending as f64 / crate::facts::sockets::RATE_WINDOW_S as f64 };
    let net = arriving - leaving;
    (net > 0.0).then(|| Duration::from_secs_f64(left as f64 / net))
}

pub(crate) fn held_for(host: &HostFacts, reuse: Reuse) -> Duration {
    match reuse {
        // Before 6.14 the delay is a whole second; 0 would be a rate without end.
        Reuse::After { delay_ms } => Duration::from_millis(delay_ms.max(1)),
        _ => host.time_wait_longest(),
    }
}

fn destinations_in_words(case: &Case<'_>) -> String {
    let question = case.question;
    let to = match case.target.and_then(|target| target.address) {
        Some(address) if question.destinations <= 1 => address.to_string(),
        _ if question.destinations <= 1 => "one destination".to_owned(),
        _ => format!("{} destinations", question.destinations),
    };
    match question.sources {
        0 | 1 => to,
        sources => format!("{to} from {sources} source addresses"),
    }
}
