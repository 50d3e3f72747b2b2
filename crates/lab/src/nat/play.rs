//! Plays a NAT scene: the first client uses every public port once, the second one gets the same ports.

use super::pairs::{self, Answer, Pair};
use super::place::Place;
use super::predict;
use super::scene::{Gate, NatFact, NatScene};
use crate::error::LabError;
use crate::experiment::{Amount, Pause, Phase, Scale};
use crate::observe::{self, Baseline, TimeWaits};
use crate::outcome::Seen;
use crate::parts::{self, Tested};
use crate::stage::Stage;
use gateway_core::{PortPolicy, Settings, Timeouts};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use stress_core::PortMode;
use sys::counters::Counters;
use sys::file::Sink;
use tcp_model::version::Version;

/// First public port of the gateway.
const FIRST_PUBLIC_PORT: u16 = 50_000;
/// How long the gateway remembers a connection that is over: just long enough for its last segments.
const FORGETS_AFTER: Duration = Duration::from_millis(20);
/// Between the clients: longer than [`FORGETS_AFTER`], and enough for a tick of any timestamp clock.
const BETWEEN: Duration = Duration::from_millis(120);
/// The kernel's NAT forgets a connection after 1 s at the earliest.
const BETWEEN_KERNEL: Duration = Duration::from_millis(1_300);
/// For a request of the first client, which nothing disturbs.
const PATIENCE_FIRST: Duration = parts::REQUEST_TIMEOUT;
/// Connections of the first client at the same time.
const CONNECTIONS_FIRST: u32 = 20;

/// A scene that was played.
#[derive(Debug)]
pub struct Played {
    /// Its figures. What could not be observed is not in here.
    pub facts: BTreeMap<NatFact, u64>,
    /// For the report; its phases are the two clients.
    pub seen: Seen,
    /// Settings that could not be had and are not essential.
    pub left_out: Vec<String>,
}

/// Plays `scene` in fresh namespaces; what our gateway carried is written to `pcap`. (The kernel's own NAT is none of ours:
/// there is nothing to write.)
///
/// # Errors
/// A setting, a part or an observation that could not be had.
pub fn play(scene: &NatScene, pcap: Option<&Path>) -> Result<Played, LabError> {
    let scale = Scale::for_ports(scene.pairs);
    let place = Place::build()?;
    let left_out = place.first.apply(scene.settings, scale)?;
    place.second.apply(scene.settings, scale)?;
    let origin = parts::start_origin(&place.first)?;
    let balancer = parts::start_balancer(&place.first, origin.address(), scene.balancer_close, scene.timestamps)?;
    let gateway = place.start_gateway(scene.gate, &gateway_settings(scene), pcap.is_some())?;
    let (few, all) = (CONNECTIONS_FIRST.min(u32::from(scene.pairs)), u32::from(scene.pairs));
    let client = Client { scene, scale, balancer: balancer.address() };
    let first = client.run(&place.first, few, PATIENCE_FIRST)?;
    let time_waits = observe::time_waits(&place.first, balancer.address())?;
    std::thread::sleep(between(scene.gate));
    gateway.second_turn();
    let baseline = Baseline::take(&place.second)?;
    let second = client.run(&place.second, all, Duration::from_millis(scene.patience_ms))?;
    let growth = baseline.map(|baseline| baseline.growth(&place.second)).transpose()?;
    let (records, capture) = gateway.finish()?;
    if let (Some(path), Some(capture)) = (pcap, capture) {
        let written = Sink::replace(path).and_then(|mut file| file.write_all(capture.bytes()));
        written.map_err(|reason| LabError::Pcap { path: path.to_path_buf(), reason })?;
    }
    let mut facts = pair_facts(&pairs::find(&records), running_version()?);
    facts.extend(client_facts(&second, time_waits));
    let paws = growth.as_ref().and_then(|(_, balancer)| paws_counted(balancer));
    facts.extend(paws.map(|count| (NatFact::PawsCounted, count)));
    let seen = seen(&first, &second, &facts);
    Ok(Played { facts, seen, left_out })
}

/// What both clients do.
struct Client<'a> {
    scene: &'a NatScene,
    scale: Scale,
    balancer: SocketAddr,
}

impl Client<'_> {
    fn run(&self, stage: &Stage, connections: u32, patience: Duration) -> Result<Tested, LabError> {
        parts::run_tester(stage, &phase(self.scene, connections), self.scale, self.balancer, patience)
    }
}

