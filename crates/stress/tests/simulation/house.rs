//! A server whose every deed, and the time of each, is said: what a tester tells of it can be compared to the microsecond.

use ports::Fault;
use reactor::{
    Buf, Close, Completion, ConnId, ListenPlan, ListenerId, Outgoing, Questions, Reactor, Received, face::App,
};
use reactor_sim::SimReactor;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// A request, as far as a house cares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Its number among all, from 0.
    pub(crate) number: u64,
    /// Its number on its connection, from 0.
    pub(crate) nth: u64,
    /// At which of the house's doors its connection came in, from 0.
    pub(crate) door: usize,
    /// When it had come in whole.
    pub(crate) at: Duration,
    /// Does it wish the connection closed behind its answer?
    pub(crate) closes: bool,
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Sends these bytes.
    Says(Vec<u8>),
    /// Sends FIN, and reads on until the other side ends the connection, too.
    Closes,
    /// Resets the connection.
    Resets,
}

/// What is done with a request: each deed so long after the one before.
pub(crate) type Deeds = Vec<(Duration, Deed)>;

/// What a house does with each request.
pub(crate) type Serve = Box<dyn FnMut(&Asked) -> Deeds>;

/// See the module's head.
pub(crate) struct House {
    doors: Vec<SocketAddr>,
    serve: Serve,
    /// Connections, from the first, that are reset as soon as they come.
    turns_away: fn(u64) -> bool,
    /// So many connections, and nobody listens any more.
    connections_max: u64,
    listeners: Vec<ListenerId>,
    visits: Vec<Visit>,
    is_over: bool,
    /// Connections that came in.
    pub(crate) connections: u64,
    /// Requests that came in whole.
    pub(crate) requests: u64,
    /// Bytes of their bodies.
    pub(crate) body_bytes: u64,
}

struct Visit {
    conn: ConnId,
    door: usize,
    requests: u64,
    /// What came and is no whole request yet.
    rest: Vec<u8>,
    /// What is still to be done, and when.
    deeds: VecDeque<(Duration, Deed)>,
    is_sending: bool,
    /// The other side has ended its half.
    is_left: bool,
}

impl House {
    /// That listens at `doors`.
    pub(crate) fn new(doors: &[SocketAddr], serve: impl FnMut(&Asked) -> Deeds + 'static) -> Self {
        Self {
            doors: doors.to_vec(),
            serve: Box::new(serve),
            turns_away: |_| false,
            connections_max: u64::MAX,
            listeners: Vec::new(),
            visits: Vec::new(),
            is_over: false,
            connections: 0,
            requests: 0,
            body_bytes: 0,
        }
    }

    /// The same, which resets connections of these numbers as soon as they come.
    pub(crate) fn turning_away(self, turns_away: fn(u64) -> bool) -> Self {
        Self { turns_away, ..self }
    }

    /// The same, where nobody listens any more after so many connections.
    pub(crate) fn leaving_after(self, connections_max: u64) -> Self {
        Self { connections_max, ..self }
    }

    fn visit(&mut self, conn: ConnId) -> Option<&mut Visit> {
        self.visits.iter_mut().find(|visit| visit.conn == conn)
    }

    fn accepted(&mut self, listener: ListenerId, conn: ConnId, io: &mut SimReactor) {
        let (number, at) = (self.connections, io.now());
        self.connections += 1;
        let away = (self.turns_away)(number).then_some((at, Deed::Resets));
        let door = self.listeners.iter().position(|one| *one == listener).unwrap_or_default();
        let (rest, deeds) = (Vec::new(), away.into_iter().collect());
        self.visits.push(Visit { conn, door, requests: 0, rest, deeds, is_sending: false, is_left: false });
        io.recv(conn, None);
        if self.connections == self.connections_max {
            self.listeners.iter().for_each(|listener| io.close_listener(*listener));
        }
    }

