//! What clients do on one connection, drawn from a seed, and what must come of it.
//!
//! The target of every request tells the origin how to answer: `/KIND/ID/LENGTH`.

use super::pattern;
use super::script::Act;
use reactor::Close;
use seed::Rng;
use std::time::Duration;

/// What a request must come to when the weather is fair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A whole response with exactly this.
    Whole { status: u16, body: Vec<u8> },
    /// A whole response, of the balancer's own, with one of these.
    Fails(&'static [u16]),
    /// A response that begins like this and is cut off (or fails altogether).
    Cut { body: Vec<u8> },
    /// 101, then these bytes back.
    Tunnel { echo: Vec<u8> },
    /// Nothing can be said: the client leaves in the middle.
    Anything { body: Vec<u8> },
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// For a person's eyes.
    pub(crate) what: String,
    /// May the balancer close after its answer?
    pub(crate) may_close: bool,
    pub(crate) expect: Expect,
}

/// All of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) requests: Vec<Request>,
    pub(crate) acts: Vec<Act>,
    /// Pause before each read.
    pub(crate) read_pause: Option<Duration>,
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Chunked,
    UntilClose,
    Head,
    NoContent,
    Interim,
    Echo,
    EchoChunked,
    EchoContinue,
    Early,
    /// Answered by the balancer, by a route; without and with a body that nobody wants.
    Here,
    HerePost,
    HereChunked,
    /// By a route that takes a part of the path away.
    Via,
    DieHead,
    DieBody,
    Nonsense,
    Hang,
    /// The origin closes the kept connection a little later, while it is idle or already in use again.
    Bye,
    /// The origin sends bytes nobody asked for a little later.
    Surprise,
}

const KINDS: [Kind; 20] = [
    Kind::Plain,
    Kind::Chunked,
    Kind::UntilClose,
    Kind::Head,
    Kind::NoContent,
    Kind::Interim,
    Kind::Echo,
    Kind::EchoChunked,
    Kind::EchoContinue,
    Kind::Early,
    Kind::Here,
    Kind::HerePost,
    Kind::HereChunked,
    Kind::Via,
    Kind::DieHead,
    Kind::DieBody,
    Kind::Nonsense,
    Kind::Hang,
    Kind::Bye,
    Kind::Surprise,
];

/// What the balancer's routes answer themselves.
pub(crate) const HERE: &[u8] = b"here, and nowhere else";

/// Kinds that may spoil the request after them: left out where that is not wanted.
const SPOILERS: usize = 2;

/// Requests that must be refused: two readers could take them for different things (RFC 9112 section 11.2).
const SMUGGLING: [&str; 6] = [
    "POST /echo/1/5 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /echo/1/5 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "GET /plain/1/5 HTTP/1.1\r\nHost: a\r\n folded: yes\r\n\r\n",
    "GET /plain/1/5 HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET /plain/1/5 HTTP/1.1\r\n\r\n",
    "POST /echo/1/5 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
];

impl Session {
    /// A connection of any kind.
    pub(crate) fn draw(rng: &mut Rng, spoilers: bool) -> Self {
        let mut session = match rng.range(0, 24) {
            0 | 1 => Self::tunnel(rng),
            2 | 3 => Self::smuggle(rng),
            4 | 5 => Self::leave(rng, spoilers),
            6 => Self::stall(rng),
            7 => Self::sleep(rng),
            _ => Self::requests(rng, spoilers),
        };
        if session.read_pause.is_none() && rng.chance(0.2) {
            session.read_pause = Some(Duration::from_millis(rng.range(1, 20)));
        }
        session
    }

    /// A few requests, each answered before the next, or all sent at once.
    fn requests(rng: &mut Rng, spoilers: bool) -> Self {
        let count = rng.range(1, 6) as usize;
        let pipelined = rng.chance(0.4);
        let mut script = Writer::new(rng);
        script.spoilers = spoilers;
        for index in 0..count {
            let last = index + 1 == count;
            script.write_request(last);
            if !pipelined {
                script.acts.push(Act::AwaitResponses(index + 1));
            }
        }
        script.end(count)
    }

    /// Upgrades, sends bytes, wants them back, then half-closes.
    fn tunnel(rng: &mut Rng) -> Self {
        let echo = rng.bytes_up_to(20_000);
        let head = "GET /upgrade/0/0 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
        let early = if rng.chance(0.3) { echo.len() / 2 } else { 0 };
        let mut first = head.as_bytes().to_vec();
        first.extend(&echo[..early]);
        let acts = vec![
            Act::Send(first),
            Act::AwaitResponses(1),
            Act::Send(echo[early..].to_vec()),
            Act::HalfClose,
            Act::AwaitEof(Duration::from_secs(100)),
            Act::Close(Close::Discard),
        ];
        let requests =
            vec![Request { method: "GET", what: "tunnel".into(), may_close: true, expect: Expect::Tunnel { echo } }];
        Self { requests, acts, read_pause: None }
    }

