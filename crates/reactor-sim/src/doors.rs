//! Listening sockets of a simulated machine: bound once, held by their maker and by the event loops that adopted them,
//! closed with the last of these.

use super::flow::{EndId, Phase};
use super::host::Listener;
use super::net::Net;
use ports::{Address, Fault};
use reactor::Listening;
use reactor::conn::ListenerId;
use reactor::face::ListenPlan;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

const EADDRINUSE: i32 = 98;
const EADDRNOTAVAIL: i32 = 99;
const EINVAL: i32 = 22;
/// There are no files in the simulation.
pub(super) const EAFNOSUPPORT: i32 = 97;

/// What a [`Listening`] of the simulation holds: the socket lives as long as one of these.
pub(super) struct SimSocket {
    machine: usize,
    door: usize,
}

/// One listening socket.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    pub(super) queue: VecDeque<EndId>,
    backlog: usize,
    reuse_port: bool,
    holders: Weak<SimSocket>,
    /// Nobody comes in until somebody adopts it again.
    is_shut: bool,
    /// Who accepts from it.
    adopters: Vec<(usize, ListenerId)>,
}

impl Door {
    pub(super) fn is_open(&self) -> bool {
        self.is_held() && !self.is_shut
    }

    fn is_held(&self) -> bool {
        self.holders.strong_count() > 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= self.backlog
    }

    fn is_at(&self, address: SocketAddr) -> bool {
        let ip_fits = self.address.ip() == address.ip() || self.address.ip().is_unspecified();
        self.is_held() && self.address.port() == address.port() && ip_fits
    }
}

/// Names a door of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DoorId {
    pub(super) machine: usize,
    pub(super) door: usize,
}

impl Net {
    /// Sockets that listen at the address of `plan`. With `alone`, nobody else may listen there; without, those who
    /// share as well may.
    pub(super) fn bind(&mut self, machine: usize, plan: &ListenPlan, alone: bool) -> Result<Listening, Fault> {
        let Address::Ip(wish) = plan.address else { return Err(Fault::from_errno(EAFNOSUPPORT)) };
        let known = self.machines[machine].addresses.contains(&wish.ip());
        if !known && !wish.ip().is_unspecified() {
            return Err(Fault::from_errno(EADDRNOTAVAIL));
        }
        let address = self.free_listen_address(machine, wish, plan, alone)?;
        let doors = &mut self.machines[machine].doors;
        let socket = Arc::new(SimSocket { machine, door: doors.len() });
        doors.push(Door {
            address,
            queue: VecDeque::new(),
            backlog: plan.backlog as usize,
            reuse_port: plan.reuse_port,
            holders: Arc::downgrade(&socket),
            is_shut: false,
            adopters: Vec::new(),
        });
        Ok(Listening::new(address, socket))
    }

    fn free_listen_address(
        &self,
        machine: usize,
        wish: SocketAddr,
        plan: &ListenPlan,
        alone: bool,
    ) -> Result<SocketAddr, Fault> {
        let (low, high) = self.hosts[self.machines[machine].first_host].config.ports;
        let range = if wish.port() == 0 { low..=high } else { wish.port()..=wish.port() };
        let shares = |door: &Door| plan.reuse_port && door.reuse_port && !alone && wish.port() != 0;
        let doors = &self.machines[machine].doors;
        range
            .map(|port| SocketAddr::new(wish.ip(), port))
            .find(|address| doors.iter().filter(|door| door.is_at(*address)).all(shares))
            .ok_or(Fault::from_errno(EADDRINUSE))
    }

    pub(super) fn adopt(&mut self, host: usize, listening: Listening) -> Result<ListenerId, Fault> {
        let machine = self.hosts[host].machine;
        let ours = |socket: &Arc<SimSocket>| socket.machine == machine;
        let socket = listening.socket().filter(ours).ok_or(Fault::from_errno(EINVAL))?;
        let listeners = &mut self.hosts[host].listeners;
        let id = ListenerId(listeners.len() as u32);
        let door = socket.door;
        listeners.push(Listener { socket: Some(socket), accepting: true, paused: false });
        let door = &mut self.machines[machine].doors[door];
        door.is_shut = false;
        door.adopters.push((host, id));
        self.accept_all(host, id);
        Ok(id)
    }

    pub(super) fn close_listener(&mut self, host: usize, listener: ListenerId) {
        let Some(id) = self.door_of(host, listener) else { return };
        self.door(id).adopters.retain(|adopter| *adopter != (host, listener));
        self.hosts[host].listener_mut(listener).socket = None;
        self.close_abandoned();
    }

    pub(super) fn shut_listener(&mut self, host: usize, listener: ListenerId) -> bool {
        let Some(id) = self.door_of(host, listener) else { return false };
        self.door(id).is_shut = true;
        self.close_listener(host, listener);
        true
    }

    /// Doors that are shut, or that nobody holds any more, reset what waits at them.
    pub(super) fn close_abandoned(&mut self) {
        let abandoned =
            |door: &mut Door| if door.is_open() { VecDeque::new() } else { std::mem::take(&mut door.queue) };
        let all: Vec<EndId> =
            self.machines.iter_mut().flat_map(|machine| machine.doors.iter_mut().flat_map(abandoned)).collect();
        for id in all {
            self.answer_with_reset(id);
            self.vanish(id);
        }
    }

    pub(super) fn door(&mut self, id: DoorId) -> &mut Door {
        &mut self.machines[id.machine].doors[id.door]
    }

    /// The door a listener accepts from; none once it let it go.
    pub(super) fn door_of(&self, host: usize, listener: ListenerId) -> Option<DoorId> {
        let socket = self.hosts[host].listener(listener)?.socket.as_ref()?;
        Some(DoorId { machine: socket.machine, door: socket.door })
    }

    /// Who listens where a SYN of `flow` for `address` arrives? Those who share an address take turns by flow, as the
    /// kernel does by a hash of the 4-tuple.
    pub(super) fn door_for(&self, machine: usize, address: SocketAddr, flow: u32) -> Option<DoorId> {
        let doors =
            self.machines[machine].doors.iter().enumerate().filter(|(_, door)| door.is_open() && door.is_at(address));
        let all: Vec<usize> = doors.map(|(at, _)| at).collect();
        let turn = (flow as usize).checked_rem(all.len())?;
        Some(DoorId { machine, door: all[turn] })
    }

    /// A handshake is complete: its connection waits at the door, or does not.
    pub(super) fn queue_at(&mut self, id: DoorId, end: EndId) {
        if let Some(waiting) = self.end(end) {
            waiting.phase = Phase::Queued;
        }
        self.door(id).queue.push_back(end);
        let mut adopters = self.door(id).adopters.clone();
        if adopters.len() > 1 {
            // Whoever is woken first has it.
            self.rng.shuffle(&mut adopters);
        }
        for (host, listener) in adopters {
            self.accept_all(host, listener);
        }
    }
}
