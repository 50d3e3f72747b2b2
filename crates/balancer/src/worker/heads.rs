//! Request heads: looked for in what a client sent, routed once, and begun as exchanges.

use super::Worker;
use super::compose::{self, NoPiece, Piece};
use super::drain::Farewell;
use super::rules::ListenerRules;
use super::state::{Client, DownBytes, End, Entry, ExchangeId, Kept, Said, UpBytes, Work};
use super::treat::{Asker, Knock, asked_of};
use balancer_core::access::Note;
use balancer_core::exchange::{DISCARD_BYTES_MAX, DownOrder, Exchange, Opening, Reply, Scene, Step, UpOrder};
use balancer_core::{Action, BackendSetSettings, Decision, Failure, Protocol, Refusal, Refused};
use http::forward::{AddressText, passages};
use http::{BodyKind, Method, RequestHead, Values};
use http1::{BodyDecoder, HeadScan, HeadSlots, Parsed, parse_request};
use ports::Address;
use reactor::{Buf, ConnId, Reactor};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

impl Worker {
    /// Looks for a head in what is held of a client; begins an exchange when it is whole.
    pub(super) fn take_head<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        if self.farewell == Farewell::LastCall {
            return self.refuse(conn, Failure::Draining, io);
        }
        let client = self.parties.client(conn);
        let buf = client.inbound.take().expect("a head is looked for in what is held");
        let rules = Rc::clone(&self.listeners[client.listener].rules);
        if rules.settings.protocol == Protocol::Tcp {
            return self.take_hello(conn, buf, rules, io);
        }
        let mut slots = HeadSlots::new();
        let parsed = match client.scan.worth_parsing(&buf, &rules.limits) {
            true => parse_request(&buf, &rules.limits, &mut slots),
            false => Ok(None),
        };
        let (id, step) = match parsed {
            Ok(Some(parsed)) => self.begin(conn, &buf, &parsed, rules, io),
            Ok(None) => {
                self.parties.client(conn).inbound = Some(buf);
                return self.read_more_of_head(conn, io);
            }
            Err(rule) => {
                self.note_refused_request(conn, rule, &buf, io);
                self.begin_refusal(conn, Failure::BadRequest(rule), io)
            }
        };
        // What is needed of it is kept; an answer of ours may need the room.
        drop(buf);
        self.drive(id, step, io);
    }

    pub(super) fn read_more_of_head<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let client = self.parties.client(conn);
        let scene = self.listeners[client.listener].downstream_scene(now, self.farewell.closes_idle());
        let order = client.life.handle_head_incomplete(&scene);
        self.carry_out(conn, order, io);
    }

    /// A request that was understood: its way is decided, once, and an exchange begins.
    fn begin<R: Reactor>(
        &mut self,
        conn: ConnId,
        buf: &Buf,
        parsed: &Parsed<RequestHead<'_, '_>>,
        rules: Rc<ListenerRules>,
        io: &mut R,
    ) -> (ExchangeId, Step) {
        let now = self.now(io);
        let Parsed { head, len: head_len, .. } = parsed;
        let (peer, address) = self.who_asks(conn, head, &rules.settings.requests);
        let decision = match decide(head, address, &rules) {
            Ok(decision) => decision,
            Err(failure) => return self.turn_back(conn, failure, head, io),
        };
        let mut decoder = BodyDecoder::new(head.body, &rules.limits);
        let mut rest = buf.clone();
        let first = match self.cut_first(conn, buf, &mut decoder, &mut rest, *head_len, io) {
            Ok(first) => first,
            Err(failure) => return self.turn_back(conn, failure, head, io),
        };
        let client = self.parties.client(conn);
        client.inbound = (!rest.is_empty()).then_some(rest);
        client.life.handle_exchange_begun();
        let opening = opening(parsed, &first, client, &rules);
        let knock = Knock { head, client: address, content: first.content, listener: client.listener, now };
        let way = self.way(decision, rules);
        let admission = self.admission(way.rules.treatment(way.route), &knock);
        let scene = way.scene(now, self.listeners[knock.listener].drains(self.draining));
        let (core, step) = admission.begun(opening, way.reply(), is_small(head.body), &scene);
        let left = way.rules.treatment(way.route).left_after(first.content);
        let kept = Kept { bytes: first.data, head_len: *head_len };
        let upgrade = head.upgrade.filter(|_| opening.upgrade).and_then(|asked| kept_part(buf, asked, &kept.bytes));
        let (asker, question) = admission.noted(self.asker(address, peer, (head, buf), &kept, &way), &kept);
        let up = UpBytes { kept: Some(kept), decoder, held: None, left };
        let note = self.note_head(head);
        let id = self.insert(conn, core, way, Request { method: head.method, asker, upgrade, up, note });
        let busy = question.and_then(|question| self.ask_who(id, *question, head, io));
        (id, self.take_first_step(id, busy.unwrap_or(step), parsed, io))
    }

    /// It was understood, and goes no further.
    #[cold]
    fn turn_back<R: Reactor>(
        &mut self,
        conn: ConnId,
        failure: Failure,
        head: &RequestHead<'_, '_>,
        io: &mut R,
    ) -> (ExchangeId, Step) {
        self.jot_head(head);
        self.begin_refusal(conn, failure, io)
    }

    /// The head, and what came of the body with it; or why the request goes no further.
    #[inline]
    fn cut_first<R: Reactor>(
        &mut self,
        conn: ConnId,
        buf: &Buf,
        decoder: &mut BodyDecoder,
        rest: &mut Buf,
        head_len: usize,
        io: &mut R,
    ) -> Result<Piece, Failure> {
        first_piece(decoder, rest, head_len, io).map_err(|error| match error {
            NoPiece::Malformed(rule) => {
                self.note_refused_request(conn, rule, buf, io);
                Failure::BadRequest(rule)
            }
            NoPiece::Shortage => Failure::NoLocalResource,
        })
    }

    /// By which rules a request goes, whose route is known.
    #[inline]
    pub(super) fn way(&self, Decision { route, plain }: Decision, rules: Rc<ListenerRules>) -> Way {
        let set = rules.place(route);
        let set_rules = Rc::clone(set.map_or(&self.no_set, |set| &self.sets[set].rules));
        Way { route, plain, set, rules, set_rules }
    }

    /// What is remembered of who asks: only what a rule will ask for.
    #[inline]
    fn asker(
        &mut self,
        address: IpAddr,
        peer: IpAddr,
        (head, buf): (&RequestHead<'_, '_>, &Buf),
        kept: &Kept,
        way: &Way,
    ) -> Asker {
        let treatment = way.rules.treatment(way.route);
        let (ours, theirs) = (&treatment.headers, &way.set_rules.headers);
        let asked = ours.ask_id() || theirs.ask_id();
        let keep = |value: &[u8]| kept_part(buf, value, &kept.bytes);
        let id = self.name_request(head, peer, &way.rules.settings.requests, asked, keep);
        let asks = ours.responses.asks() || theirs.responses.asks();
        let coding = treatment.compression.as_ref().and_then(|rules| rules.asked(head));
        Asker { address, id, coding, user: None, head: asks.then(|| kept.bytes.slice(0..kept.head_len)) }
    }

    #[inline(always)] // it would be copied once more otherwise
    pub(super) fn insert(&mut self, conn: ConnId, core: Exchange, way: Way, request: Request) -> ExchangeId {
        let client = self.parties.client(conn);
        self.listeners[client.listener].counters.requests += 1;
        let id = self.exchanges.insert(Entry {
            core,
            client: End::only(conn),
            server: None,
            listener: client.listener,
            set: way.set,
            route: way.route,
            plain: way.plain,
            fires_by: client.alarm.fires_by(),
            rules: way.rules,
            set_rules: way.set_rules,
            method: request.method,
            asker: request.asker,
            key: None,
            sticky: None,
            ticket: None,
            upgrade: request.upgrade,
            up: request.up,
            down: DownBytes::default(),
            note: request.note,
            said: Said::default(),
        });
        client.work = Work::Exchange(id);
        self.note_idle(conn);
        id
    }

    /// The first attempt is written from the head that has just been parsed, and so is an answer in a server's stead.
    fn take_first_step<R: Reactor>(
        &mut self,
        id: ExchangeId,
        step: Step,
        parsed: &Parsed<RequestHead<'_, '_>>,
        io: &mut R,
    ) -> Step {
        if let Some(DownOrder::Answer(answer)) = step.down {
            let told = self.answer(id, answer, Some(&parsed.head), io);
            return told.map_or(Step::default(), |fact| self.tell(id, fact, io));
        }
        let Entry { client, .. } = &self.exchanges[id];
        if self.exchanges[id].server_timeouts().is_endless() && self.parties.client(client.conn).life.served() == 0 {
            io.watch_peer(client.conn);
        }
        match step.up {
            Some(UpOrder::Attempt(order)) => {
                let fact = self.attempt(id, order, Some(&parsed.head), io);
                self.tell(id, fact, io)
            }
            _ => step,
        }
    }

    /// A head that did not come in time, or a connection that came too late.
    pub(super) fn refuse<R: Reactor>(&mut self, conn: ConnId, failure: Failure, io: &mut R) {
        let (id, step) = self.begin_refusal(conn, failure, io);
        self.drive(id, step, io);
    }

    /// A client broke a rule, or went over a limit.
    #[cold]
    pub(super) fn note_refused_request<R: Reactor>(
        &mut self,
        conn: ConnId,
        rule: http1::Error,
        bytes: &[u8],
        io: &mut R,
    ) {
        let at = self.now(io);
        let client = self.parties.client(conn);
        let listener = &mut self.listeners[client.listener];
        listener.counters.refused_requests.record(rule);
        let at_first = listener.rules.settings.first_address();
        let who = Refused::Request { from: client.peer, at: io.local_address(conn).map_or(at_first, Address::from) };
        self.refusals.note(Refusal::new(at, who, rule, &listener.rules.limits, bytes));
        self.jot_first(bytes);
    }

    /// A head that is not understood is an exchange all the same, with an answer of our own; a connection for which no
    /// server is asked, with none.
    #[cold]
    fn begin_refusal<R: Reactor>(&mut self, conn: ConnId, failure: Failure, io: &mut R) -> (ExchangeId, Step) {
        let now = self.now(io);
        let client = self.parties.client(conn);
        client.inbound = None;
        client.scan = HeadScan::default();
        client.life.handle_exchange_begun();
        let asker = Asker::unknown(client.peer);
        let listener = &self.listeners[client.listener];
        let (rules, draining) = (Rc::clone(&listener.rules), listener.drains(self.draining));
        let way = self.way(rules.settings.router.fallback(), rules);
        let opening = if way.rules.settings.protocol == Protocol::Tcp { Opening::STREAM } else { Opening::NONE };
        let (core, step) =
            Exchange::refuse(opening, failure, &way.rules.scene(way.route, &way.set_rules, now, draining));
        let note = self.book.jotted.take().or_else(|| self.note_refusal());
        let request = Request::none(asker, &way.rules, note);
        (self.insert(conn, core, way, request), step)
    }
}

