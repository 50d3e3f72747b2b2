//! The scripted client: plays sessions and judges every response.

use super::plan::{Expect, Request, Session};
use super::script::{Act, Progress, Script, Seen};
use super::wire::{Head, Part, Reader};
use ports::{Fault, FaultKind};
use reactor::{
    App, Close, CloseOutcome, Completion, ConnId, ConnMap, ConnectPlan, Outgoing, Questions, Reactor, Received,
    TimerWheel,
};
use reactor_sim::SimReactor;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As expected.
    Right,
    /// A whole response of the balancer's own that says what went wrong.
    Told(u16),
    /// The response began and was cut off; what came of it was right.
    Cut,
    /// No response; `said` tells whether the response before announced the close, `kept` whether there was one: who
    /// keeps a connection has to reckon with its end.
    Unanswered { said: bool, kept: bool },
    /// Never allowed.
    Wrong(String),
}

/// What all sessions came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connected: u64,
    pub(crate) connect_faults: Vec<FaultKind>,
    /// Whole responses of origins, tunnels included.
    pub(crate) whole: u64,
    /// Whole responses of the balancer's own.
    pub(crate) told: u64,
    pub(crate) cut: u64,
    /// Everything that is not as expected in fair weather.
    pub(crate) strange: Vec<(Verdict, String)>,
    /// Requests sent ahead on a connection that was closed: their answers may have been lost with it.
    pub(crate) lost: u64,
    /// Requests of which anything may come.
    pub(crate) anything: u64,
    /// Everything that is never allowed.
    pub(crate) wrong: Vec<String>,
}

/// A response being read.
struct Response {
    head: Head,
    body: Vec<u8>,
}

struct Talk {
    script: Script,
    reader: Reader,
    waiting: VecDeque<Request>,
    response: Option<Response>,
    seen: Seen,
    said_close: bool,
    upgrade_refused: bool,
    read_pause: Option<Duration>,
    /// A paused read.
    read_at: Option<Duration>,
    sessions_index: usize,
}

/// Plays its sessions, a few at a time.
pub(crate) struct ScriptedClient {
    target: SocketAddr,
    sessions: VecDeque<Session>,
    at_once: usize,
    /// The balancer closes connections after a few requests.
    closes_anyway: bool,
    talks: ConnMap<Talk>,
    wheel: TimerWheel<ConnId>,
    played: usize,
    pub(crate) tally: Tally,
}

impl ScriptedClient {
    pub(crate) fn new(target: SocketAddr, sessions: Vec<Session>, at_once: usize, closes_anyway: bool) -> Self {
        Self {
            target,
            sessions: sessions.into(),
            at_once,
            closes_anyway,
            talks: ConnMap::default(),
            wheel: TimerWheel::new(),
            played: 0,
            tally: Tally::default(),
        }
    }

    fn open_more(&mut self, io: &mut SimReactor) {
        while self.talks.len() < self.at_once {
            let Some(session) = self.sessions.pop_front() else { return };
            self.played += 1;
            match io.connect(&ConnectPlan::to(self.target), Outgoing::default()) {
                Ok(conn) => drop(self.talks.insert(conn, Talk::new(session, self.played))),
                Err(fault) => self.tally.connect_faults.push(fault.kind),
            }
        }
    }