    /// A request that must be refused, perhaps after one that is fine.
    fn smuggle(rng: &mut Rng) -> Self {
        let mut script = Writer::new(rng);
        let mut count = 1;
        if script.rng.chance(0.3) {
            script.write_kind(Kind::Plain, false);
            script.acts.push(Act::AwaitResponses(1));
            count += 1;
        }
        let bad = *script.rng.pick(&SMUGGLING);
        script.send(bad.as_bytes().to_vec());
        let method = if bad.starts_with("POST") { "POST" } else { "GET" };
        // A bad chunk is found when a server has the request already: 400 either way.
        script.requests.push(Request { method, what: bad.into(), may_close: true, expect: Expect::Fails(&[400]) });
        script.end(count)
    }

    /// Leaves in the middle of a request, or of its response.
    fn leave(rng: &mut Rng, spoilers: bool) -> Self {
        let mut script = Writer::new(rng);
        script.spoilers = spoilers;
        let before = script.acts.len();
        script.write_request(false);
        if let Some(request) = script.requests.last_mut() {
            let body = match &request.expect {
                Expect::Whole { body, .. } | Expect::Cut { body } => body.clone(),
                _ => Vec::new(),
            };
            request.expect = Expect::Anything { body };
        }
        if script.rng.chance(0.5)
            && let Some(Act::Send(bytes)) = script.acts[before..].last_mut()
        {
            let half = bytes.len() / 2;
            bytes.truncate(half);
        }
        let pause = Duration::from_millis(script.rng.range(0, 300));
        let how = *script.rng.pick(&[Close::Reset, Close::Discard]);
        let Writer { requests, mut acts, .. } = script;
        acts.extend([Act::Pause(pause), Act::Close(how)]);
        Self { requests, acts, read_pause: None }
    }
}

impl Session {
    /// Stops in the middle of a head or of a body: the balancer's patience ends, and it says so.
    fn stall(rng: &mut Rng) -> Self {
        let part = *rng.pick(&[
            "GET /plain/1/5 HTTP/1.1\r\nHo",
            "POST /echo/1/500 HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello",
            "POST /echo/1/500 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        ]);
        let mut script = Writer::new(rng);
        script.send(part.as_bytes().to_vec());
        let (method, expect) = ("GET", Expect::Fails(&[408]));
        script.requests.push(Request { method, what: part.into(), may_close: true, expect });
        let Writer { requests, mut acts, .. } = script;
        let patience = Duration::from_secs(8);
        acts.extend([Act::AwaitResponses(1), Act::AwaitEof(patience), Act::Close(Close::Discard)]);
        Self { requests, acts, read_pause: None }
    }

    /// Asks, and then does not read for longer than the balancer waits.
    fn sleep(rng: &mut Rng) -> Self {
        let mut session = Self::leave(rng, false);
        session.acts.pop();
        session.acts.push(Act::AwaitResponses(1));
        session.acts.push(Act::Close(Close::Discard));
        session.read_pause = Some(Duration::from_secs(40));
        session
    }
}

/// Writes requests into a script.
struct Writer<'r> {
    rng: &'r mut Rng,
    requests: Vec<Request>,
    acts: Vec<Act>,
    spoilers: bool,
}

impl<'r> Writer<'r> {
    fn new(rng: &'r mut Rng) -> Self {
        Self { rng, requests: Vec::new(), acts: Vec::new(), spoilers: false }
    }

    fn write_request(&mut self, last: bool) {
        let kinds = KINDS.len() - if self.spoilers { 0 } else { SPOILERS };
        let kind = *self.rng.pick(&KINDS[..kinds]);
        self.write_kind(kind, last);
    }

