//! Tells an exchange what happened and carries out what it orders, until it waits again or has ended.

use super::Worker;
use super::state::{ExchangeId, Todo, Work};
use super::time::TimerKey;
use balancer_core::exchange::{DownOrder, Fact, ServerOrder, Step, Then, UpOrder};
use http1::HeadScan;
use reactor::{After, Outgoing, Reactor};

impl Worker {
    /// Something happened to an exchange.
    pub(super) fn hear<R: Reactor>(&mut self, id: ExchangeId, fact: Fact, io: &mut R) {
        let step = self.tell(id, fact, io);
        self.drive(id, step, io);
    }

    /// Tells the exchange, and lets go of what it needs no more.
    pub(super) fn tell<R: Reactor>(&mut self, id: ExchangeId, fact: Fact, io: &mut R) -> Step {
        let now = self.now(io);
        let entry = &mut self.exchanges[id];
        let (queued, in_line) = (entry.core.is_queued(), entry.core.is_in_line());
        let draining = self.listeners[entry.listener].drains(self.draining);
        let step = entry.core.handle(fact, &entry.rules.scene(entry.route, &entry.set_rules, now, draining));
        let left_line = in_line && !entry.core.is_in_line();
        let left_queue = queued && !entry.core.is_queued();
        if !entry.core.is_replayable() && entry.up.kept.is_some() {
            self.let_go(id);
        }
        if left_line {
            let set = self.exchanges[id].asked_set();
            self.leave_line(set, id);
            return step;
        }
        if left_queue {
            let set = self.exchanges[id].asked_set();
            self.leave_queue(set, id);
        }
        step
    }

    /// Carries out a step, and those that its orders lead to: each round is an attempt, of which there are few, or an
    /// answer, of which there is one.
    pub(super) fn drive<R: Reactor>(&mut self, id: ExchangeId, mut step: Step, io: &mut R) {
        while !step.is_nothing()
            && let Some(fact) = self.apply(id, &step, io)
        {
            step = self.tell(id, fact, io);
        }
        if let Some(entry) = self.exchanges.get_mut(id) {
            debug_assert_eq!(entry.core.check(), Ok(()), "{:?}", entry.core);
            let (conn, at) = (entry.client.conn, entry.core.deadline());
            if at < entry.fires_by {
                entry.fires_by = at;
                self.parties.client(conn).alarm.set(at, TimerKey::Client(conn), &mut self.wheel);
            }
        }
    }

    /// The one place where orders are carried out. What an order comes to at once is the next fact.
    fn apply<R: Reactor>(&mut self, id: ExchangeId, step: &Step, io: &mut R) -> Option<Fact> {
        if let Some((server, verdict)) = step.verdict {
            self.note_verdict(self.exchanges[id].asked_set(), server, verdict, io);
        }
        let abandoned = step.server.and_then(|order| self.apply_server(id, order, io));
        let attempted = step.up.and_then(|order| self.apply_up(id, order, io));
        let answered = step.down.and_then(|order| self.apply_down(id, order, io));
        if step.read_client {
            let conn = self.exchanges[id].client.conn;
            self.read_client(conn, io);
        }
        if step.read_server {
            self.apply_read_server(id, io);
        }
        if let Some(then) = step.end {
            self.end_exchange(id, then, io);
        }
        let fact = abandoned.or(attempted).or(answered);
        debug_assert!(fact.is_none() || step.end.is_none(), "nothing is told to what is over: {step:?}");
        fact
    }

    fn apply_server<R: Reactor>(&mut self, id: ExchangeId, order: ServerOrder, io: &mut R) -> Option<Fact> {
        let end = self.exchanges[id].server.take().expect("an exchange parts from a server it has");
        match order {
            ServerOrder::Keep { clean } => self.keep_server(end.conn, clean, io),
            ServerOrder::Close(why) => self.close_server(end.conn, why, io),
            ServerOrder::Abandon => return Some(self.abandon_server(end.conn, io)),
        }
        None
    }

