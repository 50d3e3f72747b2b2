//! Receiving: into the partial buffer of the application, or a fresh one once bytes are there.

use super::entry::{Partial, RecvState, Whither};
use super::{EpollReactor, fault};
use crate::buf::Buf;
use crate::conn::ConnId;
use crate::face::{Completion, Received};
use ports::Fault;
use std::num::NonZeroU32;
use sys::{Errno, socket};

impl EpollReactor {
    pub(super) fn start_recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        self.start_recv_for(conn, Partial::new(partial), Whither::Buffer);
    }

    pub(super) fn start_recv_for(&mut self, conn: ConnId, partial: Partial, to: Whither) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        debug_assert!(!entry.recv.is_waiting(), "one recv at a time");
        entry.to = to;
        // A send that broke leaves what came before the reset to be read.
        entry.maybe_readable |= entry.broken.is_some();
        if entry.maybe_readable {
            entry.recv = RecvState::Waiting(partial);
            return self.try_recv(conn);
        }
        entry.recv = RecvState::Waiting(partial.waiting(&self.pool));
        if !entry.watched && !entry.connecting {
            self.unwatched.push(conn);
        }
    }

    /// Receives if a recv waits and bytes may be there.
    pub(super) fn try_recv(&mut self, conn: ConnId) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        if !entry.maybe_readable || entry.connecting {
            return;
        }
        let to = entry.to;
        let Some(partial) = entry.recv.take_waiting() else { return };
        let is_over = match to {
            Whither::Buffer => false,
            Whither::Pipe => self.recv_into_pipe(conn),
            Whither::Away(bytes) => self.drop_received(conn, bytes),
        };
        if is_over {
            return;
        }
        match partial.room_in(&self.pool) {
            Ok(buf) => self.recv_into(conn, buf),
            Err(partial) => self.starve(conn, partial),
        }
    }

    /// `false`: nothing came that way, and a recv says why. A socket file has no such way (EFAULT).
    fn drop_received(&mut self, conn: ConnId, bytes: NonZeroU32) -> bool {
        let Some(entry) = self.table.get_mut(conn) else { return true };
        if entry.broken.is_some() {
            return false;
        }
        match socket::discard(&entry.fd, bytes.get()) {
            Ok(0) | Err(_) => false,
            Ok(len) => {
                // As after any other short read.
                entry.maybe_readable = len == bytes.get() as usize || entry.fin_announced;
                self.complete_recv(conn, Ok(Received::Dropped(len as u64)));
                true
            }
        }
    }

    fn starve(&mut self, conn: ConnId, partial: Partial) {
        if let Some(entry) = self.table.get_mut(conn) {
            entry.recv = RecvState::Waiting(partial);
            self.shortages.recv_waited_for_buffer += 1;
            self.starved.push_back(conn);
        }
    }

    fn recv_into(&mut self, conn: ConnId, mut buf: Buf) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        let had = buf.len();
        let Some(spare) = buf.spare() else { return };
        let room = spare.len();
        match (socket::recv(&entry.fd, spare), entry.broken) {
            // `tcp_recvmsg_locked` tells of a reset only once; after it an end is none.
            (Ok(0) | Err(Errno::AGAIN | Errno::INTR), Some(fault)) => self.complete_recv(conn, Err(fault)),
            (Ok(0), None) => {
                entry.note_peer_fin();
                let partial = (had > 0).then_some(buf);
                self.complete_recv(conn, Ok(Received::Eof(partial)));
            }
            (Ok(len), _) => {
                buf.commit(len);
                // A short read drained it: the next bytes are a new edge, or what is there when it comes to be watched.
                entry.maybe_readable = len == room || entry.fin_announced;
                self.complete_recv(conn, Ok(Received::Data(buf)));
            }
            (Err(Errno::AGAIN | Errno::INTR), None) => {
                entry.maybe_readable = false;
                entry.recv = RecvState::Waiting(Partial::Buf(buf).waiting(&self.pool));
                if !entry.watched {
                    self.unwatched.push(conn);
                }
            }
            (Err(errno), _) => {
                let fault = fault(errno);
                entry.note_broken(fault);
                self.complete_recv(conn, Err(fault));
            }
        }
    }

    pub(super) fn complete_recv(&mut self, conn: ConnId, result: Result<Received, Fault>) {
        if let Some(entry) = self.table.get_mut(conn) {
            entry.recv = RecvState::Idle;
        }
        self.completions.push_back(Completion::Received { conn, result });
    }
}
