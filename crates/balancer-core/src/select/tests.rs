//! Who is picked: tables for each rule, and seeded scenes of several workers with one set of servers.

mod keys;

use super::*;
use Standing::*;
use seed::Rng;
use std::net::SocketAddr;
use std::time::Duration;

/// Servers as a test wants them.
#[derive(Clone, Debug)]
struct Stands {
    standings: Vec<Standing>,
    in_flight: Vec<u32>,
    latencies: Vec<Option<u32>>,
    ramps: Vec<u32>,
}

impl Stands {
    fn well(servers: usize) -> Self {
        Self::of(&vec![Well; servers])
    }

    fn of(standings: &[Standing]) -> Self {
        let len = standings.len();
        let (standings, in_flight) = (standings.to_vec(), vec![0; len]);
        Self { standings, in_flight, latencies: vec![None; len], ramps: vec![RAMP_FULL; len] }
    }
}

impl Field for Stands {
    fn standing(&self, server: usize) -> Standing {
        self.standings.get(server).copied().unwrap_or(Well)
    }

    fn in_flight(&self, server: usize) -> u32 {
        self.in_flight.get(server).copied().unwrap_or(0)
    }

    fn latency(&self, server: usize) -> Option<u32> {
        self.latencies.get(server).copied().flatten()
    }

    fn ramp(&self, server: usize) -> u32 {
        self.ramps.get(server).copied().unwrap_or(RAMP_FULL)
    }
}

impl Selection {
    /// Where nobody is full.
    fn picked(&mut self, ask: Ask, field: &impl Field) -> Option<Pick> {
        match self.pick(ask, field) {
            Choice::Server(pick) => Some(pick),
            Choice::Nobody => None,
            Choice::Full => panic!("nobody is full"),
        }
    }
}

fn server(index: usize, weight: u32) -> ServerSettings {
    ServerSettings { weight, ..ServerSettings::new(SocketAddr::from(([127, 0, 0, 1], index as u16 + 1))) }
}

fn table(weights: &[u32]) -> Maglev {
    let names: Vec<_> = (0..weights.len()).map(|index| format!("10.0.0.1:{index}")).collect();
    Maglev::build(names.iter().map(String::as_bytes).zip(weights.iter().copied()))
}

fn by(balance: Balance, weights: &[u32], start: u32) -> Selection {
    let servers: Vec<_> = weights.iter().enumerate().map(|(index, weight)| server(index, *weight)).collect();
    let mut selection = Selection::new(&SelectionRules { balance, ..SelectionRules::default() }, &servers, start);
    selection.set_table(Arc::new(table(weights)), (0..weights.len()).collect());
    selection
}

fn set(weights: &[u32]) -> Selection {
    by(Balance::RoundRobin, weights, 0)
}

/// Whose turn it is while all are well.
fn turn(selection: &mut Selection, not: Option<usize>) -> Option<usize> {
    selection.picked(Ask { not, key: None }, &Stands::well(0)).map(|pick| pick.server)
}

fn check(balance: Balance, weights: &[u32], expect: &[usize]) {
    let mut selection = by(balance, weights, 0);
    let got: Vec<_> = expect.iter().map(|_| turn(&mut selection, None).expect("somebody")).collect();
    assert_eq!(got, expect, "{balance}, weights {weights:?}");
}

#[test]
fn turns_follow_the_weights_smoothly() {
    let check = |weights: &[u32], expect: &[usize]| check(Balance::RoundRobin, weights, expect);
    check(&[1], &[0, 0, 0]);
    check(&[1, 1], &[0, 1, 0, 1]);
    check(&[1, 2], &[1, 0, 1, 1, 0, 1]);
    check(&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]);
}

/// Forty turns among servers that stand so, with one of them ruled out: who had one.
fn check_turns(standings: &[Standing], not: Option<usize>, expect: &[usize]) {
    for balance in Balance::ALL {
        let mut selection = by(balance, &vec![1; standings.len()], 0);
        let field = Stands::of(standings);
        let picks = (0..40).filter_map(|key| selection.picked(Ask { not, key: Some(key) }, &field));
        let mut turns: Vec<_> = picks
            .inspect(|pick| assert_eq!(pick.in_need, !standings[pick.server].is_asked(), "{balance} {standings:?}"))
            .map(|pick| pick.server)
            .collect();
        turns.sort_unstable();
        turns.dedup();
        assert_eq!(turns, expect, "{balance}: {standings:?} without {not:?}");
    }
}

