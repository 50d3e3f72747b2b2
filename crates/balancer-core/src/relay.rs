//! Two connections joined: bytes flow both ways untouched, one buffer per direction, each FIN passed on
//! (RFC 9110 section 7.8). Upgrades hand over to it, and connections of tcp listeners.
//!
//! ```text
//!   Up:    client  --read-->  held?  --send-->  server
//!   Down:  server  --read-->  held?  --send-->  client
//! ```
//!
//! Each direction reads only when what it read before is sent: a slow reader slows its writer down. What came before a
//! connection broke is sent on before its end is told.
//!
//! Who reads slowly is not silent: the kernel tells of room only when a third of its buffer is free, so what a reader has
//! acknowledged is looked at several times within the time-out.

use crate::stall::next_look;
use core::time::Duration;

/// A relay that lasts so long has its peers watched: nearly none of short ones has to, and it costs calls.
const WATCH_AFTER: Duration = Duration::from_secs(1);

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Way {
    /// The other one.
    pub fn reversed(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// A recv is under way at its source.
    pub reading: bool,
    /// A send is under way to its sink.
    pub sending: bool,
    /// Bytes came while a send was under way: the shell holds them.
    pub held: bool,
    /// Its source sent FIN.
    pub eof: bool,
    /// Its sink takes no more: what still comes is for nobody.
    pub shut: bool,
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayFact {
    /// Bytes came from the source of that direction; the shell holds them.
    Bytes(Way),
    /// A FIN came from its source.
    Eof(Way),
    /// Its sink took what was sent.
    Took(Way),
    /// Reading from its source failed: nothing goes either way with that connection any more.
    Broken(Way),
    /// Its sink does not take what is sent to it. What it said before may still be read.
    Refused(Way),
    /// [`Relay::deadline`] has come.
    Deadline,
    /// So much of what was sent is not acknowledged, by the server and by the client; `None` where that cannot be told.
    Unacknowledged([Option<usize>; 2]),
    /// A drain has lasted too long.
    Cut,
}

impl Flow {
    /// Nothing more goes this way.
    fn shut(&mut self) {
        (self.shut, self.sending, self.held) = (true, false, false);
    }
}

/// What is to be done for one direction, in the order of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStep {
    /// Send what is held.
    pub send: bool,
    /// Pass the FIN on.
    pub shutdown: bool,
    /// Read from the source.
    pub read: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayStep {
    /// From the client to the server.
    pub up: FlowStep,
    /// From the server to the client.
    pub down: FlowStep,
    /// Have both peers watched: they may be silent for long.
    pub watch: bool,
    /// Ask how much was not acknowledged: [`RelayFact::Unacknowledged`].
    pub look: bool,
    /// Both connections are to be closed.
    pub end: Option<RelayEnd>,
}

/// Why a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEnd {
    /// Both sides had said all: whoever has not been told so sees it by the FIN of the close.
    Over,
    /// The connection this direction comes from broke before it had said all: the other end must not take it for whole.
    Broken(Way),
    /// The sink of this direction takes no more, and had said all.
    Refused(Way),
    /// Nothing happened for too long.
    Idle,
    /// A drain has lasted too long.
    Cut,
}

/// A piece that is worth more than the call that brings it.
const LARGE_BYTES: usize = 16 * 1024;
/// From so many large pieces in a row on a direction is taken to go on like that: 256 KiB.
const LARGE_RUN: u8 = 16;
/// What one small piece takes back, and how many may come in a run that has lasted.
const SMALL_COSTS: u8 = 4;
const SMALL_MAX: u8 = 2;

/// Does a direction carry much in large pieces? Then its bytes may stay in the kernel on their way, which pays for them and
/// costs small ones a call more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bulk {
    run: u8,
}

