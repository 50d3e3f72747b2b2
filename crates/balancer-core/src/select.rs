//! Which server of a backend set: smooth weighted round robin over those that are well, or due again.

use crate::health::Standing;
use crate::settings::ServerSettings;

#[derive(Clone, Debug, Default)]
struct Server {
    /// 0: nobody, or one that has left.
    weight: i64,
    credit: i64,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its number.
    pub server: usize,
    /// It is aside, or without a port: nobody better was left. Otherwise it was well, or due and has to be
    /// [claimed](crate::Health::claim).
    pub in_need: bool,
}

/// Round robin state of one backend set.
#[derive(Clone, Debug)]
pub struct Selection {
    servers: Vec<Server>,
}

impl Selection {
    /// Over `servers`. The turn of worker number `start` begins at another server than that of its neighbours: short
    /// trials reach all of them, and many workers do not all begin with the first.
    pub fn new(servers: &[ServerSettings], start: u32) -> Self {
        let server = |settings: &ServerSettings| Server { weight: i64::from(settings.weight), credit: 0 };
        let mut selection = Self { servers: servers.iter().map(server).collect() };
        for _ in 0..start as usize % servers.len().max(1) {
            selection.turn(|_| true);
        }
        selection
    }

    /// The next server and whether it is taken in need, other than `not` (the one that has just failed). Servers that are aside have their turn only
    /// where no other is left, those without a port only where all are and none is ruled out. `None`: there is nobody
    /// (else).
    pub fn pick(&mut self, not: Option<usize>, standing: impl Fn(usize) -> Standing) -> Option<Pick> {
        let other = |index| Some(index) != not;
        if let Some(server) =
            self.turn(|index| other(index) && matches!(standing(index), Standing::Well | Standing::Due))
        {
            return Some(Pick { server, in_need: false });
        }
        self.turn(|index| other(index) && standing(index) == Standing::Aside)
            .or_else(|| if not.is_none() { self.turn(|_| true) } else { None })
            .map(|server| Pick { server, in_need: true })
    }

    /// Is somebody else well?
    pub fn has_other(&self, than: usize, standing: impl Fn(usize) -> Standing) -> bool {
        let well =
            |(index, server): (usize, &Server)| index != than && server.weight > 0 && standing(index) == Standing::Well;
        self.servers.iter().enumerate().any(well)
    }

    /// Gives server number `index` another weight; 0 takes it out of the turn. The others' turns go on as they stand.
    pub fn set_weight(&mut self, index: usize, weight: u32) {
        if index >= self.servers.len() {
            self.servers.resize(index + 1, Server::default());
        }
        let server = &mut self.servers[index];
        server.weight = i64::from(weight);
        if weight == 0 {
            *server = Server::default();
        }
    }

    /// One turn of smooth weighted round robin: everyone gains its weight, the richest pays the sum.
    fn turn(&mut self, eligible: impl Fn(usize) -> bool) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for index in 0..self.servers.len() {
            if self.servers[index].weight == 0 || !eligible(index) {
                continue;
            }
            let server = &mut self.servers[index];
            server.credit += server.weight;
            total += server.weight;
            let credit = server.credit;
            if best.is_none_or(|other| credit > self.servers[other].credit) {
                best = Some(index);
            }
        }
        self.servers[best?].credit -= total;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::*;

    /// Whose turn it is while all are well.
    fn turn(selection: &mut Selection, not: Option<usize>) -> Option<usize> {
        selection.pick(not, |_| Well).map(|pick| pick.server)
    }

    fn set(weights: &[u32]) -> Selection {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let servers: Vec<_> = weights.iter().map(|&weight| ServerSettings { address, weight }).collect();
        Selection::new(&servers, 0)
    }

    fn check(weights: &[u32], expect: &[usize]) {
        let mut selection = set(weights);
        let got: Vec<_> = expect.iter().map(|_| turn(&mut selection, None).expect("somebody")).collect();
        assert_eq!(got, expect, "weights {weights:?}");
    }

    #[test]
    fn turns_follow_the_weights_smoothly() {
        check(&[1], &[0, 0, 0]);
        check(&[1, 1], &[0, 1, 0, 1]);
        check(&[1, 2], &[1, 0, 1, 1, 0, 1]);
        check(&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]);
    }

    /// Eight turns among servers that stand so, with one of them ruled out: who had one.
    fn check_turns(standings: &[Standing], not: Option<usize>, expect: &[usize]) {
        let mut selection = set(&vec![1; standings.len()]);
        let picks = (0..8).filter_map(|_| selection.pick(not, |index| standings[index]));
        let mut turns: Vec<_> = picks
            .inspect(|pick| assert_eq!(pick.in_need, !matches!(standings[pick.server], Well | Due), "{standings:?}"))
            .map(|pick| pick.server)
            .collect();
        turns.sort_unstable();
        turns.dedup();
        assert_eq!(turns, expect, "{standings:?} without {not:?}");
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
        assert!(selection.has_other(0, |index| if index == 2 { Well } else { Aside }));
        assert!(!selection.has_other(2, |index| if index == 2 { Well } else { Due }));
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
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let servers = [ServerSettings { address, weight: 1 }; 2];
        let first = |worker| turn(&mut Selection::new(&servers, worker), None);
        let firsts = (0..16).filter(|worker| first(*worker) == Some(0)).count();
        assert_eq!(firsts, 8);
        assert_eq!(turn(&mut Selection::new(&[], 3), None), None);
    }
}
