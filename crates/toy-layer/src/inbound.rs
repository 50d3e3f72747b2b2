//! What comes in on one connection: sealed bytes from below, opened where they lie, handed up as they are asked for.
//!
//! ```text
//! raw:  [ payload | tag | header | payload | tag | header | paylo..  ]
//!        `--------------- opened ---------------' `---- sealed ---'
//! ```

use crate::record::{Cipher, Damaged, HEADER_BYTES, Header, Kind, TAG_BYTES};
use crate::{damaged, truncated};
use ports::Fault;
use reactor::{Buf, Received};

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
#[derive(Debug)]
pub(crate) struct Inbound {
    cipher: Cipher,
    raw: Option<Buf>,
    /// Bytes of `raw` that are opened.
    opened: usize,
    /// Payload of the first record that was not handed up yet.
    record_left: usize,
    /// The application's recv, with its partial buffer.
    waiting: Option<Option<Buf>>,
    /// Our recv below.
    reading: bool,
    /// It was given the beginning of a record.
    reading_on: bool,
    pub(crate) end: End,
}

impl Inbound {
    pub(crate) fn new(cipher: Cipher) -> Self {
        Self {
            cipher,
            raw: None,
            opened: 0,
            record_left: 0,
            waiting: None,
            reading: false,
            reading_on: false,
            end: End::None,
        }
    }

