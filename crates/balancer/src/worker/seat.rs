//! A server connection's share in what all workers know of its server: work under way is counted once while it lasts, whatever
//! ends it. The count is that of the board the connection began with: a configuration that changes moves nothing.

use crate::boards::Board;
use std::sync::Arc;

/// One connection's seat at its server.
#[derive(Debug)]
pub(super) struct Seat {
    board: Arc<Board>,
    busy: bool,
}

impl Seat {
    /// Of a connection that has work from its beginning.
    pub(super) fn taken(board: &Arc<Board>) -> Self {
        board.enter();
        Self { board: Arc::clone(board), busy: true }
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_once_however_it_ends() {
        let board = Arc::new(Board::default());
        let mut kept = Seat::taken(&board);
        let dropped = Seat::taken(&board);
        assert_eq!(board.in_flight(), 2);
        drop(dropped);
        kept.rest();
        kept.rest();
        assert_eq!(board.in_flight(), 0);
        kept.begin();
        assert_eq!(board.in_flight(), 1);
        drop(kept);
        assert_eq!(board.in_flight(), 0);
    }
}
