//! Event loops for these tests, and what they complete next.

use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{Completion, ConnId, Questions, Reactor};
use std::net::SocketAddr;
use testkit::PATIENCE;

pub(crate) fn reactor() -> EpollReactor {
    EpollReactor::new(EpollConfig::default()).expect("an event loop")
}

/// The next completion, within patience.
pub(crate) fn next(io: &mut EpollReactor) -> Completion {
    let until = io.now() + PATIENCE;
    loop {
        if let Some(completion) = io.poll_completion() {
            return completion;
        }
        assert!(io.now() < until, "nothing completed in {PATIENCE:?}");
        io.turn(Some(until));
    }
}

/// Which is a connection, of whom.
pub(crate) fn accepted(io: &mut EpollReactor) -> (ConnId, SocketAddr) {
    match next(io) {
        Completion::Accepted { conn, peer, .. } => (conn, peer),
        other => panic!("{other:?}"),
    }
}
