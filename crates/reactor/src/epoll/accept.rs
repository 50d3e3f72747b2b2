//! Accepting: in batches that grow under load, so that a lone connection costs one accept4.
//!
//! A connection is accepted when the application has handled everything before it, or enough of it: one that says
//! "no more" ([`Reactor::set_accepting`](crate::face::Reactor::set_accepting)) is obeyed at once, not at the end of a
//! batch.

use super::bind::Door;
use super::entry::Entry;
use super::{EpollReactor, TOKEN_LISTENER, fault};
use crate::conn::ListenerId;
use crate::face::{Completion, ListenPlan, Reactor};
use ports::Address;
use ports::{Fault, FaultKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use sys::epoll::Interest;
use sys::{Errno, socket, unix};

/// Who comes through a socket file.
const OF_THIS_HOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Connections taken per event at most.
const BATCH_MAX: u32 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Yes,
    /// A shortage: tried again with the next turn.
    Paused,
    /// The application said so.
    No,
}

pub(super) struct Listener {
    /// Others may accept from it as well.
    door: Arc<Door>,
    pub(super) address: Address,
    /// How many to take at the next event: doubled when all were there, else back to one.
    batch: u32,
    /// What is left of the batch of this event.
    left: u32,
    accepting: Accepting,
}

impl Listener {
    pub(super) fn is_paused(&self) -> bool {
        self.accepting == Accepting::Paused
    }

    /// Connections in the kernel's accept queue.
    pub(super) fn queue(&self) -> Option<usize> {
        match self.address {
            Address::Ip(_) => sys::tcp_info::accept_queue(&self.door.fd).ok(),
            // Nobody tells how many.
            Address::Unix(_) => unix::has_waiting(&self.door.fd).ok().map(usize::from),
        }
    }

    /// One more of this batch was taken, or there was none.
    fn count(&mut self, taken: bool) {
        self.left = if taken { self.left - 1 } else { 0 };
        if !taken {
            self.batch = 1;
        } else if self.left == 0 {
            self.batch = (self.batch * 2).min(BATCH_MAX);
        }
    }
}

impl EpollReactor {
    pub(super) fn start_listening(&mut self, plan: &ListenPlan) -> Result<ListenerId, Fault> {
        let Address::Ip(address) = plan.address else {
            let bound = super::bind::listen(plan, 1).map_err(|error| error.fault)?;
            return self.adopt_listener(bound.into_iter().next().expect("one was asked for"));
        };
        let fd = socket::listen(&address, plan.backlog, plan.reuse_port).map_err(fault)?;
        let address = socket::local_address(&fd).map_err(fault)?;
        self.start_accepting(Arc::new(Door::new(fd)), address.into())
    }

    pub(super) fn start_accepting(&mut self, door: Arc<Door>, address: Address) -> Result<ListenerId, Fault> {
        let index = self.listeners.len();
        self.epoll.add(&door.fd, TOKEN_LISTENER | index as u64, Interest::Level).map_err(fault)?;
        self.listeners.push(Some(Listener { door, address, batch: 1, left: 0, accepting: Accepting::Yes }));
        Ok(ListenerId(index as u32))
    }

    /// The descriptor outlives us where others hold it: epoll must forget it by name.
    pub(super) fn let_listener_go(&mut self, index: usize) {
        self.switch_listener(index, Accepting::No);
        if let Some(slot) = self.listeners.get_mut(index) {
            *slot = None;
        }
    }

    /// A file's cannot be opened again.
    pub(super) fn shut_door(&mut self, index: usize) -> bool {
        let Some(Some(listener)) = self.listeners.get(index) else { return false };
        let Some(address) = listener.address.ip() else { return false };
        let door = Arc::clone(&listener.door);
        self.let_listener_go(index);
        door.shut(address);
        true
    }

    pub(super) fn set_listener_accepting(&mut self, index: usize, accepting: bool) {
        let to = if accepting { Accepting::Yes } else { Accepting::No };
        self.switch_listener(index, to);
    }