impl Bulk {
    /// A piece of so many bytes came.
    pub fn note(&mut self, len: usize) {
        self.run = match len >= LARGE_BYTES {
            true => (self.run + 1).min(LARGE_RUN + SMALL_COSTS * SMALL_MAX),
            false => self.run.saturating_sub(SMALL_COSTS),
        };
    }

    /// Is it to be taken for granted of the next piece?
    pub fn is_bulk(self) -> bool {
        self.run >= LARGE_RUN
    }
}

/// How long nothing may happen: neither side says anything, nor takes any of what was sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// While both sides may speak.
    pub silent: Duration,
    /// Once one has said all: the other may be about to end, too, or not know that its peer has gone.
    pub half_closed: Duration,
}

/// Two joined connections.
#[derive(Debug)]
pub struct Relay {
    up: Flow,
    down: Flow,
    /// The direction whose source broke.
    broken: Option<Way>,
    patience: Patience,
    /// When something happened last.
    alive_at: Duration,
    /// What was not acknowledged then, or when it was looked at since.
    unacknowledged: [Option<usize>; 2],
    look_at: Duration,
    watch_at: Duration,
}

impl Relay {
    /// Joins two connections as they stand: sends and recvs under way, bytes held, a FIN that came early.
    pub fn begin(up: Flow, down: Flow, patience: Patience, now: Duration) -> (Self, RelayStep) {
        let watch_at = now.saturating_add(WATCH_AFTER);
        let (alive_at, look_at, unacknowledged) = (now, now, [None; 2]);
        let mut relay = Self { up, down, broken: None, patience, alive_at, unacknowledged, look_at, watch_at };
        relay.note_life(now);
        let mut step = RelayStep::default();
        for way in [Way::Up, Way::Down] {
            relay.go_on(way, &mut step);
        }
        (relay, step)
    }

    fn note_life(&mut self, now: Duration) {
        (self.alive_at, self.unacknowledged) = (now, [None; 2]);
        self.look_at = now.saturating_add(next_look(self.patience_now()));
    }

    fn patience_now(&self) -> Duration {
        let Patience { silent, half_closed } = self.patience;
        let ending = [self.up, self.down].iter().any(|flow| flow.eof || flow.shut);
        if ending { silent.min(half_closed) } else { silent }
    }

    /// When [`RelayFact::Deadline`] is due.
    pub fn deadline(&self) -> Duration {
        self.look_at.min(self.watch_at)
    }

    /// Something happened: what is to be done.
    pub fn handle(&mut self, fact: RelayFact, now: Duration) -> RelayStep {
        let way = match fact {
            RelayFact::Deadline => return self.handle_deadline(now),
            RelayFact::Unacknowledged(bytes) => return self.handle_unacknowledged(bytes, now),
            RelayFact::Cut => return RelayStep { end: Some(RelayEnd::Cut), ..RelayStep::default() },
            RelayFact::Bytes(way)
            | RelayFact::Eof(way)
            | RelayFact::Took(way)
            | RelayFact::Broken(way)
            | RelayFact::Refused(way) => way,
        };
        self.note(fact, way);
        self.note_life(now);
        let mut step = RelayStep::default();
        self.go_on(way, &mut step);
        step
    }

    fn handle_deadline(&mut self, now: Duration) -> RelayStep {
        let (watch, look) = (now >= self.watch_at, now >= self.look_at);
        if watch {
            self.watch_at = Duration::MAX;
        }
        RelayStep { watch, look, ..RelayStep::default() }
    }

    /// Whoever has taken some of what was sent is alive, however slow.
    fn handle_unacknowledged(&mut self, bytes: [Option<usize>; 2], now: Duration) -> RelayStep {
        let takes = |(seen, left): (Option<usize>, Option<usize>)| left.is_some_and(|left| seen.unwrap_or(0) != left);
        if self.unacknowledged.into_iter().zip(bytes).any(takes) {
            self.alive_at = now;
        }
        self.unacknowledged = bytes;
        let patience = self.patience_now();
        let over = self.alive_at.saturating_add(patience);
        self.look_at = now.saturating_add(next_look(patience)).min(over);
        RelayStep { end: (now >= over).then_some(RelayEnd::Idle), ..RelayStep::default() }
    }

