//! What one thread counts while it runs; tallies of threads merge into one.

mod reasons;
mod tls;

use crate::by_request::ByRequest;
use crate::client::{Astray, Taken};
use crate::error_kind::ErrorKind;
use crate::moment::Moment;
use crate::step::{Failure, HeadsRead, Oddity, Unmet};
use core::time::Duration;
use http1::Dialect;
use ports::{Blame, ClosedFirst, ClosingTally, Fault};
use reasons::Reasons;
use serde::Serialize;
use stats::{Brief, Coarse, Recorder, Timeline};
pub use tls::TlsTally;

/// Distinct errnos counted apart; later ones count by kind only.
pub(crate) const ERRNOS_MAX: usize = 32;

/// A connect(2) that takes more CPU time than this searched for a port. Even one to a listener on this host, with the whole
/// handshake in it, takes some 16 us.
pub const SLOW_CONNECT: Duration = Duration::from_micros(100);
/// Requests that are made no later than this are in time, ...
const BEHIND_MIN: Duration = Duration::from_millis(250);
/// ... or than this share of the run.
const BEHIND_SHARE: u32 = 100;
/// Fewer slow connects than this are chance.
const SLOW_CONNECTS_MIN: u64 = 20;
/// One of so many connects has to be slow before it says something of the run.
const SLOW_CONNECTS_SHARE: u64 = 20;

/// Status codes are three digits.
const STATUS_CODES: usize = 1000;

/// Counters of a run or of a part of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Complete responses, whatever their status.
    pub ok: u64,
    /// Connects tried.
    pub connects_tried: u64,
    /// Connections established.
    pub connects_opened: u64,
    /// When the first connection found no port.
    pub ports_gone_at: Option<Duration>,
    /// Connections established until then.
    opened_when_gone: Option<u64>,
    /// Ports of our own choice that the kernel refused; another was tried at once.
    pub ports_refused: u64,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// Bytes that came in, heads and framing included; of the application's, where they are encrypted.
    pub received_bytes: u64,
    /// From when a request was due until its response was complete.
    pub latency: Recorder,
    /// In an open loop: from when a request was made, whenever it had been due, until its response was complete.
    pub service: Recorder,
    /// In an open loop: requests that were due and were not made.
    pub not_sent: u64,
    /// How long after it was due the last request was made.
    pub behind: Duration,
    /// Requests of the warm-up: they are in no other figure.
    pub warm_up: u64,
    /// Latency of what was complete since somebody looked last: of the run as it goes on, in no report.
    pub lately: Coarse,
    /// From when a request was made, on a new connection from when that was ready, until the first byte of an answer.
    pub first_byte: Brief,
    /// From `connect()` until established.
    pub connect_time: Recorder,
    /// CPU time of each connect(2), where it is measured.
    pub connect_cost: Recorder,
    /// All of it.
    pub connects_cpu: Duration,
    /// Of those, the ones that took more than [`SLOW_CONNECT`].
    pub slow_connects: u64,
    /// Sockets that were used again, instead of a new one for a connection.
    pub sockets_reused: u64,
    /// How established connections ended.
    pub closed: ClosingTally,
    /// Connections looked at for TCP timestamps.
    pub timestamps_asked: u64,
    /// Of those, connections that had negotiated them.
    pub timestamps_seen: u64,
    /// What happened when.
    pub timeline: Timeline<Moment>,
    /// From the start until the last request was issued, completed or failed, or issuing ended: whichever is latest.
    pub elapsed: Duration,
    /// From when issuing ended until nothing was in flight any more, or was given up.
    pub drained: Duration,
    /// Of each of several requests.
    pub by_request: ByRequest,
    /// Redirects that were followed, and those of them that led to another scheme, host or port.
    pub redirects: Redirects,
    /// Cookies that answers set, or ended, where clients keep them.
    pub cookies: u64,
    /// Of connections that are secured.
    pub tls: Option<Box<TlsTally>>,
    /// The first HTTP error met.
    pub http_error: Option<http1::Error>,
    statuses: Statuses,
    errors: [u64; ErrorKind::ALL.len()],
    proxy: Reasons,
    astray: [u64; Astray::ALL.len()],
    oddities: [u64; Oddity::ALL.len()],
    dialects: [u64; Dialect::ALL.len()],
    faults: Vec<(Fault, u64)>,
    /// Statuses that were not expected, as they were met first.
    unexpected: Vec<(u16, u64)>,
}

