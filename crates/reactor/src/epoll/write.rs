//! Sending: all of it, over as many calls as the peer's window takes.

use super::entry::Sending;
use super::{EpollReactor, fault};
use crate::conn::ConnId;
use crate::face::{After, Close, Completion, Outgoing};
use std::os::fd::AsFd;
use sys::epoll::Interest;
use sys::{Errno, socket, sockopt};

/// Bodies up to this size travel in their head's buffer.
const COALESCE_BYTES_MAX: usize = 2048;

impl EpollReactor {
    pub(super) fn start_send(&mut self, conn: ConnId, out: Outgoing) {
        let is_out = self.try_send(conn, out);
        self.complete_send(conn, is_out);
    }

    /// Answers whether all of it is out and the connection stays, which is still to be told.
    pub(super) fn try_send(&mut self, conn: ConnId, out: Outgoing) -> bool {
        self.prepare_send(conn) && self.push_send(conn, coalesced(out))
    }

    pub(super) fn complete_send(&mut self, conn: ConnId, is_out: bool) {
        if is_out {
            self.completions.push_back(Completion::Sent { conn, result: Ok(()) });
        }
    }

    /// May something be sent? A connection that is broken says so.
    pub(super) fn prepare_send(&mut self, conn: ConnId) -> bool {
        let Some(entry) = self.table.get_mut(conn) else { return false };
        debug_assert!(entry.send.is_none(), "one send at a time");
        if let Some(fault) = entry.broken {
            self.completions.push_back(Completion::Sent { conn, result: Err(fault) });
            return false;
        }
        if entry.outgoing && entry.has_sent && !entry.no_delay {
            // From the second send on Nagle would wait for the peer's delayed ACK.
            let _slower_only = sockopt::set_no_delay(&entry.fd, true);
            entry.no_delay = true;
        }
        entry.has_sent = true;
        true
    }

    /// The socket became writable.
    pub(super) fn continue_send(&mut self, conn: ConnId) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        match entry.send.take().map(|sending| *sending) {
            Some(Sending::Bytes(out)) => {
                let is_out = self.push_send(conn, out);
                self.complete_send(conn, is_out);
            }
            Some(Sending::Piped(piped)) => self.push_piped(conn, piped),
            None => {}
        }
    }

    fn push_send(&mut self, conn: ConnId, out: Outgoing) -> bool {
        let Some(entry) = self.table.get_mut(conn) else { return false };
        match send_once(&entry.fd, &out) {
            Ok(sent) => return self.advance_send(conn, out, sent),
            Err(Errno::AGAIN | Errno::INTR) => self.wait_to_send(conn, Sending::Bytes(out)),
            Err(errno) => {
                let fault = fault(errno);
                entry.note_broken(fault);
                self.completions.push_back(Completion::Sent { conn, result: Err(fault) });
            }
        }
        false
    }

    /// Counts `sent` bytes off; what is left waits until the socket has room. Answers as [`EpollReactor::try_send`] does.
    pub(super) fn advance_send(&mut self, conn: ConnId, mut out: Outgoing, sent: usize) -> bool {
        if sent < out.len() {
            drop_front(&mut out, sent);
            self.wait_to_send(conn, Sending::Bytes(out));
            return false;
        }
        if out.after == After::Close {
            let outcome = self.close_and_retire(conn, Close::Fin);
            self.completions.push_back(Completion::Closed { conn, outcome });
        }
        out.after != After::Close
    }

    pub(super) fn wait_to_send(&mut self, conn: ConnId, rest: Sending) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        entry.send = Some(Box::new(rest));
        if !entry.watched_for_write {
            self.watch(conn, Interest::ReadWrite);
        }
    }
}

/// One send call for both runs.
pub(super) fn send_once(fd: impl AsFd, out: &Outgoing) -> Result<usize, Errno> {
    let more = out.after != After::Keep;
    match (out.head.as_deref(), out.body.as_deref()) {
        (Some(head), Some(body)) if !body.is_empty() && !head.is_empty() => socket::send_two(fd, head, body, more),
        (Some(head), _) if !head.is_empty() => socket::send(fd, head, more),
        (_, Some(body)) if !body.is_empty() => socket::send(fd, body, more),
        _ => Ok(0),
    }
}

/// A small body is copied behind its head: cheaper than a second iovec through sendmsg.
pub(super) fn coalesced(mut out: Outgoing) -> Outgoing {
    if let (Some(head), Some(body)) = (&mut out.head, &out.body)
        && body.len() <= COALESCE_BYTES_MAX
        && head.append(body).is_ok()
    {
        out.body = None;
    }
    out
}

fn drop_front(out: &mut Outgoing, mut sent: usize) {
    for part in [&mut out.head, &mut out.body] {
        if let Some(buf) = part {
            let here = sent.min(buf.len());
            buf.advance(here);
            sent -= here;
            if buf.is_empty() {
                *part = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::{Buf, BufPool};

    fn check(head: &str, body: &str, sent: usize, left: &str) {
        let pool = BufPool::new(4);
        let fill = |text: &str| {
            let mut buf = pool.take().expect("within the bound");
            buf.append(text.as_bytes()).expect("fits");
            buf
        };
        let mut out = Outgoing { head: Some(fill(head)), body: Some(fill(body)), after: After::Keep };
        drop_front(&mut out, sent);
        let rest: Vec<u8> = [out.head, out.body].into_iter().flatten().flat_map(|buf: Buf| buf.to_vec()).collect();
        assert_eq!(String::from_utf8_lossy(&rest), left, "{head:?} + {body:?} after {sent} bytes");
    }

    #[test]
    fn what_was_sent_is_dropped_from_the_front() {
        check("head", "body", 0, "headbody");
        check("head", "body", 2, "adbody");
        check("head", "body", 4, "body");
        check("head", "body", 6, "dy");
        check("head", "body", 8, "");
        check("", "body", 1, "ody");
    }
}
