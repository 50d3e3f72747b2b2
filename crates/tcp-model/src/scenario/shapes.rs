//! The shorthands: whole handshakes and closes, written out into single steps; and segments with their defaults.

use super::WITHIN_DEFAULT;
use super::error::Wrong;
use super::parse::flow_word;
use super::types::{Action, Call, CallResult, Expected, FlowKey, HostCall, Pattern, PeerSegment, Value};
use super::words::Words;
use crate::segment::Flags;
use core::time::Duration;

/// A value under one of the names that every flow has.
fn named(name: &str, offset: i64) -> Value {
    Value::Named(name.to_owned(), offset)
}

/// A segment of the peer's with every default, without timestamps.
pub(super) fn peer(flow: FlowKey, flags: Flags) -> PeerSegment {
    PeerSegment {
        flow,
        flags,
        seq: named("peer.nxt", 0),
        ack: named("host.nxt", 0),
        len: 0,
        window: 65_535,
        timestamp: None,
    }
}

/// A segment of the host's of which nothing but the flags is known.
pub(super) fn expect(flow: FlowKey, flags: Flags) -> Expected {
    Expected {
        flow,
        flags,
        seq: Pattern::Any,
        ack: Pattern::Any,
        len: None,
        stamped: None,
        tsval: Pattern::Any,
        tsecr: Pattern::Any,
        not_before: Duration::ZERO,
        within: WITHIN_DEFAULT,
    }
}

/// The peer's timestamp option: TSecr defaults to the host's last TSval, and to 0 where nothing is acknowledged.
pub(super) fn timestamp(
    flags: Flags,
    tsval: Option<Value>,
    tsecr: Option<Value>,
) -> Result<Option<(Value, Value)>, Wrong> {
    let echo = if flags.ack { named("host.ts", 0) } else { Value::Number(0) };
    match (tsval, tsecr) {
        (Some(val), ecr) => Ok(Some((val, ecr.unwrap_or(echo)))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Wrong::new("tsecr without tsval", "name tsval too: both are one option")),
    }
}

/// What a shorthand says about its segments.
struct Shape {
    flow: FlowKey,
    seq: Option<Value>,
    tsval: Option<Value>,
    socket: String,
}

impl Shape {
    fn read(words: &mut Words<'_>) -> Result<Self, Wrong> {
        let mut shape = Self { flow: FlowKey::default(), seq: None, tsval: None, socket: "s".to_owned() };
        loop {
            if flow_word(words, &mut shape.flow)? {
                continue;
            }
            match words.peek() {
                Some("seq") => shape.seq = Some(next_value(words)?),
                Some("tsval") => shape.tsval = Some(next_value(words)?),
                Some("as") => {
                    words.next();
                    shape.socket = words.need("a socket's name")?.to_owned();
                }
                _ => return Ok(shape),
            }
        }
    }

    fn peer(&self, flags: Flags) -> Result<PeerSegment, Wrong> {
        Ok(PeerSegment { timestamp: timestamp(flags, self.tsval.clone(), None)?, ..peer(self.flow, flags) })
    }

    fn expect(&self, flags: Flags) -> Expected {
        Expected { ack: Pattern::Is(named("peer.nxt", 0)), ..expect(self.flow, flags) }
    }

    fn call(&self, call: Call) -> Action {
        Action::Host(HostCall { socket: self.socket.clone(), call, times: 1, result: CallResult::Ok })
    }

    /// Keeps both sides' next sequence numbers, for what comes after the close.
    fn keep(&self) -> [Action; 2] {
        ["host", "peer"].map(|side| Action::Let(format!("old.{side}"), self.flow, named(&format!("{side}.nxt"), 0)))
    }
}

fn next_value(words: &mut Words<'_>) -> Result<Value, Wrong> {
    words.next();
    words.value()
}

/// `handshake seq 1000 tsval 100`: the peer connects, the host accepts.
pub(super) fn handshake(words: &mut Words<'_>) -> Result<Vec<Action>, Wrong> {
    let shape = Shape::read(words)?;
    let seq = shape
        .seq
        .clone()
        .ok_or_else(|| Wrong::new("the handshake has no sequence number", "add `seq` and a number"))?;
    Ok(vec![
        Action::Peer(PeerSegment { seq, ..shape.peer(Flags::SYN)? }),
        Action::Expect(shape.expect(Flags::SYN_ACK)),
        Action::Peer(shape.peer(Flags::ACK)?),
        shape.call(Call::Accept),
    ])
}

/// `connects seq 9000 tsval 100`: the host has called connect; its SYN is answered.
pub(super) fn connects(words: &mut Words<'_>) -> Result<Vec<Action>, Wrong> {
    let shape = Shape::read(words)?;
    let seq = shape
        .seq
        .clone()
        .ok_or_else(|| Wrong::new("the peer's SYN-ACK has no sequence number", "add `seq` and a number"))?;
    Ok(vec![
        Action::Expect(expect(shape.flow, Flags::SYN)),
        Action::Peer(PeerSegment { seq, ..shape.peer(Flags::SYN_ACK)? }),
        Action::Expect(shape.expect(Flags::ACK)),
        shape.call(Call::Connected),
    ])
}

/// `host closes first`: TIME_WAIT stays at the host.
pub(super) fn host_closes_first(words: &mut Words<'_>) -> Result<Vec<Action>, Wrong> {
    need_first(words)?;
    let shape = Shape::read(words)?;
    let mut actions = vec![
        shape.call(Call::Close),
        Action::Expect(expect(shape.flow, Flags::FIN_ACK)),
        Action::Peer(shape.peer(Flags::ACK)?),
        Action::Peer(shape.peer(Flags::FIN_ACK)?),
        Action::Expect(shape.expect(Flags::ACK)),
    ];
    actions.extend(shape.keep());
    Ok(actions)
}

/// `peer closes first`: nothing stays at the host.
pub(super) fn peer_closes_first(words: &mut Words<'_>) -> Result<Vec<Action>, Wrong> {
    need_first(words)?;
    let shape = Shape::read(words)?;
    let mut actions = vec![
        Action::Peer(shape.peer(Flags::FIN_ACK)?),
        // The ACK of the peer's FIN may be delayed and then ride on the host's FIN; asked for here, it is not.
        Action::Expect(shape.expect(Flags::ACK)),
        shape.call(Call::Close),
        Action::Expect(shape.expect(Flags::FIN_ACK)),
        Action::Peer(shape.peer(Flags::ACK)?),
    ];
    actions.extend(shape.keep());
    Ok(actions)
}

fn need_first(words: &mut Words<'_>) -> Result<(), Wrong> {
    if words.take("first") {
        Ok(())
    } else {
        Err(Wrong::new("`closes` is not followed by `first`", "write `host closes first` or `peer closes first`"))
    }
}