    fn received(&mut self, conn: ConnId, bytes: &[u8], io: &mut SimReactor) {
        let at = io.now();
        let Some(visit) = self.visits.iter_mut().find(|visit| visit.conn == conn) else { return };
        visit.rest.extend_from_slice(bytes);
        while let Some((len, body, closes)) = whole_request(&visit.rest) {
            visit.rest.drain(..len);
            let asked = Asked { number: self.requests, nth: visit.requests, door: visit.door, at, closes };
            (self.requests, visit.requests) = (self.requests + 1, visit.requests + 1);
            self.body_bytes += body as u64;
            let mut due = at;
            for (after, deed) in (self.serve)(&asked) {
                due += after;
                visit.deeds.push_back((due, deed));
            }
        }
        io.recv(conn, None);
    }

    /// The connection is over.
    fn end(&mut self, conn: ConnId, how: Close, io: &mut SimReactor) {
        io.close(conn, how);
        self.visits.retain(|visit| visit.conn != conn);
    }

    /// Does the next of what is due now; `None` where there is nothing.
    fn do_next(&mut self, io: &mut SimReactor) -> Option<()> {
        let now = io.now();
        let is_due = |visit: &Visit| !visit.is_sending && visit.deeds.front().is_some_and(|(at, _)| *at <= now);
        let visit = self.visits.iter_mut().find(|visit| is_due(visit))?;
        let (conn, (at, deed)) = (visit.conn, visit.deeds.pop_front()?);
        match deed {
            Deed::Says(bytes) => {
                visit.is_sending = true;
                let (buf, rest) = filled(io.take_buf()?, &bytes);
                if !rest.is_empty() {
                    visit.deeds.push_front((at, Deed::Says(rest.to_vec())));
                }
                io.send(conn, Outgoing::bytes(buf));
            }
            Deed::Closes => io.shutdown_write(conn),
            Deed::Resets => self.end(conn, Close::Reset, io),
        }
        Some(())
    }
}

fn filled(mut buf: Buf, bytes: &[u8]) -> (Buf, &[u8]) {
    let (now, later) = bytes.split_at(bytes.len().min(buf.spare_len()));
    buf.append(now).expect("there is room");
    (buf, later)
}

/// Of the request at the start: its length, that of its body, and whether it wishes the connection closed.
fn whole_request(bytes: &[u8]) -> Option<(usize, usize, bool)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let body = field("content-length:").map_or(0, |length| length.parse().expect("a length"));
    let closes = field("connection:") == Some("close");
    (bytes.len() >= head + body).then_some((head + body, body, closes))
}

impl App<SimReactor> for House {
    fn start(&mut self, io: &mut SimReactor) -> Result<(), Fault> {
        for door in &self.doors {
            self.listeners.push(io.listen(&ListenPlan::new(*door))?);
        }
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut SimReactor) {
        match completion {
            Completion::Accepted { listener, conn, .. } => self.accepted(listener, conn, io),
            Completion::Received { conn, result: Ok(Received::Data(buf)) } => self.received(conn, &buf, io),
            Completion::Received { conn, result: Ok(_) } => {
                self.visit(conn).into_iter().for_each(|visit| visit.is_left = true);
            }
            Completion::Sent { conn, result: Ok(()) } => {
                self.visit(conn).into_iter().for_each(|visit| visit.is_sending = false);
            }
            Completion::Received { conn, .. } | Completion::Sent { conn, .. } => self.end(conn, Close::Discard, io),
            Completion::Woken => self.is_over = true,
            _ => {}
        }
    }

    fn handle_time(&mut self, io: &mut SimReactor) {
        while self.do_next(io).is_some() {}
        let is_over = |visit: &&Visit| visit.is_left && !visit.is_sending && visit.deeds.is_empty();
        let over: Vec<ConnId> = self.visits.iter().filter(is_over).map(|visit| visit.conn).collect();
        over.into_iter().for_each(|conn| self.end(conn, Close::Fin, io));
    }

    fn poll_deadline(&self) -> Option<Duration> {
        let waiting = self.visits.iter().filter(|visit| !visit.is_sending);
        waiting.filter_map(|visit| visit.deeds.front()).map(|(at, _)| *at).min()
    }

    fn is_done(&self) -> bool {
        self.is_over && self.visits.is_empty()
    }
}
