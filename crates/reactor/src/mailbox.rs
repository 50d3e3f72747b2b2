//! Orders from other threads to the application of an event loop, and its answers.
//!
//! ```text
//!   Outbox --post--> [ bounded queue ] --wake--> Completion::Woken, then Inbox::poll until it is empty
//!   Answer <------------------------ Reply::send --- application
//! ```
//! An order is never waited for, on either side; an answer is, with patience.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use sys::waker::Waker;

/// A mailbox for at most `orders_max` orders that were not read yet. `waker` is that of the reader's event loop; without
/// one, as in a simulation, whoever posts wakes the reader as well.
pub fn mailbox<M>(orders_max: usize, waker: Option<Waker>) -> (Outbox<M>, Inbox<M>) {
    let state = State { orders: VecDeque::with_capacity(orders_max), closed: false, gone: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), orders_max, waker });
    (Outbox(Arc::clone(&shared)), Inbox { shared, told_closed: false })
}

/// Where orders are posted. Clones post to the same mailbox.
pub struct Outbox<M>(Arc<Shared<M>>);

/// Where the application finds its orders. When it is dropped, what was posted is dropped too, and more is refused.
pub struct Inbox<M> {
    shared: Arc<Shared<M>>,
    told_closed: bool,
}

/// What an application finds in its [`Inbox`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mail<M> {
    /// An order.
    Order(M),
    /// There will be no more: time to end. Told once, after the last order.
    Closed,
}

/// Why an order was not posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPosted {
    /// As many orders as the mailbox holds were not read yet.
    #[error("its mailbox is full: the thread does not keep up with its orders")]
    Full,
    /// Nobody reads it any more, or it was closed.
    #[error("its mailbox is closed: the thread has ended or is about to")]
    Closed,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The question did not arrive.
    #[error(transparent)]
    NotPosted(#[from] NotPosted),
    /// Patience is over; the answer may still come, to nobody.
    #[error("no answer in time: the thread is busy")]
    Late,
    /// It ended, or dropped the question.
    #[error("the thread ended without an answer")]
    Dropped,
}

struct Shared<M> {
    state: Mutex<State<M>>,
    orders_max: usize,
    waker: Option<Waker>,
}

struct State<M> {
    orders: VecDeque<M>,
    closed: bool,
    /// The inbox was dropped.
    gone: bool,
}

impl<M> Shared<M> {
    /// A panic elsewhere leaves a queue behind that is as whole as ever.
    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

impl<M> Outbox<M> {
    /// Posts an order and wakes its reader.
    pub fn post(&self, order: M) -> Result<(), NotPosted> {
        let mut state = self.0.state();
        if state.closed || state.gone {
            return Err(NotPosted::Closed);
        }
        if state.orders.len() >= self.0.orders_max {
            return Err(NotPosted::Full);
        }
        state.orders.push_back(order);
        drop(state);
        self.0.wake();
        Ok(())
    }

    /// Posts the question that `order` makes of a [`Reply`]; the answer comes later.
    pub fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> M) -> Result<Answer<T>, NotPosted> {
        let (reply, answer) = reply();
        self.post(order(reply))?;
        Ok(answer)
    }

    /// Says that there will be no more orders: the application shall end. It never fails, however full the mailbox is.
    pub fn close(&self) {
        self.0.state().closed = true;
        self.0.wake();
    }
}

impl<M> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Wakes the reader of a mailbox without an order.
#[derive(Clone, Debug)]
pub struct Bell(Option<Waker>);

impl Bell {
    /// Wakes nobody.
    pub const SILENT: Self = Self(None);

    /// The reader finds [`Completion::Woken`](crate::Completion::Woken).
    pub fn ring(&self) {
        if let Some(waker) = &self.0 {
            waker.wake();
        }
    }
}

impl<M> Inbox<M> {
    /// Wakes whoever reads this inbox.
    pub fn bell(&self) -> Bell {
        Bell(self.shared.waker.clone())
    }

    /// An inbox to which nobody ever posts: for applications that end by themselves.
    pub fn silent() -> Self {
        mailbox(0, None).1
    }

