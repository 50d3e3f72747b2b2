//! Tunnels through a proxy (RFC 9110 section 9.3.6) as a layer, below TLS: a connection stands when the proxy has agreed to CONNECT, and
//! what comes and goes from then on is the target's.
//!
//! ```text
//! connect -> (proxy) Connected -> CONNECT -> 2xx -> Connected -> first bytes
//!                                            else: why, in words
//! ```

use http::{Limits, Method, Reading};
use http1::{HeadSlots, Parsed, parse_response};
use ports::Fault;
use reactor::{
    App, Buf, Close, CloseOutcome, Completion, ConnId, ConnMap, ConnectPlan, Outgoing, Probe, Questions, Reactor,
    Received, deliver,
};
use std::collections::VecDeque;
use std::time::Duration;
use stress_core::proxy_refused;

/// `app` on connections that go through a proxy.
pub(crate) struct Tunnelled<A> {
    pub(crate) app: A,
    layer: Layer,
}

struct Layer {
    /// What the proxy is asked.
    head: Vec<u8>,
    limits: Limits,
    /// Those that the proxy has not agreed to.
    opening: ConnMap<Outgoing>,
    /// What came behind its agreement, and was not asked for yet.
    rests: ConnMap<Buf>,
    up: VecDeque<Completion>,
    reason: Option<(ConnId, String)>,
}

/// What the proxy has said so far.
enum Said {
    /// Not all of it.
    Part,
    /// It agreed, in so many bytes.
    Yes(usize),
    /// It did not.
    No(String),
}

impl<A> Tunnelled<A> {
    /// The proxy is asked by `head`.
    pub(crate) fn new(app: A, head: Vec<u8>) -> Self {
        let limits = Limits { reading: Reading::Lenient, ..Limits::default() };
        let (opening, rests, up) = (ConnMap::default(), ConnMap::default(), VecDeque::new());
        Self { app, layer: Layer { head, limits, opening, rests, up, reason: None } }
    }

    fn view<'a, R>(&'a mut self, io: &'a mut R) -> (&'a mut A, View<'a, R>) {
        (&mut self.app, View { io, layer: &mut self.layer })
    }
}

impl<R: Reactor, A: for<'a> App<View<'a, R>>> App<R> for Tunnelled<A> {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let (app, mut view) = self.view(io);
        app.start(&mut view)?;
        deliver(app, &mut view);
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        let (app, mut view) = self.view(io);
        if let Some(completion) = view.handle_below(completion) {
            app.handle_completion(completion, &mut view);
        }
        deliver(app, &mut view);
        view.layer.reason = None;
    }

    fn handle_time(&mut self, io: &mut R) {
        let (app, mut view) = self.view(io);
        app.handle_time(&mut view);
        deliver(app, &mut view);
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.app.poll_deadline()
    }

    fn is_done(&self) -> bool {
        self.app.is_done()
    }
}

/// The reactor an application of the layer has; made anew for every call.
pub(crate) struct View<'a, R> {
    io: &'a mut R,
    layer: &'a mut Layer,
}

impl<R: Reactor> View<'_, R> {
    /// Takes one completion in; answers with it if it is for the application as it is.
    fn handle_below(&mut self, completion: Completion) -> Option<Completion> {
        let conn = completion.conn().filter(|conn| self.layer.opening.get(*conn).is_some());
        match (completion, conn) {
            (Completion::Connected { result: Ok(()), .. }, Some(conn)) => self.io.recv(conn, None),
            (Completion::Connected { result: Err(fault), .. }, Some(conn)) => self.fail(conn, fault, None),
            (Completion::Received { result, .. }, Some(conn)) => self.handle_said(conn, result),
            // Whether all of it arrived, the answer says.
            (Completion::Sent { .. }, Some(_)) => {}
            (completion, _) => return Some(completion),
        }
        None
    }

    fn handle_said(&mut self, conn: ConnId, result: Result<Received, Fault>) {
        let mut buf = match result {
            Ok(Received::Data(buf)) => buf,
            Ok(Received::Eof(_) | Received::Piped(_) | Received::Dropped(_)) => {
                self.io.close(conn, Close::Discard);
                return self.fail(conn, proxy_refused(), Some("it closed before it answered CONNECT".to_owned()));
            }
            Err(fault) => {
                self.io.close(conn, Close::Discard);
                return self.fail(conn, fault, None);
            }
        };
        match said(&buf, &self.layer.limits) {
            Said::Part => self.io.recv(conn, Some(buf)),
            Said::No(why) => {
                self.io.close(conn, Close::Discard);
                self.fail(conn, proxy_refused(), Some(why));
            }
            Said::Yes(len) => {
                buf.advance(len);
                let first = self.layer.opening.remove(conn).unwrap_or_default();
                if !buf.is_empty() {
                    self.layer.rests.insert(conn, buf);
                }
                self.layer.up.push_back(Completion::Connected { conn, result: Ok(()) });
                if !first.is_empty() {
                    self.io.send(conn, first);
                }
            }
        }
    }

    fn fail(&mut self, conn: ConnId, fault: Fault, why: Option<String>) {
        self.layer.opening.remove(conn);
        self.layer.reason = why.map(|why| (conn, why));
        self.layer.up.push_back(Completion::Connected { conn, result: Err(fault) });
    }
}

