//! Time-outs: the timers that fire, and whom they are for.

use super::Worker;
use super::state::Work;
use balancer_core::CloseReason;
use balancer_core::downstream::ClientOrder;
use balancer_core::exchange::Fact;
use balancer_core::hello::Unmatched;
use balancer_core::relay::RelayFact;
use reactor::{ConnId, Fired, Reactor};
use std::time::Duration;

/// After this time a client whose request is still unanswered is watched for leaving. Shorter requests,
/// nearly all, are spared the system calls.
pub(super) const PATROL: Duration = Duration::from_millis(100);

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKey {
    Client(ConnId),
    /// The oldest idle connection of a server.
    Idle {
        set: usize,
        server: usize,
    },
    /// The longest idle client of a listener that is full has been so for long enough.
    Room(usize),
    /// A server of a set in which requests wait in line may be asked again.
    Line(usize),
    /// The time of a stage of a drain is over.
    Drain,
}

impl Worker {
    /// A client's timer may fire before its deadline, which has moved away meanwhile.
    pub(super) fn handle_client_timer<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let client = self.parties.client(conn);
        let work = client.work;
        let deadline = match work {
            Work::None => client.life.deadline(),
            Work::Exchange(id) => self.exchanges[id].core.deadline(),
            Work::Relay(id) => self.relays[id].core.deadline(),
        };
        client.alarm.set(deadline, TimerKey::Client(conn), &mut self.wheel);
        match client.alarm.handle_timer(now, TimerKey::Client(conn), &mut self.wheel) {
            Fired::Due => {
                if let Work::Exchange(id) = work {
                    self.exchanges[id].fires_by = Duration::MAX; // no timer is set any more
                }
                self.handle_client_deadline(conn, work, io);
            }
            Fired::Early => {
                if let Work::Exchange(id) = work {
                    self.exchanges[id].fires_by = deadline;
                    self.hear(id, Fact::Patrol, io);
                }
            }
        }
    }

    fn handle_client_deadline<R: Reactor>(&mut self, conn: ConnId, work: Work, io: &mut R) {
        match work {
            Work::Exchange(id) => self.hear(id, Fact::Deadline, io),
            Work::Relay(id) => self.hear_relay(id, RelayFact::Deadline, io),
            Work::None => {
                let now = self.now(io);
                let client = self.parties.client(conn);
                let scene = self.listeners[client.listener].downstream_scene(now, self.farewell.closes_idle());
                match client.life.handle_deadline(&scene) {
                    ClientOrder::Refuse(failure) => self.refuse(conn, failure, io),
                    ClientOrder::Close(_, CloseReason::Idle) if self.awaits_hello(conn) => {
                        self.begin_unmatched(conn, Unmatched::Silent, io);
                    }
                    order => self.carry_out(conn, order, io),
                }
            }
        }
    }
}
