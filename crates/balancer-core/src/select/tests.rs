//! Who is picked: tables for each rule, and seeded scenes of several workers with one set of servers.

use super::*;
use Standing::*;
use seed::Rng;
use std::net::SocketAddr;

/// Servers as a test wants them.
#[derive(Clone, Debug)]
struct Stands {
    standings: Vec<Standing>,
    in_flight: Vec<u32>,
}

impl Stands {
    fn well(servers: usize) -> Self {
        Self::of(&vec![Well; servers])
    }

    fn of(standings: &[Standing]) -> Self {
        Self { standings: standings.to_vec(), in_flight: vec![0; standings.len()] }
    }
}

impl Field for Stands {
    fn standing(&self, server: usize) -> Standing {
        self.standings.get(server).copied().unwrap_or(Well)
    }

    fn in_flight(&self, server: usize) -> u32 {
        self.in_flight.get(server).copied().unwrap_or(0)
    }
}

fn by(balance: Balance, weights: &[u32], start: u32) -> Selection {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let servers: Vec<_> = weights.iter().map(|&weight| ServerSettings { address, weight }).collect();
    Selection::new(&SelectionRules { balance }, &servers, start)
}

fn set(weights: &[u32]) -> Selection {
    by(Balance::RoundRobin, weights, 0)
}

/// Whose turn it is while all are well.
fn turn(selection: &mut Selection, not: Option<usize>) -> Option<usize> {
    selection.pick(not, &Stands::well(0)).map(|pick| pick.server)
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

/// Eight turns among servers that stand so, with one of them ruled out: who had one.
fn check_turns(standings: &[Standing], not: Option<usize>, expect: &[usize]) {
    for balance in Balance::ALL {
        let mut selection = by(balance, &vec![1; standings.len()], 0);
        let field = Stands::of(standings);
        let picks = (0..8).filter_map(|_| selection.pick(not, &field));
        let mut turns: Vec<_> = picks
            .inspect(|pick| assert_eq!(pick.in_need, !is_asked(standings[pick.server]), "{balance} {standings:?}"))
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
    selection.set_weight(3, 2);
    let four: Vec<_> = (0..4).filter_map(|_| turn(&mut selection, None)).collect();
    assert_eq!(four, [1, 3, 0, 3], "the one whose turn it was is not forgotten");
    selection.set_weight(3, 0);
    selection.set_weight(0, 0);
    assert!((0..4).all(|_| turn(&mut selection, None) == Some(1)));
    assert_eq!(turn(&mut selection, Some(1)), None, "there is no other");
    selection.set_weight(1, 0);
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
    let got: Vec<_> = expect.iter().filter_map(|_| selection.pick(None, &field)).map(|pick| pick.server).collect();
    assert_eq!(got, expect, "weights {weights:?}, in flight {in_flight:?}");
}

#[test]
fn whoever_has_the_least_to_do_for_its_weight_is_next() {
    check_least(&[1, 1, 1], &[3, 1, 2], &[1, 1]);
    check_least(&[1, 1, 1], &[1, 1, 2], &[0, 1, 0, 1]);
    check_least(&[1, 4], &[0, 2], &[1, 1]);
    check_least(&[1, 4], &[0, 3], &[1, 1, 0, 1, 1]);
    check_least(&[1, 4], &[0, 4], &[0, 0]);
    check_least(&[2, 1], &[0, 0], &[0, 0]);
    check_least(&[0, 1], &[0, 1000], &[1, 1]);
}

/// Requests come and go at random at several workers, which share nothing but the counts: no server ever has more to do
/// than another by more than one request for its weight.
#[test]
fn least_connections_is_right_over_four_workers() {
    testkit::sweep(
        testkit::Replay {
            package: "balancer-core",
            target: "--lib",
            test: "least_connections_is_right_over_four_workers",
        },
        100,
        |seed| {
            let mut rng = Rng::new(seed);
            let weights: Vec<u32> = (0..rng.range(2, 6)).map(|_| rng.range(1, 4) as u32).collect();
            let mut workers: Vec<_> = (0..4).map(|worker| by(Balance::LeastConnections, &weights, worker)).collect();
            let mut field = Stands::well(weights.len());
            for _ in 0..200 {
                let selection = rng.pick(&[0, 1, 2, 3]);
                let pick = workers[*selection].pick(None, &field).expect("somebody");
                field.in_flight[pick.server] += 1;
                let with_one_more = |index: usize| f64::from(field.in_flight[index] + 1) / f64::from(weights[index]);
                let picked = f64::from(field.in_flight[pick.server]) / f64::from(weights[pick.server]);
                if let Some(better) = (0..weights.len()).find(|index| with_one_more(*index) < picked - 1e-9) {
                    return Err(format!("{pick:?} although {better} has less to do: {field:?}, weights {weights:?}"));
                }
                let ends = rng.index(weights.len());
                if rng.chance(0.6) {
                    field.in_flight[ends] = field.in_flight[ends].saturating_sub(1);
                }
            }
            Ok(())
        },
    );
}
