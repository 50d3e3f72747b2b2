//! A gateway between two inside hosts and the world: tables of cases, and properties over many seeds.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use gateway_core::{
    Counters, DropReason, Fate, Filter, Gateway, Link, Outgoing, PortPolicy, Settings, Side, Timeouts, Tuple, Weather,
};
use packet::{Arp, Ethernet, Flags, Kind, Mac, Options, Route, Segment};
use seed::Rng;
use std::collections::HashMap;
use testkit::{Replay, sweep};

const PUBLIC: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 1, 1), 80);
const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 3, 2), Ipv4Addr::new(10, 77, 4, 2)];
const WORLD: Mac = Mac::local(99);
const SYN_ACK: Flags = Flags(0x12);
const FIN_ACK: Flags = Flags(0x11);

fn settings() -> Settings {
    let inside = HOSTS.iter().enumerate().map(|(at, host)| Link {
        mac: Mac::local(at as u8),
        address: Ipv4Addr::new(10, 77, 3 + at as u8, 1),
        neighbour: *host,
    });
    Settings::new(inside.collect(), Link { mac: Mac::local(9), address: PUBLIC, neighbour: *SERVER.ip() })
}

/// A gateway whose neighbours have answered.
struct World {
    gateway: Gateway,
    now: Duration,
}

impl World {
    fn new(settings: &Settings) -> Self {
        let mut gateway = Gateway::new(settings).expect("sound settings");
        let sides = [(Side::Inside(0), HOSTS[0], 1), (Side::Inside(1), HOSTS[1], 2), (Side::Outside, *SERVER.ip(), 99)];
        for (side, neighbour, mac) in sides {
            let told = Arp::request((Mac::local(mac), neighbour), Ipv4Addr::UNSPECIFIED);
            gateway.handle_frame(Duration::ZERO, side, &told.to_frame());
        }
        assert_eq!(gateway.poll_frame(Duration::ZERO), None);
        Self { gateway, now: Duration::ZERO }
    }

