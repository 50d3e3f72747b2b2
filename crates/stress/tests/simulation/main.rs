//! The tester over the simulated network: against the origin, every close policy, any seed; and against a house whose every
//! deed is known, where what it tells is exact.
//!
//! ```text
//! house.rs     the server whose deeds, and the time of each, are said
//! told.rs      a run against it, and what has to come of that
//! answers.rs   framings and closes          failures.rs  what fails, and as what
//! by_hand.rs   turned up and down while it goes on, and what is told meanwhile
//! times.rs     rates, latencies, percentiles     ports_last.rs  how long ports last
//! ways.rs      redirects, several in flight
//! ```

mod answers;
mod by_hand;
mod failures;
mod house;
mod ports_last;
mod times;
mod told;
mod ways;

use origin::{Origin, OriginPlan};
use ports::{ClosedFirst, PortRange, PortSet, SourceSet};
use reactor::{Inbox, mailbox};
use reactor_sim::{Goal, HostConfig, Injected, Limits, Player, SimNet, SimReactor, Weather, run_until};
use seed::Rng;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use stress::{Order, Share, Tester};
use stress_core::{
    ClosePolicy, Course, Crowd, CrowdPhase, ErrorKind, LoadDraft, Oddity, Pace, Phase, Plan, PlanDraft, PortMode, Rate,
    Spread, Tally,
};
use testkit::{Replay, sweep};

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];

fn target() -> SocketAddr {
    SocketAddr::from((SERVER, 80))
}

/// How a run went.
struct Seen {
    tally: Tally,
    injected: Injected,
    /// Requests the origin answered.
    answered: u64,
    /// When the tester was done.
    done_at: Duration,
    /// TIME_WAITs on the tester's host after the run.
    time_waits: usize,
    log_hash: u64,
}

/// Runs `plan` to its end over a network of this weather; checks that nothing is left behind.
fn simulate(plan: &Plan, rng: &mut Rng, weather: Weather, client: HostConfig) -> Result<Seen, String> {
    let net = SimNet::new(rng.fork(), weather);
    let range = PortRange::new(client.ports.0, client.ports.1).expect("a good range");
    let mut client_io = net.host(&[IpAddr::from(CLIENT)], client);
    let mut server_io = net.host(&[IpAddr::from(SERVER)], HostConfig::default());
    let (origin_orders, inbox) = mailbox(1, None);
    let mut origin = Origin::new(OriginPlan::new(target()), inbox);
    let own = PortSet::new(vec![IpAddr::from(CLIENT)], range).expect("a good set");
    let mut share = Share::whole(plan, target());
    if plan.ports == PortMode::Own {
        share.sources = SourceSet::Own(own);
    }
    let mut tester = Tester::new(plan, share, Inbox::silent());
    let mut players = [
        Player { name: "origin", app: &mut origin, io: &mut server_io },
        Player { name: "tester", app: &mut tester, io: &mut client_io },
    ];
    run_until(&net, &mut players, Limits::default(), Goal::Done(1))?;
    let done_at = net.now();
    // The last FINs are on their way.
    run_until(&net, &mut players, Limits::default(), Goal::Time(net.now() + Duration::from_secs(1)))?;
    let time_waits = players[1].io.time_waits();
    origin_orders.close();
    players[0].io.wake();
    run_until(&net, &mut players, Limits::default(), Goal::AllDone)?;
    let (answered, tally) = (origin.counters().requests, tester.into_tally());
    drop(origin);
    net.settle();
    net.check_clean()?;
    Ok(Seen { tally, injected: net.injected(), answered, done_at, time_waits, log_hash: net.log_hash() })
}

fn random_body(rng: &mut Rng) -> Vec<u8> {
    let len = rng.index(40_000);
    rng.bytes(len)
}

/// Never so slow that the origin takes a connection for idle.
fn random_pace(rng: &mut Rng) -> Pace {
    if rng.chance(0.6) {
        return Pace::Closed;
    }
    Pace::Open(per_s(rng.range(50, 5000)), *rng.pick(&Spread::ALL))
}

fn per_s(requests: u64) -> Rate {
    Rate::new(requests, Duration::from_secs(1)).expect("a rate")
}

