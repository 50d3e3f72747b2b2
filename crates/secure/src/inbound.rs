//! What comes in on one connection: sealed bytes from below, opened where they lie, handed up as they are asked for.
//!
//! ```text
//! raw:  [ header | payload | tag | header | payload | tag | header | paylo..  ]
//!        `------------------ opened ---------------------' `---- sealed ----'
//! ```

use crate::keys::Keys;
use crate::record::{Damage, Header, Kind, Opened, Protection, SEALED_BYTES_MAX};
use crate::{damaged, truncated};
use ports::Fault;
use reactor::{Buf, Received};

/// Records in a row that bring the application nothing: empty ones, new keys, warnings.
const IDLE_RECORDS_MAX: u32 = 32;
const CLOSE_NOTIFY: u8 = 0;
const USER_CANCELED: u8 = 90;
const WARNING: u8 = 1;

/// How the stream ends, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on.
    None,
    /// The close-notify was read; its FIN has not come yet.
    Notified,
    /// Nothing more will come, and nothing is missing.
    Whole,
    /// Cut off or spoilt.
    Broken(Fault),
}

/// What is to be done for the application's recv.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing.
    Wait,
    /// Receive below, into this partial buffer.
    Read(Option<Buf>),
    /// It has ended.
    Tell(Result<Received, Fault>),
    /// Its bytes need a buffer to move to, and there is none.
    Starved,
}

