//! Which server of a backend set: smooth weighted round robin over those that are not set aside.

use crate::settings::ServerSettings;
use std::time::Duration;

/// How long a server that refused or timed out is set aside while others can serve.
const SET_ASIDE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default)]
struct Server {
    /// 0: nobody, or one that has left.
    weight: i64,
    credit: i64,
    aside_until: Duration,
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
        let server = |settings: &ServerSettings| Server {
            weight: i64::from(settings.weight),
            credit: 0,
            aside_until: Duration::ZERO,
        };
        let mut selection = Self { servers: servers.iter().map(server).collect() };
        for _ in 0..start as usize % servers.len().max(1) {
            selection.turn(|_, _| true);
        }
        selection
    }

    /// The next server, other than `not` (the one that has just failed) where possible. Servers set aside
    /// are passed over while another is left; when all are, the turn goes on as if none were. `None`: there is none.
    pub fn pick(&mut self, now: Duration, not: Option<usize>) -> Option<usize> {
        self.turn(|index, server| Some(index) != not && server.aside_until <= now)
            .or_else(|| self.turn(|index, _| Some(index) != not))
            .or_else(|| self.turn(|_, _| true))
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
    fn turn(&mut self, eligible: impl Fn(usize, &Server) -> bool) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for index in 0..self.servers.len() {
            if self.servers[index].weight == 0 || !eligible(index, &self.servers[index]) {
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

    /// The server could not be reached: set it aside for a moment.
    pub fn handle_unreachable(&mut self, index: usize, now: Duration) {
        self.servers[index].aside_until = now + SET_ASIDE;
    }

    /// The server answered: it is back in the turn.
    pub fn handle_answer(&mut self, index: usize) {
        self.servers[index].aside_until = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(weights: &[u32]) -> Selection {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let servers: Vec<_> = weights.iter().map(|&weight| ServerSettings { address, weight }).collect();
        Selection::new(&servers, 0)
    }

    fn check(weights: &[u32], expect: &[usize]) {
        let mut selection = set(weights);
        let got: Vec<_> = expect.iter().map(|_| selection.pick(Duration::ZERO, None).expect("somebody")).collect();
        assert_eq!(got, expect, "weights {weights:?}");
    }

    #[test]
    fn turns_follow_the_weights_smoothly() {
        check(&[1], &[0, 0, 0]);
        check(&[1, 1], &[0, 1, 0, 1]);
        check(&[1, 2], &[1, 0, 1, 1, 0, 1]);
        check(&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_server_set_aside_is_passed_over_while_another_is_left() {
        let mut selection = set(&[1, 1]);
        selection.handle_unreachable(0, Duration::ZERO);
        let soon = Duration::from_millis(10);
        assert_eq!([selection.pick(soon, None), selection.pick(soon, None)], [Some(1), Some(1)]);
        selection.handle_unreachable(1, Duration::ZERO);
        let both: Vec<_> = (0..4).filter_map(|_| selection.pick(soon, None)).collect();
        assert!(both.contains(&0) && both.contains(&1), "all aside: the turn goes on, got {both:?}");
        selection.handle_answer(0);
        assert_eq!(selection.pick(soon, None), Some(0));
    }

    #[test]
    fn the_one_that_failed_is_not_tried_again_at_once() {
        let mut selection = set(&[1, 1, 1]);
        for _ in 0..12 {
            assert_ne!(selection.pick(Duration::ZERO, Some(1)), Some(1));
        }
    }

    #[test]
    fn servers_come_and_go_in_the_middle_of_the_turn() {
        let mut selection = set(&[1, 1]);
        assert_eq!(selection.pick(Duration::ZERO, None), Some(0));
        selection.set_weight(3, 2);
        let four: Vec<_> = (0..4).filter_map(|_| selection.pick(Duration::ZERO, None)).collect();
        assert_eq!(four, [1, 3, 0, 3], "the one whose turn it was is not forgotten");
        selection.set_weight(3, 0);
        selection.set_weight(0, 0);
        assert!((0..4).all(|_| selection.pick(Duration::ZERO, None) == Some(1)));
        assert_eq!(selection.pick(Duration::ZERO, Some(1)), Some(1), "there is no other");
        selection.set_weight(1, 0);
        assert_eq!(selection.pick(Duration::ZERO, None), None);
    }

    #[test]
    fn sixteen_workers_do_not_all_begin_with_the_first() {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let servers = [ServerSettings { address, weight: 1 }; 2];
        let first = |worker| Selection::new(&servers, worker).pick(Duration::ZERO, None);
        let firsts = (0..16).filter(|worker| first(*worker) == Some(0)).count();
        assert_eq!(firsts, 8);
        assert_eq!(Selection::new(&[], 3).pick(Duration::ZERO, None), None);
    }
}
