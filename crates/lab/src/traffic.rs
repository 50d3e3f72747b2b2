//! Plays a scene: origin, balancer and tester, each in its place, phase by phase.

use crate::error::LabError;
use crate::experiment::{Fact, Pause, Phase, Scale, Traffic};
use crate::observe::{self, Baseline, TimeWaits};
use crate::outcome::Seen;
use crate::parts::{self, Tested};
use crate::stage::Stage;
use crate::verdict::PhaseFacts;
use balancer_core::policy::Timestamps;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use sys::counters::Counters;

/// Added to `tcp_tw_reuse_delay` so that the youngest TIME_WAIT entry is older.
const PAUSE_MARGIN: Duration = Duration::from_millis(100);

/// Counters that are shown with the result.
const COUNTERS: [&str; 6] = [
    "Tcp.ActiveOpens",
    "Tcp.OutRsts",
    "TcpExt.TW",
    "TcpExt.TWRecycled",
    "TcpExt.TCPTimeWaitOverflow",
    "TcpExt.PAWSTimewait",
];

/// A scene that was played.
#[derive(Debug)]
pub struct Played {
    /// The figures of each phase.
    pub phases: Vec<PhaseFacts>,
    /// All of them together.
    pub seen: Seen,
    /// Settings that could not be had and are not essential.
    pub left_out: Vec<String>,
}

/// Plays `traffic` on `stage`.
///
/// # Errors
/// A setting, a part or an observation that could not be had.
pub fn play(traffic: &Traffic, stage: &Stage, scale: Scale) -> Result<Played, LabError> {
    let left_out = stage.apply(traffic.settings, scale)?;
    let origin = parts::start_origin(stage)?;
    let balancer = parts::start_balancer(stage, origin.address(), traffic.balancer_close, Timestamps::On)?;
    let (mut phases, mut parts) = (Vec::new(), Vec::new());
    for phase in traffic.phases {
        let (facts, seen) = play_phase(phase, stage, scale, balancer.address())?;
        phases.push(facts);
        parts.push(seen);
    }
    Ok(Played { phases, seen: Seen::of_phases(parts), left_out })
}

fn play_phase(
    phase: &Phase,
    stage: &Stage,
    scale: Scale,
    balancer: SocketAddr,
) -> Result<(PhaseFacts, Seen), LabError> {
    if phase.before == Pause::ReuseDelay {
        std::thread::sleep(Duration::from_millis(scale.reuse_delay_ms) + PAUSE_MARGIN);
    }
    let baseline = Baseline::take(stage)?;
    let start = Instant::now();
    let tested = parts::run_tester(stage, phase, scale, balancer, parts::REQUEST_TIMEOUT)?;
    let elapsed_ms = start.elapsed().as_millis() as u64;
    let time_waits = observe::time_waits(stage, balancer)?;
    let growth = baseline.map(|baseline| baseline.growth(stage)).transpose()?;
    let facts = PhaseFacts { facts: facts(&tested, time_waits, growth.as_ref()), elapsed_ms };
    Ok((facts, seen(&tested, time_waits, growth.as_ref())))
}

fn facts(tested: &Tested, time_waits: TimeWaits, growth: Option<&(Counters, Counters)>) -> BTreeMap<Fact, u64> {
    let no_address = tested.errors.get("EADDRNOTAVAIL").copied().unwrap_or(0);
    let mut facts = BTreeMap::from([
        (Fact::Tried, tested.tried),
        (Fact::Succeeded, tested.succeeded),
        (Fact::Responses, tested.responses),
        (Fact::Failed, tested.failed),
        (Fact::Errno("EADDRNOTAVAIL"), no_address),
        (Fact::ClientTimeWait, time_waits.client),
        (Fact::BalancerTimeWait, time_waits.balancer),
    ]);
    if let Some((client, balancer)) = growth {
        for name in COUNTERS {
            facts.extend(client.get(name).map(|value| (Fact::ClientCounter(name), value)));
            facts.extend(balancer.get(name).map(|value| (Fact::BalancerCounter(name), value)));
        }
    }
    facts
}

fn seen(tested: &Tested, time_waits: TimeWaits, growth: Option<&(Counters, Counters)>) -> Seen {
    let mut counters = BTreeMap::new();
    if let Some((client, balancer)) = growth {
        for name in COUNTERS {
            counters.extend(client.get(name).map(|value| (format!("client.{name}"), value)));
            counters.extend(balancer.get(name).map(|value| (format!("balancer.{name}"), value)));
        }
    }
    Seen {
        tried: tested.tried,
        succeeded: tested.succeeded,
        errors: tested.errors.clone(),
        client_time_wait: time_waits.client,
        balancer_time_wait: time_waits.balancer,
        responses: Some(tested.responses),
        counters,
        ..Seen::default()
    }
}
