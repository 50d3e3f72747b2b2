//! One exchange: from received bytes to an answer, one buffer in flight at a time.

use crate::answer::{HeadPlan, Source, Stream};
use crate::app::Origin;
use crate::conn::{Asked, Phase};
use crate::plan::CloseHabit;
use crate::route::Route;
use http::{BodyKind, Version};
use http1::{BodyDecoder, HeadScan};
use reactor::{After, Buf, Close, ConnId, Outgoing, Reactor};

/// Said where nothing else is.
const PATHS: &str =
    "Here are: / /bytes/N /chunked/N /delay/MS (up to 60000) /status/CODE (200 to 599) /redirect/N /echo /close\n";

impl Origin {
    /// Looks at what was received, as far as the phase is one that reads.
    pub(crate) fn handle_input<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        match conn.phase {
            Phase::Head(_) => self.read_head(id, io),
            Phase::Discarding(..) => self.discard(id, io),
            Phase::Echoing(_) => self.echo(id, None, io),
            Phase::Lingering { .. } => self.linger(id, io),
            Phase::Delaying(_) | Phase::Answering(_) => {}
        }
    }

    /// Everything handed to [`Reactor::send`] went out.
    pub(crate) fn handle_sent<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        match &conn.phase {
            Phase::Answering(stream) if stream.is_done() => {
                conn.phase = Phase::Head(HeadScan::default());
                self.read_head(id, io);
            }
            Phase::Answering(_) => self.send_more(id, io),
            _ => self.handle_input(id, io),
        }
    }

    /// Answers a request whose body was read and whose delay is over.
    pub(crate) fn answer<R: Reactor>(&mut self, id: ConnId, asked: Asked, io: &mut R) {
        let (status, source, chunked) = match asked.route {
            Route::Hello => (200, Source::Hello(self.hello.clone()), false),
            Route::Bytes(len) => (200, Source::Pattern(len), false),
            Route::Chunked(len) => (200, Source::Pattern(len), true),
            Route::Delay(_) => (200, Source::Text("This took a while.\n"), false),
            Route::Status(code) => (code, Source::Text("A status, as asked.\n"), false),
            Route::Redirect(0) => (200, Source::Hello(self.hello.clone()), false),
            Route::Redirect(_) => (302, Source::Text("Go on.\n"), false),
            Route::Echo => (200, Source::Text(""), false),
            Route::Close => (200, Source::Text("Good-bye.\n"), false),
            Route::Unknown => (404, Source::Text(PATHS), false),
            Route::BadNumber => (400, Source::Text(PATHS), false),
        };
        let chunked_ok = asked.version == Version::Http11;
        let framing = match Stream::framing(&source, chunked) {
            BodyKind::Chunked if !chunked_ok => BodyKind::UntilClose,
            // RFC 9110 section 8.6: no Content-Length in 204.
            _ if status == 204 => BodyKind::Empty,
            framing => framing,
        };
        let bodiless = asked.head_only || matches!(status, 204 | 304);
        let stream = if bodiless { Stream::nothing() } else { Stream::new(source, framing) };
        let persists = self.persists(&asked) && (framing != BodyKind::UntilClose || bodiless);
        self.start_answer(id, asked, Planned { status, framing, stream, persists }, io);
    }

    /// Refuses what is not HTTP; where the next request starts is unknown, so the connection ends.
    fn refuse<R: Reactor>(&mut self, id: ConnId, error: http1::Error, io: &mut R) {
        self.counters.refused += 1;
        let asked = Asked {
            route: Route::Unknown,
            body: BodyKind::Empty,
            head_only: false,
            keep_alive: false,
            version: Version::Http11,
            expect_continue: false,
            len: 0,
        };
        let source = Source::Text("This request breaks the rules of HTTP/1.1 (RFC 9112).\n");
        let framing = Stream::framing(&source, false);
        let stream = Stream::new(source, framing);
        self.start_answer(id, asked, Planned { status: error.status(), framing, stream, persists: false }, io);
    }

    fn read_head<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(input) = conn.input.as_deref().filter(|bytes| !bytes.is_empty()) else {
            conn.input = None;
            return io.recv(id, None);
        };
        let Phase::Head(scan) = &mut conn.phase else { return };
        if !scan.worth_parsing(input, &self.limits) {
            return self.read_on(id, io);
        }
        match Asked::parse(input, &self.limits) {
            Ok(Some(asked)) => self.handle_request(id, asked, io),
            Ok(None) => self.read_on(id, io),
            Err(error) => self.refuse(id, error, io),
        }
    }

    /// Receives behind what is there already.
    fn read_on<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let partial = match conn.input.take() {
            Some(buf) if buf.spare_len() == 0 => match buf.compact() {
                Some(buf) => Some(buf),
                None => return self.give_up(id, io),
            },
            partial => partial,
        };
        io.recv(id, partial);
    }

    fn handle_request<R: Reactor>(&mut self, id: ConnId, asked: Asked, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        self.counters.requests += 1;
        if let Some(input) = &mut conn.input {
            input.advance(asked.len);
        }
        if asked.is_echo() {
            return self.start_echo(id, asked, io);
        }
        // Who waits for 100 gets the answer instead, and sends no body (RFC 9110 section 10.1.1).
        if asked.body.is_empty() || asked.expect_continue {
            return self.delay_or_answer(id, asked, io);
        }
        conn.phase = Phase::Discarding(BodyDecoder::new(asked.body, &self.limits), asked);
        self.discard(id, io);
    }

    fn discard<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Phase::Discarding(decoder, asked) = &mut conn.phase else { return };
        let asked = *asked;
        let passed = match decoder.skip(conn.input.as_deref().unwrap_or(&[])) {
            Ok(passed) => passed,
            Err(error) => return self.refuse(id, error, io),
        };
        if let Some(input) = &mut conn.input {
            input.advance(passed.len);
        }
        if passed.done {
            return self.delay_or_answer(id, asked, io);
        }
        conn.input = None;
        io.recv(id, None);
    }

    fn delay_or_answer<R: Reactor>(&mut self, id: ConnId, asked: Asked, io: &mut R) {
        match asked.route {
            Route::Delay(ms) => self.delay(id, asked, ms, io),
            _ => self.answer(id, asked, io),
        }
    }

    fn persists(&self, asked: &Asked) -> bool {
        match self.plan.close {
            CloseHabit::Always => false,
            CloseHabit::Ignore => !asked.expect_continue,
            CloseHabit::Honour => {
                let asked_to_close = !asked.keep_alive || asked.route == Route::Close;
                // The body that was never asked for may still come: only an echo reads it.
                !asked_to_close && (!asked.expect_continue || asked.is_echo())
            }
        }
    }

    /// Sends the head with as much of the body as fits beside it.
    fn start_answer<R: Reactor>(&mut self, id: ConnId, asked: Asked, planned: Planned, io: &mut R) {
        let Planned { status, framing, mut stream, persists } = planned;
        let head = HeadPlan {
            status,
            name: &self.plan.name,
            location: asked.route.location(),
            framing,
            persists,
            say_keep_alive: asked.version == Version::Http10,
            say_continue: asked.expect_continue && asked.is_echo(),
        };
        let Some(mut buf) = io.take_buf().filter(|_| self.conns.get(id).is_some()) else {
            return self.give_up(id, io);
        };
        let spare = buf.spare().unwrap_or(&mut []);
        let Ok(head_len) = head.write(spare) else { return self.give_up(id, io) };
        let body_len = stream.fill(&mut spare[head_len..]);
        buf.commit(head_len + body_len);
        self.send_part(id, buf, stream, persists, io);
    }

    fn send_more<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(mut buf) = io.take_buf() else { return self.give_up(id, io) };
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Phase::Answering(stream) = &mut conn.phase else { return };
        let mut stream = std::mem::replace(stream, Stream::nothing());
        let len = stream.fill(buf.spare().unwrap_or(&mut []));
        buf.commit(len);
        let persists = conn.persists;
        self.send_part(id, buf, stream, persists, io);
    }

    fn send_part<R: Reactor>(&mut self, id: ConnId, buf: Buf, rest: Stream, persists: bool, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let after = after(rest.is_done(), persists);
        conn.persists = persists;
        conn.phase = Phase::Answering(rest);
        io.send(id, Outgoing { head: Some(buf), body: None, after });
    }

    fn start_echo<R: Reactor>(&mut self, id: ConnId, asked: Asked, io: &mut R) {
        let persists = self.persists(&asked);
        let framing = if asked.body == BodyKind::Empty { BodyKind::Length(0) } else { asked.body };
        if asked.body.is_empty() {
            let stream = Stream::nothing();
            return self.start_answer(id, asked, Planned { status: 200, framing, stream, persists }, io);
        }
        let head = HeadPlan {
            status: 200,
            name: &self.plan.name,
            location: asked.route.location(),
            framing,
            persists,
            say_keep_alive: asked.version == Version::Http10,
            say_continue: asked.expect_continue,
        };
        let Some(mut buf) = io.take_buf() else { return self.give_up(id, io) };
        let Ok(len) = head.write(buf.spare().unwrap_or(&mut [])) else { return self.give_up(id, io) };
        buf.commit(len);
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.persists = persists;
        conn.phase = Phase::Echoing(BodyDecoder::new(asked.body, &self.limits));
        self.echo(id, Some(buf), io);
    }

    /// Sends back what came of the body, `head` before it; receives on when there is nothing to send.
    fn echo<R: Reactor>(&mut self, id: ConnId, head: Option<Buf>, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Phase::Echoing(decoder) = &mut conn.phase else { return };
        let passed = match decoder.skip(conn.input.as_deref().unwrap_or(&[])) {
            Ok(passed) => passed,
            Err(_) => {
                self.counters.refused += 1;
                return self.close(id, Close::Discard, io);
            }
        };
        let body = conn.input.as_mut().filter(|_| passed.len > 0).map(|input| input.split_to(passed.len));
        if !passed.done {
            conn.input = None;
        }
        if head.is_none() && body.is_none() && !passed.done {
            return io.recv(id, None);
        }
        let after = after(passed.done, conn.persists);
        if passed.done {
            conn.phase = Phase::Answering(Stream::nothing());
        }
        io.send(id, Outgoing { head, body, after });
    }
}

/// What an answer is made of.
struct Planned {
    status: u16,
    framing: BodyKind,
    stream: Stream,
    persists: bool,
}

fn after(last: bool, persists: bool) -> After {
    if last && !persists { After::Close } else { After::Keep }
}