    fn write_kind(&mut self, kind: Kind, last: bool) {
        let id = self.rng.range(1, 1 << 40);
        let len = *self.rng.pick(&[0, 1, 100, 3_000, 20_000, 60_000]);
        let len = self.rng.index(len + 1).max(usize::from(kind == Kind::DieBody));
        let close = last && self.rng.chance(0.5);
        let body = || pattern(id, len);
        let whole = |status, body| Expect::Whole { status, body };
        let (method, path, expect) = match kind {
            Kind::Plain => ("GET", "plain", whole(200, body())),
            Kind::Chunked => ("GET", "chunked", whole(200, body())),
            Kind::UntilClose => ("GET", "untilclose", whole(200, body())),
            Kind::Head => ("HEAD", "plain", whole(200, Vec::new())),
            Kind::NoContent => ("GET", "nocontent", whole(204, Vec::new())),
            Kind::Interim => ("GET", "interim", whole(200, body())),
            Kind::Echo | Kind::EchoChunked | Kind::EchoContinue => ("POST", "echo", whole(200, body())),
            Kind::Early => ("POST", "early", whole(413, b"too much\n".to_vec())),
            Kind::Here => ("GET", "here", whole(200, HERE.to_vec())),
            Kind::HerePost | Kind::HereChunked => ("POST", "here", whole(200, HERE.to_vec())),
            Kind::Via => ("GET", "via/x/%2e./plain", whole(200, body())),
            Kind::DieHead => ("GET", "diehead", Expect::Fails(&[502])),
            Kind::DieBody => ("GET", "diebody", Expect::Cut { body: body() }),
            Kind::Nonsense => ("GET", "nonsense", Expect::Fails(&[502])),
            Kind::Hang => ("GET", "hang", Expect::Fails(&[504])),
            Kind::Bye => ("GET", "bye", whole(200, body())),
            Kind::Surprise => ("GET", "surprise", whole(200, body())),
        };
        let bodiless = matches!(kind, Kind::Plain | Kind::Chunked | Kind::UntilClose | Kind::Head);
        let old = bodiless && last && self.rng.chance(0.3);
        let version = if old { "HTTP/1.0" } else { "HTTP/1.1" };
        let mut head = format!("{method} /{path}/{id}/{len} {version}\r\nHost: test\r\n");
        if close && !old {
            head += "Connection: close\r\n";
        }
        let what = format!("{kind:?} {version}{}", if close { " close" } else { "" });
        let lasting = [
            Kind::Plain,
            Kind::Chunked,
            Kind::Head,
            Kind::NoContent,
            Kind::Interim,
            Kind::Bye,
            Kind::Surprise,
            Kind::Here,
            Kind::Via,
        ];
        let echo = [Kind::Echo, Kind::EchoChunked, Kind::EchoContinue];
        let may_close = close || old || !(lasting.contains(&kind) || echo.contains(&kind));
        self.requests.push(Request { method, what, may_close, expect });
        match kind {
            Kind::Echo | Kind::Early | Kind::HerePost => self.write_with_length(head, &body(), false),
            Kind::EchoContinue => self.write_with_length(head, &body(), true),
            Kind::EchoChunked | Kind::HereChunked => self.write_chunked(head, &body()),
            _ => self.send((head + "\r\n").into_bytes()),
        }
    }

    fn write_with_length(&mut self, mut head: String, body: &[u8], wait: bool) {
        head += &format!("Content-Length: {}\r\n", body.len());
        if wait && !body.is_empty() {
            head += "Expect: 100-continue\r\n\r\n";
            let earlier = self.requests.len() - 1;
            self.acts.push(Act::AwaitResponses(earlier));
            self.acts.push(Act::Send(head.into_bytes()));
            self.acts.push(Act::AwaitContinue(Duration::from_secs(1)));
            return self.send(body.to_vec());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend(body);
        self.send(bytes);
    }

    fn write_chunked(&mut self, head: String, body: &[u8]) {
        let mut bytes = (head + "Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n").into_bytes();
        bytes.extend(chunked(self.rng, body, "X-Sum: 1\r\n"));
        self.send(bytes);
    }

    /// At once, or in pieces with pauses between them.
    fn send(&mut self, mut bytes: Vec<u8>) {
        if self.rng.chance(0.3) {
            for _ in 0..self.rng.range(1, 8) {
                let rest = bytes.split_off(self.rng.index(bytes.len() + 1));
                self.acts.push(Act::Send(bytes));
                let pause = Duration::from_millis(self.rng.range(0, 60));
                self.acts.push(Act::Pause(pause));
                bytes = rest;
            }
        }
        self.acts.push(Act::Send(bytes));
    }

    /// How the connection ends, once everything is answered.
    fn end(mut self, count: usize) -> Session {
        let patience = Duration::from_secs(self.rng.range(1, 100));
        match self.rng.range(0, 4) {
            // FIN with the last byte: a half-close, the answers are still wanted.
            0 => self.acts.extend([Act::HalfClose, Act::AwaitResponses(count)]),
            1 => self.acts.extend([Act::AwaitResponses(count), Act::AwaitEof(patience)]),
            2 => self.acts.extend([Act::AwaitResponses(count), Act::HalfClose, Act::AwaitEof(patience)]),
            _ => self.acts.push(Act::AwaitResponses(count)),
        }
        self.acts.push(Act::Close(Close::Discard));
        Session { requests: self.requests, acts: self.acts, read_pause: None }
    }
}

/// `body` in chunks of random sizes, some with extensions, with `trailer` at the end.
pub(crate) fn chunked(rng: &mut Rng, body: &[u8], trailer: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let len = 1 + rng.index(rest.len().min(5000));
        let extension = if rng.chance(0.1) { ";note=1" } else { "" };
        bytes.extend(format!("{len:x}{extension}\r\n").bytes());
        bytes.extend(&rest[..len]);
        bytes.extend(b"\r\n");
        rest = &rest[len..];
    }
    bytes.extend(format!("0\r\n{trailer}\r\n").bytes());
    bytes
}

trait BytesUpTo {
    fn bytes_up_to(&mut self, len_max: usize) -> Vec<u8>;
}

impl BytesUpTo for Rng {
    fn bytes_up_to(&mut self, len_max: usize) -> Vec<u8> {
        let len = self.index(len_max);
        self.bytes(len)
    }
}