    /// The handshake is over; `raw` is what came behind it.
    pub(crate) fn begin(&mut self, cipher: Cipher, raw: Buf) {
        (self.cipher, self.raw) = (cipher, Some(raw).filter(|raw| !raw.is_empty()));
        self.open_records();
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
    pub(crate) fn handle_received(&mut self, result: Result<Received, Fault>, we_left: bool) {
        (self.reading, self.reading_on) = (false, false);
        match (result, self.end) {
            // Nothing counts behind a close-notify; a reset there takes nothing away.
            (Ok(Received::Data(_)), End::Notified) => {}
            (_, End::Notified) => self.end = End::Whole,
            (Ok(Received::Data(buf)), _) => {
                self.raw = Some(buf);
                self.open_records();
            }
            // Who answers a close-notify with nothing but a FIN had nothing left to say.
            (Ok(Received::Eof(partial)), _) if we_left && partial.as_deref().is_none_or(<[u8]>::is_empty) => {
                self.end = End::Whole;
            }
            (Ok(Received::Eof(_)), _) => self.end = End::Broken(truncated()),
            (Err(fault), _) => self.end = End::Broken(fault),
        }
    }

    /// Opens every whole record, while nobody shares the bytes.
    fn open_records(&mut self) {
        while self.end == End::None {
            match self.open_one() {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => self.end = End::Broken(damaged()),
            }
        }
        // What lies behind an end is nobody's.
        if let Some(raw) = &mut self.raw {
            raw.truncate(self.opened);
        }
        self.raw = self.raw.take().filter(|raw| !raw.is_empty());
    }

    /// Was there a whole one?
    fn open_one(&mut self) -> Result<bool, Damaged> {
        let Some(raw) = &mut self.raw else { return Ok(false) };
        let Some(header) = Header::parse(&raw[self.opened..])? else { return Ok(false) };
        let whole = self.opened..self.opened + header.record_len();
        if raw.len() < whole.end {
            return Ok(false);
        }
        let bytes = raw.unique_mut().expect("what was received is shared only when it is handed up");
        self.cipher.open(header.kind, &mut bytes[whole.clone()][HEADER_BYTES..])?;
        match header.kind {
            Kind::Data => self.opened = whole.end,
            Kind::Close => self.end = End::Notified,
            Kind::Handshake => return Err(Damaged::Header),
        }
        Ok(true)
    }

    /// What to do next.
    pub(crate) fn poll(&mut self) -> Step {
        if self.waiting.is_none() {
            return Step::Wait;
        }
        self.skip_to_payload();
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

    /// Moves on to a record with payload, if one is opened.
    fn skip_to_payload(&mut self) {
        while self.record_left == 0 && self.opened > 0 {
            let header = self.raw.as_deref().and_then(|raw| Header::parse(raw).ok().flatten());
            self.record_left = header.expect("it was opened").payload_len;
            self.drop_front(HEADER_BYTES);
            if self.record_left == 0 {
                self.drop_front(TAG_BYTES);
            }
        }
    }

    /// The next `len` bytes of payload.
    fn take(&mut self, len: usize) -> Buf {
        let part = self.raw.as_ref().expect("opened bytes lie there").slice(0..len);
        self.record_left -= len;
        self.drop_front(len + if self.record_left == 0 { TAG_BYTES } else { 0 });
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

#[cfg(test)]
mod tests {
    use super::*;
    use reactor::BufPool;

    const KEY: u64 = 7;

    /// Records with these payloads, then perhaps a close-notify, in one run.
    fn sealed(pool: &BufPool, payloads: &[&[u8]], close: bool) -> Buf {
        let (mut buf, mut cipher) = (pool.take().expect("within the bound"), Cipher::new(KEY));
        for payload in payloads {
            cipher.seal(Kind::Data, payload.len(), &mut buf, |room| room.copy_from_slice(payload));
        }
        if close {
            cipher.seal(Kind::Close, 0, &mut buf, |_| {});
        }
        buf
    }

    /// Feeds `bytes` in pieces of `piece`, then `last`; what comes out above, each recv in brackets.
    fn play(bytes: &[u8], piece: usize, last: Result<Received, Fault>) -> String {
        let pool = BufPool::new(4);
        let (mut inbound, mut heard) = (Inbound::new(Cipher::new(KEY)), String::new());
        let (mut pieces, mut last) = (bytes.chunks(piece), Some(last));
        inbound.recv(None);
        loop {
            match inbound.poll() {
                Step::Read(partial) => {
                    let next = pieces.next().map(|bytes| {
                        let mut buf = pool.room_after(partial).expect("within the bound");
                        buf.append(bytes).expect("it fits");
                        Ok(Received::Data(buf))
                    });
                    inbound.handle_received(next.or_else(|| last.take()).expect("it ends"), false);
                }
                Step::Tell(Ok(Received::Data(buf))) => {
                    heard += &format!("[{}]", String::from_utf8_lossy(&buf));
                    inbound.recv(None);
                }
                Step::Tell(Ok(Received::Eof(_))) => return heard + "end",
                Step::Tell(Err(fault)) => return heard + if fault == truncated() { "cut off" } else { "spoilt" },
                Step::Wait | Step::Starved => return heard + "stuck",
            }
        }
    }

    #[track_caller]
    fn check(payloads: &[&str], close: bool, spoil: impl Fn(&mut Vec<u8>), expect: &str) {
        let payloads: Vec<&[u8]> = payloads.iter().map(|payload| payload.as_bytes()).collect();
        let mut bytes = sealed(&BufPool::new(1), &payloads, close).to_vec();
        spoil(&mut bytes);
        for piece in [1, 3, 13, bytes.len()] {
            assert_eq!(play(&bytes, piece, Ok(Received::Eof(None))), expect, "in pieces of {piece}");
        }
    }

    #[test]
    fn records_come_out_one_by_one_and_only_a_close_notify_ends_them() {
        check(&["abc", "", "de"], true, |_| {}, "[abc][de]end");
        check(&["abc", "de"], false, |_| {}, "[abc][de]cut off");
        check(&["abc", "de"], true, |bytes| bytes.truncate(30), "[abc]cut off");
        check(&["abc", "de"], true, |bytes| bytes[20] ^= 1, "[abc]spoilt");
        check(&[], true, |bytes| bytes.extend(b"anything"), "end");
    }

    #[test]
    fn a_reset_behind_the_end_takes_nothing_away() {
        let bytes = sealed(&BufPool::new(1), &[b"abc"], true).to_vec();
        assert_eq!(play(&bytes, 1000, Err(Fault::from_errno(104))), "[abc]end");
    }

    #[test]
    fn bytes_are_appended_to_a_partial_buffer_as_far_as_it_has_room() {
        let pool = BufPool::new(4);
        let mut partial = pool.take().expect("within the bound");
        let full = partial.spare_len();
        partial.append(&vec![b'-'; full - 2]).expect("it fits");
        let mut inbound = Inbound::new(Cipher::new(KEY));
        inbound.handle_received(Ok(Received::Data(sealed(&pool, &[b"abc"], false))), false);
        inbound.recv(Some(partial));
        let Step::Tell(Ok(Received::Data(first))) = inbound.poll() else { panic!("two bytes fit") };
        assert_eq!(&first[full - 2..], b"ab");
        inbound.recv(None);
        let Step::Tell(Ok(Received::Data(rest))) = inbound.poll() else { panic!("one is left") };
        assert_eq!(&rest[..], b"c");
        assert!(!inbound.holds_bytes());
    }
}
