//! The allocator against a naive model, by seed; and its rules one by one.

use ports::allocator::{DESTINATIONS_MAX, SET_ASIDE, TIME_WAIT};
use ports::{
    ClosedFirst, DestinationId, Lease, NoPort, PortAllocator, PortCounts, PortEnd, PortRange, PortSet,
    TooManyDestinations,
};
use seed::Rng;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use testkit::{Replay, sweep};

const SECOND: Duration = Duration::from_secs(1);
const SERVER: &str = "192.0.2.1:80";

fn allocator(sources: &[&str], low: u16, high: u16) -> (PortAllocator, DestinationId) {
    let sources = sources.iter().map(|source| source.parse().unwrap()).collect();
    let set = PortSet::new(sources, PortRange::new(low, high).unwrap()).unwrap();
    let mut ports = PortAllocator::new(set);
    let to = ports.destination(SERVER.parse().unwrap()).unwrap();
    (ports, to)
}

fn ended(closed_first: Option<ClosedFirst>, timestamps: bool) -> PortEnd {
    PortEnd { closed_first, timestamps }
}

fn take_all(ports: &mut PortAllocator, now: Duration, to: DestinationId) -> Vec<Lease> {
    std::iter::from_fn(|| ports.take(now, to).ok()).collect()
}

fn take_address(ports: &mut PortAllocator, now: Duration, to: DestinationId) -> Result<SocketAddr, NoPort> {
    ports.take(now, to).map(|lease| ports.address(&lease))
}

#[test]
fn every_pair_of_source_and_port_is_handed_out_once() {
    let (mut ports, to) = allocator(&["10.0.0.1", "10.0.0.2", "10.0.0.3"], 100, 199);
    let leases = take_all(&mut ports, SECOND, to);
    let mut taken: Vec<SocketAddr> = leases.iter().map(|lease| ports.address(lease)).collect();
    assert_eq!(taken[..3].iter().map(SocketAddr::port).collect::<Vec<_>>(), [100; 3], "sources take turns");
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 300);
    assert_eq!(ports.take(SECOND, to), Err(NoPort::AllInUse));
}

#[test]
fn destinations_do_not_share_ports_and_families_do_not_mix() {
    let (mut ports, to) = allocator(&["10.0.0.1", "::1"], 100, 100);
    let other = ports.destination("192.0.2.1:81".parse().unwrap()).unwrap();
    let six = ports.destination("[2001:db8::1]:80".parse().unwrap()).unwrap();
    let local: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(take_address(&mut ports, SECOND, to), Ok(SocketAddr::new(local, 100)));
    assert_eq!(take_address(&mut ports, SECOND, other), Ok(SocketAddr::new(local, 100)));
    assert!(take_address(&mut ports, SECOND, six).unwrap().is_ipv6());
    let (mut only_six, to) = allocator(&["::1"], 100, 200);
    assert_eq!(only_six.take(SECOND, to), Err(NoPort::NoSource));
}

/// Two ports; the first is given back with `end`, then both are wanted at `later`.
#[track_caller]
fn check_reuse(end: PortEnd, later: Duration, expect: Result<u16, NoPort>) {
    let (mut ports, to) = allocator(&["10.0.0.1"], 100, 101);
    let first = ports.take(Duration::ZERO, to).unwrap();
    let _second = ports.take(Duration::ZERO, to).unwrap();
    ports.give_back(SECOND, first, end);
    assert_eq!(take_address(&mut ports, later, to).map(|address| address.port()), expect);
}

#[test]
fn how_it_ended_decides_when_a_port_comes_back() {
    let free_at = SECOND + TIME_WAIT;
    check_reuse(ended(Some(ClosedFirst::PeerFin), false), SECOND, Ok(100));
    check_reuse(ended(Some(ClosedFirst::RstSent), false), SECOND, Ok(100));
    check_reuse(ended(Some(ClosedFirst::RstReceived), false), SECOND, Ok(100));
    check_reuse(ended(None, false), SECOND, Ok(100));
    check_reuse(ended(Some(ClosedFirst::OurFin), true), SECOND, Ok(100));
    check_reuse(ended(Some(ClosedFirst::Simultaneous), true), SECOND, Ok(100));
    check_reuse(ended(Some(ClosedFirst::OurFin), false), SECOND, Err(NoPort::AllWaiting { free_at }));
    check_reuse(
        ended(Some(ClosedFirst::OurFin), false),
        free_at - Duration::from_millis(1),
        Err(NoPort::AllWaiting { free_at }),
    );
    check_reuse(ended(Some(ClosedFirst::OurFin), false), free_at, Ok(100));
}