fn random_plan(rng: &mut Rng) -> Plan {
    let path =
        *rng.pick(&["/", "/bytes/0", "/bytes/1", "/bytes/70000", "/chunked/900", "/status/404", "/delay/30", "/echo"]);
    let body = if path == "/echo" { random_body(rng) } else { Vec::new() };
    let draft = PlanDraft {
        connections: 1 + rng.range(0, 8) as u32,
        pace: random_pace(rng),
        requests: Some(1 + rng.range(0, 60)),
        close: *rng.pick(&ClosePolicy::ALL),
        ports: *rng.pick(&[PortMode::Kernel, PortMode::Own]),
        timeout: Duration::from_secs(120),
        body,
        ..PlanDraft::new(format!("http://{}{path}", target()))
    };
    draft.check().expect("a good draft")
}

/// What holds in every weather.
fn check_sums(plan: &Plan, seen: &Seen) -> Result<(), String> {
    let tally = &seen.tally;
    let (ok, failed) = (tally.ok, tally.failed());
    if Some(tally.due()) != plan.requests || tally.due() != ok + failed + tally.not_sent {
        return Err(format!("{ok} ok, {failed} failed, {} not sent of {:?}", tally.not_sent, plan.requests));
    }
    if tally.closed.total() != tally.connects_opened {
        return Err(format!("{} connections, {:?}", tally.connects_opened, tally.closed));
    }
    if seen.answered < ok {
        return Err(format!("{ok} responses, but {} requests reached the origin", seen.answered));
    }
    if tally.statuses().map(|(_, count)| count).sum::<u64>() != ok || tally.latency.count() != ok {
        return Err("statuses and latencies do not add up".to_owned());
    }
    Ok(())
}

fn fair(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let plan = random_plan(&mut rng);
    let weather = Weather::fair(&mut rng);
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
    check_sums(&plan, &seen)?;
    let (ok, closed) = (seen.tally.ok, &seen.tally.closed);
    if Some(ok) != plan.requests {
        return Err(format!("{plan:?}: only {ok} of {:?}: {:?}", plan.requests, seen.tally.faults()));
    }
    let (who, count) = match plan.close {
        ClosePolicy::Keep => (ClosedFirst::OurFin, seen.tally.connects_opened),
        ClosePolicy::Wait => (ClosedFirst::PeerFin, ok),
        ClosePolicy::Fin | ClosePolicy::Half => (ClosedFirst::OurFin, ok),
        ClosePolicy::Rst => (ClosedFirst::RstSent, ok - seen.tally.oddities(Oddity::ResetUnsafe)),
    };
    if closed.count(who) != count {
        return Err(format!("{:?}: {count} should have ended by {who:?}: {closed:?}", plan.close));
    }
    if plan.close == ClosePolicy::Keep && seen.tally.connects_opened > u64::from(plan.connections) {
        return Err(format!("{} connections opened", seen.tally.connects_opened));
    }
    Ok(())
}

fn rough(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let plan = random_plan(&mut rng);
    // Without a buffer for its request a tester cannot start at all.
    let weather = Weather { no_buffers: 0.0, ..Weather::rough(&mut rng) };
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
    check_sums(&plan, &seen)?;
    let failed = seen.tally.failed();
    if failed > 0 && seen.injected.harmful() == 0 {
        return Err(format!("{failed} failed, but nothing happened: {:?}", seen.tally.faults()));
    }
    for kind in [ErrorKind::ClientPorts, ErrorKind::Http, ErrorKind::ClientMemory, ErrorKind::Unreachable] {
        if seen.tally.errors(kind) > 0 {
            return Err(format!("{} cannot happen here", kind.name()));
        }
    }
    Ok(())
}

/// A run by time ends in time, whatever the weather: what is in flight gets no more than the drain.
fn timed(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let mut plan = random_plan(&mut rng);
    let (duration, drain) = (Duration::from_millis(rng.range(1, 100)), Duration::from_millis(rng.range(0, 2000)));
    (plan.requests, plan.duration, plan.drain) = (None, Some(duration), drain);
    let weather = Weather { no_buffers: 0.0, ..Weather::rough(&mut rng) };
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
    let tally = &seen.tally;
    if tally.closed.total() != tally.connects_opened {
        return Err(format!("{} connections, {:?}", tally.connects_opened, tally.closed));
    }
    let late = seen.done_at.saturating_sub(duration + drain);
    if late > Duration::from_millis(100) {
        return Err(format!("{late:?} late: duration {duration:?}, drain {drain:?}"));
    }
    if tally.elapsed > seen.done_at || tally.elapsed < duration {
        return Err(format!("counted until {:?} of {duration:?}, done at {:?}", tally.elapsed, seen.done_at));
    }
    Ok(())
}

fn here(test: &'static str) -> Replay {
    Replay { package: "stress", target: "--test simulation", test }
}

