//! What comes up from below: strangers' bytes stay here, everything else goes on.

use crate::layer::Known;
use crate::view::View;
use crate::{FIRST_BYTES_MAX, FIRST_WORD_MAX};
use balancer_core::announcement;
use ports::{Fault, Unannounced};
use reactor::{Against, Buf, Close, CloseOutcome, Completion, ConnId, ListenerId, Reactor, Received, TurnedAway};
use std::net::SocketAddr;

impl<R: Reactor> View<'_, R> {
    /// Takes one completion in; answers with it if it is for the application as it is.
    #[inline]
    pub(crate) fn handle_below(&mut self, completion: Completion) -> Option<Completion> {
        match completion {
            Completion::Accepted { listener, conn, peer } if self.layer.gate(listener).is_some() => {
                self.greet(listener, conn, peer);
                None
            }
            Completion::Received { conn, result } if self.layer.strangers.get(conn).is_some() => {
                self.handle_said(conn, result);
                None
            }
            Completion::Sent { conn, result: Ok(()) } if self.was_kept_open(conn) => {
                Some(Completion::Closed { conn, outcome: CloseOutcome::Unread })
            }
            Completion::Closed { conn, outcome: CloseOutcome::Closed(_) } => {
                self.layer.known.remove(conn);
                Some(completion)
            }
            other => Some(other),
        }
    }

    fn was_kept_open(&mut self, id: ConnId) -> bool {
        self.layer.known.get_mut(id).is_some_and(|known| std::mem::take(&mut known.kept_open))
    }

    fn greet(&mut self, listener: ListenerId, id: ConnId, peer: SocketAddr) {
        let Some(gate) = self.layer.gate(listener) else { return };
        if !(gate.is_proxy)(peer.ip()) {
            self.note(listener, peer, Unannounced::NotTrusted, &[]);
            self.io.close(id, Close::Reset);
            return;
        }
        let now = self.io.now();
        let deadline = now.saturating_add(gate.within);
        if let Some(oldest) = self.layer.admit((listener, id, peer), now + FIRST_WORD_MAX, deadline) {
            self.turn_away(oldest, Unannounced::Crowded, &[]);
        }
        self.io.recv(id, None);
    }

    fn handle_said(&mut self, id: ConnId, result: Result<Received, Fault>) {
        let Ok(Received::Data(buf)) = result else { return self.let_go(id) };
        match announcement(&buf) {
            Ok(None) => {
                if let Some(stranger) = self.layer.strangers.get_mut(id) {
                    stranger.began = true;
                }
                self.io.recv(id, Some(buf));
            }
            Ok(Some(said)) => self.introduce(id, said, buf),
            Err(why) => self.turn_away(id, why, &buf),
        }
    }

    /// The application hears of a client.
    fn introduce(&mut self, id: ConnId, said: announcement::Announcement, mut buf: Buf) {
        let Some(stranger) = self.layer.take_stranger(id) else { return };
        buf.advance(said.len);
        let counts = self.layer.counts(stranger.listener);
        match said.ends {
            Some(_) => counts.done += 1,
            None => counts.own += 1,
        }
        let (peer, to) = said.ends.map_or((stranger.peer, None), |(from, to)| (from, Some(to)));
        let rest = (!buf.is_empty()).then_some(buf);
        if to.is_some() || rest.is_some() {
            self.layer.known.insert(id, Known { to, rest, kept_open: false });
        }
        self.layer.up.push_back(Completion::Accepted { listener: stranger.listener, conn: id, peer });
    }

    /// He has left.
    fn let_go(&mut self, id: ConnId) {
        let Some(stranger) = self.layer.take_stranger(id) else { return };
        match stranger.began {
            true => self.note(stranger.listener, stranger.peer, Unannounced::PeerLeft, &[]),
            false => self.layer.counts(stranger.listener).silent += 1,
        }
        self.io.close(id, Close::Discard);
    }

    fn turn_away(&mut self, id: ConnId, why: Unannounced, said: &[u8]) {
        let Some(stranger) = self.layer.take_stranger(id) else { return };
        self.note(stranger.listener, stranger.peer, why, said);
        self.io.close(id, Close::Discard);
    }

    /// Counts one that is turned away, and remembers it for a while.
    #[cold]
    fn note(&mut self, listener: ListenerId, peer: SocketAddr, why: Unannounced, said: &[u8]) {
        self.layer.counts(listener).refused[why as usize] += 1;
        let first = said[..said.len().min(FIRST_BYTES_MAX)].into();
        let (at, listener) = (self.io.now(), self.io.listener_address(listener));
        self.layer.note_turned_away(TurnedAway { at, peer, listener, why: Against::Unannounced(why), first });
    }

    /// Strangers whose time is over.
    pub(crate) fn expire(&mut self) {
        let now = self.io.now();
        while let Some(id) = self.layer.timers.pop_due(now) {
            if self.layer.grows_old(id, now) {
                self.turn_away(id, Unannounced::TimedOut, &[]);
            }
        }
    }

    /// Nobody waits for the strangers of `listener`, or of any, any more.
    pub(crate) fn turn_all_away(&mut self, listener: Option<ListenerId>) {
        self.layer.strangers_of(listener).into_iter().for_each(|id| self.turn_away(id, Unannounced::Closing, &[]));
    }
}