#[test]
fn a_port_without_time_wait_goes_before_one_in_it_and_the_oldest_first() {
    let (mut ports, to) = allocator(&["10.0.0.1"], 100, 103);
    let mut leases = take_all(&mut ports, Duration::ZERO, to).into_iter();
    let ends = [
        ended(Some(ClosedFirst::OurFin), true),
        ended(Some(ClosedFirst::OurFin), true),
        ended(Some(ClosedFirst::PeerFin), true),
        ended(Some(ClosedFirst::RstSent), true),
    ];
    for (second, end) in (1..).zip(ends) {
        ports.give_back(SECOND * second, leases.next().unwrap(), end);
    }
    let leases = take_all(&mut ports, SECOND * 5, to);
    let order: Vec<u16> = leases.iter().map(|lease| ports.address(lease).port()).collect();
    assert_eq!(order, [102, 103, 100, 101]);
}

#[test]
fn a_refused_port_is_left_alone_for_a_while() {
    let (mut ports, to) = allocator(&["10.0.0.1"], 100, 101);
    let first = ports.take(SECOND, to).unwrap();
    ports.refused(SECOND, first);
    assert_eq!(ports.counts(to).aside, 1);
    assert_eq!(take_address(&mut ports, SECOND, to).unwrap().port(), 101);
    let free_at = SECOND + SET_ASIDE;
    assert_eq!(ports.take(SECOND, to), Err(NoPort::AllRefused { free_at }));
    assert_eq!(take_address(&mut ports, free_at, to).unwrap().port(), 100);
}

#[test]
fn a_forgotten_destination_goes_with_its_last_lease() {
    let (mut ports, to) = allocator(&["10.0.0.1"], 100, 103);
    let (first, second) = (ports.take(SECOND, to).unwrap(), ports.take(SECOND, to).unwrap());
    ports.forget(to);
    assert_eq!((ports.destinations(), ports.counts(to).in_use), (1, 2));
    ports.give_back(SECOND, first, ended(Some(ClosedFirst::OurFin), false));
    assert_eq!(ports.destinations(), 1);
    ports.refused(SECOND, second);
    assert_eq!((ports.destinations(), ports.leases_out()), (0, 0));
    assert_eq!((ports.take(SECOND, to), ports.counts(to)), (Err(NoPort::Forgotten), PortCounts::default()));
    ports.forget(to);
    let again = ports.destination(SERVER.parse().unwrap()).unwrap();
    assert_ne!(again, to);
    assert_eq!((ports.counts(again).free, ports.counts(to).free), (4, 0));
}

#[test]
fn a_destination_named_again_in_time_loses_nothing() {
    let (mut ports, to) = allocator(&["10.0.0.1"], 100, 101);
    let held = ports.take(SECOND, to).unwrap();
    let waits = ports.take(SECOND, to).unwrap();
    ports.give_back(SECOND, waits, ended(Some(ClosedFirst::OurFin), false));
    ports.forget(to);
    assert_eq!(ports.destination(SERVER.parse().unwrap()), Ok(to));
    assert_eq!((ports.counts(to).in_use, ports.counts(to).waiting), (1, 1), "no 4-tuple twice, none too early");
    ports.give_back(SECOND, held, ended(None, false));
    assert_eq!(ports.destinations(), 1, "it is not leaving any more");
}

/// 1,100 servers once meant that the last 76 were reached from the kernel's ports, and nobody was told.
#[test]
fn thousands_of_destinations_are_known_apart() {
    let (mut ports, _) = allocator(&["10.0.0.1"], 100, 199);
    for server in 0..10_000u32 {
        let address = SocketAddr::new(IpAddr::from((server + (11 << 24)).to_be_bytes()), 80);
        let to = ports.destination(address).unwrap();
        assert_eq!(take_address(&mut ports, SECOND, to).unwrap().port(), 100, "{address}");
    }
}

