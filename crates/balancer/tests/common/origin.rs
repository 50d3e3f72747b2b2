//! The scripted origin: the target of a request says how to answer it (see `plan`).

use super::pattern;
use super::plan::chunked;
use super::script::{Act, Progress, Script, Seen};
use super::wire::{Head, Part, Reader};
use ports::Fault;
use reactor::{
    App, Close, CloseOutcome, Completion, ConnId, ConnMap, ListenPlan, Questions, Reactor, Received, TimerWheel,
};
use reactor_sim::SimReactor;
use seed::Rng;
use std::net::SocketAddr;
use std::time::Duration;

struct Serving {
    script: Script,
    reader: Reader,
    request: Option<(Head, Vec<u8>)>,
    seen: Seen,
    tunnel: bool,
}

/// Answers until it is told to stop.
pub(crate) struct ScriptedOrigin {
    address: SocketAddr,
    rng: Rng,
    serving: ConnMap<Serving>,
    wheel: TimerWheel<ConnId>,
    stopping: bool,
    pub(crate) served: u64,
    pub(crate) wrong: Vec<String>,
}

impl ScriptedOrigin {
    pub(crate) fn new(address: SocketAddr, rng: Rng) -> Self {
        Self {
            address,
            rng,
            serving: ConnMap::default(),
            wheel: TimerWheel::new(),
            stopping: false,
            served: 0,
            wrong: Vec::new(),
        }
    }

    fn advance(&mut self, conn: ConnId, io: &mut SimReactor) {
        let Some(serving) = self.serving.get_mut(conn) else { return };
        match serving.script.advance(conn, serving.seen, &mut self.wheel, io) {
            Progress::Finished if serving.seen.eof => self.end(conn, Close::Discard, io),
            Progress::Waits | Progress::Finished => {}
            Progress::Close(how) => self.end(conn, how, io),
        }
    }

    fn end(&mut self, conn: ConnId, how: Close, io: &mut SimReactor) {
        if io.close(conn, how) == CloseOutcome::Unread {
            io.close(conn, Close::Discard);
        }
        if let Some(mut serving) = self.serving.remove(conn) {
            serving.script.stop_waiting(&mut self.wheel);
        }
    }

    fn handle_bytes(&mut self, conn: ConnId, bytes: &[u8], io: &mut SimReactor) {
        let Some(serving) = self.serving.get_mut(conn) else { return };
        let (parts, result) = serving.reader.push(bytes);
        parts.into_iter().for_each(|part| self.handle_part(conn, part));
        if let Err(error) = result {
            self.wrong.push(format!("the balancer sent an unreadable request: {error}"));
            return self.end(conn, Close::Reset, io);
        }
        io.recv(conn, None);
        self.advance(conn, io);
    }

    fn handle_part(&mut self, conn: ConnId, part: Part) {
        let Some(serving) = self.serving.get_mut(conn) else { return };
        match part {
            Part::Head(head) => {
                self.wrong.extend(fault_of(&head));
                if head.has("expect", "100-continue") && self.rng.chance(0.7) {
                    serving.script.push(Act::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
                }
                let early = head.target().starts_with("/early");
                serving.request = Some((head, Vec::new()));
                if early {
                    self.answer(conn);
                }
            }
            Part::Body(bytes) if serving.tunnel => serving.script.push(Act::Send(bytes)),
            Part::Body(bytes) => {
                if let Some((_, body)) = &mut serving.request {
                    body.extend(bytes);
                }
            }
            Part::End => self.answer(conn),
            Part::Interim(_) => self.wrong.push("a response instead of a request".to_owned()),
        }
    }

    fn answer(&mut self, conn: ConnId) {
        let Some(serving) = self.serving.get_mut(conn) else { return };
        let Some((head, body)) = serving.request.take() else { return };
        self.served += 1;
        let target = Target::parse(head.target());
        if target.kind == "echo" && body != pattern(target.id, target.len) {
            let (got, wanted) = (body.len(), target.len);
            self.wrong.push(format!("{}: a request body of {got} bytes, not the {wanted} sent", head.start));
        }
        if target.kind == "upgrade" {
            serving.tunnel = true;
            serving.reader.go_raw();
        }
        for act in answer_to(&target, &head, body, &mut self.rng) {
            serving.script.push(act);
        }
    }
}

impl App<SimReactor> for ScriptedOrigin {
    fn start(&mut self, io: &mut SimReactor) -> Result<(), Fault> {
        io.listen(&ListenPlan::new(self.address)).map(drop)
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut SimReactor) {
        match completion {
            Completion::Accepted { conn, .. } => {
                let serving = Serving {
                    script: Script::new(Vec::new()),
                    reader: Reader::of_requests(),
                    request: None,
                    seen: Seen::default(),
                    tunnel: false,
                };
                self.serving.insert(conn, serving);
                io.recv(conn, None);
            }
            Completion::Received { conn, result: Ok(Received::Data(buf)) } => self.handle_bytes(conn, &buf, io),
            Completion::Received { conn, result: Ok(Received::Eof(_)) } => {
                let Some(serving) = self.serving.get_mut(conn) else { return };
                serving.seen.eof = true;
                self.advance(conn, io);
            }
            Completion::Received { conn, result: Err(_) } | Completion::Sent { conn, result: Err(_) } => {
                self.end(conn, Close::Discard, io);
            }
            Completion::Sent { conn, result: Ok(()) } => {
                if let Some(serving) = self.serving.get_mut(conn) {
                    serving.script.handle_sent();
                }
                self.advance(conn, io);
            }
            Completion::Woken => self.stopping = true,
            Completion::AcceptFailed { .. } => {}
            other => self.wrong.push(format!("unexpected {other:?}")),
        }
    }

