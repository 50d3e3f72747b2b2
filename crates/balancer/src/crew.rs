//! The workers, as those have them who ask them; what those counted that have ended stays.

use crate::orders::Order;
use balancer_core::{Report, Settings};
use reactor::{Answer, NoAnswer, NotPosted, Outbox};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long the workers may take to answer a question before the last answer of each is taken for it.
const REPORT_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked who has answered.
const SILENCE_LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a worker leaves behind when it ends.
pub(crate) type LastWord = Arc<OnceLock<Report>>;

/// See the module's head.
pub(crate) struct Crew(Mutex<Roll>);

#[derive(Default)]
struct Roll {
    tellers: Vec<Teller>,
    /// What those counted that were taken off.
    gone: Report,
}

/// One worker, and what it told last.
struct Teller {
    outbox: Outbox<Order>,
    last: Report,
    last_word: LastWord,
    /// A question that it has not answered yet: it is asked nothing else until then, so that a worker that hangs finds its
    /// orders at the end of its mailbox, and not our questions.
    asked: Option<Answer<Report>>,
    /// How often it has answered.
    answers: u64,
    has_ended: bool,
    /// It is to end: that it does not answer any more is no sign that it hangs.
    is_leaving: bool,
}

impl Teller {
    fn new((outbox, last_word): (Outbox<Order>, LastWord)) -> Self {
        let (last, asked, answers) = (Report::default(), None, 0);
        Self { outbox, last, last_word, asked, answers, has_ended: false, is_leaving: false }
    }

    fn ask(&mut self) {
        self.hear(Duration::ZERO);
        if self.asked.is_none() {
            let asked = self.outbox.ask(Order::Report);
            self.has_ended |= matches!(asked, Err(NotPosted::Closed));
            self.asked = asked.ok();
        }
    }

    /// Has it not answered since it had so often? Somebody else may have heard it.
    fn is_silent(&mut self, before: u64) -> bool {
        !self.is_leaving && self.answers == before && !self.hear(Duration::ZERO)
    }

    /// Its answer, if that comes in time. Answers whether it came.
    fn hear(&mut self, patience: Duration) -> bool {
        let Some(answer) = self.asked.take() else { return false };
        match answer.wait(patience) {
            Ok(report) => {
                self.last = report;
                self.answers += 1;
                true
            }
            Err(NoAnswer::Late) => {
                self.asked = Some(answer);
                false
            }
            // It has ended: what it told last counts.
            Err(_) => {
                self.has_ended = true;
                false
            }
        }
    }

    /// All that is known of what it counted.
    fn report(&self) -> &Report {
        self.last_word.get().unwrap_or(&self.last)
    }
}

impl Crew {
    pub(crate) fn of(workers: impl Iterator<Item = (Outbox<Order>, LastWord)>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Roll { tellers: workers.map(Teller::new).collect(), gone: Report::default() })))
    }

    /// One more works.
    pub(crate) fn join(&self, worker: (Outbox<Order>, LastWord)) {
        self.roll().tellers.push(Teller::new(worker));
    }

    /// One is to end.
    pub(crate) fn note_leaving(&self, last_word: &LastWord) {
        let mut roll = self.roll();
        let is = |teller: &&mut Teller| Arc::ptr_eq(&teller.last_word, last_word);
        roll.tellers.iter_mut().filter(is).for_each(|teller| teller.is_leaving = true);
    }

    /// One has ended: what it counted is kept, by what `settings` name.
    pub(crate) fn take_off(&self, last_word: &LastWord, settings: &Settings) {
        let mut roll = self.roll();
        let Some(at) = roll.tellers.iter().position(|teller| Arc::ptr_eq(&teller.last_word, last_word)) else { return };
        let report = roll.tellers.swap_remove(at).report().clone();
        roll.gone.merge(report);
        roll.gone.keep_only(settings);
    }

    /// Of what these settings do not name any more only the sums are kept.
    pub(crate) fn keep_only(&self, settings: &Settings) {
        self.roll().gone.keep_only(settings);
    }

    /// Those that work.
    pub(crate) fn len(&self) -> usize {
        self.roll().tellers.iter().filter(|teller| !teller.is_leaving).count()
    }

    /// What was counted by those who were taken off.
    pub(crate) fn gone(&self) -> Report {
        self.roll().gone.clone()
    }

    pub(crate) fn report(&self) -> Report {
        let mut roll = self.roll();
        roll.tellers.iter_mut().for_each(Teller::ask);
        let until = Instant::now() + REPORT_PATIENCE;
        let mut sum = Report::default();
        for teller in &mut roll.tellers {
            teller.hear(until.saturating_duration_since(Instant::now()));
            sum.merge(teller.report().clone());
        }
        sum.merge(roll.gone.clone());
        sum
    }

    /// Has all of them end now. One whose mailbox is full ends a little later.
    pub(crate) fn cut(&self) {
        for teller in &self.roll().tellers {
            if teller.outbox.post(Order::Cut) == Err(NotPosted::Full) {
                teller.outbox.close();
            }
        }
    }

    /// How many workers do not answer within `patience`. Whoever else asks does not wait meanwhile.
    pub(crate) fn silent(&self, patience: Duration) -> usize {
        let until = Instant::now() + patience;
        let ask = |teller: &mut Teller| {
            teller.ask();
            (Arc::clone(&teller.last_word), teller.answers)
        };
        let before: Vec<(LastWord, u64)> = self.roll().tellers.iter_mut().map(ask).collect();
        loop {
            let silent = self.silent_since(&before);
            if silent.iter().all(|has_ended| *has_ended) || Instant::now() >= until {
                return silent.len();
            }
            std::thread::sleep(SILENCE_LOOK_EVERY);
        }
    }

    /// Of each that has not answered since `before` whether it has ended.
    fn silent_since(&self, before: &[(LastWord, u64)]) -> Vec<bool> {
        let mut roll = self.roll();
        let mut silent = Vec::new();
        for teller in &mut roll.tellers {
            // One that came meanwhile was not asked.
            let asked = before.iter().find(|(word, _)| Arc::ptr_eq(word, &teller.last_word));
            if asked.is_some_and(|(_, answers)| teller.is_silent(*answers)) {
                silent.push(teller.has_ended);
            }
        }
        silent
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::Counters;
    use reactor::{Mail, mailbox};
    use testkit::{PATIENCE, eventually};

    #[test]
    fn who_waits_for_a_worker_that_hangs_keeps_nobody_else_waiting() {
        let (outbox, mut inbox) = mailbox(4, None);
        let crew = Crew::of([(outbox, LastWord::default())].into_iter());
        let watches = Arc::clone(&crew);
        let watchdog = std::thread::spawn(move || watches.silent(PATIENCE * 100));
        let mut asked = None;
        eventually("the watchdog asks", || {
            asked = asked.take().or_else(|| inbox.poll());
            asked.is_some()
        });
        let Some(Mail::Order(Order::Report(reply))) = asked else { panic!("it was asked something else") };
        // It does not answer: its last report counts.
        assert_eq!(crew.report().total(), Counters::default());
        assert!(!watchdog.is_finished(), "it waits on, and others were let in");
        reply.send(Report::default());
        assert_eq!(watchdog.join().expect("no panic"), 0);
        drop(inbox);
        assert_eq!(crew.silent(PATIENCE * 100), 1, "who has ended is not waited for");
    }
}