/// See the module's head.
pub(crate) struct Inbound {
    /// Until the handshake is over there are none.
    keys: Option<Protection>,
    raw: Option<Buf>,
    /// Bytes of `raw` that are opened.
    opened: usize,
    /// Payload of the first record that was not handed up yet, and what is behind it.
    record_left: usize,
    behind: usize,
    idle_records: u32,
    /// The application's recv, with its partial buffer.
    waiting: Option<Option<Buf>>,
    /// Our recv below.
    reading: bool,
    /// It was given the beginning of a record.
    reading_on: bool,
    pub(crate) end: End,
    /// What broke it; the peer is to be told.
    pub(crate) damage: Option<Damage>,
    /// The peer asks for a new key of ours.
    pub(crate) asked_for_key: bool,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self {
            keys: None,
            raw: None,
            opened: 0,
            record_left: 0,
            behind: 0,
            idle_records: 0,
            waiting: None,
            reading: false,
            reading_on: false,
            end: End::None,
            damage: None,
            asked_for_key: false,
        }
    }

    /// The handshake is over; `raw` is what came behind it.
    pub(crate) fn begin(&mut self, protection: Protection, raw: Option<Buf>, keys: &mut Keys) {
        (self.keys, self.raw) = (Some(protection), raw.filter(|raw| !raw.is_empty()));
        self.open_records(keys);
    }

    /// The application wants more.
    pub(crate) fn recv(&mut self, partial: Option<Buf>) {
        debug_assert!(self.waiting.is_none(), "one recv at a time");
        self.waiting = Some(partial);
    }

    /// The application does not want any more.
    pub(crate) fn forget_recv(&mut self) {
        self.waiting = None;
    }

    /// Does the application's recv wait, with nothing come yet?
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.is_some() && self.raw.is_none() && !self.reading_on && self.end == End::None
    }

    /// Are bytes here that the application has not seen?
    pub(crate) fn holds_bytes(&self) -> bool {
        self.raw.is_some()
    }

    /// Our recv below has ended. `we_left`: our own close-notify is out.
    pub(crate) fn handle_received(&mut self, result: Result<Received, Fault>, we_left: bool, keys: &mut Keys) {
        (self.reading, self.reading_on) = (false, false);
        match (result, self.end) {
            // Nothing counts behind a close-notify; a reset there takes nothing away.
            (Ok(Received::Data(_)), End::Notified) => {}
            (_, End::Notified) => self.end = End::Whole,
            // It was not waited for any longer.
            (_, End::Whole) => {}
            (Ok(Received::Data(buf)), _) => {
                self.raw = Some(buf);
                self.open_records(keys);
            }
            // Who answers a close-notify with nothing but a FIN had nothing left to say.
            (Ok(Received::Eof(partial)), _) if we_left && partial.as_deref().is_none_or(<[u8]>::is_empty) => {
                self.end = End::Whole;
            }
            // Nothing sealed is asked for through a pipe.
            (Ok(Received::Eof(_) | Received::Piped(_) | Received::Dropped(_)), _) => {
                self.end = End::Broken(truncated())
            }
            (Err(fault), _) => self.end = End::Broken(fault),
        }
    }

    /// Opens every whole record, while nobody shares the bytes.
    fn open_records(&mut self, keys: &mut Keys) {
        while self.end == End::None {
            match self.open_one(keys) {
                Ok(true) => {}
                Ok(false) => break,
                Err(damage) => {
                    (self.end, self.damage) = (End::Broken(damaged()), Some(damage));
                }
            }
        }
        // What lies behind an end is nobody's.
        if let (Some(raw), true) = (&mut self.raw, self.end != End::None) {
            raw.truncate(self.opened);
        }
        self.drop_front(0);
        self.skip_to_payload();
    }

    /// Was there a whole one?
    fn open_one(&mut self, keys: &mut Keys) -> Result<bool, Damage> {
        let (Some(raw), Some(protection)) = (&mut self.raw, &mut self.keys) else { return Ok(false) };
        let Some(header) = Header::parse(&raw[self.opened..], SEALED_BYTES_MAX)? else { return Ok(false) };
        let whole = self.opened..self.opened + header.record_len();
        if raw.len() < whole.end {
            return Ok(false);
        }
        let bytes = raw.unique_mut().expect("what was received is shared only when it is handed up");
        let record = &mut bytes[whole.clone()];
        let (kind, payload) = protection.open(header, record)?;
        // A message of a handshake may come in several records, but nothing between them (RFC 8446 section 5.1).
        if kind != Kind::Handshake && keys.awaits_rest() {
            return Err(Damage::Unexpected);
        }
        let data = if kind == Kind::Data { payload.clone() } else { payload.start..payload.start };
        let idle = data.is_empty();
        match kind {
            Kind::Data => {}
            Kind::Alert => self.end = end_by_alert(&record[payload])?,
            Kind::Handshake => {
                let renewed = keys.handle_messages(&record[payload])?;
                if renewed.theirs {
                    *protection = keys.next_of_theirs().ok_or(Damage::Unexpected)?;
                }
                self.asked_for_key |= renewed.ours;
            }
            Kind::ChangeCipherSpec => return Err(Damage::Unexpected),
        }
        Opened::mark(record, data);
        self.opened = whole.end;
        self.idle_records = if idle { self.idle_records + 1 } else { 0 };
        if self.idle_records > IDLE_RECORDS_MAX { Err(Damage::Idle) } else { Ok(true) }
    }

    /// What to do next.
    pub(crate) fn poll(&mut self) -> Step {
        if self.waiting.is_none() {
            return Step::Wait;
        }
        if self.record_left > 0 {
            return self.hand_up();
        }
        match self.end {
            End::Broken(fault) => {
                self.waiting = None;
                Step::Tell(Err(fault))
            }
            End::Whole => Step::Tell(Ok(Received::Eof(self.waiting.take().flatten()))),
            End::None | End::Notified if self.reading => Step::Wait,
            End::None | End::Notified => {
                let partial = self.raw.take();
                (self.reading, self.reading_on) = (true, partial.is_some());
                Step::Read(partial)
            }
        }
    }

    fn hand_up(&mut self) -> Step {
        let partial = self.waiting.take().flatten().filter(|partial| !partial.is_empty());
        let Some(partial) = partial else {
            let len = self.record_left;
            return Step::Tell(Ok(Received::Data(self.take(len))));
        };
        match partial.with_room() {
            Ok(mut buf) => {
                let part = self.take(self.record_left.min(buf.spare_len()));
                buf.append(&part).expect("as much as there is room for");
                Step::Tell(Ok(Received::Data(buf)))
            }
            Err(partial) => {
                self.waiting = Some(Some(partial));
                Step::Starved
            }
        }
    }

    /// Moves on to a record with payload, if one is opened: what is left then is the application's, or not opened yet.
    fn skip_to_payload(&mut self) {
        while self.record_left == 0 && self.opened > 0 {
            let opened = Opened::read(self.raw.as_deref().expect("opened bytes lie there"));
            (self.record_left, self.behind) = (opened.payload, opened.behind);
            self.drop_front(opened.before);
            if self.record_left == 0 {
                self.drop_front(self.behind);
            }
        }
    }

    /// The next `len` bytes of payload.
    fn take(&mut self, len: usize) -> Buf {
        let part = self.raw.as_ref().expect("opened bytes lie there").slice(0..len);
        self.record_left -= len;
        self.drop_front(len + if self.record_left == 0 { self.behind } else { 0 });
        self.skip_to_payload();
        part
    }

    fn drop_front(&mut self, len: usize) {
        self.opened -= len;
        if let Some(raw) = &mut self.raw {
            raw.advance(len);
        }
        self.raw = self.raw.take().filter(|raw| !raw.is_empty());
    }
}

