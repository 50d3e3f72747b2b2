//! A server connection's share in what all workers know of its server: it is counted once while it lasts, and so is its work,
//! whatever ends them. The count is that of the board the connection began with: a configuration that changes moves nothing.

use crate::board::Board;
use crate::line::NOBODY;
use std::sync::Arc;

/// One connection's seat at its server.
#[derive(Debug)]
pub(super) struct Seat {
    board: Arc<Board>,
    busy: bool,
}

impl Seat {
    /// For a connection that has work from its beginning. `None`: its server has `connections_max` already.
    pub(super) fn open(board: &Arc<Board>, connections_max: Option<u32>) -> Option<Self> {
        board.try_connect(connections_max).then(|| {
            board.enter();
            Self { board: Arc::clone(board), busy: true }
        })
    }

    /// It has work again.
    #[inline]
    pub(super) fn begin(&mut self) {
        debug_assert!(!self.busy, "a connection works for one at a time");
        self.busy = true;
        self.board.enter();
    }

    /// Its work is done.
    #[inline]
    pub(super) fn rest(&mut self) {
        if std::mem::take(&mut self.busy) {
            self.board.leave();
        }
    }

    /// The connection is gone. Answers whether somebody was called who waits for its place.
    pub(super) fn give_back(self) -> bool {
        let board = Arc::clone(&self.board);
        drop(self);
        board.line().call(NOBODY)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Where it is counted.
    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.rest();
        self.board.disconnect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_once_however_it_ends() {
        let board = Arc::new(Board::default());
        let open = || Seat::open(&board, Some(2));
        let (mut kept, dropped) = (open().expect("a place"), open().expect("another"));
        assert_eq!((board.in_flight(), board.connections(), open().is_some()), (2, 2, false));
        drop(dropped);
        kept.rest();
        kept.rest();
        assert_eq!((board.in_flight(), board.connections()), (0, 1));
        kept.begin();
        assert_eq!(board.in_flight(), 1);
        drop(kept);
        assert_eq!((board.in_flight(), board.connections()), (0, 0));
    }
}