    fn advance(&mut self, conn: ConnId, io: &mut SimReactor) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        match talk.script.advance(conn, talk.seen, &mut self.wheel, io) {
            Progress::Waits => {}
            Progress::Finished => self.end(conn, Close::Discard, io),
            Progress::Close(how) => self.end(conn, how, io),
        }
    }

    fn read(&mut self, conn: ConnId, io: &mut SimReactor) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        match talk.read_pause {
            Some(pause) => {
                let at = io.now() + pause;
                talk.read_at = Some(at);
                self.wheel.set(at, conn);
            }
            None => io.recv(conn, None),
        }
    }

    fn handle_bytes(&mut self, conn: ConnId, bytes: &[u8], io: &mut SimReactor) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        let (parts, result) = talk.reader.push(bytes);
        parts.into_iter().for_each(|part| self.handle_part(conn, part));
        if let Err(error) = result {
            return self.handle_unreadable(conn, &error, io);
        }
        self.read(conn, io);
        self.advance(conn, io);
    }

    /// After a refused upgrade the bytes sent early are taken for a request, and answered: that may be.
    fn handle_unreadable(&mut self, conn: ConnId, error: &str, io: &mut SimReactor) {
        let Some(talk) = self.talks.get(conn) else { return };
        if !talk.upgrade_refused {
            let what = talk.waiting.front().map(|request| &request.what);
            let error = format!("session {}: {error}, waiting for {what:?}", talk.sessions_index);
            self.tally.wrong.push(error);
        }
        self.end(conn, Close::Reset, io);
    }

    fn handle_part(&mut self, conn: ConnId, part: Part) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        match part {
            Part::Interim(status) => talk.seen.interim |= status == 100,
            Part::Head(head) => {
                talk.said_close |= head.has("connection", "close");
                if head.status() == 101 {
                    talk.seen.responses += 1;
                }
                talk.response = Some(Response { head, body: Vec::new() });
            }
            Part::Body(bytes) => {
                if let Some(response) = &mut talk.response {
                    response.body.extend(bytes);
                }
            }
            Part::End => self.handle_whole(conn),
        }
    }

    fn handle_whole(&mut self, conn: ConnId) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        let (Some(response), Some(request)) = (talk.response.take(), talk.waiting.pop_front()) else {
            return self.tally.wrong.push("a response nobody asked for".to_owned());
        };
        talk.seen.responses += 1;
        talk.seen.interim = true; // nothing is left to wait for
        let session = talk.sessions_index;
        talk.upgrade_refused = matches!(request.expect, Expect::Tunnel { .. });
        if talk.upgrade_refused || talk.said_close && !talk.waiting.is_empty() {
            talk.give_up_the_rest(&mut self.wheel);
        }
        self.record(session, &request, judge_whole(&request, &response), false);
    }

    fn handle_eof(&mut self, conn: ConnId, io: &mut SimReactor) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        talk.seen.eof = true;
        if let Some(part) = talk.reader.finish() {
            self.handle_part(conn, part);
        }
        let Some(talk) = self.talks.get_mut(conn) else { return };
        match talk.waiting.is_empty() {
            true => self.advance(conn, io),
            false => self.end(conn, Close::Discard, io),
        }
    }

    /// Closes, and judges what is still open.
    fn end(&mut self, conn: ConnId, how: Close, io: &mut SimReactor) {
        if io.close(conn, how) == CloseOutcome::Unread {
            io.close(conn, Close::Discard);
        }
        let Some(mut talk) = self.talks.remove(conn) else { return };
        talk.script.stop_waiting(&mut self.wheel);
        let mut said = talk.said_close;
        let kept = talk.seen.responses > 0;
        let may_close = talk.waiting.iter().any(|request| request.may_close) || self.closes_anyway;
        while let Some(request) = talk.waiting.pop_front() {
            let verdict = judge_open(&request, talk.response.take(), talk.seen.eof, said, kept);
            // Who sends requests ahead to one that closes may lose earlier answers to the reset that the
            // last of them meets (RFC 9112 section 9.6).
            let raced = may_close && !talk.seen.eof && !talk.waiting.is_empty();
            let raced = raced && matches!(verdict, Verdict::Cut | Verdict::Unanswered { .. });
            said |= raced;
            said |= verdict == Verdict::Cut
                || matches!(verdict, Verdict::Unanswered { .. })
                || matches!(request.expect, Expect::Cut { .. });
            self.record(talk.sessions_index, &request, verdict, raced);
        }
    }

    fn record(&mut self, session: usize, request: &Request, verdict: Verdict, raced: bool) {
        let cut_wanted = matches!(request.expect, Expect::Cut { .. });
        let anything = matches!(request.expect, Expect::Anything { .. });
        self.tally.anything += u64::from(anything);
        let text = format!("session {session}: {:?} {}: {verdict:?}", request.what, request.expect.name());
        match &verdict {
            Verdict::Right if matches!(request.expect, Expect::Fails(_)) => self.tally.told += 1,
            Verdict::Right => self.tally.whole += 1,
            Verdict::Told(_) => self.tally.told += 1,
            Verdict::Cut => self.tally.cut += 1,
            Verdict::Unanswered { .. } => {}
            Verdict::Wrong(_) => self.tally.wrong.push(text.clone()),
        }
        let lost = matches!(verdict, Verdict::Unanswered { said, kept } if said || kept);
        self.tally.lost += u64::from(raced || lost);
        let as_expected = match verdict {
            Verdict::Right => true,
            // The server's end of a kept connection, passed on without a word.
            Verdict::Unanswered { kept: true, .. } if request.expect == Expect::Fails(&[502]) => true,
            Verdict::Unanswered { said, .. } => said || cut_wanted || raced,
            Verdict::Cut => cut_wanted || raced,
            Verdict::Told(_) | Verdict::Wrong(_) => false,
        };
        if !as_expected && !anything {
            self.tally.strange.push((verdict, text));
        }
    }
}

impl Talk {
    fn new(session: Session, sessions_index: usize) -> Self {
        let mut reader = Reader::of_responses();
        session.requests.iter().for_each(|request| reader.expect_response_to(request.method));
        Self {
            script: Script::new(session.acts),
            reader,
            waiting: session.requests.into(),
            response: None,
            seen: Seen::default(),
            said_close: false,
            upgrade_refused: false,
            read_pause: session.read_pause,
            read_at: None,
            sessions_index,
        }
    }