    fn note(&mut self, fact: RelayFact, way: Way) {
        let flow = self.flow(way);
        match fact {
            RelayFact::Bytes(_) => (flow.reading, flow.held) = (false, !flow.shut),
            RelayFact::Eof(_) => (flow.reading, flow.eof) = (false, true),
            RelayFact::Took(_) => flow.sending = false,
            RelayFact::Refused(_) => flow.shut(),
            RelayFact::Broken(_) => {
                flow.reading = false;
                self.broken.get_or_insert(way);
                self.flow(way.reversed()).shut();
            }
            RelayFact::Deadline | RelayFact::Unacknowledged(_) | RelayFact::Cut => {}
        }
    }

    /// Where nothing is being sent in this direction: sends what is held, passes the FIN on, or reads more.
    fn go_on(&mut self, way: Way, step: &mut RelayStep) {
        let broken = self.broken == Some(way);
        let flow = self.flow(way);
        let mut orders = FlowStep::default();
        if flow.sending || flow.shut {
            // Nothing to do for it.
        } else if flow.held {
            (flow.held, flow.sending) = (false, true);
            orders.send = true;
        } else if flow.eof {
            orders.shutdown = true;
        } else if !flow.reading && !broken {
            flow.reading = true;
            orders.read = true;
        }
        if [Way::Up, Way::Down].into_iter().all(|way| self.is_over(way)) {
            step.end = Some(self.end());
            // The last FIN is that of the close.
            orders.shutdown &= step.end != Some(RelayEnd::Over);
        }
        match way {
            Way::Up => step.up = orders,
            Way::Down => step.down = orders,
        }
    }

    fn is_over(&self, way: Way) -> bool {
        let flow = if way == Way::Up { self.up } else { self.down };
        flow.shut || (flow.eof || self.broken == Some(way)) && !flow.sending && !flow.held
    }

    fn end(&self) -> RelayEnd {
        match (self.broken, self.up.shut, self.down.shut) {
            (Some(way), ..) => RelayEnd::Broken(way),
            (None, true, _) => RelayEnd::Refused(Way::Up),
            (None, false, true) => RelayEnd::Refused(Way::Down),
            (None, false, false) => RelayEnd::Over,
        }
    }

