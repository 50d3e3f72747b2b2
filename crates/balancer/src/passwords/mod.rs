//! Who is known by his password, all workers together. Comparing takes long by design: threads beside the workers do it, one
//! after the other, and what was right is remembered.
//!
//! ```text
//!   worker --known lately?--> yes
//!          --submit--> [ bounded queue ] --> thread: compares --> [ answers of the worker ] --ring--> worker
//! ```

mod apr1;
mod hash;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use balancer_core::{Remembered, Sought};
pub(crate) use hash::check;
pub use hash::hash_password;
use reactor::Bell;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Requests whose password waits to be compared.
const QUEUE_MAX: usize = 256;
/// Credentials that are remembered.
const REMEMBERED_MAX: usize = 16 * 1024;
/// Threads that compare.
const THREADS_MAX: usize = 4;
/// By how much they give way: where there is a core for all, nothing; else a worker has three times as much of it.
const WAY_GIVEN: u8 = 5;

/// A password that is to be compared.
pub(crate) struct Question {
    pub(crate) sought: Sought,
    pub(crate) password: Vec<u8>,
    /// Under which it is remembered if it is right.
    pub(crate) key: u128,
}

/// What came of it.
pub(crate) struct Answer {
    /// Whose question it was, as the worker says.
    pub(crate) of: u64,
    /// Who it is, where the password was right.
    pub(crate) user: Option<Arc<str>>,
    pub(crate) key: u128,
}

struct Asked {
    worker: usize,
    of: u64,
    question: Question,
}

/// One for all workers. Its threads begin with the first question, and end with it.
#[derive(Default)]
pub(crate) struct Passwords {
    shared: Arc<Shared>,
    secret: OnceLock<hmac::Key>,
    remembered: OnceLock<Mutex<Remembered>>,
    begun: OnceLock<()>,
    /// Nobody compares but who is told to: for simulations, in which there are no threads.
    by_hand: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Condvar,
    /// By their numbers, which are nobody else's after them: what was asked is answered to nobody else.
    workers: Mutex<Vec<Option<Asker>>>,
}

/// A worker, and what came of its questions.
type Asker = (Bell, Vec<Answer>);

#[derive(Default)]
struct Queue {
    asked: VecDeque<Asked>,
    over: bool,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Passwords {
    /// Without threads: [`Passwords::work_off`] does what they would.
    pub(crate) fn by_hand() -> Self {
        let mut passwords = Self::default();
        passwords.by_hand = true;
        passwords
    }

    /// A worker asks from now on; its number tells it from the others.
    pub(crate) fn join(&self, bell: Bell) -> usize {
        let mut workers = locked(&self.shared.workers);
        workers.push(Some((bell, Vec::new())));
        workers.len() - 1
    }

    /// A key for these credentials, which tells nothing of them. With another hash it is another one.
    pub(crate) fn key(&self, hash: &str, credentials: &[u8]) -> u128 {
        let secret = self.secret.get_or_init(|| {
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect("the kernel has randomness")
        });
        let mut context = hmac::Context::with_key(secret);
        [hash.as_bytes(), b"\0", credentials].iter().for_each(|part| context.update(part));
        let tag = context.sign();
        tag.as_ref()[..16].iter().fold(0, |key, byte| key << 8 | u128::from(*byte))
    }

    /// Were they right lately?
    pub(crate) fn knows(&self, key: u128, now: Duration) -> bool {
        locked(self.remembered()).knows(key, now)
    }

    /// They were right. Answers whether others had to be forgotten for them.
    pub(crate) fn remember(&self, key: u128, now: Duration) -> bool {
        locked(self.remembered()).note(key, now)
    }

    fn remembered(&self) -> &Mutex<Remembered> {
        self.remembered.get_or_init(|| Mutex::new(Remembered::with_room(REMEMBERED_MAX)))
    }

    /// Has no worker ever joined but one?
    pub(crate) fn is_only_one(&self) -> bool {
        locked(&self.shared.workers).len() == 1
    }

    /// Has a password compared; the answer comes with the worker's bell. `false`: too many wait.
    pub(crate) fn submit(&self, worker: usize, of: u64, question: Question) -> bool {
        if !self.by_hand {
            self.begun.get_or_init(|| start_threads(&self.shared));
        }
        let mut queue = locked(&self.shared.queue);
        let room = queue.asked.len() < QUEUE_MAX;
        if room {
            queue.asked.push_back(Asked { worker, of, question });
            self.shared.news.notify_one();
        }
        room
    }

    /// What came of a worker's questions since it asked last.
    pub(crate) fn answers(&self, worker: usize) -> Vec<Answer> {
        locked(&self.shared.workers)[worker].as_mut().map(|(_, answers)| std::mem::take(answers)).unwrap_or_default()
    }

    /// Compares all that waits, here and now.
    pub(crate) fn work_off(&self) {
        loop {
            let next = locked(&self.shared.queue).asked.pop_front();
            let Some(asked) = next else { return };
            self.shared.answer(asked);
        }
    }
}

/// Where one worker asks, by its number.
pub(crate) struct Desk {
    passwords: Arc<Passwords>,
    pub(crate) number: usize,
}

impl Desk {
    pub(crate) fn at(passwords: Arc<Passwords>, bell: Bell) -> Self {
        Self { number: passwords.join(bell), passwords }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        locked(&self.passwords.shared.workers)[self.number] = None;
    }
}

impl Deref for Desk {
    type Target = Passwords;

