//! Where connections start: tables of what is chosen, and by seed that no 4-tuple is ever handed out twice.

use ports::allocator::{NoPort, SET_ASIDE};
use ports::sources::TRIES_MAX;
use ports::{
    ClosedFirst, Fault, FaultKind, Lease, PortEnd, PortRange, PortSet, SetError, Source, SourceSet, Sources, Target,
    Tries,
};
use seed::Rng;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use testkit::{Replay, sweep};

const NOW: Duration = Duration::from_secs(1);
const SERVER: &str = "192.0.2.1:80";
const SERVER_6: &str = "[2001:db8::1]:80";

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|address| address.parse().expect("an address")).collect()
}

fn range(low: u16, high: u16) -> PortRange {
    PortRange::new(low, high).expect("a range")
}

fn kernel(list: &[&str]) -> SourceSet {
    SourceSet::Kernel { addresses: addresses(list), range: None }
}

fn own(list: &[&str], low: u16, high: u16) -> SourceSet {
    SourceSet::Own(PortSet::new(addresses(list), range(low, high)).expect("a set"))
}

fn target(sources: &mut Sources, address: &str) -> Target {
    sources.target(address.parse::<SocketAddr>().expect("an address")).expect("few targets")
}

/// What three connects to each of `targets` in turn start from; an address without a port is one the kernel completes.
#[track_caller]
fn check_starts(set: SourceSet, targets: &[&str], expect: &[&str]) {
    let mut sources = Sources::new(set);
    let mut seen = Vec::new();
    for _ in 0..3 {
        for address in targets {
            let to = target(&mut sources, address);
            seen.push(match sources.choose(NOW, to).map(|start| start.source) {
                Ok(Source::Kernel) => "kernel".to_owned(),
                Ok(Source::Address(address)) => address.to_string(),
                Ok(Source::Exact(address)) => address.to_string(),
                Err(why) => why.to_string(),
            });
        }
    }
    assert_eq!(seen, expect);
}

