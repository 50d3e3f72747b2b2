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
    /// Nothing of the application goes out any more.
    over: Option<Over>,
}

/// How far the end is that came before the application wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The peer is to be told so by these two bytes, as soon as no send is in flight.
    Owed([u8; 2]),
    /// It was told, or has said so itself.
    Told,
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
            over: None,
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

    /// The stream is spoilt: nothing of the application goes out any more (RFC 8446 section 6.2). The peer is told why, where
    /// it has not given up itself.
    pub(crate) fn give_up(&mut self, why: Option<u8>) {
        let alert = why.filter(|_| !self.notified).map(|why| Over::Owed([FATAL, why]));
        self.over.get_or_insert(alert.unwrap_or(Over::Told));
        if alert.is_none() {
            self.lead = Vec::new();
        }
    }

    /// The key has sealed as much as it may: only the end is left to be said. Answers whether that is news.
    pub(crate) fn note_spent(&mut self) -> bool {
        let news = self.over.is_none() && !self.notified && self.keys.as_ref().is_some_and(Protection::is_spent);
        if news {
            self.over = Some(Over::Owed(CLOSE_NOTIFY));
        }
        news
    }

    /// Is it over with what the application sends?
    pub(crate) fn ends_here(&self) -> bool {
        self.over.is_some() || self.keys.as_ref().is_some_and(Protection::is_spent)
    }

    /// What the application wants to send goes nowhere any more, once no send is in flight.
    pub(crate) fn take_refused(&mut self) -> Option<Last> {
        if self.over.is_none() || self.sending {
            return None;
        }
        // A FIN may follow an alert.
        let owed = matches!(self.over, Some(Over::Owed(_)));
        let refused = self.pending.take_if(|pending| !owed || pending.last != Last::Fin)?;
        Some(refused.last)
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
        let owes = matches!(self.over, Some(Over::Owed(_))) || !self.lead.is_empty() && !self.lead_may_wait;
        !self.sending && (self.pending.is_some() || owes)
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
        if let Some(Over::Owed(alert)) = self.over {
            return self.seal_alert(alert, head);
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

    /// The alert that ends the stream: nothing follows it but the FIN.
    fn seal_alert(&mut self, alert: [u8; 2], mut buf: Buf) -> Outgoing {
        (self.over, self.notified) = (Some(Over::Told), true);
        if let Some(keys) = &mut self.keys {
            keys.seal(Kind::Alert, [&alert, &[]], &mut buf);
        }
        self.pending.iter_mut().for_each(|fin| fin.out = true);
        Outgoing::bytes(buf)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::{agree, filled};
    use crate::profile::Version;
    use crate::record::{Header, RECORDS_PER_KEY, RECORDS_PER_KEY_MAX, SEALED_BYTES_MAX};
    use reactor::BufPool;

    /// What is sent where the application sends "x" and the key has sealed so many records: the kinds of the records, opened
    /// by the peer; and whether the application's bytes went nowhere.
    fn sends(version: Version, sealed: u64) -> (Vec<Kind>, bool) {
        let (client, mut server) = agree(version);
        let pool = BufPool::new(4);
        let (mut outbound, mut keys, mut ours, mut theirs) = (Outbound::new(), client.keys, client.ours, server.theirs);
        ours.number_from(sealed);
        theirs.number_from(sealed);
        outbound.begin(ours, Vec::new(), false);
        outbound.send(Outgoing::bytes(filled(&pool, b"x")), false);
        let ends = outbound.ends_here();
        assert_eq!(ends, outbound.note_spent());
        let refused = outbound.take_refused().is_some();
        assert_eq!(ends, refused);
        let out = outbound.seal(pool.take().expect("within the bound"), || None, false, &mut keys);
        let mut bytes = out.head.expect("something").to_vec();
        let mut kinds = Vec::new();
        while let Some(header) = Header::parse(&bytes, SEALED_BYTES_MAX).expect("a record") {
            let mut record: Vec<u8> = bytes.drain(..header.record_len()).collect();
            let (kind, payload) = theirs.open(header, &mut record).expect("sealed well");
            if kind == Kind::Handshake && server.keys.handle_messages(&record[payload]).expect("a key").theirs {
                theirs = server.keys.next_of_theirs().expect("TLS 1.3");
            }
            kinds.push(kind);
        }
        (kinds, refused)
    }

    /// AES-GCM seals so many records under one key and no more: TLS 1.3 goes on with the next, TLS 1.2 has none and ends.
    #[test]
    fn a_key_that_has_sealed_much_is_renewed_or_ends_the_stream() {
        let (data, new_key, end) = ([Kind::Data].to_vec(), [Kind::Handshake, Kind::Data].to_vec(), vec![Kind::Alert]);
        for (version, sealed, expect) in [
            (Version::Tls13, RECORDS_PER_KEY - 1, (data.clone(), false)),
            (Version::Tls13, RECORDS_PER_KEY, (new_key, false)),
            (Version::Tls12, RECORDS_PER_KEY, (data.clone(), false)),
            (Version::Tls12, RECORDS_PER_KEY_MAX - 1, (data, false)),
            (Version::Tls12, RECORDS_PER_KEY_MAX, (end, true)),
        ] {
            assert_eq!(sends(version, sealed), expect, "{version:?} after {sealed}");
        }
    }
}