    fn handle_time(&mut self, io: &mut SimReactor) {
        while let Some(conn) = self.wheel.pop_due(io.now()) {
            if let Some(serving) = self.serving.get_mut(conn) {
                serving.script.handle_timer();
            }
            self.advance(conn, io);
        }
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.wheel.poll_deadline()
    }

    fn is_done(&self) -> bool {
        self.stopping && self.serving.is_empty()
    }
}

/// `/KIND/ID/LENGTH`.
struct Target {
    kind: String,
    id: u64,
    len: usize,
}

impl Target {
    fn parse(path: &str) -> Self {
        let mut parts = path.split('/').skip(1);
        let kind = parts.next().unwrap_or_default().to_owned();
        let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let id = number();
        Self { kind, id, len: number() as usize }
    }
}

/// What no request of a proxy may lack or carry (RFC 9110 sections 7.2, 7.6.1, 7.6.3).
fn fault_of(head: &Head) -> Option<String> {
    let count = |name: &str| head.headers.iter().filter(|(known, _)| known == name).count();
    let version = head.start.ends_with("HTTP/1.1");
    if !version || count("host") != 1 || head.get("via").is_none() || head.get("x-forwarded-for").is_none() {
        return Some(format!("not a proxy's request: {head:?}"));
    }
    None
}

fn answer_to(target: &Target, head: &Head, body: Vec<u8>, rng: &mut Rng) -> Vec<Act> {
    let start = |status: &str| format!("HTTP/1.1 {status}\r\nX-Origin: yes\r\n");
    let with_length = |status: &str, body: &[u8]| {
        let mut bytes = format!("{}Content-Length: {}\r\n\r\n", start(status), body.len()).into_bytes();
        bytes.extend(body);
        bytes
    };
    let own = || pattern(target.id, target.len);
    let mut acts = match target.kind.as_str() {
        "plain" if head.method() == "HEAD" => {
            vec![Act::Send(format!("{}Content-Length: {}\r\n\r\n", start("200 OK"), target.len).into_bytes())]
        }
        "plain" => vec![Act::Send(with_length("200 OK", &own()))],
        "echo" => vec![Act::Send(with_length("200 OK", &body))],
        "nocontent" => vec![Act::Send(format!("{}\r\n", start("204 No Content")).into_bytes())],
        "chunked" => {
            let mut bytes = (start("200 OK") + "Transfer-Encoding: chunked\r\n\r\n").into_bytes();
            bytes.extend(chunked(rng, &own(), "X-Trailer: yes\r\n"));
            vec![Act::Send(bytes)]
        }
        "untilclose" => {
            let mut bytes = (start("200 OK") + "Connection: close\r\n\r\n").into_bytes();
            bytes.extend(own());
            vec![Act::Send(bytes), Act::Close(Close::Fin)]
        }
        "interim" => {
            let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec();
            vec![Act::Send(hints), Act::Send(with_length("200 OK", &own()))]
        }
        "early" => {
            let text = "Connection: close\r\nContent-Length: 9\r\n\r\ntoo much\n";
            let bytes = (start("413 Content Too Large") + text).into_bytes();
            vec![Act::Send(bytes), Act::HalfClose, Act::AwaitEof(Duration::from_secs(5)), Act::Close(Close::Discard)]
        }
        "diehead" => {
            let some = *rng.pick(&["", "HTTP/1.1 200 OK\r\nX-Or"]);
            let how = *rng.pick(&[Close::Fin, Close::Reset]);
            vec![Act::Send(some.into()), Act::Close(how)]
        }
        "diebody" => {
            let mut bytes = with_length("200 OK", &own());
            bytes.pop();
            bytes.truncate(bytes.len() - rng.index(target.len.max(1)));
            vec![Act::Send(bytes), Act::Close(Close::Fin)]
        }
        "nonsense" => vec![Act::Send(b"\x16\x03\x01 this is not HTTP\r\n\r\n".to_vec()), Act::Close(Close::Fin)],
        "hang" => vec![Act::AwaitEof(Duration::from_secs(300)), Act::Close(Close::Discard)],
        "bye" => {
            let pause = Act::Pause(Duration::from_millis(rng.range(0, 300)));
            // A reset would destroy what a slow reader has not taken yet; a short answer is out by then.
            let how = if target.len < 300 { Close::Reset } else { Close::Fin };
            vec![Act::Send(with_length("200 OK", &own())), pause, Act::Close(how)]
        }
        "surprise" => {
            let pause = Act::Pause(Duration::from_millis(rng.range(0, 300)));
            vec![Act::Send(with_length("200 OK", &own())), pause, Act::Send(b"\0unasked\r\n\r\n".to_vec())]
        }
        "upgrade" => {
            let head = start("101 Switching Protocols") + "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n";
            vec![Act::Send(head.into_bytes())]
        }
        other => vec![Act::Send(with_length("404 Not Found", other.as_bytes()))],
    };
    drip(&mut acts, rng);
    acts
}

/// Some answers come in pieces, with pauses.
fn drip(acts: &mut Vec<Act>, rng: &mut Rng) {
    if !rng.chance(0.3) {
        return;
    }
    let pause = |rng: &mut Rng| Act::Pause(Duration::from_millis(rng.range(0, 60)));
    acts.insert(0, pause(rng));
    if let Some(Act::Send(bytes)) = acts.get_mut(1) {
        let rest = bytes.split_off(rng.index(bytes.len() + 1));
        let between = pause(rng);
        acts.splice(2..2, [between, Act::Send(rest)]);
    }
}