/// Redirects of a run. Serialises to `redirects` of `stress --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redirects {
    /// Followed.
    pub followed: u64,
    /// Of those, the ones that led to another scheme, host or port.
    pub elsewhere: u64,
}

#[derive(Clone, Debug)]
struct Statuses(Box<[u64; STATUS_CODES]>);

impl Default for Statuses {
    fn default() -> Self {
        Self(Box::new([0; STATUS_CODES]))
    }
}

impl Tally {
    /// Of a run whose connections are secured, or not.
    pub fn new(secured: bool) -> Self {
        Self { tls: secured.then(Box::default), ..Self::default() }
    }

    /// A complete response.
    pub fn record_complete(&mut self, status: u16, latency: Duration, now: Duration) {
        self.ok += 1;
        if let Some(count) = self.statuses.0.get_mut(usize::from(status)) {
            *count += 1;
        }
        self.latency.record(latency);
        self.timeline.at(now).latency.record(latency);
        self.lately.record(latency);
        self.elapsed = self.elapsed.max(now);
    }

    /// Did requests wait for a connection in the end, longer and longer?
    pub(crate) fn is_behind(&self) -> bool {
        self.behind > BEHIND_MIN.max(self.elapsed / BEHIND_SHARE)
    }

    /// Requests that were due by now: made, or not.
    pub fn due(&self) -> u64 {
        self.ok + self.failed() + self.not_sent
    }

    /// A connection was established at `now`, and took so long.
    pub fn record_opened(&mut self, took: Duration, now: Duration) {
        self.connects_opened += 1;
        self.connect_time.record(took);
        self.timeline.at(now).opened += 1;
    }

    /// An established connection ended at `now`.
    pub fn record_close(&mut self, who: ClosedFirst, now: Duration) {
        let before = self.closed.time_waits_here();
        self.closed.record(who);
        self.timeline.at(now).time_waits += self.closed.time_waits_here() - before;
    }

    /// One to a socket file ended: there is no TIME_WAIT.
    pub fn record_close_of_a_file(&mut self, who: ClosedFirst) {
        self.closed.record(who);
    }

