//! What goes out on one connection: the application's bytes, sealed into buffers of ours, at most two buffers at a time.
//! What the handshake has left to say, and a new key, go before them.

use crate::keys::{KEY_UPDATE_MESSAGE, Keys};
use crate::record::{Kind, OVERHEAD_BYTES_MAX, PAYLOAD_BYTES_MAX, Protection};
use reactor::{After, Buf, Outgoing};

/// A head and the body behind it that are not longer than that travel in one record: to put them together costs less than
/// a record more.
const JOINED_BYTES_MAX: usize = 4096;
/// Room that is left in every buffer for a close-notify and a new key.
const RESERVE_BYTES: usize = 2 * (OVERHEAD_BYTES_MAX + 8);
/// What a handshake leaves to say and that may wait for the application's first bytes; more of it goes alone.
const LEAD_BYTES_MAX: usize = 8 * 1024;
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
const FATAL: u8 = 2;

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
    /// All of it is sealed and on its way, with what belongs behind it.
    out: bool,
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
pub(crate) struct Outbound {
    /// Until the handshake is over there are none.
    keys: Option<Protection>,
    /// The last of the handshake's bytes, sealed already: they go first.
    lead: Vec<u8>,
    /// They may wait for the application's.
    lead_may_wait: bool,
    /// A new key is to be told before the next record.
    owes_key: bool,
    pending: Option<Pending>,
    /// Our send below.
    sending: bool,
    /// Our close-notify was sealed: nothing may follow.
    notified: bool,
    /// The application spoke after the peer had ended its side: the peer still listens.
    answered: bool,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        Self {
            keys: None,
            lead: Vec::new(),
            lead_may_wait: false,
            owes_key: false,
            pending: None,
            sending: false,
            notified: false,
            answered: false,
        }
    }

    /// The application sends; see [`Outbound::seal`].
    pub(crate) fn send(&mut self, out: Outgoing, peer_has_ended: bool) {
        debug_assert!(self.pending.is_none(), "one send at a time");
        self.answered |= peer_has_ended;
        self.pending = Some(Pending { head: out.head, body: out.body, last: Last::Tell(out.after), out: false });
    }

    /// The application has sent all it wants to send.
    pub(crate) fn finish(&mut self) {
        self.pending = Some(Pending { head: None, body: None, last: Last::Fin, out: false });
    }

    /// The handshake is over, but for what it has left to say.
    pub(crate) fn begin(&mut self, keys: Protection, lead: Vec<u8>, lead_may_wait: bool) {
        (self.keys, self.lead_may_wait) = (Some(keys), lead_may_wait && lead.len() <= LEAD_BYTES_MAX);
        self.lead = lead;
    }

    /// The peer wants a new key of ours: it is told before the next record.
    pub(crate) fn owe_key(&mut self) {
        self.owes_key = true;
    }

    /// Is a send of ours in flight below?
    pub(crate) fn is_sending(&self) -> bool {
        self.sending
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

    /// Is there anything to send, and nothing in flight?
    pub(crate) fn wants_to_send(&self) -> bool {
        !self.sending && (self.pending.is_some() || !self.lead.is_empty() && !self.lead_may_wait)
    }

    /// Bytes that are not sealed yet.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, Pending::len)
    }

    /// An empty send that says nothing: done as soon as begun.
    pub(crate) fn take_empty(&mut self) -> bool {
        let says_nothing = |last| matches!(last, Last::Tell(After::Keep | After::More));
        let nothing = |pending: &Pending| pending.len() == 0 && says_nothing(pending.last);
        let empty = self.lead.is_empty() && self.pending.as_ref().is_some_and(nothing);
        if empty {
            self.pending = None;
        }
        empty
    }

    /// Seals the next records into `first` and, if there is one and it is needed, into what `second` gives. With the
    /// last bytes goes the close-notify, and the FIN below, unless `keep_open`.
    pub(crate) fn seal(
        &mut self,
        first: Buf,
        second: impl FnOnce() -> Option<Buf>,
        keep_open: bool,
        keys: &mut Keys,
    ) -> Outgoing {
        self.sending = true;
        let (mut head, mut body) = (first, None);
        self.seal_lead(&mut head, keys);
        if !self.lead.is_empty() {
            return Outgoing { head: Some(head), body: None, after: After::More };
        }
        if self.seal_pending(&mut head) > 0 {
            body = second();
            if let Some(body) = &mut body {
                self.seal_pending(body);
            }
        }
        let mut out = Outgoing { head: Some(head), body, after: After::More };
        match self.pending.as_ref().map(|pending| (pending.len(), pending.last)) {
            None => out.after = After::Keep,
            Some((0, last)) => {
                if let Last::Fin | Last::Tell(After::Close) = last {
                    self.seal_close(&mut out);
                }
                out.after = match last {
                    Last::Tell(After::Close) if keep_open => After::Keep,
                    Last::Tell(after) => after,
                    Last::Fin => After::More,
                };
                self.pending.iter_mut().for_each(|pending| pending.out = true);
            }
            Some(_) => {}
        }
        out
    }

    /// What goes before the application's bytes, as far as it fits.
    fn seal_lead(&mut self, buf: &mut Buf, keys: &mut Keys) {
        if !self.lead.is_empty() {
            // Behind its end there may have to be a new key and a close-notify.
            let len = self.lead.len().min(buf.spare_len().saturating_sub(RESERVE_BYTES));
            buf.append(&self.lead[..len]).expect("as much as there is room for");
            self.lead.drain(..len);
            if self.lead.is_empty() {
                self.lead = Vec::new();
            }
        }
        let Some(protection) = &mut self.keys else { return };
        if self.lead.is_empty() && (self.owes_key || protection.is_worn()) {
            self.owes_key = false;
            protection.seal(Kind::Handshake, [&KEY_UPDATE_MESSAGE, &[]], buf);
            if let Some(next) = keys.next_of_ours() {
                *protection = next;
            }
        }
    }

    /// As many records as fit; says how many bytes are left.
    fn seal_pending(&mut self, buf: &mut Buf) -> usize {
        let (Some(pending), Some(protection)) = (&mut self.pending, &mut self.keys) else { return 0 };
        let mut begun = false;
        while let Some(len) = pending.next_len() {
            let room = buf.spare_len().saturating_sub(OVERHEAD_BYTES_MAX + RESERVE_BYTES);
            // A record is cut to fit only where there is no better place for it.
            if len > room && (begun || room == 0) {
                break;
            }
            pending.seal(len.min(room), buf, protection);
            begun = true;
        }
        pending.len()
    }

    /// A close-notify alone, behind what has to go before it.
    pub(crate) fn seal_only_close(&mut self, mut buf: Buf, keys: &mut Keys) -> Outgoing {
        self.sending = true;
        self.seal_lead(&mut buf, keys);
        let mut out = Outgoing { head: Some(buf), body: None, after: After::Close };
        self.seal_close(&mut out);
        out
    }

    /// A fatal alert: nothing may follow. `None` where one was said already, or cannot be now.
    pub(crate) fn seal_alert(
        &mut self,
        why: u8,
        buf: impl FnOnce() -> Option<Buf>,
        keys: &mut Keys,
    ) -> Option<Outgoing> {
        if self.notified || self.sending || self.lead.len() > LEAD_BYTES_MAX {
            return None;
        }
        let mut buf = buf()?;
        self.seal_lead(&mut buf, keys);
        self.keys.as_mut()?.seal(Kind::Alert, [&[FATAL, why], &[]], &mut buf);
        (self.sending, self.notified) = (true, true);
        Some(Outgoing::bytes(buf))
    }

    fn seal_close(&mut self, out: &mut Outgoing) {
        if !std::mem::replace(&mut self.notified, true)
            && let Some(buf) = out.body.as_mut().or(out.head.as_mut())
            && let Some(keys) = &mut self.keys
        {
            keys.seal(Kind::Alert, [&CLOSE_NOTIFY, &[]], buf);
        }
    }

    /// Our send below has ended well.
    pub(crate) fn handle_sent(&mut self) -> Sent {
        self.sending = false;
        match self.pending.take_if(|pending| pending.out) {
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

    /// Payload of the next record; `None` when nothing is left.
    fn next_len(&self) -> Option<usize> {
        let [head, body] = [&self.head, &self.body].map(|run| run.as_deref().map_or(0, <[u8]>::len));
        let len = match (head, body) {
            (0, body) => body,
            (head, body) if head + body <= JOINED_BYTES_MAX => head + body,
            (head, _) => head,
        };
        (len > 0).then(|| len.min(PAYLOAD_BYTES_MAX))
    }

    /// Seals `len` bytes, as much as [`Pending::next_len`] or less.
    fn seal(&mut self, len: usize, buf: &mut Buf, protection: &mut Protection) {
        let head = self.head.as_deref().unwrap_or_default();
        let of_head = head.len().min(len);
        let body = self.body.as_deref().unwrap_or_default();
        let runs = match of_head {
            0 => [&body[..len], &[][..]],
            _ => [&head[..of_head], &body[..len - of_head]],
        };
        protection.seal(Kind::Data, runs, buf);
        advance(&mut self.head, of_head);
        advance(&mut self.body, len - of_head);
    }
}

fn advance(run: &mut Option<Buf>, len: usize) {
    if let Some(bytes) = run {
        bytes.advance(len);
    }
    *run = run.take().filter(|bytes| !bytes.is_empty());
}
