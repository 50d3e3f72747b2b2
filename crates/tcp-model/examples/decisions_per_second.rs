//! How many decisions per second the model makes on one core:
//! `cargo run --release -p tcp-model --example decisions_per_second`.

use std::hint::black_box;
use std::time::{Duration, Instant};
use tcp_model::decide::recycle::{self, Peer};
use tcp_model::decide::reuse::{self, Asker};
use tcp_model::decide::time_wait::{Recent, Substate, TimeWait};
use tcp_model::decide::{TIME_WAIT_LEN, client, clock, isn};
use tcp_model::{Flags, Segment, Sysctls, Version};

/// Decisions of each kind.
const ROUNDS: u32 = 50_000_000;

/// What the project asks for.
const WANTED_PER_S: f64 = 20e6;

fn main() {
    let version = Version::new(6, 18);
    let old = Version::new(3, 10);
    let sysctls = Sysctls { tcp_tw_reuse: 1, ..Sysctls::defaults(version) };
    let recycling = Sysctls { tcp_tw_recycle: true, ..Sysctls::defaults(old) };
    let start = time_wait();
    let rows = [
        measure("time_wait", |round, now| {
            let mut tw = black_box(start);
            let syn = Segment::syn(round.wrapping_mul(0x9e37_79b9)).stamped(round, 0);
            black_box(tw.handle_segment(version, &sysctls, &syn, now));
        }),
        measure("recycle", |round, now| {
            let peer = Some(Peer { tsval: black_box(1000), stamp: now });
            black_box(recycle::handle_syn(old, &recycling, peer, Some(black_box(round)), now));
        }),
        measure("reuse", |round, now| {
            let asker = Asker { bound: round & 1 == 0, loopback: false };
            black_box(reuse::decide(version, &sysctls, black_box(&start), asker, now));
        }),
        measure("client", |round, _| {
            let state = client::SynSent { isn: round, syns: 1, hz: 250 };
            black_box(state.handle_segment(version, &Segment::new(Flags::ACK, 5, black_box(1000))));
        }),
        measure("isn", |round, now| {
            let flow = clock::Flow { source: round, destination: 1, source_port: round as u16, destination_port: 80 };
            black_box(isn::isn(7, flow, now));
        }),
    ];
    let slow = rows.iter().filter(|per_s| **per_s < WANTED_PER_S).count();
    println!("{slow} of {} below {:.0} million per second", rows.len(), WANTED_PER_S / 1e6);
    std::process::exit(i32::from(slow > 0));
}

fn measure(name: &str, decide: impl Fn(u32, Duration)) -> f64 {
    let begun = Instant::now();
    (0..ROUNDS).for_each(|round| decide(round, Duration::from_micros(10_000_000 + u64::from(round))));
    let per_s = f64::from(ROUNDS) / begun.elapsed().as_secs_f64();
    println!("{name:10} {:7.1} million per second", per_s / 1e6);
    per_s
}

fn time_wait() -> TimeWait {
    let now = Duration::from_secs(10);
    TimeWait {
        substate: Substate::TimeWait,
        rcv_nxt: 1 << 31,
        snd_nxt: 9000,
        rcv_wnd: 65_535,
        recent: Some(Recent { val: ROUNDS / 2, at: now }),
        since: now,
        expires: now + TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    }
}
