//! A million clients behind a gateway for ten simulated minutes, and how long that takes:
//! `cargo run --release -p tcp-model --example million_clients`.

use std::time::{Duration, Instant};
use tcp_model::simulate::{RawPlan, simulate};

/// What the project asks for.
const WANTED: Duration = Duration::from_secs(60);

fn main() {
    let raw = RawPlan {
        clients: 1_000_000,
        rate: 16_667,
        duration_s: 600,
        nat: "random".to_owned(),
        nat_addresses: 32,
        nat_time_wait_s: 30,
        ..RawPlan::default()
    };
    let plan = raw.check().expect("a valid plan");
    let begun = Instant::now();
    let output = simulate(&plan);
    let took = begun.elapsed();
    println!(
        "{} connects, {} events in {took:.1?}: {:.1} million events per second",
        output.connects,
        output.events,
        output.events as f64 / took.as_secs_f64() / 1e6
    );
    println!("{:?}\n{:?}", output.syns, output.causes);
    std::process::exit(i32::from(took > WANTED));
}
