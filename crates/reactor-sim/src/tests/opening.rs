//! How connections begin, or fail to.

use super::*;

/// Connects once; gives the fault and how long it took.
fn failed_connect(weather: Weather, remote: SocketAddr) -> (FaultKind, Duration) {
    let mut bench = Bench::new(weather, HostConfig::default());
    let conn = bench.connect(ConnectPlan::to(remote)).expect("a port is free");
    bench.client.turn(None);
    let took = bench.net.now();
    match bench.client.poll_completion() {
        Some(Completion::Connected { result: Err(fault), conn: named }) if named == conn => {
            bench.finish(&[]);
            (fault.kind, took)
        }
        other => panic!("expected the connect to fail, got {other:?}"),
    }
}

#[test]
fn connects_fail_in_their_own_ways() {
    let nobody = SocketAddr::new(SERVER, 81);
    let (kind, took) = failed_connect(calm(), nobody);
    assert_eq!((kind, took), (FaultKind::Refused, Duration::from_millis(2)));
    let refusing = Weather { refuse: 1.0, ..calm() };
    assert_eq!(failed_connect(refusing, server_address()).0, FaultKind::Refused);
    let silent = Weather { black_hole: 1.0, ..calm() };
    let (kind, took) = failed_connect(silent, server_address());
    assert_eq!((kind, took), (FaultKind::TimedOut, Duration::from_secs(127)));
    let no_files = Weather { no_files: 1.0, ..calm() };
    let mut bench = Bench::new(no_files, HostConfig::default());
    let refused = bench.connect(ConnectPlan::to(server_address()));
    assert_eq!(refused.map_err(|fault| fault.kind), Err(FaultKind::Files));
}

#[test]
fn an_accept_without_a_file_descriptor_is_told_and_tried_again() {
    let mut bench = Bench::calm();
    bench.net.0.borrow_mut().hosts[1].config.files_max = 1;
    let (ours, theirs) = bench.pair();
    let second = bench.connect(ConnectPlan::to(server_address())).expect("a port is free");
    bench.wait_ms(10);
    match bench.server.poll_completion() {
        Some(Completion::AcceptFailed { listener, fault }) => {
            assert_eq!((listener, fault.kind), (bench.door, FaultKind::Files));
        }
        other => panic!("expected accept to fail, got {other:?}"),
    }
    bench.server.close(theirs, Close::Fin);
    bench.wait_ms(100);
    let accepted = bench.server.poll_completion();
    let Some(Completion::Accepted { conn, .. }) = accepted else { panic!("got {accepted:?}") };
    bench.finish(&[(true, ours), (true, second), (false, conn)]);
}

#[test]
fn a_full_accept_queue_drops_syns_until_there_is_room() {
    let mut bench = Bench::calm();
    bench.server.close_listener(bench.door);
    let plan = ListenPlan { backlog: 1, ..ListenPlan::new(server_address()) };
    bench.door = bench.server.listen(&plan).expect("the old listener is gone");
    bench.server.set_accepting(bench.door, false);
    let first = bench.connect(ConnectPlan::to(server_address())).expect("a port is free");
    bench.wait_ms(10);
    let second = bench.connect(ConnectPlan::to(server_address())).expect("a port is free");
    bench.wait_ms(10);
    let mut stood = || std::iter::from_fn(|| bench.client.poll_completion()).count();
    assert_eq!(stood(), 1);
    bench.server.set_accepting(bench.door, true);
    bench.net.0.borrow_mut().advance_to(Duration::from_millis(1100));
    assert_eq!(stood(), 1, "its SYN came again after a second");
    let accept = |io: &mut SimReactor| match io.poll_completion() {
        Some(Completion::Accepted { conn, .. }) => conn,
        other => panic!("expected a connection, got {other:?}"),
    };
    let theirs = [accept(&mut bench.server), accept(&mut bench.server)];
    bench.finish(&[(true, first), (true, second), (false, theirs[0]), (false, theirs[1])]);
}

/// Closes `count` connections first, then counts the connects that work at once.
fn connects_after_closing(count: usize, config: HostConfig, source: Source) -> usize {
    let mut bench = Bench::new(calm(), config);
    let mut worked = 0;
    for _ in 0..count {
        let plan = ConnectPlan { source, ..ConnectPlan::to(server_address()) };
        let Ok(ours) = bench.connect(plan) else {
            continue;
        };
        worked += 1;
        bench.wait_ms(10);
        let Some(Completion::Accepted { conn: theirs, .. }) = bench.server.poll_completion() else {
            panic!("connection {worked} did not arrive")
        };
        bench.client.close(ours, Close::Fin);
        bench.wait_ms(10);
        bench.server.close(theirs, Close::Fin);
        bench.wait_ms(10);
    }
    bench.finish(&[]);
    worked
}

#[test]
fn time_wait_uses_ports_up_unless_something_gives_them_back() {
    let ten_ports = HostConfig { ports: (5000, 5009), ..HostConfig::default() };
    assert_eq!(connects_after_closing(30, ten_ports.clone(), Source::Kernel), 10);
    let without = HostConfig { time_wait: None, ..ten_ports.clone() };
    assert_eq!(connects_after_closing(30, without, Source::Kernel), 30);
    let own = Source::Exact(SocketAddr::new(CLIENT, 5000));
    assert_eq!(connects_after_closing(30, ten_ports.clone(), own), 30);
    let no_timestamps = HostConfig { timestamps: false, ..ten_ports };
    assert_eq!(connects_after_closing(30, no_timestamps, own), 1);
}
