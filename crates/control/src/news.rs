//! The way of events to whoever tells people: bounded in number and rate; what is too much is counted, and told once there
//! is room again.

use crate::event::Event;
use balancer_core::access::moment;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::broadcast;

/// Events that wait to be told.
const WAITING_MAX: usize = 256;
/// Events at once, and then each so often: a flock of flapping servers must not fill a disk.
const BURST: u32 = 100;
const EVERY: Duration = Duration::from_millis(100);

/// An event, and when it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: SystemTime,
    /// What.
    pub event: Event,
}

impl Told {
    /// Told now.
    pub fn now(event: Event) -> Self {
        Self { at: SystemTime::now(), event }
    }

    /// As RFC 3339 writes it, in UTC.
    pub fn time(&self) -> String {
        moment(self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }
}

/// Where events come out; it ends when the desk does.
pub type News = Receiver<Told>;

/// Where whoever looks on from now on sees them, too. Who is too slow misses the oldest, and is told how many.
pub type Watch = broadcast::Receiver<Told>;

/// Where events go in.
#[derive(Debug)]
pub struct NewsDesk {
    out: SyncSender<Told>,
    watched: broadcast::Sender<Told>,
    rate: Rate,
    started: Instant,
    left_out: u64,
    /// How it is told that some were left out.
    tells_left_out: fn(u64) -> Event,
}

/// A desk and where its events come out.
pub fn news() -> (NewsDesk, News) {
    let (out, news) = sync_channel(WAITING_MAX);
    let desk = NewsDesk::new(out, broadcast::Sender::new(WAITING_MAX), |count| Event::LeftOut { count });
    (desk, news)
}

impl NewsDesk {
    fn new(out: SyncSender<Told>, watched: broadcast::Sender<Told>, tells_left_out: fn(u64) -> Event) -> Self {
        Self { out, watched, rate: Rate::default(), started: Instant::now(), left_out: 0, tells_left_out }
    }

    /// One for requests that failed: however many do, other events have their own rate.
    pub(crate) fn for_failures(&self) -> Self {
        Self::new(self.out.clone(), self.watched.clone(), |count| Event::FailuresLeftOut { count })
    }

    /// For those who want to look on later.
    pub(crate) fn watched(&self) -> broadcast::Sender<Told> {
        self.watched.clone()
    }

    /// Tells it, or counts it.
    pub fn tell(&mut self, event: Event) {
        if !self.rate.admits(self.started.elapsed()) {
            self.left_out += 1;
            return;
        }
        let told = Told::now(event);
        let _nobody_looks_on = self.watched.send(told.clone());
        if self.left_out > 0 && self.out.try_send(Told::now((self.tells_left_out)(self.left_out))).is_ok() {
            self.left_out = 0;
        }
        if self.out.try_send(told).is_err() {
            self.left_out += 1;
        }
    }
}

/// So many at once, one more each so often.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    /// When all that was admitted will have been made up for.
    full_again: Duration,
}

impl Rate {
    fn admits(&mut self, now: Duration) -> bool {
        let owed = self.full_again.max(now) + EVERY;
        let admitted = owed - now <= EVERY * BURST;
        if admitted {
            self.full_again = owed;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_rate() {
        let mut rate = Rate::default();
        let mut admitted = |ms, tries: u32| (0..tries).filter(|_| rate.admits(Duration::from_millis(ms))).count();
        assert_eq!(admitted(0, 150), 100);
        assert_eq!(admitted(99, 1), 0);
        assert_eq!(admitted(100, 5), 1);
        assert_eq!(admitted(600, 50), 5);
        assert_eq!(admitted(60_000, 150), 100);
    }

    #[test]
    fn what_is_too_much_is_counted_and_told_later() {
        let (mut desk, news) = news();
        let event = || Event::NameAnswers { question: "A of app".to_owned() };
        (0..BURST + 7).for_each(|_| desk.tell(event()));
        assert_eq!(news.try_iter().count(), BURST as usize);
        // Time goes by.
        desk.rate = Rate::default();
        desk.tell(event());
        assert_eq!(news.try_iter().map(|told| told.event).collect::<Vec<_>>(), [Event::LeftOut { count: 7 }, event()]);
    }

    #[test]
    fn whoever_looks_on_sees_what_comes_from_then_on() {
        let (mut desk, news) = news();
        let event = |question: &str| Event::NameAnswers { question: question.to_owned() };
        desk.tell(event("A of one"));
        let mut watch = desk.watched().subscribe();
        desk.tell(event("A of two"));
        assert_eq!(watch.try_recv().ok().map(|told| told.event), Some(event("A of two")));
        assert!(watch.try_recv().is_err());
        assert_eq!(news.try_iter().count(), 2);
    }

    #[test]
    fn nobody_who_listens_is_no_reason_to_wait() {
        let (mut desk, _news) = news();
        for _ in 0..3 {
            desk.rate = Rate::default();
            (0..BURST).for_each(|_| desk.tell(Event::NotApplied { why: String::new() }));
        }
        assert_eq!(desk.left_out, 3 * u64::from(BURST) - WAITING_MAX as u64);
    }
}