/// Interim answers come before the one that counts.
fn said(bytes: &[u8], limits: &Limits) -> Said {
    let mut at = 0;
    loop {
        let mut slots = HeadSlots::new();
        match parse_response(&bytes[at..], limits, &mut slots, Method::Connect) {
            Err(why) => return Said::No(format!("its answer to CONNECT is no HTTP: {why}")),
            Ok(None) => return Said::Part,
            Ok(Some(Parsed { head, len, .. })) => match head.status {
                100..200 => at += len,
                200..300 => return Said::Yes(at + len),
                status => return Said::No(refusal(status, head.reason)),
            },
        }
    }
}

fn refusal(status: u16, reason: &str) -> String {
    let way_out = if status == 407 { ": write --proxy-user USER:PASSWORD" } else { "" };
    format!("it answered {} to CONNECT{way_out}", format!("{status} {reason}").trim_end())
}

impl<R: Reactor> Questions for View<'_, R> {
    reactor::forward!(io: now, wall_clock, listener_address, waiting, local_address, is_receiving, session);
    reactor::forward!(io: unacknowledged_bytes, timestamps, buffers_are_scarce, connect_cost, shortages);

    fn probe(&self, conn: ConnId) -> Probe {
        if self.layer.rests.get(conn).is_some() { Probe::Readable } else { self.io.probe(conn) }
    }

    fn reason(&self, conn: ConnId) -> Option<&str> {
        match &self.layer.reason {
            Some((of, why)) if *of == conn => Some(why),
            _ => self.io.reason(conn),
        }
    }
}

impl<R: Reactor> Reactor for View<'_, R> {
    reactor::forward!(io: listen, adopt_listener, secure_listener, announce_listener, take_handshakes);
    reactor::forward!(io: poll_turned_away, set_accepting, close_listener, shut_listener, send_piped);
    reactor::forward!(io: watch_peer, shutdown_write, take_buf, turn);

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        let conn = self.io.connect_behind(&self.layer.head, plan, Outgoing::default())?;
        self.layer.opening.insert(conn, first);
        Ok(conn)
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        match self.layer.rests.remove(conn) {
            None => self.io.recv(conn, partial),
            Some(rest) => self.layer.up.push_back(Completion::Received { conn, result: Ok(Received::Data(rest)) }),
        }
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        self.io.send(conn, out);
    }

    /// One that is being opened has never stood, for whoever is above.
    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        if self.layer.opening.remove(conn).is_some() {
            self.io.close(conn, Close::Discard);
            return CloseOutcome::Closed(None);
        }
        let how = if self.layer.rests.remove(conn).is_some() { Close::Discard } else { how };
        let outcome = self.io.close(conn, how);
        self.layer.up.retain(|completion| completion.conn() != Some(conn));
        outcome
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        self.layer.up.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expect: Result<Option<&str>, &str>) {
        let limits = Limits { reading: Reading::Lenient, ..Limits::default() };
        let seen = match said(bytes.as_bytes(), &limits) {
            Said::Part => Ok(None),
            Said::Yes(len) => Ok(Some(bytes[len..].to_owned())),
            Said::No(why) => Err(why),
        };
        assert_eq!(seen.as_ref().map(Option::as_deref).map_err(String::as_str), expect, "{bytes:?}");
    }

    #[test]
    fn what_a_proxy_says_is_understood() {
        check("HTTP/1.1 200 Connection established\r\n\r\n", Ok(Some("")));
        check("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nrest", Ok(Some("rest")));
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Ok(Some("")));
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", Ok(None));
        check("HTTP/1.1 403 Forbidden\r\n\r\n", Err("it answered 403 Forbidden to CONNECT"));
        let wants = "it answered 407 Who to CONNECT: write --proxy-user USER:PASSWORD";
        check("HTTP/1.1 407 Who\r\n\r\n", Err(wants));
        assert!(matches!(said(b"SSH-2.0-x\r\n\r\n", &Limits::default()), Said::No(why) if why.contains("no HTTP")));
    }
}