    fn send(&mut self, side: Side, from: SocketAddrV4, to: SocketAddrV4, flags: Flags, seq: u32) -> Vec<Outgoing> {
        let options = Options::default();
        let segment = Segment { from, to, seq, ack: 0, flags, window: 1000, options, payload: b"" };
        let frame = segment.to_frame(Route { source: Mac::local(50), destination: Mac::local(51) });
        self.gateway.handle_frame(self.now, side, &frame);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Outgoing> {
        core::iter::from_fn(|| self.gateway.poll_frame(self.now)).collect()
    }

    /// A segment from a host; the public port it leaves with.
    fn out(&mut self, host: usize, port: u16, flags: Flags, seq: u32) -> Option<u16> {
        let sent = self.send(Side::Inside(host), SocketAddrV4::new(HOSTS[host], port), SERVER, flags, seq);
        let outgoing = sent.first()?;
        assert_eq!((sent.len(), outgoing.side), (1, Side::Outside));
        let segment = Segment::parse(&outgoing.frame).expect("whole");
        assert_eq!((*segment.from.ip(), segment.to, segment.seq, segment.flags), (PUBLIC, SERVER, seq, flags));
        Some(segment.from.port())
    }

    /// A segment from the server to a public port; the host and port it reaches.
    fn back(&mut self, public_port: u16, flags: Flags) -> Option<(usize, u16)> {
        let sent = self.send(Side::Outside, SERVER, SocketAddrV4::new(PUBLIC, public_port), flags, 7);
        let outgoing = sent.first()?;
        let Side::Inside(host) = outgoing.side else { panic!("back outside: {outgoing:?}") };
        let segment = Segment::parse(&outgoing.frame).expect("whole");
        assert_eq!((segment.from, *segment.to.ip(), segment.flags), (SERVER, HOSTS[host], flags));
        Some((host, segment.to.port()))
    }

    /// Opens and closes a connection, the server first.
    fn whole_life(&mut self, host: usize, port: u16, isn: u32) -> u16 {
        let public = self.out(host, port, Flags::SYN, isn).expect("a port");
        for (outward, flags) in
            [(false, SYN_ACK), (true, Flags::ACK), (false, FIN_ACK), (true, FIN_ACK), (false, Flags::ACK)]
        {
            let passed = if outward {
                self.out(host, port, flags, isn + 1).is_some()
            } else {
                self.back(public, flags).is_some()
            };
            assert!(passed, "{flags}");
        }
        public
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.gateway.counters().dropped(reason)
    }
}

#[test]
fn a_segment_goes_out_and_its_answer_comes_back() {
    let mut world = World::new(&settings());
    assert_eq!(world.out(0, 40_000, Flags::SYN, 1), Some(40_000));
    let other = world.out(1, 40_000, Flags::SYN, 1).expect("a port");
    assert_ne!(other, 40_000);
    assert_eq!(world.back(40_000, SYN_ACK), Some((0, 40_000)));
    assert_eq!(world.back(other, SYN_ACK), Some((1, 40_000)));
    assert_eq!((world.gateway.counters().carried, world.gateway.counters().flows_made), (4, 2));
}

#[test]
fn what_belongs_to_no_flow_is_dropped_with_its_reason() {
    let mut world = World::new(&settings());
    let host = SocketAddrV4::new(HOSTS[0], 1);
    let to_public = SocketAddrV4::new(PUBLIC, 5);
    let cases = [
        (Side::Outside, SERVER, to_public, Flags::SYN, DropReason::NoFlow),
        (Side::Outside, SERVER, host, Flags::ACK, DropReason::NotForwarded),
        (Side::Inside(0), host, SERVER, Flags::ACK, DropReason::NoFlow),
        (Side::Inside(0), host, to_public, Flags::SYN, DropReason::NotForwarded),
        (
            Side::Inside(0),
            host,
            SocketAddrV4::new(Ipv4Addr::new(10, 77, 3, 1), 80),
            Flags::SYN,
            DropReason::NotForwarded,
        ),
    ];
    for (side, from, to, flags, reason) in cases {
        let before = world.dropped(reason);
        assert_eq!(world.send(side, from, to, flags, 1), [], "{from} {to}");
        assert_eq!(world.dropped(reason), before + 1, "{from} {to} {reason}");
    }
    world.gateway.handle_frame(world.now, Side::Outside, &[0; 60]);
    world.gateway.handle_frame(world.now, Side::Outside, &[0; 3]);
    assert_eq!(world.dropped(DropReason::NotTcp), 2);
}

#[test]
fn a_port_is_given_to_another_host_as_soon_as_it_is_forgotten() {
    for policy in PortPolicy::ALL {
        let mut settings = Settings { ports: (700, 700), policy, ..settings() };
        settings.timeouts = Timeouts { time_wait: Duration::from_millis(20), ..Timeouts::LINUX };
        let mut world = World::new(&settings);
        assert_eq!(world.whole_life(0, 5000, 1_000), 700);
        assert_eq!(world.out(1, 5000, Flags::SYN, 10), None, "{}", policy.name());
        assert_eq!(world.dropped(DropReason::PortsExhausted), 1);
        world.now += Duration::from_millis(20);
        assert_eq!(world.out(1, 5000, Flags::SYN, 10), Some(700), "{}", policy.name());
        assert_eq!(world.back(700, SYN_ACK), Some((1, 5000)));
    }
}

#[test]
fn linux_65_takes_a_port_in_time_wait_only_for_a_syn_that_is_ahead() {
    let cases = [
        (PortPolicy::LinuxNew, 1_001, Some(700)),
        (PortPolicy::LinuxNew, 999, None),
        (PortPolicy::LinuxNew, 1_000, None),
        (PortPolicy::LinuxOld, 1_001, None),
    ];
    for (policy, isn, expect) in cases {
        let mut world = World::new(&Settings { ports: (700, 700), policy, ..settings() });
        world.whole_life(0, 5000, 1_000);
        assert_eq!(world.out(1, 5000, Flags::SYN, isn), expect, "{} {isn}", policy.name());
        assert_eq!(world.gateway.counters().flows_evicted, u64::from(expect.is_some()));
    }
}

#[test]
fn the_same_host_may_start_anew_on_its_own_port() {
    let mut world = World::new(&Settings { ports: (700, 701), policy: PortPolicy::Sequential, ..settings() });
    assert_eq!(world.whole_life(0, 5000, 1_000), 700);
    assert_eq!(world.out(0, 5000, Flags::SYN, 3), Some(700), "Linux recreates the entry, same 5-tuple");
    assert_eq!(world.out(0, 5001, Flags::SYN, 3), Some(701));
}

#[test]
fn a_full_table_says_so_and_heals() {
    let timeouts = Timeouts { opening: Duration::from_secs(1), ..Timeouts::LINUX };
    let mut world = World::new(&Settings { flows_max: 3, timeouts, ..settings() });
    let ports: Vec<_> = (0..4).map(|at| world.out(0, 9000 + at, Flags::SYN, 1)).collect();
    assert_eq!(ports, [Some(9000), Some(9001), Some(9002), None]);
    assert_eq!(world.dropped(DropReason::TableFull), 1);
    world.now += Duration::from_secs(1);
    assert_eq!(world.out(0, 9003, Flags::SYN, 1), Some(9003));
    assert_eq!(world.gateway.flows(), 1);
}

#[test]
fn filters_stop_what_they_name() {
    let rst = Flags::RST;
    let cases =
        [(Filter::RstFromInside, false, true), (Filter::RstFromOutside, true, false), (Filter::Rst, false, false)];
    for (filter, outward_passes, inward_passes) in cases {
        let mut world = World::new(&Settings { filters: vec![filter], ..settings() });
        world.out(0, 40_000, Flags::SYN, 1);
        assert_eq!(world.back(40_000, SYN_ACK), Some((0, 40_000)), "{filter:?}");
        assert_eq!(world.out(0, 40_000, rst, 2).is_some(), outward_passes, "{filter:?}");
        assert_eq!(world.back(40_000, rst).is_some(), inward_passes, "{filter:?}");
        let last = world.gateway.journal().records().last().expect("records");
        assert_eq!(last.fate == Fate::Dropped(DropReason::Filtered), !inward_passes, "{filter:?}");
    }
}

#[test]
fn frames_wait_for_a_neighbour_and_are_not_lost() {
    let mut gateway = Gateway::new(&settings()).expect("sound");
    let from = SocketAddrV4::new(HOSTS[0], 40_000);
    let options = Options::default();
    let syn = Segment { from, to: SERVER, seq: 1, ack: 0, flags: Flags::SYN, window: 9, options, payload: b"" };
    let route = Route { source: Mac::local(50), destination: Mac::local(0) };
    gateway.handle_frame(Duration::ZERO, Side::Inside(0), &syn.to_frame(route));
    let asked = gateway.poll_frame(Duration::ZERO).expect("an ARP request");
    let request = Arp::parse(&asked.frame).expect("ARP");
    assert_eq!((asked.side, request.target.1), (Side::Outside, *SERVER.ip()));
    assert_eq!(gateway.poll_frame(Duration::ZERO), None, "asked once");
    let again = gateway.next_deadline().expect("it asks again");
    assert!(gateway.poll_frame(again).is_some());
    gateway.handle_frame(again, Side::Outside, &request.reply(WORLD).to_frame());
    let sent = gateway.poll_frame(again).expect("the SYN");
    assert_eq!(Ethernet::parse(&sent.frame).map(|header| (header.destination, header.kind)), Ok((WORLD, Kind::Ipv4)));
    assert_eq!(Segment::parse(&sent.frame).map(|segment| segment.flags), Ok(Flags::SYN));
    assert_eq!(gateway.next_deadline(), None);
}

#[test]
fn the_gateway_answers_for_its_own_addresses_only() {
    let mut world = World::new(&settings());
    for (wanted, answers) in [(PUBLIC, 1), (Ipv4Addr::new(10, 77, 1, 77), 0)] {
        let request = Arp::request((WORLD, *SERVER.ip()), wanted);
        world.gateway.handle_frame(world.now, Side::Outside, &request.to_frame());
        assert_eq!(world.drain().len(), answers, "{wanted}");
    }
}

#[test]
fn weather_delays_each_way_by_itself() {
    let slow = Weather { delay: Duration::from_millis(30), ..Weather::CALM };
    let mut world = World::new(&Settings { outward: slow, ..settings() });
    assert_eq!(world.out(0, 40_000, Flags::SYN, 1), None);
    assert_eq!(world.gateway.next_deadline(), Some(Duration::from_millis(30)));
    world.now = Duration::from_millis(30);
    assert_eq!(world.drain().len(), 1);
    assert_eq!(world.back(40_000, SYN_ACK), Some((0, 40_000)), "inward is calm");
}

#[test]
fn a_capture_has_the_outside_link_in_both_directions() {
    let mut world = World::new(&settings());
    world.gateway.start_capture(Duration::from_secs(1));
    world.out(0, 40_000, Flags::SYN, 1);
    world.back(40_000, SYN_ACK);
    let capture = world.gateway.capture().expect("started");
    assert_eq!((capture.frames, capture.bytes().len()), (2, 24 + 2 * (16 + 54)));
}

/// A random hour of many connections: whoever is alive keeps a 5-tuple of its own, and every answer comes
/// back to the one who asked.
fn random_hour(seed: u64) -> Result<Counters, String> {
    let mut rng = Rng::new(seed);
    let policy = *rng.pick(&PortPolicy::ALL);
    let low = 1 + rng.range(0, 60_000) as u16;
    let ports = (low, low + rng.range(0, 40) as u16);
    let timeouts = Timeouts { time_wait: Duration::from_secs(rng.range(1, 200)), ..Timeouts::LINUX };
    let mut world = World::new(&Settings { ports, policy, timeouts, seed, ..settings() });
    let mut owners: HashMap<u16, (usize, u16)> = HashMap::new();
    for _ in 0..400 {
        world.now += Duration::from_millis(rng.range(0, 10_000));
        let (host, port) = (rng.index(2), 30_000 + rng.range(0, 30) as u16);
        let flags = *rng.pick(&[Flags::SYN, Flags::SYN, Flags::ACK, FIN_ACK, Flags::RST]);
        if let Some(public) = world.out(host, port, flags, rng.next_u64() as u32) {
            if !(ports.0..=ports.1).contains(&public) {
                return Err(format!("{public} is outside of {ports:?}"));
            }
            let mine = owners.insert(public, (host, port));
            if flags != Flags::SYN && mine != Some((host, port)) {
                return Err(format!("{public} changed hands without a SYN: {mine:?} to {:?}", (host, port)));
            }
        }
        let answered = ports.0 + rng.range(0, u64::from(ports.1 - ports.0) + 1) as u16;
        let flags = *rng.pick(&[SYN_ACK, Flags::ACK, FIN_ACK]);
        let reached = world.back(answered, flags);
        if reached.is_some() && reached.as_ref() != owners.get(&answered) {
            return Err(format!("{answered} belongs to {:?}, reached {reached:?}", owners.get(&answered)));
        }
    }
    injective(&world)?;
    Ok(*world.gateway.counters())
}

/// Between two SYNs a public 5-tuple has one owner.
fn injective(world: &World) -> Result<(), String> {
    let mut owners: HashMap<(u16, SocketAddrV4), Tuple> = HashMap::new();
    for record in world.gateway.journal().records() {
        let key = (record.tuple.public_port, record.tuple.remote);
        let before = owners.insert(key, record.tuple).unwrap_or(record.tuple);
        let renewed = record.from != Side::Outside && record.flags.is_opening();
        if before != record.tuple && !renewed {
            return Err(format!("{before:?} became {:?} by {}", record.tuple, record.flags));
        }
    }
    Ok(())
}

#[test]
fn no_two_flows_share_a_public_tuple_and_every_translation_inverts() {
    let replay = Replay {
        package: "gateway-core",
        target: "--test gateway",
        test: "no_two_flows_share_a_public_tuple_and_every_translation_inverts",
    };
    let mut made = 0;
    sweep(replay, 256, |seed| random_hour(seed).map(|counters| made += counters.flows_made));
    assert!(made > 0, "nothing happened");
}

#[test]
fn the_same_seed_gives_the_same_hour() {
    assert_eq!(random_hour(11), random_hour(11));
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let lossy = Weather { loss: 1.5, ..Weather::CALM };
    let cases = [
        (Settings { ports: (9, 8), ..settings() }, "9 to 8"),
        (Settings { flows_max: 0, ..settings() }, "0 flows"),
        (Settings { inside: Vec::new(), ..settings() }, "inside link"),
        (Settings { inward: lossy, ..settings() }, "inward way has an impossible loss"),
    ];
    for (settings, expect) in cases {
        let error = Gateway::new(&settings).err().expect("refused").to_string();
        assert!(error.contains(expect), "{error}");
    }
}