#[test]
fn in_fair_weather_nothing_fails() {
    sweep(here("in_fair_weather_nothing_fails"), 150, fair);
}

#[test]
fn in_rough_weather_every_failure_has_a_cause() {
    sweep(here("in_rough_weather_every_failure_has_a_cause"), 150, rough);
}

#[test]
fn a_timed_run_ends_in_time() {
    sweep(here("a_timed_run_ends_in_time"), 60, timed);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash = |seed| {
        let mut rng = Rng::new(seed);
        let plan = random_plan(&mut rng);
        let weather = Weather { no_buffers: 0.0, ..Weather::rough(&mut rng) };
        simulate(&plan, &mut rng, weather, HostConfig::default()).map(|seen| seen.log_hash)
    };
    for seed in 0..20 {
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
    }
}

/// What the kernel does not tell is no reason to throw a request away: who may not reset closes by FIN.
#[test]
fn nothing_is_reset_where_it_cannot_be_told_what_is_unacknowledged() {
    let mut rng = Rng::new(3);
    let draft =
        PlanDraft { requests: Some(20), close: ClosePolicy::Rst, ..PlanDraft::new(format!("http://{}/", target())) };
    let client = HostConfig { tells_unacknowledged: false, ..HostConfig::default() };
    let weather = Weather::fair(&mut rng);
    let seen = simulate(&draft.check().expect("a good draft"), &mut rng, weather, client).expect("a clean run");
    assert_eq!((seen.tally.ok, seen.tally.oddities(Oddity::ResetUnsafe)), (20, 20));
    assert_eq!((seen.tally.closed.count(ClosedFirst::OurFin), seen.tally.closed.count(ClosedFirst::RstSent)), (20, 0));
}

#[test]
fn a_tester_says_how_far_it_is_and_stops_when_told() {
    let mut rng = Rng::new(11);
    let weather = Weather::fair(&mut rng);
    let net = SimNet::new(rng, weather);
    let (mut client_io, mut server_io) =
        (net.host(&[CLIENT.into()], HostConfig::default()), net.host(&[SERVER.into()], HostConfig::default()));
    let mut origin = Origin::new(OriginPlan::new(target()), Inbox::silent());
    let endless =
        PlanDraft { duration: Some(Duration::from_secs(3600)), ..PlanDraft::new(format!("http://{}/", target())) };
    let plan = endless.check().expect("a good draft");
    let (outbox, inbox) = mailbox(2, None);
    let mut tester = Tester::new(&plan, Share::whole(&plan, target()), inbox);
    let answer = outbox.ask(Order::Report).expect("there is room");
    let mut run = |io: &mut SimReactor, goal| {
        let mut players = [
            Player { name: "tester", app: &mut tester, io },
            Player { name: "origin", app: &mut origin, io: &mut server_io },
        ];
        run_until(&net, &mut players, Limits::default(), goal).expect("a clean run");
        net.now()
    };
    run(&mut client_io, Goal::Time(Duration::from_secs(1)));
    client_io.wake();
    let asked_at = run(&mut client_io, Goal::Time(Duration::from_secs(2)));
    let counts = answer.wait(Duration::ZERO).expect("answered when woken").counts;
    assert!(counts.ok > 0 && counts.opened == 50 && counts.failed == 0, "{counts:?}");
    outbox.post(Order::Stop).expect("there is room");
    client_io.wake();
    let done_at = run(&mut client_io, Goal::Done(0));
    assert!(done_at < asked_at + Duration::from_secs(5), "{done_at:?}");
    let tally = tester.into_tally();
    assert!(tally.ok >= counts.ok && tally.failed() == 0, "{} ok", tally.ok);
}

/// One connection here and two there, 30 requests of 100 ms: ten rounds, whoever makes them.
#[test]
fn connections_are_kept_busy_whatever_the_threads() {
    let mut rng = Rng::new(5);
    let weather = Weather::fair(&mut rng);
    let net = SimNet::new(rng, weather);
    let (address, other) = ([10, 0, 0, 3], HostConfig::default());
    let mut ios = [net.host(&[CLIENT.into()], HostConfig::default()), net.host(&[IpAddr::from(address)], other)];
    let mut server_io = net.host(&[SERVER.into()], HostConfig::default());
    let mut origin = Origin::new(OriginPlan::new(target()), Inbox::silent());
    let draft = PlanDraft::new(format!("http://{}/delay/100", target()));
    let plan = PlanDraft { connections: 3, requests: Some(30), ..draft }.check().expect("a good draft");
    let whole = Share::whole(&plan, target());
    let share = |connections| Share { connections, ..whole.clone() };
    let mut testers = [1, 2].map(|connections| Tester::new(&plan, share(connections), Inbox::silent()));
    let ([one, two], [one_io, two_io]) = (&mut testers, &mut ios);
    let mut players = [
        Player { name: "origin", app: &mut origin, io: &mut server_io },
        Player { name: "one", app: one, io: one_io },
        Player { name: "two", app: two, io: two_io },
    ];
    for tester in [1, 2] {
        run_until(&net, &mut players, Limits::default(), Goal::Done(tester)).expect("a clean run");
    }
    let done: Vec<u64> = testers.iter().map(|tester| tester.tally().ok).collect();
    assert_eq!(done.iter().sum::<u64>(), 30, "{done:?}");
    // Eleven rounds and the weather's delays; a fixed half for each would take fifteen.
    assert!(done[0] <= 11 && net.now() < Duration::from_millis(1400), "{done:?} in {:?}", net.now());
}

