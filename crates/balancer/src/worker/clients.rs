//! Client connections carry out what was decided: read on, close by whose move it is, throw away what nobody wants.

use super::Worker;
use super::state::Todo;
use super::time::TimerKey;
use balancer_core::downstream::{ClientOrder, CloseHow};
use balancer_core::{CloseReason, Side};
use ports::ClosedFirst;
use reactor::{Close, CloseOutcome, ConnId, Reactor};

impl Worker {
    /// Carries out an order, and those that it leads to: at most a look at acknowledgements, a close, a drain.
    pub(super) fn carry_out<R: Reactor>(&mut self, conn: ConnId, order: ClientOrder, io: &mut R) {
        let mut next = Some(order);
        while let Some(order) = next {
            next = match order {
                ClientOrder::Wait => None,
                ClientOrder::Read => {
                    self.read_client(conn, io);
                    None
                }
                ClientOrder::TakeHead => {
                    self.todo.push_back(Todo::TakeHead(conn));
                    None
                }
                ClientOrder::LookAtAcks => Some(self.look_at_acks(conn, io)),
                ClientOrder::Drain => self.start_drain(conn, io),
                ClientOrder::Close(how, why) => match self.close_client(conn, how, why, io) {
                    Some(order) => Some(order),
                    None => return,
                },
                ClientOrder::Tell | ClientOrder::Refuse(_) => {
                    debug_assert!(false, "{order:?} is for whoever asked");
                    None
                }
            };
        }
        let client = self.parties.client(conn);
        client.alarm.set(client.life.deadline(), TimerKey::Client(conn), &mut self.wheel);
        self.note_idle(conn);
    }

    /// Reads from the client unless a recv is under way or its FIN was read.
    pub(super) fn read_client<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let client = self.parties.client(conn);
        if !client.reading && !client.life.is_eof() {
            client.reading = true;
            // A partial head is appended to; what is ahead of an exchange stays where it is.
            let partial = if client.life.is_busy() { None } else { client.inbound.take() };
            io.recv(conn, partial);
        }
    }

    fn look_at_acks<R: Reactor>(&mut self, conn: ConnId, io: &mut R) -> ClientOrder {
        let now = self.now(io);
        let bytes = io.unacknowledged_bytes(conn);
        let client = self.parties.client(conn);
        client.life.handle_unacknowledged(
            bytes,
            &self.listeners[client.listener].downstream_scene(now, self.farewell.closes_idle()),
        )
    }

    /// FIN now; then what still comes is read and thrown away.
    fn start_drain<R: Reactor>(&mut self, conn: ConnId, io: &mut R) -> Option<ClientOrder> {
        let client = self.parties.client(conn);
        client.inbound = None;
        io.shutdown_write(conn);
        Some(client.life.handle_shut_down())
    }

    /// `None`: it is closed and forgotten.
    fn close_client<R: Reactor>(
        &mut self,
        conn: ConnId,
        how: CloseHow,
        why: CloseReason,
        io: &mut R,
    ) -> Option<ClientOrder> {
        let how = match how {
            CloseHow::Fin => Close::Fin,
            CloseHow::Discard => Close::Discard,
            CloseHow::Reset => Close::Reset,
        };
        match io.close(conn, how) {
            CloseOutcome::Closed(who) => {
                self.forget_client(conn, who, why);
                None
            }
            CloseOutcome::Unread => {
                let now = self.now(io);
                let client = self.parties.client(conn);
                let listener = &self.listeners[client.listener];
                Some(client.life.handle_unread(why, &listener.downstream_scene(now, self.farewell.closes_idle())))
            }
        }
    }

    /// A client connection is gone: counted, and its place is another's.
    pub(super) fn forget_client(&mut self, conn: ConnId, who: Option<ClosedFirst>, why: CloseReason) {
        let mut client = self.parties.remove_client(conn);
        client.alarm.cancel(&mut self.wheel);
        let listener = &mut self.listeners[client.listener];
        listener.counters.count_close(Side::Client, who, why);
        listener.note_left(&client);
        self.reviews |= listener.review;
        if let Some(note) = client.note.take() {
            self.tell_end(note, who, why);
        }
    }
}
