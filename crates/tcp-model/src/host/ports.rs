//! Who uses which port, as bind() and connect() ask.

use super::calls::{CallError, Socket};
use super::{Host, order};
use crate::decide::clock::{Flow, mix};
use crate::decide::port_choice::{self, Choice, Occupant, Order, PortUse};
use crate::decide::reuse::{self, Asker, Verdict};
use crate::decide::time_wait::TimeWait;
use core::time::Duration;

impl Host {
    /// How bind() sees a port: every socket on it, and whether all of them share.
    pub(super) fn port_use(&self, port: u16) -> PortUse {
        let mut usage = PortUse { used: self.listens_on(port), all_reusable: !self.listens_on(port) };
        let mut see = |reuse_address: bool| {
            usage.used = true;
            usage.all_reusable &= reuse_address;
        };
        self.connections
            .iter()
            .filter(|(key, _)| key.2 == port)
            .for_each(|(_, connection)| see(connection.reuse_address));
        self.minis.iter().filter(|(key, _)| key.2 == port).for_each(|(_, mini)| see(mini.reuse_address));
        self.bound_only(port).for_each(|socket| see(socket.reuse_address));
        usage
    }

    /// A free port of the range for bind(): nobody else's, or shared by agreement.
    pub(super) fn port_to_bind(&self, own: Socket) -> Option<u16> {
        let (low, high) = port_choice::range(self.profile.version, &self.profile.sysctls, own.own_range);
        (low..=high).find(|port| {
            let bound = port_choice::bind(self.port_use(*port), own.reuse_address) == port_choice::BindVerdict::Bound;
            bound && !self.profile.sysctls.is_reserved(*port)
        })
    }

    /// The ephemeral port for a connect; `flow` has everything but the port.
    pub(super) fn port_to_connect(&mut self, own: Socket, flow: Flow, now: Duration) -> Result<Choice, CallError> {
        let profile = self.profile;
        let order = Order::of(profile.version, own.own_range.is_some());
        let range = port_choice::range(profile.version, &profile.sysctls, own.own_range);
        let hash = mix(profile.secret ^ mix(u64::from(flow.destination) << 16 | u64::from(flow.destination_port)));
        let offset = self.perturbation.wrapping_add((hash >> 32) as u32);
        let occupant = |port| self.occupant(Flow { source_port: port, ..flow }, now);
        let choice = port_choice::search(order, &profile.sysctls, range, offset, occupant);
        let choice = choice.map_err(|_| CallError::AddressNotAvailable)?;
        self.perturbation = self.perturbation.wrapping_add(choice.advance);
        Ok(choice)
    }

    fn occupant(&self, flow: Flow, now: Duration) -> Occupant {
        let port = flow.source_port;
        let connections =
            self.connections.iter().filter(|(key, _)| key.2 == port).map(|(_, connection)| connection.bound);
        let minis = self.minis.iter().filter(|(key, _)| key.2 == port).map(|(_, mini)| mini.bound);
        let users: Vec<bool> = connections.chain(minis).chain(self.bound_only(port).map(|_| true)).collect();
        match self.free_or_reusable(flow, false, now) {
            _ if users.iter().any(|bound| *bound) || self.listens_on(port) => Occupant::BindUser,
            _ if users.is_empty() => Occupant::Nobody,
            Ok(_) => Occupant::OtherTuple,
            Err(()) => Occupant::ThisTuple,
        }
    }

    /// Sockets that bound `port` and have no connection.
    fn bound_only(&self, port: u16) -> impl Iterator<Item = &Socket> {
        self.sockets.iter().filter(move |socket| socket.port == Some(port) && socket.flow.is_none())
    }

    fn free_or_reusable(&self, flow: Flow, bound: bool, now: Duration) -> Result<Option<TimeWait>, ()> {
        if self.connections.contains_key(&order(flow)) {
            return Err(());
        }
        let Some(mini) = self.minis.get(&order(flow)) else { return Ok(None) };
        let asker = Asker { bound, loopback: false };
        match reuse::decide(self.profile.version, &self.profile.sysctls, &mini.tw, asker, now) {
            Verdict::Reused { .. } => Ok(Some(mini.tw)),
            Verdict::Refused(_) => Err(()),
        }
    }

    /// Takes the 4-tuple; gives the TIME_WAIT that stood on it, which is gone then.
    pub(super) fn take_tuple(&mut self, flow: Flow, bound: bool, now: Duration) -> Result<Option<TimeWait>, CallError> {
        let taken = self.free_or_reusable(flow, bound, now).map_err(|()| CallError::AddressNotAvailable)?;
        if let Some(tw) = taken {
            let verdict = Verdict::Reused { isn: tw.takeover_isn() };
            self.counters.bump(verdict.bumps());
            self.minis.remove(&order(flow));
        }
        Ok(taken)
    }
}
