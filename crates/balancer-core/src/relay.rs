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

use core::time::Duration;

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
    /// Nothing happened for too long.
    Deadline,
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
    /// Both connections are to be closed.
    pub end: Option<RelayEnd>,
}

/// Why a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEnd {
    /// Both sides had said all.
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

/// How long nothing may happen.
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
    deadline: Duration,
}

impl Relay {
    /// Joins two connections as they stand: sends and recvs under way, bytes held, a FIN that came early.
    pub fn begin(up: Flow, down: Flow, patience: Patience, now: Duration) -> (Self, RelayStep) {
        let mut relay = Self { up, down, broken: None, patience, deadline: Duration::MAX };
        relay.note_life(now);
        let mut step = RelayStep::default();
        for way in [Way::Up, Way::Down] {
            relay.go_on(way, &mut step);
        }
        (relay, step)
    }

    fn note_life(&mut self, now: Duration) {
        let Patience { silent, half_closed } = self.patience;
        let ending = [self.up, self.down].iter().any(|flow| flow.eof || flow.shut);
        let patience = if ending { silent.min(half_closed) } else { silent };
        self.deadline = now.saturating_add(patience);
    }

    /// When [`RelayFact::Deadline`] is due.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Something happened: what is to be done.
    pub fn handle(&mut self, fact: RelayFact, now: Duration) -> RelayStep {
        let way = match fact {
            RelayFact::Deadline => return RelayStep { end: Some(RelayEnd::Idle), ..RelayStep::default() },
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
            RelayFact::Deadline | RelayFact::Cut => {}
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
        match way {
            Way::Up => step.up = orders,
            Way::Down => step.down = orders,
        }
        if [Way::Up, Way::Down].into_iter().all(|way| self.is_over(way)) {
            step.end = Some(self.end());
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
        check(none, &[Eof(Up), Took(Down), Eof(Down)], "read up, fin up, read down, fin down Over");
        check(
            none,
            &[Took(Down), Bytes(Down), Eof(Up), Took(Down), Eof(Down)],
            "read up, read down, send down, fin up, read down, fin down Over",
        );
        check(Flow { eof: true, ..none }, &[Took(Down), Eof(Down)], "fin up, read down, fin down Over");
        check(Flow { eof: true, held: true, ..none }, &[Took(Up)], "send up, fin up");
    }

    /// A tunnel may be silent for long; one of whose ends has gone may not.
    #[test]
    fn a_half_closed_tunnel_is_waited_for_no_longer_than_a_body() {
        let at = Duration::from_secs(5);
        for way in [Up, Down] {
            let (mut relay, _) = Relay::begin(Flow::default(), Flow::default(), IDLE, Duration::ZERO);
            assert_eq!(relay.deadline(), IDLE.silent);
            relay.handle(Eof(way), at);
            assert_eq!(relay.deadline(), at + IDLE.half_closed, "{way:?}");
        }
        let left = Flow { eof: true, ..Flow::default() };
        assert_eq!(Relay::begin(left, Flow::default(), IDLE, at).0.deadline(), at + IDLE.half_closed);
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
        check(none, &[Deadline], "read up, Idle");
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
