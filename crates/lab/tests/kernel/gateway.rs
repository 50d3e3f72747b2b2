//! The gateway between two kernels that know nothing of it.

use super::Test;
use gateway_core::{DropReason, Link, Settings, Weather};
use lab::gateway::{self, Finished, Handle, Interfaces};
use packet::Mac;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use sys::link::{RouteSocket, VethPeer};
use sys::netns::Namespace;
use sys::offload;
use testkit::own_process;

/// Each in fresh namespaces.
pub(crate) const TESTS: [Test; 4] = [
    ("a_stream_survives_rough_weather", || in_a_scene(a_stream_survives_rough_weather)),
    ("delay_is_seen_by_the_client", || in_a_scene(delay_is_seen_by_the_client)),
    ("a_rate_limits_the_stream", || in_a_scene(a_rate_limits_the_stream)),
    ("errors_name_the_interface", || in_a_scene(errors_name_the_interface)),
];

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 66, 1, 2);
const GATE: Ipv4Addr = Ipv4Addr::new(10, 66, 1, 1);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(10, 66, 2, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 66, 2, 1);
const MS: Duration = Duration::from_millis(1);
/// Nothing here takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn in_a_scene(test: fn(&Scene)) -> ExitCode {
    own_process::in_private(|| test(&Scene::new()))
}

/// Client and server with the gateway's namespace between them.
struct Scene {
    client: Namespace,
    gateway: Namespace,
    server: Namespace,
}

impl Scene {
    fn new() -> Self {
        let new = || Namespace::new().expect("we are root inside");
        let scene = Self { client: new(), gateway: new(), server: new() };
        cable(&scene.client, &scene.gateway, "inside", CLIENT);
        cable(&scene.server, &scene.gateway, "outside", SERVER);
        let route = || RouteSocket::open()?.add_default_route(IpAddr::V4(GATE));
        scene.client.run(route).expect("enters").expect("a route");
        scene
    }

    fn start(&self, change: impl FnOnce(&mut Settings)) -> Handle {
        let inside = Link { mac: Mac::local(1), address: GATE, neighbour: CLIENT };
        let outside = Link { mac: Mac::local(2), address: PUBLIC, neighbour: SERVER };
        let mut settings = Settings::new(vec![inside], outside);
        change(&mut settings);
        let interfaces = Interfaces { inside: &["inside"], outside: "outside" };
        let started = self.gateway.run(|| gateway::start(&settings, interfaces, true));
        started.expect("enters").expect("starts")
    }

    /// Sends so many bytes through; returns how long the connect took and how long everything took.
    fn send(&self, bytes: usize) -> (Duration, Duration) {
        let listen = || TcpListener::bind(SocketAddr::new(IpAddr::V4(SERVER), 80)).expect("its address");
        let listener = self.server.run(listen).expect("enters");
        let start = Instant::now();
        let target = SocketAddr::new(IpAddr::V4(SERVER), 80);
        let connect = || TcpStream::connect_timeout(&target, PATIENCE).expect("connects");
        let mut near = self.client.run(connect).expect("enters");
        let connected = start.elapsed();
        let (far, peer) = listener.accept().expect("accepts");
        assert_eq!(peer.ip(), IpAddr::V4(PUBLIC), "the server sees the public address");
        let sent: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
        let got = std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_all(far));
            near.write_all(&sent).expect("sends");
            drop(near);
            reader.join().expect("no panic")
        });
        assert!(got == sent, "{} bytes arrived of {bytes}, or changed", got.len());
        (connected, start.elapsed())
    }
}

fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.read_to_end(&mut got).expect("a stream to its end");
    got
}

fn cable(host: &Namespace, gateway: &Namespace, name: &str, address: Ipv4Addr) {
    let peer = VethPeer { name, namespace: gateway.as_fd() };
    let lay = || {
        let mut socket = RouteSocket::open()?;
        socket.add_veth("port", peer, 1500)?;
        socket.set_up("port")?;
        socket.add_address("port", IpAddr::V4(address), 24)
    };
    host.run(lay).expect("enters").expect("a cable");
    gateway.run(|| RouteSocket::open()?.set_up(name)).expect("enters").expect("an end");
    host.run(|| offload::turn_off("port")).expect("enters").expect("veth can");
}

fn rough() -> Weather {
    Weather { delay: MS, jitter: 2 * MS, loss: 0.01, reorder: 0.02, reorder_by: 3 * MS, rate_bits_per_s: None }
}

fn a_stream_survives_rough_weather(scene: &Scene) {
    let handle = scene.start(|settings| (settings.outward, settings.inward, settings.seed) = (rough(), rough(), 7));
    scene.send(1_000_000);
    let Finished { counters, journal, capture, overrun, unsent } = handle.finish();
    assert!(counters.dropped(DropReason::Lost) > 0, "{counters:?}");
    assert!(counters.carried > 700, "{counters:?}");
    assert_eq!((counters.flows_made, overrun, unsent), (1, 0, 0));
    assert!(journal.records().len() as u64 >= counters.carried);
    let capture = capture.expect("asked for");
    assert!(capture.frames > 700 && capture.bytes().len() > 1_000_000, "{} frames", capture.frames);
    assert_eq!(capture.bytes()[..4], 0xa1b2_3c4d_u32.to_le_bytes());
}

fn delay_is_seen_by_the_client(scene: &Scene) {
    let (outward, inward) = (20 * MS, 30 * MS);
    let _gateway = scene.start(|settings| {
        settings.outward.delay = outward;
        settings.inward.delay = inward;
    });
    let (connected, _) = scene.send(1_000);
    assert!(connected >= outward + inward, "{connected:?}");
}

fn a_rate_limits_the_stream(scene: &Scene) {
    // 200,000 bytes and their headers at 4 Mbit/s.
    let _gateway = scene.start(|settings| settings.outward.rate_bits_per_s = Some(4_000_000));
    let (_, all) = scene.send(200_000);
    assert!(all >= 380 * MS, "{all:?}");
}

fn errors_name_the_interface(scene: &Scene) {
    let link = Link { mac: Mac::local(1), address: GATE, neighbour: CLIENT };
    let settings = Settings::new(vec![link], Link { address: PUBLIC, ..link });
    let cases: [(&[&str], &str, &str); 2] =
        [(&["inside"], "nowhere", "nowhere"), (&["inside", "outside"], "outside", "2 interfaces")];
    for (inside, outside, expect) in cases {
        let start = || gateway::start(&settings, Interfaces { inside, outside }, false).map(drop);
        let error = scene.gateway.run(start).expect("enters").expect_err("refused");
        assert!(error.to_string().contains(expect), "{error}");
    }
}
