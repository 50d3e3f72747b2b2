//! Receiving and sending through pipes: what comes from one socket goes to another and is never seen here.

use super::entry::{Partial, Sending, Whither};
use super::{EpollReactor, fault};
use crate::conn::ConnId;
use crate::face::{Completion, Received};
use crate::piped::Piped;
use sys::Errno;

impl EpollReactor {
    pub(super) fn start_recv_through(&mut self, conn: ConnId) {
        self.start_recv_for(conn, Partial::None, Whither::Pipe);
    }

    /// `false`: nothing came that way, and a recv says why. It alone sees urgent data, at which a splice stops and says EAGAIN,
    /// or 0 once a FIN came behind it (`tcp_splice_read`).
    pub(super) fn recv_into_pipe(&mut self, conn: ConnId) -> bool {
        let Some(entry) = self.table.get_mut(conn) else { return true };
        let Some(mut pipe) = self.pipes.take() else {
            self.shortages.pipes_missing += 1;
            return false;
        };
        let result = match pipe.fill(&entry.fd) {
            Ok(0) | Err(Errno::AGAIN | Errno::INTR | Errno::INVAL) => return false,
            // More may be there: a pipe is full by its slots, not by its bytes.
            Ok(_) => Ok(Received::Piped(pipe)),
            Err(errno) => {
                let fault = fault(errno);
                entry.note_broken(fault);
                Err(fault)
            }
        };
        self.complete_recv(conn, result);
        true
    }

    pub(super) fn start_send_piped(&mut self, conn: ConnId, piped: Piped) {
        if self.prepare_send(conn) {
            self.push_piped(conn, piped);
        }
    }

    pub(super) fn push_piped(&mut self, conn: ConnId, mut piped: Piped) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        let result = match piped.drain(&entry.fd) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN | Errno::INTR) => return self.wait_to_send(conn, Sending::Piped(piped)),
            Err(errno) => {
                let fault = fault(errno);
                entry.note_broken(fault);
                Err(fault)
            }
        };
        self.completions.push_back(Completion::Sent { conn, result });
    }
}