#[test]
fn those_aside_are_passed_over_while_another_is_left() {
    check_turns(&[Well, Well, Due], None, &[0, 1, 2]);
    check_turns(&[Well, Aside], None, &[0]);
    check_turns(&[Due, Aside], None, &[0]);
    check_turns(&[Aside, Aside], None, &[0, 1]);
    check_turns(&[Aside, Portless], None, &[0]);
    check_turns(&[Portless, Portless], None, &[0, 1]);
}

#[test]
fn the_one_that_failed_is_not_tried_again_at_once() {
    check_turns(&[Well, Well, Well], Some(1), &[0, 2]);
    check_turns(&[Aside, Well, Aside], Some(1), &[0, 2]);
    check_turns(&[Portless, Well, Aside], Some(1), &[2]);
    check_turns(&[Portless, Well], Some(1), &[]);
    check_turns(&[Well], Some(0), &[]);
}

#[test]
fn another_that_is_well_is_known() {
    let selection = set(&[1, 1, 1]);
    assert!(selection.has_other(0, &Stands::of(&[Aside, Aside, Well])));
    assert!(!selection.has_other(2, &Stands::of(&[Due, Due, Well])));
}

#[test]
fn servers_come_and_go_in_the_middle_of_the_turn() {
    let mut selection = set(&[1, 1]);
    assert_eq!(turn(&mut selection, None), Some(0));
    selection.set_server(3, &server(3, 2));
    let four: Vec<_> = (0..4).filter_map(|_| turn(&mut selection, None)).collect();
    assert_eq!(four, [1, 3, 0, 3], "the one whose turn it was is not forgotten");
    selection.remove_server(3);
    selection.set_server(0, &server(0, 0));
    assert!((0..4).all(|_| turn(&mut selection, None) == Some(1)));
    assert_eq!(turn(&mut selection, Some(1)), None, "there is no other");
    selection.remove_server(1);
    assert_eq!(turn(&mut selection, None), None);
}

#[test]
fn sixteen_workers_do_not_all_begin_with_the_first() {
    let first = |worker| turn(&mut by(Balance::RoundRobin, &[1, 1], worker), None);
    let firsts = (0..16).filter(|worker| first(*worker) == Some(0)).count();
    assert_eq!(firsts, 8);
    assert_eq!(turn(&mut by(Balance::RoundRobin, &[], 3), None), None);
}

/// Who is picked where servers of these weights have so much under way, in so many picks that change nothing.
fn check_least(weights: &[u32], in_flight: &[u32], expect: &[usize]) {
    let mut selection = by(Balance::LeastConnections, weights, 0);
    let field = Stands { in_flight: in_flight.to_vec(), ..Stands::well(weights.len()) };
    let got: Vec<_> =
        expect.iter().filter_map(|_| selection.picked(Ask::default(), &field)).map(|pick| pick.server).collect();
    assert_eq!(got, expect, "weights {weights:?}, in flight {in_flight:?}");
}

#[test]
fn whoever_has_the_least_to_do_for_its_weight_is_next() {
    check_least(&[1, 1, 1], &[3, 1, 2], &[1, 1]);
    check_least(&[1, 1, 1], &[1, 1, 2], &[0, 1, 0, 1]);
    check_least(&[1, 4], &[1, 2], &[1, 1]);
    check_least(&[1, 4], &[1, 4], &[1, 1, 0, 1, 1]);
    check_least(&[1, 4], &[1, 5], &[0, 0]);
    // Who has nothing to do has nothing to do: it is a turn by weight.
    check_least(&[1, 4], &[0, 1], &[0, 0]);
    check_least(&[2, 1], &[0, 0], &[0, 1, 0, 0, 1, 0]);
    check_least(&[1, 3], &[0, 0], &[1, 0, 1, 1, 1, 0, 1, 1]);
    check_least(&[0, 1], &[0, 1000], &[1, 1]);
}

/// Requests come and go at random at several workers, which share nothing but the counts: no server ever has more to do
/// than another by more than one request for its weight.
#[test]
fn least_connections_is_right_over_four_workers() {
    testkit::sweep(replay("least_connections_is_right_over_four_workers"), 100, |seed| {
        let mut rng = Rng::new(seed);
        let weights: Vec<u32> = (0..rng.range(2, 6)).map(|_| rng.range(1, 4) as u32).collect();
        let mut workers: Vec<_> = (0..4).map(|worker| by(Balance::LeastConnections, &weights, worker)).collect();
        let mut field = Stands::well(weights.len());
        for _ in 0..200 {
            let selection = rng.pick(&[0, 1, 2, 3]);
            let pick = workers[*selection].picked(Ask::default(), &field).expect("somebody");
            field.in_flight[pick.server] += 1;
            let share = |index: usize, less: u32| f64::from(field.in_flight[index] - less) / f64::from(weights[index]);
            let before = share(pick.server, 1);
            if let Some(better) = (0..weights.len()).find(|index| share(*index, 0) < before - 1e-9) {
                return Err(format!("{pick:?} although {better} has less to do: {field:?}, weights {weights:?}"));
            }
            let ends = rng.index(weights.len());
            if rng.chance(0.6) {
                field.in_flight[ends] = field.in_flight[ends].saturating_sub(1);
            }
        }
        Ok(())
    });
}

