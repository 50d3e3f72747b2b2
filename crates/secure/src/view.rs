//! What the application sees: the reactor below, with sealed connections looking like any others.

use crate::below::take_flight;
use crate::conn::{Conn, Layer, Phase};
use crate::handshake::{Handshake, Progress};
use crate::inbound::End;
use crate::profile::Profile;
use ports::{Fault, FaultKind, Handshakes};
use reactor::{
    Buf, Close, CloseOutcome, Completion, ConnId, ConnectPlan, ListenerId, Outgoing, Probe, ProfileId, Questions,
    Reactor, SessionInfo, TurnedAway,
};

/// The reactor an application of a layer has; made anew for every call.
pub struct View<'a, R> {
    pub(crate) io: &'a mut R,
    pub(crate) layer: &'a mut Layer,
}

impl<R> View<'_, R> {
    fn sealed(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.layer.conns.get_mut(id)
    }

    fn profile_for(&self, plan: &ConnectPlan) -> Option<ProfileId> {
        plan.profile.or(self.layer.settings.connected)
    }
}

impl<R: Reactor> View<'_, R> {
    /// `ahead` and the hello go below as the first bytes; `first` is sealed and sent when the answer is there.
    fn connect_sealed(
        &mut self,
        profile: ProfileId,
        ahead: &[u8],
        plan: &ConnectPlan,
        first: Outgoing,
    ) -> Result<ConnId, Fault> {
        let Some(Profile::Client(profile)) = self.layer.settings.profiles.get(profile) else {
            return Err(Fault::of(FaultKind::Other));
        };
        let to = plan.remote.ip().map(|address| address.ip());
        let mut tls =
            Handshake::connect(&profile, to, self.layer.settings.hints).map_err(|_| Fault::of(FaultKind::Handshake))?;
        let mut hello = ahead.to_vec();
        let Progress::More = tls.advance(&mut hello) else { return Err(Fault::of(FaultKind::Handshake)) };
        let out = take_flight(&mut hello, self.io).ok_or(Fault::of(FaultKind::Memory))?;
        let plan = ConnectPlan { profile: None, ..*plan };
        let id = self.io.connect(&plan, out)?;
        let mut conn = Conn::new(Phase::Connecting, tls, self.io.now());
        conn.outbound.note_sending();
        if !first.is_empty() || !ahead.is_empty() {
            conn.outbound.send(first, false);
        }
        self.layer.conns.insert(id, conn);
        Ok(id)
    }
}

impl<R: Reactor> Questions for View<'_, R> {
    reactor::forward!(io: now, wall_clock, listener_address, local_address, timestamps, buffers_are_scarce, shortages);

    /// Also those whose handshake is not over, unless they have fallen silent.
    fn waiting(&self, listener: ListenerId) -> Option<usize> {
        Some(self.io.waiting(listener)? + self.layer.awaited(listener, self.io.now()))
    }

    fn probe(&self, conn: ConnId) -> Probe {
        self.probe_sealed(conn)
    }

    /// Within a handshake the layer receives for itself.
    fn is_receiving(&self, conn: ConnId) -> bool {
        let waits = |sealed: &Conn| sealed.phase != Phase::Open || sealed.inbound.is_waiting();
        self.io.is_receiving(conn) && self.layer.conns.get(conn).is_none_or(waits)
    }

    fn session(&self, conn: ConnId) -> Option<&SessionInfo> {
        self.layer.conns.get(conn).map_or_else(|| self.io.session(conn), |sealed| Some(&sealed.session))
    }

    fn reason(&self, conn: ConnId) -> Option<&str> {
        match &self.layer.reason {
            Some((of, why)) if *of == conn => Some(why),
            _ => self.io.reason(conn),
        }
    }

    /// Also those that are not sealed yet.
    fn unacknowledged_bytes(&self, conn: ConnId) -> Option<usize> {
        let unsealed = self.layer.conns.get(conn).map_or(0, |sealed| sealed.outbound.pending_bytes());
        Some(self.io.unacknowledged_bytes(conn)? + unsealed)
    }
}

impl<R: Reactor> Reactor for View<'_, R> {
    reactor::forward!(io: listen, adopt_listener, announce_listener, set_accepting, send_piped, watch_peer, take_buf, turn);

    fn secure_listener(&mut self, listener: ListenerId, profile: Option<ProfileId>) {
        self.layer.listeners.retain(|(id, _)| *id != listener);
        self.layer.listeners.push((listener, profile));
    }

    fn take_handshakes(&mut self, listener: Option<ListenerId>) -> Handshakes {
        Handshakes { announced: self.io.take_handshakes(listener).announced, ..self.layer.take_counts(listener) }
    }

    fn poll_turned_away(&mut self) -> Option<TurnedAway> {
        self.layer.turned_away.pop_front().or_else(|| self.io.poll_turned_away())
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.io.close_listener(listener);
        self.forget_listener(listener);
    }

    fn shut_listener(&mut self, listener: ListenerId) -> bool {
        let is_shut = self.io.shut_listener(listener);
        if is_shut {
            self.forget_listener(listener);
        }
        is_shut
    }

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        match self.profile_for(plan) {
            None => self.io.connect(plan, first),
            Some(profile) => self.connect_sealed(profile, &[], plan, first),
        }
    }

    fn connect_behind(&mut self, ahead: &[u8], plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        match self.profile_for(plan) {
            None => self.io.connect_behind(ahead, plan, first),
            Some(profile) => self.connect_sealed(profile, ahead, plan, first),
        }
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        match self.sealed(conn) {
            Some(sealed) => {
                sealed.inbound.recv(partial);
                self.advance_recv(conn);
            }
            None => self.io.recv(conn, partial),
        }
    }

    /// What is sealed on either side has to be seen.
    fn recv_through(&mut self, conn: ConnId, to: ConnId) {
        match self.sealed(conn).is_some() || self.sealed(to).is_some() {
            true => self.recv(conn, None),
            false => self.io.recv_through(conn, to),
        }
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        match self.sealed(conn) {
            Some(sealed) => {
                sealed.outbound.send(out, sealed.inbound.end == End::Whole);
                self.advance_send(conn);
            }
            None => self.io.send(conn, out),
        }
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        match self.sealed(conn) {
            Some(sealed) if sealed.outbound.owes_notify(sealed.inbound.end == End::Whole) => {
                sealed.outbound.finish();
                self.advance_send(conn);
            }
            _ => self.io.shutdown_write(conn),
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        if self.sealed(conn).is_some() {
            return self.close_sealed(conn, how);
        }
        self.layer.arrival.take_if(|arrival| arrival.conn == conn);
        self.io.close(conn, how)
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        let next = self.layer.up.pop_front();
        if next.is_some() {
            return next;
        }
        let arrival = self.layer.arrival.take()?;
        self.welcome(arrival);
        self.layer.up.pop_front()
    }
}