    /// The last response said that no other will follow.
    fn give_up_the_rest(&mut self, wheel: &mut TimerWheel<ConnId>) {
        self.script.clear(wheel);
        self.script.push(Act::AwaitEof(Duration::from_secs(8)));
        self.script.push(Act::Close(Close::Discard));
    }
}

impl App<SimReactor> for ScriptedClient {
    fn start(&mut self, io: &mut SimReactor) -> Result<(), Fault> {
        self.open_more(io);
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut SimReactor) {
        match completion {
            Completion::Connected { conn, result: Ok(()) } => {
                self.tally.connected += 1;
                io.recv(conn, None);
                self.advance(conn, io);
            }
            Completion::Connected { conn, result: Err(fault) } => {
                self.tally.connect_faults.push(fault.kind);
                self.talks.remove(conn);
            }
            Completion::Received { conn, result: Ok(Received::Data(buf)) } => self.handle_bytes(conn, &buf, io),
            Completion::Received { conn, result: Ok(Received::Eof(_)) } => self.handle_eof(conn, io),
            Completion::Received { conn, result: Err(_) } => self.end(conn, Close::Discard, io),
            Completion::Sent { conn, result } => {
                let Some(talk) = self.talks.get_mut(conn) else { return };
                talk.script.handle_sent();
                if result.is_err() {
                    // What was answered before can still be read.
                    talk.script.clear(&mut self.wheel);
                    talk.script.push(Act::AwaitEof(Duration::from_secs(200)));
                    talk.script.push(Act::Close(Close::Discard));
                }
                self.advance(conn, io);
            }
            other => self.tally.wrong.push(format!("unexpected {other:?}")),
        }
    }

    fn handle_time(&mut self, io: &mut SimReactor) {
        while let Some(conn) = self.wheel.pop_due(io.now()) {
            let Some(talk) = self.talks.get_mut(conn) else { continue };
            if talk.read_at.is_some_and(|at| at <= io.now()) {
                talk.read_at = None;
                io.recv(conn, None);
            } else {
                talk.script.handle_timer();
                self.advance(conn, io);
            }
        }
        self.open_more(io);
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.wheel.poll_deadline()
    }

    fn is_done(&self) -> bool {
        self.sessions.is_empty() && self.talks.is_empty()
    }
}

impl Expect {
    fn name(&self) -> String {
        match self {
            Self::Whole { status, body } => format!("wants {status} with {} bytes", body.len()),
            Self::Fails(statuses) => format!("wants a failure of {statuses:?}"),
            Self::Cut { body } => format!("wants {} bytes cut off", body.len()),
            Self::Tunnel { echo } => format!("wants a tunnel of {} bytes", echo.len()),
            Self::Anything { .. } => "wants nothing".to_owned(),
        }
    }
}

fn judge_whole(request: &Request, response: &Response) -> Verdict {
    let status = response.head.status();
    let own = response.head.get("x-origin").is_none();
    match &request.expect {
        Expect::Tunnel { echo } if status == 101 => match response.body == *echo {
            true => Verdict::Right,
            false => Verdict::Wrong(format!("{} bytes came back through the tunnel", response.body.len())),
        },
        Expect::Fails(statuses) if own && statuses.contains(&status) => Verdict::Right,
        _ if own && (400..600).contains(&status) => Verdict::Told(status),
        Expect::Whole { status: wanted, body } if *wanted == status => match *body == response.body {
            true => Verdict::Right,
            false => Verdict::Wrong(format!("{} other bytes as body", response.body.len())),
        },
        Expect::Anything { body } if *body == response.body || request.method == "HEAD" => Verdict::Right,
        _ => Verdict::Wrong(format!("{} and {} bytes", response.head.start, response.body.len())),
    }
}

/// The connection ended before the response did.
fn judge_open(request: &Request, response: Option<Response>, eof: bool, said: bool, kept: bool) -> Verdict {
    let Some(response) = response else { return Verdict::Unanswered { said, kept } };
    let body = match &request.expect {
        Expect::Whole { body, .. } | Expect::Cut { body } | Expect::Anything { body } => body,
        // A tunnel ends with its FIN.
        Expect::Tunnel { echo } if eof && response.body == *echo => return Verdict::Right,
        Expect::Tunnel { echo } => echo,
        Expect::Fails(_) => return Verdict::Cut,
    };
    let own = response.head.get("x-origin").is_none();
    match own || body.starts_with(&response.body) {
        true => Verdict::Cut,
        false => Verdict::Wrong("a response cut off, and wrong before that".to_owned()),
    }
}