fn replay(test: &'static str) -> testkit::Replay {
    testkit::Replay { package: "balancer-core", target: "--lib", test }
}

/// The shares of many picks, each with a key of its own, while nothing stays under way.
fn shares(selection: &mut Selection, field: &Stands, picks: u64) -> Vec<f64> {
    let mut counts = vec![0u64; field.standings.len()];
    for key in 0..picks {
        let key = Some(key::mix(key, 7));
        counts[selection.picked(Ask { not: None, key }, field).expect("somebody").server] += 1;
    }
    counts.iter().map(|count| *count as f64 / picks as f64).collect()
}

#[test]
fn every_policy_respects_weights() {
    testkit::sweep(replay("every_policy_respects_weights"), 30, |seed| {
        let mut rng = Rng::new(seed);
        let weights: Vec<u32> = (0..rng.range(1, 8)).map(|_| rng.range(0, 5) as u32).collect();
        let sum: u32 = weights.iter().sum();
        for balance in Balance::ALL.into_iter().filter(|_| sum > 0) {
            let mut selection = by(balance, &weights, seed as u32);
            let mut field = Stands::well(weights.len());
            // About as quick as each other: chance must not decide.
            field.latencies = weights.iter().map(|_| Some(rng.range(8000, 9900) as u32)).collect();
            let shares = shares(&mut selection, &field, 10_000);
            for (share, weight) in shares.iter().zip(&weights) {
                let wanted = f64::from(*weight) / f64::from(sum);
                if (share - wanted).abs() > 0.02 {
                    return Err(format!("{balance}, weights {weights:?}: {shares:?}"));
                }
            }
        }
        Ok(())
    });
}

/// Under load the policies that look at it keep all servers equally busy for their weights: requests come and go, each at
/// the pace of its server.
#[test]
fn policies_that_look_at_the_load_spread_it_by_weight() {
    for (balance, tolerance) in [(Balance::LeastConnections, 1.0), (Balance::Random, 4.0), (Balance::LeastTime, 1.0)] {
        let weights = [1, 2, 4];
        let mut selection = by(balance, &weights, 1);
        let mut field = Stands::well(3);
        let mut rng = Rng::new(1);
        for _ in 0..140 {
            let pick = selection.picked(Ask::default(), &field).expect("somebody");
            field.in_flight[pick.server] += 1;
        }
        for _ in 0..2000 {
            let ends = rng.index(3);
            if field.in_flight[ends] > 0 {
                field.in_flight[ends] -= 1;
                let pick = selection.picked(Ask::default(), &field).expect("somebody");
                field.in_flight[pick.server] += 1;
            }
        }
        for (in_flight, weight) in field.in_flight.iter().zip(weights) {
            let excess = (f64::from(*in_flight) / f64::from(weight) - 20.0).abs();
            assert!(excess <= tolerance, "{balance}: {:?} for weights {weights:?}", field.in_flight);
        }
    }
}

#[test]
fn a_request_goes_where_it_is_answered_first() {
    let mut selection = by(Balance::LeastTime, &[1, 1, 1], 0);
    let mut field = Stands::well(3);
    field.latencies = vec![Some(4000), Some(1000), Some(9000)];
    assert_eq!(selection.picked(Ask::default(), &field).map(|pick| pick.server), Some(1));
    field.in_flight[1] = 5;
    assert_eq!(selection.picked(Ask::default(), &field).map(|pick| pick.server), Some(0), "5 before it there");
    // Nobody knows the third: it gets its share, not everything.
    field.latencies[2] = None;
    let mut picks = [0; 3];
    for _ in 0..30 {
        let server = selection.picked(Ask::default(), &field).expect("somebody").server;
        picks[server] += 1;
        field.in_flight[server] += 1;
    }
    assert!(picks[2] > 3 && picks[2] < 15 && picks[1] > picks[0], "{picks:?}");
}

