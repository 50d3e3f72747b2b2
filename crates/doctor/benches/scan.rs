//! How long the doctor looks at a host with very many sockets: `cargo bench -p doctor [-- SOCKETS]`.
//!
//! TIME_WAITs are made in a private network namespace, by closing first towards a hundred addresses.

use doctor::{HostPlan, gather};
use doctor_core::{Question, diagnose, render};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use sys::sock_diag::{Filter, SockDiag};

/// So many that no range fills: connect() would become slow.
const DESTINATIONS: usize = 100;
const RUNS: usize = 5;

fn main() {
    let count = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(200_000usize);
    if let Err(why) = sys::netns::enter_private() {
        println!("skipped: {why}");
        return;
    }
    let count = count.min(DESTINATIONS * 20_000);
    for (name, value) in [
        ("net.ipv4.ip_local_port_range", "1024 65535"),
        ("net.ipv4.tcp_tw_reuse", "0"),
        ("net.ipv4.tcp_max_tw_buckets", "1000000"),
    ] {
        sys::sysctl::write(name, value).expect("our own namespace");
    }
    make_time_waits(count);
    for _ in 0..RUNS {
        let began = Instant::now();
        let mut seen = 0;
        let mut diag = SockDiag::open().expect("sock_diag");
        diag.for_each(&Filter::default(), |_| seen += 1).expect("a dump");
        let walk = began.elapsed();
        let before = cpu_time();
        let began = Instant::now();
        let facts = gather(&HostPlan { window: Duration::ZERO, ..HostPlan::default() });
        let looked = began.elapsed();
        let cpu = cpu_time() - before;
        let began = Instant::now();
        let text = render::render_text(&diagnose(facts, None, Question::default()));
        let told = began.elapsed();
        println!(
            "{seen} sockets: walk {walk:.1?}, all facts {looked:.1?} (CPU {cpu:.1?}), verdict {told:.1?} ({} bytes)",
            text.len()
        );
    }
}

fn cpu_time() -> Duration {
    sys::thread::cpu_time(std::process::id()).unwrap_or_default()
}

/// On one thread: on the loopback a FIN has arrived when `close()` returns.
fn make_time_waits(count: usize) {
    let listener = TcpListener::bind("0.0.0.0:80").expect("root inside");
    let began = Instant::now();
    for at in 0..count {
        let address = Ipv4Addr::new(127, 0, 0, 1 + (at % DESTINATIONS) as u8);
        let client = TcpStream::connect(SocketAddr::from((address, 80))).expect("a port is left");
        let (accepted, _) = listener.accept().expect("a connection");
        drop(client);
        drop(accepted);
    }
    println!("{count} connections closed in {:.1?}", began.elapsed());
}
