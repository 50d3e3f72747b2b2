//! The kernel model: decisions per second of one core, and simulations of a million clients.

use super::Scale;
use super::record::Table;
use anyhow::Context;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tcp_model::decide::recycle::{self, Peer};
use tcp_model::decide::reuse::{self, Asker};
use tcp_model::decide::time_wait::{Recent, Substate, TimeWait};
use tcp_model::decide::{TIME_WAIT_LEN, client, clock, isn};
use tcp_model::simulate::{RawPlan, simulate};
use tcp_model::{Flags, Segment, Sysctls, Version};

/// Connects per second of all simulated clients.
const RATE: u64 = 16_667;

/// A decision: a number that varies, and the time.
type Decide = Box<dyn Fn(u32, Duration)>;

/// Both kinds of figures.
pub(super) fn run(scale: Scale) -> anyhow::Result<Vec<Table>> {
    Ok([vec![decisions(scale)], simulations(scale)?].concat())
}

fn decisions(scale: Scale) -> Table {
    let kinds = kinds(scale.decisions);
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let mut table = Table::of_ours("model: million decisions per second, one core", false, &names);
    for _ in 0..scale.rounds {
        for (index, (_, decide)) in kinds.iter().enumerate() {
            table.add(index, per_us(scale.decisions, decide));
        }
    }
    table
}

fn per_us(count: u32, decide: &Decide) -> f64 {
    let begun = Instant::now();
    (0..count).for_each(|round| decide(round, Duration::from_micros(10_000_000 + u64::from(round))));
    f64::from(count) / begun.elapsed().as_secs_f64() / 1e6
}

/// Each kind of decision, with inputs that take its different ways.
fn kinds(count: u32) -> Vec<(&'static str, Decide)> {
    let (version, old) = (Version::new(6, 18), Version::new(3, 10));
    let start = time_wait(count);
    vec![
        ("SYN meets TIME_WAIT", syn_meets_time_wait(version, start)),
        ("tcp_tw_recycle", recycle(old)),
        ("tcp_tw_reuse", reuse(version, start)),
        ("challenge ACK at client", challenge(version)),
        ("initial sequence", initial_sequence()),
    ]
}

fn reusing(version: Version) -> Sysctls {
    Sysctls { tcp_tw_reuse: 1, ..Sysctls::defaults(version) }
}

fn syn_meets_time_wait(version: Version, start: TimeWait) -> Decide {
    let sysctls = reusing(version);
    Box::new(move |round, now| {
        let mut tw = black_box(start);
        let syn = Segment::syn(round.wrapping_mul(0x9e37_79b9)).stamped(round, 0);
        black_box(tw.handle_segment(version, &sysctls, &syn, now));
    })
}

fn recycle(version: Version) -> Decide {
    let sysctls = Sysctls { tcp_tw_recycle: true, ..Sysctls::defaults(version) };
    Box::new(move |round, now| {
        let peer = Some(Peer { tsval: black_box(1000), stamp: now });
        black_box(recycle::handle_syn(version, &sysctls, peer, Some(black_box(round)), now));
    })
}

fn reuse(version: Version, start: TimeWait) -> Decide {
    let sysctls = reusing(version);
    Box::new(move |round, now| {
        let asker = Asker { bound: round & 1 == 0, loopback: false };
        black_box(reuse::decide(version, &sysctls, black_box(&start), asker, now));
    })
}

fn challenge(version: Version) -> Decide {
    Box::new(move |round, _| {
        let state = client::SynSent { isn: round, syns: 1, hz: 250 };
        black_box(state.handle_segment(version, &Segment::new(Flags::ACK, 5, black_box(1000))));
    })
}

fn initial_sequence() -> Decide {
    Box::new(move |round, now| {
        let flow = clock::Flow { source: round, destination: 1, source_port: round as u16, destination_port: 80 };
        black_box(isn::isn(7, flow, now));
    })
}

fn time_wait(count: u32) -> TimeWait {
    let now = Duration::from_secs(10);
    TimeWait {
        substate: Substate::TimeWait,
        rcv_nxt: 1 << 31,
        snd_nxt: 9000,
        rcv_wnd: 65_535,
        recent: Some(Recent { val: count / 2, at: now }),
        since: now,
        expires: now + TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    }
}

fn simulations(scale: Scale) -> anyhow::Result<Vec<Table>> {
    let title = format!(
        "simulation: seconds for a million clients, {} connects in {} simulated seconds",
        RATE * scale.simulated_s,
        scale.simulated_s
    );
    let mut seconds = Table::of_ours(&title, true, &["one core"]);
    let mut events = Table::of_ours("simulation: million events per second, one core", false, &["one core"]);
    let raw = RawPlan {
        clients: 1_000_000,
        rate: RATE,
        duration_s: scale.simulated_s,
        nat: "random".to_owned(),
        nat_addresses: 32,
        nat_time_wait_s: 30,
        ..RawPlan::default()
    };
    let plan = raw.check().context("the plan of the bench")?;
    for _ in 0..scale.rounds {
        let begun = Instant::now();
        let output = simulate(&plan);
        let took = begun.elapsed().as_secs_f64();
        seconds.add(0, took);
        events.add(0, output.events as f64 / took / 1e6);
    }
    Ok(vec![seconds, events])
}