#[test]
fn each_way_of_choosing() {
    check_starts(SourceSet::default(), &[SERVER], &["kernel"; 3]);
    check_starts(kernel(&["10.0.0.1", "10.0.0.2"]), &[SERVER], &["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    check_starts(kernel(&["10.0.0.1"]), &[SERVER_6], &["kernel"; 3]);
    check_starts(
        own(&["10.0.0.1", "10.0.0.2"], 100, 199),
        &[SERVER],
        &["10.0.0.1:100", "10.0.0.2:100", "10.0.0.1:101"],
    );
    check_starts(own(&["10.0.0.1"], 100, 199), &[SERVER_6], &["no source address of the destination's family"; 3]);
    let any = SourceSet::Own(PortSet::any_address(range(100, 101)));
    let none_left = "every source port is in use by a live connection";
    let both = ["0.0.0.0:100", "[::]:100", "0.0.0.0:101", "[::]:101", none_left, none_left];
    check_starts(any, &[SERVER, SERVER_6], &both);
}

#[test]
fn families_take_turns_of_their_own() {
    let set = kernel(&["10.0.0.1", "::1", "10.0.0.2", "::2"]);
    check_starts(set, &[SERVER, SERVER_6], &["10.0.0.1", "::1", "10.0.0.2", "::2", "10.0.0.1", "::1"]);
}

#[test]
fn only_the_kernels_choice_is_bounded_by_a_range() {
    let mut sources = Sources::new(SourceSet::Kernel { addresses: Vec::new(), range: Some(range(5, 9)) });
    let to = target(&mut sources, SERVER);
    assert_eq!(sources.choose(NOW, to).map(|start| start.range), Ok(Some(range(5, 9))));
    let mut sources = Sources::new(own(&["10.0.0.1"], 5, 9));
    let to = target(&mut sources, SERVER);
    assert_eq!(sources.choose(NOW, to).map(|start| start.range), Ok(None));
}

#[test]
fn shares_have_no_port_in_common_and_begin_with_different_addresses() {
    let first = |set: &SourceSet, index| {
        let mut sources = Sources::new(set.share(index, 2).expect("enough ports"));
        let to = target(&mut sources, SERVER);
        sources.choose(NOW, to).expect("a port").source
    };
    let set = own(&["10.0.0.1"], 100, 199);
    let exact = |port| Source::Exact(SocketAddr::from(([10, 0, 0, 1], port)));
    assert_eq!((first(&set, 0), first(&set, 1)), (exact(100), exact(150)));
    let set = kernel(&["10.0.0.1", "10.0.0.2"]);
    let address = |last| Source::Address(IpAddr::from([10, 0, 0, last]));
    assert_eq!((first(&set, 0), first(&set, 1)), (address(1), address(2)));
    assert_eq!(SourceSet::default().share(7, 8), Ok(SourceSet::default()));
}

/// A range smaller than the workers once meant that the kernel chose, and nobody was told.
#[test]
fn what_cannot_be_shared_is_an_error_and_no_other_choice() {
    let set = own(&["10.0.0.1"], 100, 102);
    assert_eq!(set.share(0, 4), Err(SetError::TooFewPorts { ports: 3, parts: 4 }));
    assert_eq!(set.share(3, 3), Err(SetError::TooFewPorts { ports: 3, parts: 4 }), "no such share");
}

/// Connects that `fault` ends at once, until no other starting point may be tried.
#[track_caller]
fn check_tries(set: SourceSet, to: &str, fault: FaultKind, expect: u16) {
    let mut sources = Sources::new(set);
    let to = target(&mut sources, to);
    let (mut tries, mut made) = (Tries::default(), 0);
    loop {
        made += 1;
        let Ok(start) = sources.choose(NOW, to) else { break };
        if !sources.connect_failed(NOW, to, start.lease, Fault::of(fault), &mut tries) {
            break;
        }
    }
    assert_eq!((made, sources.leases_out()), (expect, 0));
}

#[test]
fn tries_are_bounded() {
    use FaultKind::{Files, Ports, Refused};
    check_tries(own(&["10.0.0.1"], 1000, 9999), SERVER, Ports, TRIES_MAX);
    check_tries(own(&["10.0.0.1"], 100, 102), SERVER, Ports, 4);
    check_tries(own(&["10.0.0.1"], 100, 102), SERVER, Refused, 1);
    check_tries(kernel(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]), SERVER, Ports, 3);
    check_tries(kernel(&["10.0.0.1", "::1", "::2"]), SERVER, Ports, 1);
    check_tries(kernel(&["10.0.0.1", "10.0.0.2"]), SERVER, Files, 1);
    check_tries(SourceSet::default(), SERVER, Ports, 1);
}

#[test]
fn a_refused_port_is_set_aside_an_unused_one_is_not() {
    let mut sources = Sources::new(own(&["10.0.0.1"], 100, 100));
    let to = target(&mut sources, SERVER);
    let unused = sources.choose(NOW, to).expect("a port").lease;
    sources.return_unused(NOW, unused);
    let refused = sources.choose(NOW, to).expect("the same port").lease;
    assert!(sources.refused(NOW, to, refused, &mut Tries::default()));
    let why = sources.choose(NOW, to).expect_err("set aside");
    assert_eq!(why, NoPort::AllRefused { free_at: NOW + SET_ASIDE });
}

/// A request ends by the configuration it began with: it may start to a server that is in no set any more.
#[test]
fn a_forgotten_target_can_still_be_connected_to() {
    let mut sources = Sources::new(own(&["10.0.0.1"], 100, 101));
    let to = target(&mut sources, SERVER);
    let before = sources.choose(NOW, to).expect("a port").lease;
    sources.forget(to);
    let during = sources.choose(NOW, to).expect("the other port").lease;
    assert_eq!(sources.choose(NOW, to).expect_err("no third"), NoPort::AllInUse);
    sources.return_unused(NOW, before);
    sources.return_unused(NOW, during);
    assert_eq!(sources.allocator().map(|ports| ports.destinations()), Some(0));
    let after = sources.choose(NOW, to).expect("known for this once").lease;
    assert_eq!(sources.allocator().map(|ports| ports.destinations()), Some(1));
    sources.return_unused(NOW, after);
    assert_eq!(sources.allocator().map(|ports| ports.destinations()), Some(0));
}

/// A connection of the walk.
struct Held {
    lease: Option<Lease>,
    tuple: (SocketAddr, SocketAddr),
    to: Target,
}

struct Walk {
    rng: Rng,
    sources: Sources,
    targets: Vec<Target>,
    held: Vec<Held>,
    tuples: BTreeSet<(SocketAddr, SocketAddr)>,
    now: Duration,
    /// 4-tuples there are: from two sources to each of three targets, from one to the fourth.
    all: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let high = 100 + rng.range(0, 8) as u16;
        let mut sources = Sources::new(own(&["10.0.0.1", "10.0.0.2", "fd00::1"], 100, high));
        let servers = [SERVER, "192.0.2.1:81", "192.0.2.2:80", SERVER_6];
        let targets = servers.map(|server| target(&mut sources, server)).to_vec();
        Self {
            rng,
            sources,
            targets,
            held: Vec::new(),
            tuples: BTreeSet::new(),
            now: NOW,
            all: usize::from(high - 99) * 7,
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += Duration::from_millis(self.rng.range(0, 2000));
        match self.rng.range(0, 20) {
            0..=11 => {
                let to = *self.rng.pick(&self.targets);
                self.connect(to)?;
            }
            12 => self.forget(),
            13 => self.name_again(),
            _ if self.held.is_empty() => {}
            _ => self.end(),
        }
        self.check()
    }

    /// Whether there was a port to start from.
    fn connect(&mut self, to: Target) -> Result<bool, String> {
        let Ok(start) = self.sources.choose(self.now, to) else { return Ok(false) };
        let Source::Exact(local) = start.source else { return Err(format!("{start:?} is not ours")) };
        let tuple = (local, to.address().ip().expect("of the Internet's families"));
        if !self.tuples.insert(tuple) {
            return Err(format!("{tuple:?} is handed out twice"));
        }
        self.held.push(Held { lease: start.lease, tuple, to });
        Ok(true)
    }

    fn forget(&mut self) {
        let to = *self.rng.pick(&self.targets);
        self.sources.forget(to);
    }

    fn name_again(&mut self) {
        let at = self.rng.index(self.targets.len());
        self.targets[at] = self.sources.target(self.targets[at].address()).expect("few targets");
    }

    fn end(&mut self) {
        let at = self.rng.index(self.held.len());
        let Held { lease, tuple, to } = self.held.swap_remove(at);
        self.tuples.remove(&tuple);
        let (now, sources) = (self.now, &mut self.sources);
        match self.rng.range(0, 4) {
            0 => sources.return_unused(now, lease),
            1 => assert!(sources.refused(now, to, lease, &mut Tries::default())),
            _ => {
                let closed_first = Some(*self.rng.pick(&ClosedFirst::ALL));
                sources.give_back(now, lease, PortEnd { closed_first, timestamps: self.rng.chance(0.5) });
            }
        }
    }

    /// Leases out are the connections held, and with what is free they are all there are.
    fn check(&mut self) -> Result<(), String> {
        if self.sources.leases_out() != self.held.len() {
            return Err(format!("{} leases out, {} held", self.sources.leases_out(), self.held.len()));
        }
        let ports = self.sources.allocator().ok_or("the ports are our own")?;
        if ports.destinations() > self.targets.len() {
            return Err(format!("{} destinations of {}", ports.destinations(), self.targets.len()));
        }
        Ok(())
    }

    /// Everybody goes: every 4-tuple can be had again.
    fn finish(mut self) -> Result<(), String> {
        while !self.held.is_empty() {
            self.end();
        }
        self.check()?;
        self.now += Duration::from_secs(600);
        for at in 0..self.targets.len() {
            self.targets[at] = self.sources.target(self.targets[at].address()).expect("few targets");
        }
        for to in self.targets.clone() {
            while self.connect(to)? {}
        }
        if self.tuples.len() == self.all {
            Ok(())
        } else {
            Err(format!("{} of {} are left", self.tuples.len(), self.all))
        }
    }
}

fn walk(seed: u64) -> Result<(), String> {
    let mut walk = Walk::new(seed);
    (0..600).try_for_each(|step| walk.step().map_err(|why| format!("step {step}: {why}")))?;
    walk.finish()
}

#[test]
fn no_4_tuple_is_handed_out_twice_and_none_is_lost() {
    let test = "no_4_tuple_is_handed_out_twice_and_none_is_lost";
    sweep(Replay { package: "ports", target: "--test choice", test }, 300, walk);
}

/// A socket file takes no port, whoever chooses them, and never runs out of any.
#[test]
fn a_socket_file_costs_no_port() {
    let path = ports::UnixPath::new("/run/app.sock").expect("a path");
    for set in [own(&["10.0.0.1"], 40_000, 40_003), SourceSet::default()] {
        let mut sources = Sources::new(set);
        let target = sources.target(path).expect("no destination");
        for _ in 0..1000 {
            let start = sources.choose(Duration::ZERO, target).expect("nothing to choose");
            assert_eq!((start.source, start.range, start.lease.is_none()), (Source::Kernel, None, true));
        }
        assert_eq!((sources.leases_out(), sources.tuples(target, 28_000)), (0, u64::MAX));
        sources.forget(target);
    }
}