    /// A connect(2) took so much CPU time.
    pub fn record_connect_cost(&mut self, cost: Duration, now: Duration) {
        let moment = self.timeline.at(now);
        moment.connects += 1;
        moment.connect_ns += u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX);
        self.connect_cost.record(cost);
        self.connects_cpu += cost;
        self.slow_connects += u64::from(cost > SLOW_CONNECT);
    }

    /// Connects were slow on this host so often that the figures are about this host.
    pub(crate) fn is_slow_here(&self) -> bool {
        self.slow_connects >= SLOW_CONNECTS_MIN && self.slow_connects * SLOW_CONNECTS_SHARE >= self.connect_cost.count()
    }

    /// A request failed at `now`.
    pub fn record_failure(&mut self, why: Failure, now: Duration) {
        self.elapsed = self.elapsed.max(now);
        if why.kind() == ErrorKind::ClientPorts && self.ports_gone_at.is_none() {
            (self.ports_gone_at, self.opened_when_gone) = (Some(now), Some(self.connects_opened));
        }
        self.timeline.at(now).failed += 1;
        self.count_failure(why);
    }

    /// The run is over, and a request has no answer yet. It is our end, not the target's: it moves no time.
    pub fn record_unanswered(&mut self) {
        self.count_failure(Failure::Unanswered);
    }

    /// Nothing is issued any more from `now` on: the run lasted at least so long.
    pub fn record_end(&mut self, now: Duration) {
        self.elapsed = self.elapsed.max(now);
    }

    fn count_failure(&mut self, why: Failure) {
        self.errors[why.kind() as usize] += 1;
        match why {
            Failure::Fault(fault) => self.count_fault(fault, 1),
            Failure::Http(error) => self.http_error = self.http_error.or(Some(error)),
            Failure::Unexpected(Unmet::Status(status)) => self.count_unexpected(status, 1),
            Failure::Astray(why) => self.astray[why.index()] += 1,
            Failure::Unexpected(_)
            | Failure::Timeout
            | Failure::Unanswered
            | Failure::Closed
            | Failure::TooManyInterim => {}
        }
    }

    /// An answer wanted a cookie to be kept.
    pub fn record_cookie(&mut self, what: Taken) {
        match what {
            Taken::Kept | Taken::Ended => self.cookies += 1,
            Taken::Crowded => {
                self.cookies += 1;
                self.record_oddity(Oddity::CookiesCrowded);
            }
            Taken::Refused => {}
        }
    }

    /// Something odd that failed no request.
    pub fn record_oddity(&mut self, what: Oddity) {
        self.oddities[what as usize] += 1;
    }

    /// Heads were read.
    pub fn record_heads(&mut self, heads: HeadsRead) {
        if heads.is_large {
            self.record_oddity(Oddity::LargeHead);
        }
        if heads.compressed {
            self.record_oddity(Oddity::Compressed);
        }
        heads.dialects.iter().for_each(|dialect| self.dialects[dialect as usize] += 1);
    }

    /// How often a dialect was met.
    pub fn dialects(&self, dialect: Dialect) -> u64 {
        self.dialects[dialect as usize]
    }

    /// Failures by kind, those that happened, in the order of [`ErrorKind::ALL`].
    pub fn failures(&self) -> Vec<(ErrorKind, u64)> {
        ErrorKind::ALL.into_iter().map(|kind| (kind, self.errors(kind))).filter(|(_, count)| *count > 0).collect()
    }

    /// Requests that failed as `kind`.
    pub fn errors(&self, kind: ErrorKind) -> u64 {
        self.errors[kind as usize]
    }

    /// How often `what` was seen.
    pub fn oddities(&self, what: Oddity) -> u64 {
        self.oddities[what as usize]
    }

    /// Connections established before the first that found no port.
    pub(crate) fn opened_before_gone(&self) -> u64 {
        self.opened_when_gone.unwrap_or(self.connects_opened)
    }

    /// A proxy opened no tunnel, and said so.
    pub fn record_proxy(&mut self, why: &str) {
        self.proxy.count(why, 1);
    }

    /// Why it did not, as it was met first.
    pub fn proxy(&self) -> &[(String, u64)] {
        self.proxy.all()
    }

    /// Redirects that were not followed, by why.
    pub fn astray(&self, why: Astray) -> u64 {
        self.astray[why.index()]
    }

    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Requests that failed for want of something on this host.
    pub fn failed_here(&self) -> u64 {
        let here = ErrorKind::ALL.iter().filter(|kind| kind.blame() == Blame::Here);
        here.map(|kind| self.errors(*kind)).sum()
    }

    /// Faults by errno, as they were met first.
    pub fn faults(&self) -> &[(Fault, u64)] {
        &self.faults
    }

    /// Statuses that were not expected, as they were met first.
    pub fn unexpected(&self) -> &[(u16, u64)] {
        &self.unexpected
    }

    /// Status codes seen, in order.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        self.statuses.0.iter().enumerate().filter(|(_, count)| **count > 0).map(|(code, count)| (code as u16, *count))
    }

    fn merge_connects(&mut self, other: &Self) {
        self.connects_tried += other.connects_tried;
        self.connects_opened += other.connects_opened;
        self.connects_cpu += other.connects_cpu;
        self.sockets_reused += other.sockets_reused;
        self.timestamps_asked += other.timestamps_asked;
        self.timestamps_seen += other.timestamps_seen;
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: &Self) {
        self.merge_gone(other);
        self.ok += other.ok;
        self.merge_connects(other);
        self.ports_refused += other.ports_refused;
        self.body_bytes += other.body_bytes;
        self.received_bytes += other.received_bytes;
        self.merge_times(other);
        self.not_sent += other.not_sent;
        self.behind = self.behind.max(other.behind);
        self.warm_up += other.warm_up;
        self.proxy.merge(&other.proxy);
        self.cookies += other.cookies;
        self.redirects.followed += other.redirects.followed;
        self.redirects.elsewhere += other.redirects.elsewhere;
        self.slow_connects += other.slow_connects;
        self.closed.merge(&other.closed);
        self.timeline.merge(&other.timeline);
        self.by_request.merge(&other.by_request);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.drained = self.drained.max(other.drained);
        self.http_error = self.http_error.or(other.http_error);
        if let Some(other) = &other.tls {
            self.tls.get_or_insert_default().merge(other);
        }
        add(&mut self.statuses.0[..], &other.statuses.0[..]);
        add(&mut self.errors, &other.errors);
        add(&mut self.astray, &other.astray);
        add(&mut self.oddities, &other.oddities);
        add(&mut self.dialects, &other.dialects);
        other.faults.iter().for_each(|(fault, count)| self.count_fault(*fault, *count));
        other.unexpected.iter().for_each(|(status, count)| self.count_unexpected(*status, *count));
    }

    fn merge_times(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.first_byte.merge(&other.first_byte);
        self.connect_time.merge(&other.connect_time);
        self.connect_cost.merge(&other.connect_cost);
    }

    /// Before connections are added: of a thread that found ports to the end, all count.
    fn merge_gone(&mut self, other: &Self) {
        let both = self.opened_before_gone() + other.opened_before_gone();
        self.ports_gone_at = self.ports_gone_at.into_iter().chain(other.ports_gone_at).min();
        self.opened_when_gone = self.ports_gone_at.map(|_| both);
    }

    /// There are a thousand at most.
    fn count_unexpected(&mut self, status: u16, count: u64) {
        match self.unexpected.iter_mut().find(|(known, _)| *known == status) {
            Some((_, known)) => *known += count,
            None => self.unexpected.push((status, count)),
        }
    }

    fn count_fault(&mut self, fault: Fault, count: u64) {
        match self.faults.iter().position(|(known, _)| *known == fault) {
            Some(at) => self.faults[at].1 += count,
            None if self.faults.len() < ERRNOS_MAX => self.faults.push((fault, count)),
            None => {}
        }
    }
}

