//! Boards of servers that have left: whoever comes back soon is known as it was. A deployment that takes a server out of the
//! set for a minute, or a name that is without one of its addresses for a while, makes nobody of a sick server a well one.

use crate::board::Board;
use ports::Address;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long what is known of a server outlives it: longer than the longest pause by default.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Servers that are remembered. Of more, those that left first are forgotten.
const KEPT_MAX: usize = 4096;

type Name = (String, Address);

/// Those that have left, and when.
#[derive(Debug, Default)]
pub(crate) struct Former(Mutex<HashMap<Name, (Arc<Board>, Instant)>>);

impl Former {
    /// These leave.
    pub(crate) fn keep(&self, boards: impl Iterator<Item = (Name, Arc<Board>)>, now: Instant) {
        let mut kept = self.kept();
        kept.extend(boards.map(|(name, board)| (name, (board, now))));
        let excess = kept.len().saturating_sub(KEPT_MAX);
        if excess > 0 {
            let mut left: Vec<Instant> = kept.values().map(|(_, left)| *left).collect();
            left.sort_unstable();
            let (last, mut more) = (left[excess - 1], excess);
            kept.retain(|_, (_, left)| {
                let goes = *left <= last && more > 0;
                more -= usize::from(goes);
                !goes
            });
        }
    }

    /// What is known of a server that comes.
    pub(crate) fn of(&self, name: &Name, now: Instant) -> Option<Arc<Board>> {
        let kept = self.kept();
        let (board, left) = kept.get(name)?;
        (now.saturating_duration_since(*left) < KEPT_FOR).then(|| Arc::clone(board))
    }

    /// Forgets those whose time is over.
    pub(crate) fn forget_old(&self, now: Instant) {
        self.kept().retain(|_, (_, left)| now.saturating_duration_since(*left) < KEPT_FOR);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Name, (Arc<Board>, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn name(number: u32) -> Name {
        let [_, a, b, c] = number.to_be_bytes();
        ("app".to_owned(), SocketAddr::from(([10, a, b, c], 80)).into())
    }

    #[test]
    fn so_many_are_kept_for_so_long() {
        let (former, begun) = (Former::default(), Instant::now());
        let leave = |numbers: std::ops::Range<u32>, at: Instant| {
            former.keep(numbers.map(|number| (name(number), Arc::default())), at);
        };
        leave(0..10, begun);
        leave(10..20, begun + KEPT_FOR / 2);
        assert!(former.of(&name(3), begun + KEPT_FOR / 2).is_some() && former.of(&name(3), begun + KEPT_FOR).is_none());
        assert!(former.of(&name(13), begun + KEPT_FOR).is_some() && former.of(&name(99), begun).is_none());
        former.forget_old(begun + KEPT_FOR);
        assert_eq!(former.kept().len(), 10);
        leave(100..100 + KEPT_MAX as u32, begun + KEPT_FOR);
        let late = begun + KEPT_FOR;
        assert_eq!(former.kept().len(), KEPT_MAX);
        assert!(
            former.of(&name(13), late).is_none() && former.of(&name(100), late).is_some(),
            "who left first goes first"
        );
        leave(10_000..10_000 + 2 * KEPT_MAX as u32, late);
        assert_eq!(former.kept().len(), KEPT_MAX, "of those that leave at once, some");
    }
}
