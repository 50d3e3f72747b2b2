//! The desk between the workers and the writer: a slot for each worker, held by either only for as long as two batches change
//! places.

use super::AccessLog;
use balancer_core::access::Batch;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::Thread;

/// Of one batch while requests are told, ...
const LINES_MAX: usize = 4096;
pub(crate) const BYTES_MAX: usize = 1 << 20;
/// ... and while only failures are, each with as much room.
const FAILURES_MAX: usize = 128;

/// What workers note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// One request in so many; 0: none.
    pub(crate) sample: u32,
    /// Whatever failed.
    pub(crate) failures: bool,
}

impl Wanted {
    /// By a log, if there is any; `failures`: somebody listens to those without.
    pub(crate) fn of(log: Option<&AccessLog>, failures: bool) -> Self {
        Self { sample: log.map_or(0, |log| log.sample), failures: failures || log.is_some() }
    }

    /// A batch for that.
    pub(super) fn batch(self) -> Batch {
        match self.lines_max() {
            0 => Batch::default(),
            lines_max => Batch::with_room(lines_max, BYTES_MAX / LINES_MAX * lines_max),
        }
    }

    fn lines_max(self) -> usize {
        match self {
            Self { sample: 1.., .. } => LINES_MAX,
            Self { failures: true, .. } => FAILURES_MAX,
            Self { failures: false, .. } => 0,
        }
    }

    /// Gives a batch the room that is needed, once there is nothing in it.
    pub(super) fn fit(self, batch: &mut Batch) {
        if batch.is_empty() && batch.room() != self.lines_max() {
            *batch = self.batch();
        }
    }
}

/// One for all workers. Where nothing is wanted it is empty, and nobody looks at it.
#[derive(Default)]
pub(crate) struct Desk {
    slots: Mutex<Vec<Arc<Slot>>>,
    wanted: Mutex<Wanted>,
    writer: OnceLock<Thread>,
    asleep: AtomicBool,
    unwritten: AtomicU64,
}

/// Lines of one worker that wait for the writer.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Batch>);

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    /// Other things are noted.
    pub(super) fn fit(&self, wanted: Wanted) {
        wanted.fit(&mut locked(&self.0));
    }

    /// Takes the lines of `batch`, all or none; never waits. What it gives for them is empty, and may have another room.
    pub(super) fn take(&self, batch: &mut Batch) -> Left {
        let mut full = match self.0.try_lock() {
            Ok(full) => full,
            Err(TryLockError::Poisoned(full)) => full.into_inner(),
            Err(TryLockError::WouldBlock) => return Left::Nothing,
        };
        let was_half_full = full.is_half_full();
        if !leave(&mut full, batch) {
            return Left::Nothing;
        }
        if !was_half_full && full.is_half_full() { Left::Much } else { Left::Some }
    }

    /// The same for a worker that ends, and has the time.
    pub(super) fn take_at_last(&self, batch: &mut Batch) -> bool {
        leave(&mut locked(&self.0), batch)
    }
}

/// An empty batch changes places with another, one that is not takes its lines; `false`: there is no room for them.
fn leave(full: &mut Batch, batch: &mut Batch) -> bool {
    if !full.is_empty() {
        return full.append(batch);
    }
    std::mem::swap(full, batch);
    true
}

/// What a worker has left on the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Somebody is at its slot, or there is no room.
    Nothing,
    /// It will be fetched.
    Some,
    /// So much that it should be fetched now.
    Much,
}

impl Desk {
    /// A worker has a slot from now on.
    pub(super) fn join(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot(Mutex::new(self.wanted().batch())));
        locked(&self.slots).push(Arc::clone(&slot));
        slot
    }

    /// What is noted.
    pub(crate) fn wanted(&self) -> Wanted {
        *locked(&self.wanted)
    }

    /// Other things are noted as soon as workers look. Answers what was noted before.
    pub(crate) fn want(&self, wanted: Wanted) -> Wanted {
        std::mem::replace(&mut *locked(&self.wanted), wanted)
    }

    /// Somebody writes from now on.
    pub(super) fn set_writer(&self, thread: Thread) {
        let _there_is_one = self.writer.set(thread);
    }

    /// There is something to be done.
    pub(super) fn wake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// A worker has left something.
    #[inline]
    pub(super) fn note(&self, left: Left) {
        if left == Left::Much || left == Left::Some && self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// The writer will sleep, unless there is something: then `false`.
    pub(super) fn falls_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let empty = locked(&self.slots).iter().all(|slot| locked(&slot.0).is_empty());
        if !empty {
            self.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// Changes `spare`, which is empty, for what each worker has left, and shows it.
    pub(super) fn collect(&self, spare: &mut Batch, mut each: impl FnMut(&Batch)) -> bool {
        let slots = locked(&self.slots).clone();
        let mut any = false;
        for slot in slots {
            let mut full = locked(&slot.0);
            if full.is_empty() {
                continue;
            }
            if spare.room() != full.room() {
                *spare = Batch::with_room(full.room(), BYTES_MAX / LINES_MAX * full.room());
            }
            std::mem::swap(&mut *full, spare);
            drop(full);
            any = true;
            each(spare);
            spare.clear();
        }
        self.forget_who_ended();
        any
    }

    /// Slots of workers that have ended, once they are empty.
    fn forget_who_ended(&self) {
        locked(&self.slots).retain(|slot| Arc::strong_count(slot) > 1 || !locked(&slot.0).is_empty());
    }

    /// Lines could not be written.
    pub(super) fn note_unwritten(&self, lines: u64) {
        self.unwritten.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines that could not be written.
    pub(crate) fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }
}
