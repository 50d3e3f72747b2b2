//! Clients come in.

use super::Worker;
use super::state::{Client, Party, Work};
use super::time::{PATROL, TimerKey};
use balancer_core::Protocol;
use balancer_core::downstream::Downstream;
use http1::HeadScan;
use reactor::{ConnId, Deadline, ListenerId, Reactor};
use std::net::SocketAddr;

impl Worker {
    pub(super) fn handle_accepted<R: Reactor>(&mut self, at: ListenerId, conn: ConnId, peer: SocketAddr, io: &mut R) {
        let now = self.now(io);
        let index = self.listener_index(at);
        let listener = &mut self.listeners[index];
        listener.counters.accepted += 1;
        listener.note_entered();
        self.reviews |= listener.review;
        if listener.rules.settings.timeouts.is_endless() {
            io.watch_peer(conn);
        }
        let stream = listener.rules.settings.protocol == Protocol::Tcp;
        let life = Downstream::accepted(&listener.downstream_scene(now, self.draining));
        let mut alarm = Deadline::default();
        alarm.fire_by(now + PATROL, TimerKey::Client(conn), &mut self.wheel);
        alarm.set(life.deadline(), TimerKey::Client(conn), &mut self.wheel);
        let scan = HeadScan::default();
        let client = Client {
            peer,
            listener: index,
            life,
            work: Work::None,
            inbound: None,
            scan,
            reading: !stream,
            listed: false,
            counted: false,
            released: false,
            alarm,
        };
        self.parties.insert(conn, Party::Client(client));
        if stream {
            return self.begin_stream(conn, io);
        }
        self.note_idle(conn);
        io.recv(conn, None);
    }

    pub(super) fn handle_accept_failed(&mut self, at: ListenerId) {
        let index = self.listener_index(at);
        self.listeners[index].counters.accept_paused += 1;
    }

    fn listener_index(&self, id: ListenerId) -> usize {
        let found = self.listeners.iter().position(|listener| listener.id == Some(id));
        found.expect("a listener that was closed accepts nothing")
    }
}