/// One request at a time at a server of 2 ms and one of 50 ms, ten a second: nearly all go to the quick one, whatever the
/// slow one weighs. Each trial of the slow one makes its time fresh again; it is back soon after it has become quick.
#[test]
fn a_slow_server_is_left_alone_but_tried_now_and_then() {
    for weights in [[1, 1], [1, 9], [9, 1]] {
        let mut selection = by(Balance::LeastTime, &weights, 0);
        let mut known = [Latency::default(); 2];
        let mut trials = |millis: [u64; 2], seconds: core::ops::Range<u64>| {
            let mut slow = 0;
            for tick in seconds.start * 10..seconds.end * 10 {
                let now = Duration::from_millis(tick * 100);
                let mut field = Stands::well(2);
                field.latencies = known.iter().map(|latency| latency.micros(now)).collect();
                let server = selection.picked(Ask::default(), &field).expect("somebody").server;
                known[server] = known[server].after(Duration::from_millis(millis[server]), false, now);
                slow += u64::from(server == 1);
            }
            slow
        };
        let slow = trials([2, 50], 0..600);
        assert!((10..=40).contains(&slow), "{slow} of 6,000, weights {weights:?}");
        trials([2, 2], 600..700);
        let (back, due) = (trials([2, 2], 700..800), 1000 * u64::from(weights[1]) / u64::from(weights[0] + weights[1]));
        assert!(back.abs_diff(due) <= 2, "{back} of 1,000, weights {weights:?}");
    }
}

#[test]
fn backups_are_asked_when_nobody_else_is_well() {
    for balance in Balance::ALL {
        let servers = [server(0, 1), ServerSettings { backup: true, ..server(1, 1) }];
        let mut selection = Selection::new(&SelectionRules { balance, ..SelectionRules::default() }, &servers, 0);
        let mut check = |standings: [Standing; 2], not: Option<usize>, expect: usize, in_need: bool| {
            let pick = selection.picked(Ask { not, key: Some(3) }, &Stands::of(&standings));
            assert_eq!(pick, Some(Pick { server: expect, in_need }), "{balance} {standings:?}");
        };
        check([Well, Well], None, 0, false);
        check([Due, Well], None, 0, false);
        check([Aside, Well], None, 1, false);
        check([Well, Well], Some(0), 1, false);
        check([Aside, Aside], None, 0, true);
        check([Portless, Aside], None, 1, true);
    }
}

#[test]
fn weight_0_takes_nothing_new() {
    for balance in Balance::ALL {
        let mut selection = by(balance, &[0, 1], 0);
        let field = Stands::well(2);
        assert_eq!(shares(&mut selection, &field, 100), [0.0, 1.0], "{balance}");
        assert_eq!(by(balance, &[0], 0).picked(Ask::default(), &field), None);
        assert!(!selection.has_other(1, &field), "{balance}");
    }
}

#[test]
fn a_server_that_is_back_gets_its_share_little_by_little() {
    let at = |seconds| ramp(Duration::from_secs(seconds), Duration::from_secs(30));
    assert_eq!([0, 1, 15, 27, 30, 100].map(at), [10, 10, 50, 90, 100, 100]);
    assert_eq!(ramp(Duration::ZERO, Duration::ZERO), RAMP_FULL);
    let mut field = Stands::well(2);
    field.ramps[1] = 50;
    let shares = shares(&mut by(Balance::RoundRobin, &[1, 1], 0), &field, 3000);
    assert!((shares[1] - 1.0 / 3.0).abs() < 0.01, "{shares:?}");
    check_ramped(Balance::LeastConnections, &field);
    check_ramped(Balance::Hash, &field);
}

/// With 90 requests that stay, the one at half its weight has 30.
fn check_ramped(balance: Balance, field: &Stands) {
    let (mut selection, mut field) = (by(balance, &[1, 1], 0), field.clone());
    for key in 0..90 {
        let pick = selection.picked(Ask { not: None, key: Some(key::mix(key, 9)) }, &field).expect("somebody");
        field.in_flight[pick.server] += 1;
    }
    assert!((28..=38).contains(&field.in_flight[1]), "{balance}: {:?}", field.in_flight);
}

#[test]
fn a_place_is_waited_for_where_whoever_is_well_is_full() {
    for balance in Balance::ALL {
        let mut selection = by(balance, &[1, 1, 1], 0);
        let mut check = |standings: [Standing; 3], not: Option<usize>, expect: Option<usize>| {
            let choice = selection.pick(Ask { not, key: Some(1) }, &Stands::of(&standings));
            let expect = expect.map_or(Choice::Full, |server| Choice::Server(Pick { server, in_need: false }));
            assert_eq!(choice, expect, "{balance}: {standings:?} without {not:?}");
        };
        check([Full, Well, Full], None, Some(1));
        check([Full, Due, Full], None, Some(1));
        check([Full, Aside, Portless], None, None);
        check([Full, Full, Well], Some(2), None);
        let none = selection.pick(Ask { not: Some(0), key: None }, &Stands::of(&[Full, Portless, Portless]));
        assert_eq!(none, Choice::Nobody);
    }
}