    /// The next order, oldest first. To be asked until there is none, each time the event loop was woken.
    pub fn poll(&mut self) -> Option<Mail<M>> {
        let mut state = self.shared.state();
        if let Some(order) = state.orders.pop_front() {
            return Some(Mail::Order(order));
        }
        let news = state.closed && !self.told_closed;
        self.told_closed |= news;
        news.then_some(Mail::Closed)
    }
}

impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.gone = true;
        let unread = std::mem::take(&mut state.orders);
        drop(state);
        // Whoever waits for an answer learns now that there will be none.
        drop(unread);
    }
}

impl<M> fmt::Debug for Outbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} unread)", self.0.state().orders.len())
    }
}

impl<M> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} unread)", self.shared.state().orders.len())
    }
}

/// A place for one answer, and the one who waits for it.
pub fn reply<T>() -> (Reply<T>, Answer<T>) {
    let (sender, receiver) = sync_channel(1);
    (Reply(sender), Answer(receiver))
}

/// To be answered once. Dropped, it tells the asker that there is no answer.
#[derive(Debug)]
#[must_use = "somebody waits for it"]
pub struct Reply<T>(SyncSender<T>);

impl<T> Reply<T> {
    /// Answers; never waits. An asker who lost patience does not hear it.
    pub fn send(self, answer: T) {
        let _lost_patience = self.0.try_send(answer);
    }
}

/// The answer to a question that was posted.
#[derive(Debug)]
#[must_use = "an answer is to be waited for"]
pub struct Answer<T>(Receiver<T>);

impl<T> Answer<T> {
    /// Waits for it; one that is late may be waited for again. Not to be called on the thread of an event loop.
    pub fn wait(&self, patience: Duration) -> Result<T, NoAnswer> {
        self.0.recv_timeout(patience).map_err(|why| match why {
            RecvTimeoutError::Timeout => NoAnswer::Late,
            RecvTimeoutError::Disconnected => NoAnswer::Dropped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn orders_come_in_the_order_they_were_posted_then_the_end_once() {
        let (outbox, mut inbox) = mailbox(3, None);
        assert_eq!(inbox.poll(), None);
        assert_eq!(outbox.post(1), Ok(()));
        assert_eq!(outbox.clone().post(2), Ok(()));
        outbox.close();
        let all: Vec<_> = std::iter::from_fn(|| inbox.poll()).collect();
        assert_eq!(all, [Mail::Order(1), Mail::Order(2), Mail::Closed]);
        assert_eq!((inbox.poll(), outbox.post(3)), (None, Err(NotPosted::Closed)));
    }

    #[test]
    fn a_full_mailbox_refuses_and_can_still_be_closed() {
        let (outbox, mut inbox) = mailbox(2, None);
        assert_eq!([outbox.post('a'), outbox.post('b'), outbox.post('c')], [Ok(()), Ok(()), Err(NotPosted::Full)]);
        outbox.close();
        let all: Vec<_> = std::iter::from_fn(|| inbox.poll()).collect();
        assert_eq!(all, [Mail::Order('a'), Mail::Order('b'), Mail::Closed]);
    }

    #[test]
    fn a_dropped_inbox_answers_those_who_wait() {
        let (outbox, inbox) = mailbox::<Reply<u8>>(2, None);
        let answer = outbox.ask(|reply| reply).expect("there is room");
        drop(inbox);
        assert_eq!(answer.wait(PATIENCE), Err(NoAnswer::Dropped));
        assert!(matches!(outbox.ask(|reply| reply), Err(NotPosted::Closed)));
        assert_eq!(Inbox::<u8>::silent().poll(), None);
    }

    #[test]
    fn an_answer_is_waited_for_with_patience() {
        let (given, answer) = reply();
        let asker = std::thread::spawn(move || answer.wait(PATIENCE));
        given.send(7);
        assert_eq!(asker.join().expect("no panic"), Ok(7));
        let (kept, answer) = reply::<u8>();
        assert_eq!(answer.wait(Duration::ZERO), Err(NoAnswer::Late));
        kept.send(7);
    }
}