/// Whatever the pace: requests of the warm-up are counted apart, and all others are there.
fn warmed_up(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let secs = Duration::from_secs;
    let (warm_up, lasts) = (secs(rng.range(1, 4)), secs(rng.range(1, 4)));
    let phases = [Phase::even(lasts, 200.0)];
    let course = rng.chance(0.5).then(|| Course::phases(&phases).expect("a course"));
    let pace = if course.is_some() { Pace::Closed } else { Pace::Open(per_s(200), Spread::Constant) };
    let load = LoadDraft { course, warm_up, ..LoadDraft::default() };
    let draft = PlanDraft {
        connections: 8,
        pace,
        load,
        duration: Some(lasts),
        ..PlanDraft::new(format!("http://{}/", target()))
    };
    let plan = draft.check().map_err(|why| why.to_string())?;
    let weather = Weather::fair(&mut rng);
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
    let (tally, expect) = (&seen.tally, (200 * warm_up.as_secs(), 200 * lasts.as_secs()));
    if (tally.warm_up, tally.due()) != expect || tally.latency.count() != tally.ok {
        return Err(format!("{} and {}, not {expect:?}", tally.warm_up, tally.due()));
    }
    let longest = lasts + Duration::from_secs(1);
    let is_so_long = (lasts..longest).contains(&tally.elapsed);
    if is_so_long { Ok(()) } else { Err(format!("{:?} of {lasts:?}", tally.elapsed)) }
}

#[test]
fn a_warm_up_is_in_no_figure() {
    sweep(here("a_warm_up_is_in_no_figure"), 40, warmed_up);
}

/// Connections that come and go: never more than there may be, and all of them in the end.
fn crowded(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let phase = |rng: &mut Rng| CrowdPhase {
        lasts: Duration::from_millis(rng.range(50, 1000)),
        from: rng.range(0, 12) as u32,
        to: rng.range(0, 12) as u32,
    };
    let phases: Vec<CrowdPhase> = (0..1 + rng.index(4)).map(|_| phase(&mut rng)).collect();
    let Ok(crowd) = Crowd::new(&phases) else { return Ok(()) };
    let load = LoadDraft { crowd: Some(crowd.clone()), ..LoadDraft::default() };
    let plan = PlanDraft { load, ..PlanDraft::new(format!("http://{}/delay/10", target())) };
    let plan = plan.check().map_err(|why| why.to_string())?;
    if (plan.connections, plan.duration) != (crowd.most(), Some(crowd.lasts())) {
        return Err(format!("{} for {:?}", plan.connections, plan.duration));
    }
    let weather = Weather::fair(&mut rng);
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
    let tally = &seen.tally;
    // Requests take 10 ms or longer: so many places at a time make no more than this.
    let places: f64 = phases.iter().map(|one| f64::from(one.from + one.to) / 2.0 * one.lasts.as_secs_f64()).sum();
    let most = places * 100.0 + f64::from(crowd.most()) * (phases.len() + 1) as f64;
    if tally.failed() > 0 || tally.ok as f64 > most || tally.closed.total() != tally.connects_opened {
        return Err(format!("{} of {most}, {} failed, {:?}: {phases:?}", tally.ok, tally.failed(), tally.closed));
    }
    let (at_begin, _) = crowd.at(Duration::ZERO);
    let expect = u64::from(at_begin > 0 && phases[0].lasts > Duration::from_millis(900));
    if tally.ok < expect { Err(format!("nothing was done: {phases:?}")) } else { Ok(()) }
}

#[test]
fn connections_come_and_go() {
    sweep(here("connections_come_and_go"), 60, crowded);
}