    fn apply_up<R: Reactor>(&mut self, id: ExchangeId, order: UpOrder, io: &mut R) -> Option<Fact> {
        match order {
            UpOrder::Attempt(order) => return Some(self.attempt(id, order, None, io)),
            UpOrder::Repeat(order) => {
                let (now, set) = (self.now(io), self.exchanges[id].asked_set());
                let pays = self.pays_for_repetition(set, now);
                return Some(if pays { self.attempt(id, order, None, io) } else { Fact::BudgetSpent });
            }
            UpOrder::Queue { first } => return self.join_queue(id, first),
            UpOrder::JoinLine { first } => return self.join_line(id, first, io),
            UpOrder::Send => {
                let entry = &mut self.exchanges[id];
                let held = entry.up.held.take().expect("a piece is held until it is sent");
                let end = entry.server.expect("a piece is sent to a server that is there");
                io.send(end.conn, Outgoing::bytes(held));
            }
            UpOrder::Drop => self.exchanges[id].up.held = None,
            UpOrder::LookAtAcks => {
                let end = self.exchanges[id].server.expect("what is sent to is there");
                return Some(Fact::Unacknowledged(io.unacknowledged_bytes(end.conn)));
            }
        }
        None
    }

    fn apply_down<R: Reactor>(&mut self, id: ExchangeId, order: DownOrder, io: &mut R) -> Option<Fact> {
        match order {
            DownOrder::Send { close } => {
                let entry = &mut self.exchanges[id];
                let (head, body) = (entry.down.head.take(), entry.down.body.take());
                let after = if close { After::Close } else { After::Keep };
                let is_out = io.send_at_once(entry.client.conn, Outgoing { head, body, after });
                is_out.then_some(Fact::ClientTook)
            }
            DownOrder::Answer(answer) => self.answer(id, answer, None, io),
            DownOrder::LookAtAcks => {
                let conn = self.exchanges[id].client.conn;
                Some(Fact::Unacknowledged(io.unacknowledged_bytes(conn)))
            }
        }
    }

    fn apply_read_server<R: Reactor>(&mut self, id: ExchangeId, io: &mut R) {
        let end = self.exchanges[id].server.expect("an exchange reads from a server it has");
        if self.read_server(end.conn, io) {
            self.todo.push_back(Todo::ReadHeld(end.conn));
        }
    }

    /// Everything that is counted of an exchange is counted here.
    fn count_end<R: Reactor>(&mut self, id: ExchangeId, io: &mut R) {
        let now = self.now(io);
        let entry = &self.exchanges[id];
        let record = entry.core.record();
        let listener = &mut self.listeners[entry.listener];
        listener.counters.count_request(record);
        listener.counters.bytes_out += u64::from(entry.said.body_len);
        listener.count_route(&entry.rules, entry.route, record, now.saturating_sub(record.started_at));
        let (set, failure) = (entry.set, record.failure);
        if let Some(set) = set {
            self.sets[set].count(record);
        }
        self.note_waited(set, failure);
    }

    /// The one end of an exchange: its record is counted, the client's connection goes on or is closed.
    fn end_exchange<R: Reactor>(&mut self, id: ExchangeId, then: Then, io: &mut R) {
        let conn = self.exchanges[id].client.conn;
        self.count_end(id, io);
        self.put_back_encoder(id);
        let record = self.exchanges[id].core.record();
        if self.exchanges[id].note.is_some() || record.failure.is_some() || record.truncated {
            self.note_end(id, then, io);
        }
        if then == Then::Relay {
            let entry = self.exchanges.remove(id).expect("an exchange ends once");
            return self.begin_relay(entry, io);
        }
        self.exchanges.remove(id); // not moved anywhere first
        let now = self.now(io);
        let client = self.parties.client(conn);
        client.work = Work::None;
        client.scan = HeadScan::default();
        let scene = self.listeners[client.listener].downstream_scene(now, self.farewell.closes_idle());
        let order = client.life.handle_exchange_over(then, client.inbound.is_some(), &scene);
        if client.life.is_ending() {
            client.inbound = None; // nobody will look at it
        }
        self.carry_out(conn, order, io);
    }
}
