//! Connections of tcp listeners: joined with a server's as soon as one takes them. Until then they are exchanges like any
//! other, so that servers are picked, tried again and judged by the same decisions.
//!
//! Where the listener has routes, what the client says first is looked at for the name it asks for, and passed on with the
//! rest.

use super::Worker;
use super::drain::Farewell;
use super::heads::Request;
use super::rules::ListenerRules;
use super::treat::Asker;
use balancer_core::exchange::{Exchange, Opening};
use balancer_core::hello::{Unmatched, asked_name};
use balancer_core::{Action, Decision, Failure, Protocol};
use reactor::{Buf, ConnId, Reactor};
use std::rc::Rc;

impl ListenerRules {
    /// Are its clients joined with servers whatever they say?
    pub(super) fn joins_at_once(&self) -> bool {
        self.settings.protocol == Protocol::Tcp && !self.settings.router.has_routes()
    }

    /// Do the first words of its clients say where they go?
    fn goes_by_names(&self) -> bool {
        self.settings.protocol == Protocol::Tcp && self.settings.router.has_routes()
    }
}

impl Worker {
    /// A client came in: a server is asked at once, as it may be the one that speaks first. What the client says meanwhile
    /// waits where it is.
    pub(super) fn begin_stream<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        if self.farewell == Farewell::LastCall {
            return self.refuse(conn, Failure::Draining, io);
        }
        let rules = Rc::clone(&self.listeners[self.parties.client(conn).listener].rules);
        self.begin_stream_by(conn, rules.settings.router.fallback(), rules, io);
    }

    /// Looks for the name in what a client has said so far. It is for whoever the connection goes to: all of it stays.
    pub(super) fn take_hello<R: Reactor>(&mut self, conn: ConnId, said: Buf, rules: Rc<ListenerRules>, io: &mut R) {
        let found = asked_name(&said);
        self.parties.client(conn).inbound = Some(said);
        let router = &rules.settings.router;
        let decided = match found {
            Ok(None) => return self.read_more_of_head(conn, io),
            Ok(Some(name)) => {
                self.jot_name(name.as_bytes());
                router.decide_name(name.as_bytes()).ok_or(Unmatched::UnknownName)
            }
            Err(why) => Err(why),
        };
        match decided {
            Ok(decision) => self.begin_stream_by(conn, decision, rules, io),
            Err(why) => self.begin_unmatched(conn, why, io),
        }
    }

    /// No route is for this connection: it goes where such connections go, if anywhere.
    pub(super) fn begin_unmatched<R: Reactor>(&mut self, conn: ConnId, why: Unmatched, io: &mut R) {
        let listener = &mut self.listeners[self.parties.client(conn).listener];
        listener.counters.unmatched[why as usize] += 1;
        let rules = Rc::clone(&listener.rules);
        self.begin_stream_by(conn, rules.settings.router.fallback(), rules, io);
    }

    /// Is this a client whose first words say where it goes?
    pub(super) fn awaits_hello(&mut self, conn: ConnId) -> bool {
        self.listeners[self.parties.client(conn).listener].rules.goes_by_names()
    }

    fn begin_stream_by<R: Reactor>(&mut self, conn: ConnId, decision: Decision, rules: Rc<ListenerRules>, io: &mut R) {
        let now = self.now(io);
        let client = self.parties.client(conn);
        client.life.handle_exchange_begun();
        let (peer, ahead) = (client.peer, client.inbound.is_some());
        let draining = self.listeners[client.listener].drains(self.draining);
        let way = self.way(decision, rules);
        let opening = Opening { ahead, greets: way.set_rules.proxy_protocol.is_some(), ..Opening::STREAM };
        let scene = way.rules.scene(way.route, &way.set_rules, now, draining);
        let (core, step) = match way.rules.route(way.route).action {
            Action::Forward { .. } if way.rules.treatment(way.route).admits(peer.ip()) => {
                Exchange::begin(opening, &scene)
            }
            Action::Forward { .. } => Exchange::refuse(opening, Failure::Denied, &scene),
            Action::Redirect(_) | Action::Respond(_) | Action::NotFound => {
                Exchange::refuse(opening, Failure::NoRoute, &scene)
            }
        };
        let note = self.note_stream();
        let request = Request::none(Asker::unknown(peer), &way.rules, note);
        let id = self.insert(conn, core, way, request);
        self.drive(id, step, io);
    }
}