    fn deref(&self) -> &Passwords {
        &self.passwords
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        locked(&self.shared.queue).over = true;
        self.shared.news.notify_all();
    }
}

impl Shared {
    fn answer(&self, asked: Asked) {
        let Asked { worker, of, question: Question { sought, mut password, key } } = asked;
        let right = hash::matches(&password, &sought.hash);
        password.fill(0);
        let answer = Answer { of, user: sought.user.filter(|_| right), key };
        if let Some((bell, answers)) = &mut locked(&self.workers)[worker] {
            answers.push(answer);
            bell.ring();
        }
    }

    fn compare_on(&self) {
        loop {
            let mut queue = locked(&self.queue);
            while queue.asked.is_empty() && !queue.over {
                queue = self.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.over {
                return;
            }
            let next = queue.asked.pop_front();
            drop(queue);
            if let Some(asked) = next {
                self.answer(asked);
            }
        }
    }
}

/// Half of the cores, so that workers have the others. A thread that cannot be had is none: its work waits for another, and
/// what waits too long is told so.
fn start_threads(shared: &Arc<Shared>) {
    for number in 0..(sys::thread::cores() / 2).clamp(1, THREADS_MAX) {
        let shared = Arc::clone(shared);
        let name = format!("passwords-{number}");
        let _none = std::thread::Builder::new().name(name).spawn(move || {
            sys::thread::give_way(WAY_GIVEN);
            shared.compare_on();
        });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$apr1$8sFt66rZ$BrHPM5iNPxsOeHS2m2bIJ.";

    fn question(passwords: &Passwords, password: &str) -> Question {
        let sought = Sought { user: Some("alice".into()), hash: HASH.into() };
        Question { sought, password: password.into(), key: passwords.key(HASH, password.as_bytes()) }
    }

    #[test]
    fn keys_depend_on_all_of_it() {
        let passwords = Passwords::by_hand();
        let key = passwords.key("h", b"a:b");
        assert_eq!(key, passwords.key("h", b"a:b"));
        assert!(key != passwords.key("i", b"a:b") && key != passwords.key("h", b"a:c"));
        assert_ne!(key, Passwords::by_hand().key("h", b"a:b"), "the secret is its own");
    }

    #[test]
    fn the_queue_is_bounded_and_every_question_is_answered_once() {
        let passwords = Passwords::by_hand();
        let me = passwords.join(reactor::Inbox::<()>::silent().bell());
        for of in 0..QUEUE_MAX as u64 {
            assert!(passwords.submit(me, of, question(&passwords, "wrong")));
        }
        assert!(!passwords.submit(me, 999, question(&passwords, "wrong")));
        passwords.work_off();
        let answers: Vec<u64> = passwords.answers(me).into_iter().map(|answer| answer.of).collect();
        assert_eq!(answers, (0..QUEUE_MAX as u64).collect::<Vec<_>>());
        assert!(passwords.answers(me).is_empty());
    }

    #[test]
    fn threads_answer_and_end() {
        let passwords = Passwords::default();
        let me = passwords.join(reactor::Inbox::<()>::silent().bell());
        assert!(passwords.submit(me, 1, question(&passwords, "wrong")));
        let mut answers = Vec::new();
        testkit::eventually("it is answered", || {
            answers.extend(passwords.answers(me));
            !answers.is_empty()
        });
        assert!(answers[0].user.is_none());
        let shared = Arc::clone(&passwords.shared);
        drop(passwords);
        testkit::eventually("the threads have gone", || Arc::strong_count(&shared) == 1);
    }
}