/// Which way a request goes; or why it goes none.
#[inline]
fn decide(head: &RequestHead<'_, '_>, client: IpAddr, rules: &ListenerRules) -> Result<Decision, Failure> {
    if let Some(failure) = ends_here(head) {
        return Err(failure);
    }
    let router = &rules.settings.router;
    if !router.has_routes() {
        return Ok(router.fallback());
    }
    let facts = head.facts(client, rules.settings.tls.is_some());
    let decided = router.decide(&facts, head.headers, &mut rules.scratch.borrow_mut());
    let decision = decided.map_err(|_| Failure::AmbiguousPath)?;
    if router.rewrites_by_pattern(decision.route) {
        check_rewritten(head, client, rules, decision)?;
    }
    Ok(decision)
}

/// What the route makes of the path must not lead elsewhere.
#[cold]
fn check_rewritten(
    head: &RequestHead<'_, '_>,
    client: IpAddr,
    rules: &ListenerRules,
    decision: Decision,
) -> Result<(), Failure> {
    let client = AddressText::new(client);
    // What is of ours in it (its id, the server) is checked as nothing: no dots are in that.
    let values = Values {
        client: client.as_bytes(),
        scheme: rules.scheme(),
        listener: &rules.settings.name,
        asked: Some(asked_of(head)),
        ..Values::default()
    };
    let mut scratch = rules.scratch.borrow_mut();
    let passed = rules.settings.router.passed_on(decision.route, head.target, &values, &mut scratch);
    passed.map(|_| ()).map_err(|_| Failure::AmbiguousPath)
}