    fn switch_listener(&mut self, index: usize, to: Accepting) {
        let Some(Some(listener)) = self.listeners.get_mut(index) else { return };
        let token = TOKEN_LISTENER | index as u64;
        let watched = listener.accepting == Accepting::Yes;
        if to != Accepting::Yes {
            (listener.batch, listener.left) = (1, 0);
        }
        match (watched, to == Accepting::Yes) {
            (false, true) => {
                let added = self.epoll.add(&listener.door.fd, token, Interest::Level);
                listener.accepting = if added.is_ok() { Accepting::Yes } else { Accepting::Paused };
            }
            (true, false) => {
                let _was_watched = self.epoll.delete(&listener.door.fd);
                listener.accepting = to;
            }
            _ => listener.accepting = to,
        }
    }

    pub(super) fn resume_paused_listeners(&mut self) {
        for index in 0..self.listeners.len() {
            let paused = self.listeners[index].as_ref().is_some_and(Listener::is_paused);
            if paused && !self.table.is_full() {
                self.switch_listener(index, Accepting::Yes);
            }
        }
    }

    /// epoll said that connections wait.
    pub(super) fn begin_batch(&mut self, index: usize) {
        if let Some(Some(listener)) = self.listeners.get_mut(index) {
            listener.left = listener.batch;
            self.batch_begun = true;
        }
    }

    /// Takes the next connection of a batch; `false` when all batches are over.
    pub(super) fn accept_next(&mut self) -> bool {
        if !self.batch_begun {
            return false;
        }
        let begun = |listener: &Option<Listener>| listener.as_ref().is_some_and(|listener| listener.left > 0);
        let Some(index) = self.listeners.iter().position(begun) else {
            self.batch_begun = false;
            return false;
        };
        let taken = self.accept_one(index);
        if let Some(Some(listener)) = self.listeners.get_mut(index) {
            listener.count(taken);
        }
        true
    }

    /// Busy connections complete something without end: takes one connection ahead of what is queued, so that the
    /// application hears of it before it can say "no more".
    pub(super) fn accept_ahead(&mut self) {
        self.since_accept = 0;
        let queued = self.completions.len();
        self.accept_next();
        if self.completions.len() > queued {
            self.completions.rotate_right(1);
        }
    }

    /// Takes one connection; `false` when there was none or none can be taken.
    fn accept_one(&mut self, index: usize) -> bool {
        if self.table.is_full() {
            self.pause_accepting(index, Fault::of(FaultKind::Files));
            return false;
        }
        let Some(Some(listener)) = self.listeners.get(index) else { return false };
        let accepted = socket::accept(&listener.door.fd).and_then(|(fd, peer)| {
            let here = || listener.address.path().map(|_| OF_THIS_HOST);
            Ok((fd, peer.or_else(here).ok_or(Errno::AFNOSUPPORT)?))
        });
        match accepted {
            Ok((fd, peer)) => {
                let conn = self.table.insert(Entry::new(fd, false));
                let listener = ListenerId(index as u32);
                self.completions.push_back(Completion::Accepted { listener, conn, peer });
                true
            }
            Err(Errno::AGAIN) => false,
            // The peer gave up while it waited in the queue, or nobody can say who it is; the next one may be well.
            Err(Errno::CONNABORTED | Errno::INTR | Errno::PROTO | Errno::AFNOSUPPORT) => true,
            // Somebody who shares it has shut it, and we have not heard yet that we are to, or are not to any more.
            Err(Errno::INVAL) if listener.door.open(listener.address).is_ok() => false,
            Err(errno) => {
                self.pause_accepting(index, fault(errno));
                false
            }
        }
    }

    fn pause_accepting(&mut self, index: usize, fault: Fault) {
        self.shortages.accept_paused += 1;
        self.switch_listener(index, Accepting::Paused);
        self.completions.push_back(Completion::AcceptFailed { listener: ListenerId(index as u32), fault });
    }
}
