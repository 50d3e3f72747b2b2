//! What goes out on one connection: the application's bytes, sealed into buffers of ours, at most two records at a time.

use crate::record::{Cipher, Kind, PAYLOAD_BYTES_MAX};
use reactor::{After, Buf, Outgoing};

/// What follows the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// The application hears that it was sent, and may send more.
    Tell(After),
    /// A close-notify and the FIN; the application reads on.
    Fin,
}

/// Bytes of the application that are not sealed yet.
#[derive(Debug)]
struct Pending {
    head: Option<Buf>,
    body: Option<Buf>,
    last: Last,
}

/// What became of a send below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was the layer's own.
    Own,
    /// More is to be sealed.
    More,
    /// All of the application's bytes are out.
    All(Last),
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Outbound {
    cipher: Cipher,
    pending: Option<Pending>,
    /// Our send below.
    sending: bool,
    /// Our close-notify was sealed: nothing may follow.
    notified: bool,
    /// The application spoke after the peer had ended its side: the peer still listens.
    answered: bool,
}

impl Outbound {
    pub(crate) fn new(cipher: Cipher) -> Self {
        Self { cipher, pending: None, sending: false, notified: false, answered: false }
    }

    /// The application sends; see [`Outbound::seal`].
    pub(crate) fn send(&mut self, out: Outgoing, peer_has_ended: bool) {
        debug_assert!(self.pending.is_none(), "one send at a time");
        self.answered |= peer_has_ended;
        self.pending = Some(Pending { head: out.head, body: out.body, last: Last::Tell(out.after) });
    }

    /// The application has sent all it wants to send.
    pub(crate) fn finish(&mut self) {
        self.pending = Some(Pending { head: None, body: None, last: Last::Fin });
    }

    /// The handshake is over.
    pub(crate) fn begin(&mut self, cipher: Cipher) {
        self.cipher = cipher;
    }

    pub(crate) fn note_sending(&mut self) {
        self.sending = true;
    }

    /// Is anything on its way or waiting for it?
    pub(crate) fn is_busy(&self) -> bool {
        self.sending || self.pending.is_some()
    }

    pub(crate) fn is_notified(&self) -> bool {
        self.notified
    }

    /// Would somebody read a close-notify of ours?
    pub(crate) fn owes_notify(&self, peer_has_ended: bool) -> bool {
        !self.notified && (!peer_has_ended || self.answered)
    }

    /// Is there anything to seal, and nothing in flight?
    pub(crate) fn wants_to_seal(&self) -> bool {
        !self.sending && self.pending.is_some()
    }

    /// Bytes that are not sealed yet.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, Pending::len)
    }

    /// An empty send that says nothing: done as soon as begun.
    pub(crate) fn take_empty(&mut self) -> bool {
        let says_nothing = |last| matches!(last, Last::Tell(After::Keep | After::More));
        let empty = self.pending.as_ref().is_some_and(|pending| pending.len() == 0 && says_nothing(pending.last));
        if empty {
            self.pending = None;
        }
        empty
    }

    /// Seals the next records into `first` and, if there is one and it is needed, into what `second` gives. With the
    /// last bytes goes the close-notify, and the FIN below, unless `keep_open`.
    pub(crate) fn seal(&mut self, first: Buf, second: impl FnOnce() -> Option<Buf>, keep_open: bool) -> Outgoing {
        let Some(pending) = &mut self.pending else { return Outgoing::default() };
        let head = pending.seal(first, &mut self.cipher);
        let body = if pending.len() > 0 { second() } else { None };
        let body = body.map(|buf| pending.seal(buf, &mut self.cipher));
        let mut out = Outgoing { head: Some(head), body, after: After::More };
        if pending.len() == 0 {
            let last = pending.last;
            if let Last::Fin | Last::Tell(After::Close) = last {
                self.seal_close(&mut out);
            }
            out.after = match last {
                Last::Tell(After::Close) if keep_open => After::Keep,
                Last::Tell(after) => after,
                Last::Fin => After::More,
            };
        }
        self.sending = true;
        out
    }

    /// A close-notify alone.
    pub(crate) fn seal_only_close(&mut self, buf: Buf) -> Outgoing {
        let mut out = Outgoing { head: Some(buf), body: None, after: After::Close };
        self.seal_close(&mut out);
        self.sending = true;
        out
    }

    fn seal_close(&mut self, out: &mut Outgoing) {
        if !std::mem::replace(&mut self.notified, true)
            && let Some(buf) = out.body.as_mut().or(out.head.as_mut())
        {
            self.cipher.seal(Kind::Close, 0, buf, |_| {});
        }
    }

    /// Our send below has ended well.
    pub(crate) fn handle_sent(&mut self) -> Sent {
        self.sending = false;
        match self.pending.take_if(|pending| pending.len() == 0) {
            Some(done) => Sent::All(done.last),
            None if self.pending.is_some() => Sent::More,
            None => Sent::Own,
        }
    }

    /// It has failed. Does the application wait for it?
    pub(crate) fn handle_broken(&mut self) -> bool {
        self.sending = false;
        matches!(self.pending.take(), Some(Pending { last: Last::Tell(_), .. }))
    }
}

impl Pending {
    fn len(&self) -> usize {
        [&self.head, &self.body].into_iter().flatten().map(|run| run.len()).sum()
    }

    /// One record of what is left, if anything is.
    fn seal(&mut self, mut buf: Buf, cipher: &mut Cipher) -> Buf {
        let len = self.len().min(PAYLOAD_BYTES_MAX);
        if len > 0 {
            cipher.seal(Kind::Data, len, &mut buf, |room| self.take_into(room));
        }
        buf
    }

    fn take_into(&mut self, mut room: &mut [u8]) {
        for run in [&mut self.head, &mut self.body] {
            let Some(bytes) = run else { continue };
            let (here, rest) = room.split_at_mut(bytes.len().min(room.len()));
            here.copy_from_slice(&bytes[..here.len()]);
            bytes.advance(here.len());
            room = rest;
            if bytes.is_empty() {
                *run = None;
            }
        }
    }
}