fn between(gate: Gate) -> Duration {
    match gate {
        Gate::Ours => BETWEEN,
        Gate::Kernel => BETWEEN_KERNEL,
    }
}

fn client_facts(second: &Tested, first_left: TimeWaits) -> [(NatFact, u64); 5] {
    [
        (NatFact::ClientTimeWait, first_left.client),
        (NatFact::BalancerTimeWait, first_left.balancer),
        (NatFact::Failed, second.failed),
        (NatFact::LookedAt, second.asked_for_timestamps),
        (NatFact::WithTimestamps, second.with_timestamps),
    ]
}

fn gateway_settings(scene: &NatScene) -> Settings {
    Settings {
        ports: (FIRST_PUBLIC_PORT, FIRST_PUBLIC_PORT + scene.pairs - 1),
        policy: PortPolicy::Sequential,
        timeouts: Timeouts {
            time_wait: FORGETS_AFTER,
            // A reset ends a first connection in one scene; in the others it is a step of the second.
            closed: if scene.close == stress_core::ClosePolicy::Rst { FORGETS_AFTER } else { Timeouts::LINUX.closed },
            ..Timeouts::LINUX
        },
        filters: scene.filter.into_iter().collect(),
        ..Place::settings()
    }
}

fn phase(scene: &NatScene, connections: u32) -> Phase {
    Phase {
        before: Pause::None,
        close: scene.close,
        ask_for_close: false,
        ports: PortMode::Kernel,
        connections,
        requests: Amount::PORTS,
        within_reuse_delay: false,
        expect: &[],
    }
}

fn running_version() -> Result<Version, LabError> {
    let release = sys::sysctl::read("kernel.osrelease").map_err(LabError::Sysctl)?;
    let reason = |why: &dyn std::fmt::Display| format!("{release:?}: {why}");
    release.parse().map_err(|why| LabError::Part { role: "model of this kernel", reason: reason(&why) })
}

fn pair_facts(pairs: &[Pair], version: Version) -> BTreeMap<NatFact, u64> {
    let count = |wanted: &dyn Fn(&Pair) -> bool| pairs.iter().filter(|pair| wanted(pair)).count() as u64;
    let challenged = |pair: &Pair| pair.answer == Answer::Challenged;
    let recovered = || pairs.iter().filter(|pair| challenged(pair)).filter_map(|pair| pair.connected_after);
    let mut facts = BTreeMap::from([
        (NatFact::Pairs, pairs.len() as u64),
        (NatFact::Accepted, count(&|pair| pair.answer == Answer::Accepted)),
        (NatFact::Challenged, count(&challenged)),
        (NatFact::Predicted, count(&|pair| predict::answer(version, pair) == Answer::Challenged)),
        (NatFact::Mistaken, count(&|pair| predict::answer(version, pair) != pair.answer)),
        (NatFact::Recovered, recovered().count() as u64),
        (NatFact::RstCarried, pairs.iter().map(|pair| pair.resets.0).sum()),
        (NatFact::RstFiltered, pairs.iter().map(|pair| pair.resets.1).sum()),
    ]);
    facts.extend(recovered().max().map(|slowest| (NatFact::RecoveredMsMax, slowest.as_millis() as u64)));
    facts
}

/// PAWSTimewait was split off PAWSEstab in Linux 6.16 (c449d5f3a3d7).
fn paws_counted(balancer: &Counters) -> Option<u64> {
    balancer.get("TcpExt.PAWSTimewait").or_else(|| balancer.get("TcpExt.PAWSEstab"))
}

fn seen(first: &Tested, second: &Tested, facts: &BTreeMap<NatFact, u64>) -> Seen {
    let part = |tested: &Tested| Seen {
        tried: tested.tried,
        succeeded: tested.succeeded,
        errors: tested.errors.clone(),
        client_time_wait: facts[&NatFact::ClientTimeWait],
        balancer_time_wait: facts[&NatFact::BalancerTimeWait],
        responses: Some(tested.responses),
        ..Seen::default()
    };
    let mut seen = Seen::of_phases(vec![part(first), part(second)]);
    seen.gateway = facts.iter().map(|(fact, value)| (fact.name().to_owned(), *value)).collect();
    seen
}
