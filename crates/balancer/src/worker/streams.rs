//! Connections of tcp listeners: joined with a server's as soon as one takes them. Until then they are exchanges like any
//! other, so that servers are picked, tried again and judged by the same decisions.

use super::Worker;
use super::drain::Farewell;
use super::heads::Request;
use super::treat::Asker;
use balancer_core::Failure;
use balancer_core::exchange::{Exchange, Opening};
use reactor::{ConnId, Reactor};
use std::rc::Rc;

impl Worker {
    /// A client came in: a server is asked at once, as it may be the one that speaks first. What the client says meanwhile
    /// waits where it is.
    pub(super) fn begin_stream<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        if self.farewell == Farewell::LastCall {
            return self.refuse(conn, Failure::Draining, io);
        }
        let now = self.now(io);
        let client = self.parties.client(conn);
        client.life.handle_exchange_begun();
        let listener = &self.listeners[client.listener];
        let (rules, draining) = (Rc::clone(&listener.rules), listener.drains(self.draining));
        let way = self.way(rules.settings.router.fallback(), rules);
        let opening = Opening { greets: way.set_rules.proxy_protocol.is_some(), ..Opening::STREAM };
        let (core, step) = Exchange::begin(opening, &way.rules.scene(way.route, &way.set_rules, now, draining));
        let request = Request::none(Asker::unknown(self.parties.client(conn).peer), &way.rules);
        let id = self.insert(conn, core, way, request);
        self.drive(id, step, io);
    }
}