fn add(mine: &mut [u64], theirs: &[u64]) {
    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::{ClosedFirst, FaultKind};

    fn sample(ok: u64, errno: i32) -> Tally {
        let mut tally = Tally { connects_tried: ok + 1, connects_opened: ok, ..Tally::default() };
        (0..ok).for_each(|n| {
            tally.record_complete(200, Duration::from_micros(100 + n), Duration::from_secs(n));
            tally.closed.record(ClosedFirst::OurFin);
        });
        tally.record_failure(Failure::Fault(Fault::from_errno(errno)), Duration::ZERO);
        tally.record_oddity(Oddity::WaitExpired);
        tally
    }

    #[test]
    fn merging_adds_every_counter() {
        let mut all = sample(3, 99);
        all.merge(&sample(2, 99));
        all.merge(&sample(1, 111));
        assert_eq!((all.ok, all.failed(), all.failed_here()), (6, 3, 2));
        assert_eq!((all.connects_tried, all.connects_opened), (9, 6));
        assert_eq!((all.errors(ErrorKind::ClientPorts), all.errors(ErrorKind::Refused)), (2, 1));
        assert_eq!(all.faults(), [(Fault::from_errno(99), 2), (Fault::from_errno(111), 1)]);
        assert_eq!(all.statuses().collect::<Vec<_>>(), [(200, 6)]);
        assert_eq!((all.latency.count(), all.closed.count(ClosedFirst::OurFin)), (6, 6));
        let per_s: Vec<u64> = all.timeline.entries().iter().map(Moment::ok).collect();
        assert_eq!((&per_s[..], all.oddities(Oddity::WaitExpired)), (&[3, 2, 1][..], 3));
        assert_eq!(all.elapsed, Duration::from_secs(2));
        assert_eq!((all.ports_gone_at, all.opened_before_gone()), (Some(Duration::ZERO), 6));
    }

    #[test]
    fn failures_and_the_end_move_the_time_and_what_is_given_up_does_not() {
        let secs = Duration::from_secs;
        let mut tally = Tally::default();
        tally.record_complete(200, secs(0), secs(1));
        tally.record_failure(Failure::Timeout, secs(3));
        assert_eq!(tally.elapsed, secs(3));
        tally.record_end(secs(4));
        tally.record_unanswered();
        assert_eq!((tally.elapsed, tally.failed(), tally.errors(ErrorKind::Unanswered)), (secs(4), 2, 1));
    }

    #[test]
    fn errnos_are_bounded_yet_no_failure_is_lost() {
        let mut tally = Tally::default();
        (0..100).for_each(|errno| {
            tally.record_failure(Failure::Fault(Fault { kind: FaultKind::Other, errno }), Duration::ZERO);
        });
        assert_eq!((tally.faults().len(), tally.failed()), (ERRNOS_MAX, 100));
    }
}