/// Where a request goes, and the rules it goes by.
pub(super) struct Way {
    pub(super) route: u32,
    pub(super) plain: bool,
    pub(super) set: Option<usize>,
    pub(super) rules: Rc<ListenerRules>,
    pub(super) set_rules: Rc<BackendSetSettings>,
}

impl Way {
    /// What stands when something happens to one of its requests.
    #[inline]
    fn scene(&self, now: Duration, draining: bool) -> Scene<'_> {
        self.rules.scene(self.route, &self.set_rules, now, draining)
    }

    /// What its requests are answered with, where no server is asked.
    #[inline]
    fn reply(&self) -> Option<Reply> {
        match self.rules.route(self.route).action {
            Action::Forward { .. } => None,
            Action::Redirect(_) => Some(Reply::Redirect),
            Action::Respond(_) => Some(Reply::Fixed),
            Action::NotFound => Some(Reply::NotFound),
        }
    }
}

/// May what is to come of a body be thrown away, so that its connection can be kept?
fn is_small(body: BodyKind) -> bool {
    !matches!(body, BodyKind::Length(len) if len > DISCARD_BYTES_MAX as u64)
}

/// What is kept of a request.
pub(super) struct Request {
    method: Method,
    asker: Asker,
    upgrade: Option<Buf>,
    up: UpBytes,
    note: Option<Box<Note>>,
}