#[test]
fn one_destination_too_many_is_refused_by_name() {
    let (mut ports, _) = allocator(&["10.0.0.1"], 100, 100);
    let server = |at: usize| SocketAddr::new(IpAddr::from((at as u32 + (11 << 24)).to_be_bytes()), 80);
    assert!((1..DESTINATIONS_MAX).all(|at| ports.destination(server(at)).is_ok()));
    assert_eq!(ports.destination(server(DESTINATIONS_MAX)), Err(TooManyDestinations));
    assert!(TooManyDestinations.to_string().starts_with("more than 65536 destinations"));
    let known = ports.destination(server(1)).unwrap();
    ports.forget(known);
    assert!(ports.destination(server(DESTINATIONS_MAX)).is_ok(), "one left: there is room again");
}

/// A naive model: for each address, what it is and since when.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Model {
    InUse,
    Free,
    Recyclable,
    Waiting(Duration),
    Aside(Duration),
}

impl Model {
    fn is_usable(self, now: Duration) -> bool {
        match self {
            Self::InUse => false,
            Self::Free | Self::Recyclable => true,
            Self::Waiting(since) => since + TIME_WAIT <= now,
            Self::Aside(since) => since + SET_ASIDE <= now,
        }
    }
}

fn random_end(rng: &mut Rng, now: Duration) -> (PortEnd, Model) {
    let closed_first = if rng.chance(0.1) { None } else { Some(*rng.pick(&ClosedFirst::ALL)) };
    let timestamps = rng.chance(0.5);
    let model = match closed_first {
        Some(who) if who.leaves_time_wait_here() && timestamps => Model::Recyclable,
        Some(who) if who.leaves_time_wait_here() => Model::Waiting(now),
        _ => Model::Free,
    };
    (ended(closed_first, timestamps), model)
}

fn walk(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let high = 100 + rng.range(0, 40) as u16;
    let (mut ports, to) = allocator(&["10.0.0.1", "10.0.0.2"], 100, high);
    let all = 2 * usize::from(high - 99);
    let mut model: HashMap<SocketAddr, Model> = HashMap::new();
    let (mut held, mut now) = (Vec::<Lease>::new(), Duration::ZERO);
    for step in 0..600 {
        now += Duration::from_millis(rng.range(0, 400));
        match rng.range(0, 10) {
            0..=5 => match ports.take(now, to) {
                Ok(lease) => {
                    let before = model.insert(ports.address(&lease), Model::InUse).unwrap_or(Model::Free);
                    if !before.is_usable(now) {
                        return Err(format!("step {step}: {lease:?} was {before:?} at {now:?}"));
                    }
                    held.push(lease);
                }
                Err(why) => {
                    let usable = model.values().filter(|state| state.is_usable(now)).count();
                    if usable > 0 || model.len() < all {
                        return Err(format!("step {step}: {why:?}, yet {usable} are usable"));
                    }
                }
            },
            kind if !held.is_empty() => {
                let lease = held.swap_remove(rng.index(held.len()));
                if kind == 6 {
                    model.insert(ports.address(&lease), Model::Aside(now));
                    ports.refused(now, lease);
                } else {
                    let (end, state) = random_end(&mut rng, now);
                    model.insert(ports.address(&lease), state);
                    ports.give_back(now, lease, end);
                }
            }
            _ => {}
        }
        let counts = ports.counts(to);
        let sum = counts.in_use + counts.free + counts.recyclable + counts.waiting + counts.aside;
        if sum as usize != all || counts.in_use as usize != held.len() {
            return Err(format!("step {step}: {counts:?} do not add up to {all}"));
        }
    }
    Ok(())
}

#[test]
fn never_a_port_twice_never_too_early_never_none_when_one_is_free() {
    let replay = Replay {
        package: "ports",
        target: "--test choice",
        test: "never_a_port_twice_never_too_early_never_none_when_one_is_free",
    };
    sweep(replay, 300, walk);
}