    fn flow(&mut self, way: Way) -> &mut Flow {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    /// The invariants. Checked after every step in debug builds.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self) -> Result<(), &'static str> {
        for (way, flow) in [(Way::Up, self.up), (Way::Down, self.down)] {
            if flow.held && !flow.sending {
                return Err("bytes are held only while others are being sent");
            }
            if flow.eof && flow.reading {
                return Err("nothing is read after a FIN");
            }
            if !flow.reading && !flow.sending && !self.is_over(way) {
                return Err("a direction that is not over reads or sends");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RelayFact::*;
    use Way::*;

    const IDLE: Patience = Patience { silent: Duration::from_secs(3600), half_closed: Duration::from_secs(30) };

    /// Plays `facts` over a relay whose 101 is on its way to the client; the orders as words, one group a fact.
    #[track_caller]
    fn check(early: Flow, facts: &[RelayFact], expect: &str) {
        let (mut relay, first) = Relay::begin(early, Flow { sending: true, ..Flow::default() }, IDLE, Duration::ZERO);
        let mut words = vec![word(&first)];
        for fact in facts {
            let step = relay.handle(*fact, Duration::ZERO);
            words.push(word(&step));
            if step.end.is_none() {
                assert_eq!(relay.check(), Ok(()), "{fact:?} in {facts:?}");
            }
        }
        assert_eq!(words.join(", "), expect, "{early:?} {facts:?}");
    }

    fn word(step: &RelayStep) -> String {
        let mut words = Vec::new();
        for (way, flow) in [("up", step.up), ("down", step.down)] {
            for (name, is) in [("send", flow.send), ("fin", flow.shutdown), ("read", flow.read)] {
                if is {
                    words.push(format!("{name} {way}"));
                }
            }
        }
        for (name, is) in [("watch", step.watch), ("look", step.look)] {
            if is {
                words.push(name.to_owned());
            }
        }
        if let Some(end) = step.end {
            words.push(format!("{end:?}"));
        }
        if words.is_empty() { "-".to_owned() } else { words.join(" ") }
    }

    #[test]
    fn bulk_is_what_lasts() {
        let after = |pieces: &[(usize, usize)]| {
            let mut bulk = Bulk::default();
            pieces.iter().for_each(|(times, len)| (0..*times).for_each(|_| bulk.note(*len)));
            bulk.is_bulk()
        };
        let (large, small) = (LARGE_BYTES, LARGE_BYTES - 1);
        assert!(!after(&[(15, large)]) && after(&[(16, large)]) && after(&[(100, 1 << 20)]));
        assert!(!after(&[(1000, small)]) && !after(&[(15, large), (1, small), (4, large)]));
        assert!(!after(&[(16, large), (1, small)]), "it has only begun");
        // The ends of answers, one after another on a kept connection.
        assert!(after(&[(60, large), (2, small)]) && !after(&[(60, large), (3, small)]));
        assert!(after(&[(60, large), (3, small), (4, large)]));
    }

    #[test]
    fn each_direction_reads_only_when_what_it_read_is_sent() {
        let none = Flow::default();
        check(none, &[Bytes(Up), Took(Up), Took(Down), Bytes(Down)], "read up, send up, read up, read down, send down");
        check(Flow { held: true, ..none }, &[Took(Up)], "send up, read up");
        check(
            Flow { reading: true, sending: true, ..none },
            &[Bytes(Up), Took(Up), Took(Up)],
            "-, -, send up, read up",
        );
    }

    #[test]
    fn a_fin_is_passed_on_after_what_came_before_it_and_ends_one_direction_only() {
        let none = Flow::default();
        check(none, &[Eof(Up), Took(Down), Eof(Down)], "read up, fin up, read down, Over");
        check(
            none,
            &[Took(Down), Bytes(Down), Eof(Up), Took(Down), Eof(Down)],
            "read up, read down, send down, fin up, read down, Over",
        );
        check(Flow { eof: true, ..none }, &[Took(Down), Eof(Down)], "fin up, read down, Over");
        check(Flow { eof: true, held: true, ..none }, &[Took(Up)], "send up, fin up");
    }

    /// Looks at a relay as often as it asks, until it ends or `until`; when it ended, and what was asked for on the way.
    fn silence(
        relay: &mut Relay,
        until: u64,
        mut left: impl FnMut(u64) -> [Option<usize>; 2],
    ) -> (Option<u64>, String) {
        let mut words = Vec::new();
        loop {
            let at = relay.deadline();
            if at >= Duration::from_secs(until) {
                return (None, words.join(" "));
            }
            let mut step = relay.handle(Deadline, at);
            assert!(step.watch || step.look, "it asked for this time");
            words.push(word(&step));
            if step.look {
                step = relay.handle(Unacknowledged(left(at.as_secs())), at);
            }
            if step.end.is_some() {
                return (Some(at.as_secs()), words.join(" "));
            }
        }
    }

    /// A tunnel may be silent for long; one of whose ends has gone may not.
    #[test]
    fn a_half_closed_tunnel_is_waited_for_no_longer_than_a_body() {
        let begin = |up| Relay::begin(up, Flow::default(), IDLE, Duration::ZERO).0;
        let nothing_left = |_| [Some(0), None];
        let whole = (Some(3600), "watch look look look look".to_owned());
        assert_eq!(silence(&mut begin(Flow::default()), 10_000, nothing_left), whole);
        for way in [Up, Down] {
            let mut relay = begin(Flow::default());
            relay.handle(Eof(way), Duration::from_secs(10));
            assert_eq!(silence(&mut relay, 10_000, nothing_left).0, Some(40), "{way:?}");
        }
        let left = Flow { eof: true, ..Flow::default() };
        assert_eq!(silence(&mut begin(left), 10_000, nothing_left).0, Some(30));
        let off = Patience { silent: units::OFF, half_closed: units::OFF };
        let mut relay = Relay::begin(left, Flow::default(), off, Duration::ZERO).0;
        assert_eq!(silence(&mut relay, u64::MAX / 2, nothing_left), (None, "watch".to_owned()));
    }

    /// However little it is that its reader takes, and whichever side reads.
    #[test]
    fn who_reads_slowly_is_not_silent() {
        let answering = || {
            let (mut relay, _) = Relay::begin(Flow::default(), Flow::default(), IDLE, Duration::ZERO);
            for fact in [Eof(Up), Bytes(Down)] {
                relay.handle(fact, Duration::ZERO);
            }
            relay
        };
        let sips = |at: u64| 4_000_000 - at as usize;
        assert_eq!(silence(&mut answering(), 3000, |at| [Some(0), Some(sips(at))]).0, None);
        assert_eq!(silence(&mut answering(), 3000, |at| [Some(sips(at)), None]).0, None);
        // It stops after a minute: within the time-out and a look it is over.
        let (ended, _) = silence(&mut answering(), 3000, |at| [Some(0), Some(sips(at.min(60)))]);
        assert!(ended.is_some_and(|at| (90..=98).contains(&at)), "{ended:?}");
        // All is acknowledged, and nobody says anything.
        let (ended, _) = silence(&mut answering(), 3000, |at| [Some(0), Some(if at < 60 { sips(at) } else { 0 })]);
        assert!(ended.is_some_and(|at| (90..=98).contains(&at)), "{ended:?}");
        // Of a reader who is gone nothing is taken; what was sent to it counts once.
        let (ended, _) = silence(&mut answering(), 3000, |_| [Some(0), Some(sips(0))]);
        assert_eq!(ended, Some(37));
    }

    #[test]
    fn what_came_before_a_connection_broke_is_sent_on_first() {
        let none = Flow::default();
        check(none, &[Took(Down), Broken(Down)], "read up, read down, Broken(Down)");
        check(none, &[Broken(Up)], "read up, Broken(Up)");
        check(none, &[Broken(Down), Took(Down)], "read up, -, Broken(Down)");
        check(
            none,
            &[Took(Down), Bytes(Down), Broken(Down), Bytes(Up), Took(Down)],
            "read up, read down, send down, -, -, Broken(Down)",
        );
        // The other end breaks as well: there is nobody left.
        check(none, &[Broken(Down), Broken(Up)], "read up, -, Broken(Down)");
        check(none, &[Cut], "read up, Cut");
    }

    /// A server that answers, and does not want the rest: its answer arrives.
    #[test]
    fn a_sink_that_takes_no_more_is_still_read() {
        let none = Flow::default();
        check(
            none,
            &[Took(Down), Bytes(Up), Refused(Up), Bytes(Down), Took(Down), Eof(Down)],
            "read up, read down, send up, -, send down, read down, fin down Refused(Up)",
        );
        check(
            none,
            &[Took(Down), Bytes(Up), Refused(Up), Broken(Down)],
            "read up, read down, send up, -, Broken(Down)",
        );
        check(none, &[Eof(Up), Refused(Down)], "read up, fin up, Refused(Down)");
        // What still comes is for nobody.
        check(
            Flow { sending: true, reading: true, ..none },
            &[Refused(Up), Bytes(Up), Took(Down), Eof(Down)],
            "-, -, -, read down, fin down Refused(Up)",
        );
    }
}