/// What an alert means for the stream.
fn end_by_alert(alert: &[u8]) -> Result<End, Damage> {
    match alert {
        [_, CLOSE_NOTIFY] => Ok(End::Notified),
        // Says of itself that a close-notify follows; other warnings are of TLS 1.2.
        [WARNING, USER_CANCELED] => Ok(End::None),
        [_, why] => Err(Damage::Alert(*why)),
        _ => Err(Damage::Decode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::{agree, filled};
    use crate::profile::Version;
    use reactor::BufPool;

    /// A message of a handshake that is to be passed over: a server of TLS 1.2 that wants to begin anew.
    const HELLO_REQUEST: [u8; 4] = [0, 0, 0, 0];

    /// What comes of records of the server, each of a kind and with a payload.
    fn hears(records: &[(Kind, &[u8])]) -> (End, Option<Damage>) {
        let (mut client, mut server) = agree(Version::Tls12);
        let pool = BufPool::new(4);
        let mut raw = pool.take().expect("within the bound");
        for (kind, payload) in records {
            server.ours.seal(*kind, [payload, &[]], &mut raw);
        }
        let mut inbound = Inbound::new();
        inbound.begin(client.theirs, Some(raw), &mut client.keys);
        (inbound.end, inbound.damage)
    }

    #[test]
    fn nothing_comes_between_the_parts_of_a_message() {
        let (first, rest) = HELLO_REQUEST.split_at(3);
        let cut = (End::Broken(damaged()), Some(Damage::Unexpected));
        let (begins, ends) = ((Kind::Handshake, first), (Kind::Handshake, rest));
        for (records, expect) in [
            (&[begins, ends][..], (End::None, None)),
            (&[begins, ends, (Kind::Data, b"x"), (Kind::Alert, &[1, 0])], (End::Notified, None)),
            (&[begins, (Kind::Data, b"x"), ends], cut),
            (&[begins, (Kind::Data, b""), ends], cut),
            (&[begins, (Kind::Alert, &[1, 90]), ends], cut),
            (&[begins, (Kind::Alert, &[1, 0])], cut),
        ] {
            assert_eq!(hears(records), expect, "{records:?}");
        }
    }

    /// Whatever comes behind an end that was told already changes nothing about it.
    #[test]
    fn an_end_stays_an_end() {
        let (mut client, _server) = agree(Version::Tls13);
        let pool = BufPool::new(4);
        for late in [
            Ok(Received::Eof(None)),
            Ok(Received::Data(filled(&pool, b"late"))),
            Err(Fault::of(ports::FaultKind::Reset)),
        ] {
            let mut inbound = Inbound { end: End::Whole, ..Inbound::new() };
            inbound.handle_received(late, false, &mut client.keys);
            assert_eq!((inbound.end, inbound.holds_bytes()), (End::Whole, false));
        }
    }
}