impl Request {
    /// There is none, or none that was understood.
    pub(super) fn none(asker: Asker, rules: &ListenerRules, note: Option<Box<Note>>) -> Self {
        let decoder = BodyDecoder::new(BodyKind::Empty, &rules.limits);
        let up = UpBytes { kept: None, decoder, held: None, left: 0 };
        Self { method: Method::Other, asker, upgrade: None, up, note }
    }
}

/// The head, and what came of the body with it; what is behind them stays.
#[inline]
fn first_piece<R: Reactor>(
    decoder: &mut BodyDecoder,
    bytes: &mut Buf,
    head_len: usize,
    io: &mut R,
) -> Result<Piece, NoPiece> {
    let passed = decoder.pass(&bytes[head_len..]).map_err(NoPiece::Malformed)?;
    if passed.clean {
        let data = bytes.split_to(head_len + passed.len);
        return Ok(Piece { data, content: passed.content, whole: passed.done });
    }
    compose::cleaned(decoder, bytes, head_len, passed, io)
}

/// Passages through this balancer from which on a request is taken to go in a circle. Fewer may be tiers of it.
const PASSAGES_MAX: usize = 5;

/// Requests that no server is asked for.
#[inline]
fn ends_here(head: &RequestHead<'_, '_>) -> Option<Failure> {
    if head.max_forwards == Some(0) {
        return Some(Failure::HopsSpent { options: head.method == Method::Options });
    }
    (head.via && passages(head.headers) >= PASSAGES_MAX).then_some(Failure::Loop)
}

/// What is at the place of `part`, a part of the head in `bytes`, in `kept`, which begins with the same head: kept by count.
#[cold]
fn kept_part(bytes: &[u8], part: &[u8], kept: &Buf) -> Option<Buf> {
    let at = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    (at + part.len() <= kept.len()).then(|| kept.slice(at..at + part.len()))
}

/// What the exchange is told of its request.
fn opening(parsed: &Parsed<RequestHead<'_, '_>>, first: &Piece, client: &Client, rules: &ListenerRules) -> Opening {
    let Parsed { head, len, keep_alive, .. } = parsed;
    let body_len = first.data.len() - len;
    Opening {
        version: head.version,
        idempotent: head.method.is_idempotent(),
        bodiless: matches!(head.method, Method::Get | Method::Head | Method::Delete),
        head_only: head.method == Method::Head,
        keep_alive: *keep_alive,
        requests_left: client.life.served() + 1 < rules.settings.limits.requests_per_connection_max,
        upgrade: head.upgrade.is_some() && head.body.is_empty(),
        expects_continue: head.expect_continue && body_len == 0,
        whole: first.whole,
        ahead: client.inbound.is_some(),
        eof: client.life.is_eof(),
        kept: client.life.served() > 0,
        body_len,
        stream: false,
        greets: false,
    }
}
