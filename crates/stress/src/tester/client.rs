//! A slot as a client that goes where answers lead: the same connection where that is the same host, else one more beside it.

use super::Tester;
use super::places::{HOME, Known};
use super::slot::{Doing, Link, WRITTEN};
use crate::request;
use http::{Method, ResponseHead};
use ports::Fault;
use reactor::{Close, Reactor};
use std::time::Duration;
use stress_core::client::{self, Jar, Taken, Trail, Turn};
use stress_core::{Astray, Failure, Plan};

/// How often it is looked whether a name has been found.
const LOOK_EVERY: Duration = Duration::from_millis(reactor::timer::TICK_MS);

/// Where an answer has led.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// It is looked up.
    Unknown,
    /// Nowhere.
    None(Failure),
    /// There, with this change.
    Known(Turn),
}

/// What a slot knows as a client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) trail: Trail,
    /// Its request as it was sent last; of no meaning where that is one of the run's own.
    sent: Vec<u8>,
    /// Its cookies, where it keeps any.
    jar: Option<Jar>,
    /// Its request is the run's own: nothing has led it anywhere.
    is_own: bool,
    /// The answer has led it there, and it has not gone yet.
    led: Option<(Turn, u16)>,
    /// The connection that is not in use: to the target, while the request is elsewhere; else to where it was last.
    other: Link,
}

impl Client {
    /// In a run by `plan`, where clients do any of this.
    pub(super) fn new(plan: &Plan) -> Option<Box<Self>> {
        if plan.follow.is_none() && plan.cookies.is_none() {
            return None;
        }
        let (trail, other) = (Trail::new(&plan.url), Link::default());
        Some(Box::new(Self { trail, sent: Vec::new(), jar: plan.cookies.clone(), is_own: true, led: None, other }))
    }

    /// Does it keep cookies?
    pub(super) fn has_jar(&self) -> bool {
        self.jar.is_some()
    }

    /// The head of an answer came; `now` is since the start of 1970. Counts the cookies it set.
    pub(super) fn handle_head(&mut self, head: &ResponseHead<'_, '_>, now: Duration, count: impl FnMut(Taken)) {
        if let Some(jar) = &mut self.jar {
            let set = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("set-cookie"));
            set.map(|field| jar.take(field.value, self.trail.at(), now)).for_each(count);
        }
        self.trail.handle_head(head);
    }

    /// A request of the run is made.
    pub(super) fn begin(&mut self) {
        self.is_own = true;
    }

    /// Its request is a request of the run, in these pieces.
    fn sends<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) {
        self.sent.clear();
        pieces.for_each(|piece| self.sent.extend_from_slice(piece));
        self.trail.begin(client::target_of(&self.sent));
    }

    /// Is it on its way from one answer to the next request?
    pub(super) fn is_led(&self) -> bool {
        self.led.is_some()
    }
}

impl Tester {
    /// The answer is whole, and leads on; or cannot be followed, and why.
    #[cold]
    pub(super) fn lead_on(&mut self, index: u32, status: u16) -> Result<(), Astray> {
        let (turn, place) = self.way(index, status)?;
        let slot = &mut self.slots[index as usize];
        slot.exchange.failed = false;
        slot.backoff.handle_success();
        if let Some(client) = &mut slot.client {
            client.led = Some((turn, place));
        }
        let is_measured = slot.exchange.due >= self.started_at;
        self.tally.redirects.followed += u64::from(is_measured);
        self.tally.redirects.elsewhere += u64::from(is_measured && turn.changes_origin);
        Ok(())
    }

    fn way(&mut self, index: u32, status: u16) -> Result<(Turn, u16), Astray> {
        let slot = &mut self.slots[index as usize];
        let (Some(client), exchange) = (&mut slot.client, &slot.exchange) else { return Err(Astray::NoUrl) };
        if std::mem::take(&mut client.is_own) {
            let pieces = self.prepared.pieces(exchange.source as usize, exchange.last, &exchange.written);
            client.sends(pieces.iter().map(|piece| &piece[..]));
        }
        let turn = client.trail.follow(status, exchange.method, self.plan.follow.unwrap_or(0))?;
        let place = self.places.of(client.trail.at(), &self.plan)?;
        Ok((turn, place))
    }

    /// Where the last answer has led, as soon as it is known where that is: the connection at hand is then one to there, or none.
    #[cold]
    pub(super) fn take_way<R: Reactor>(&mut self, index: u32, io: &mut R) -> Way {
        let now = io.now();
        let slot = &mut self.slots[index as usize];
        let Some((turn, place)) = slot.client.as_ref().and_then(|client| client.led) else { return Way::Unknown };
        let deadline = slot.exchange.due + self.plan.timeout;
        let known = self.places.look(place, &mut self.sources);
        if known == Known::NotYet && now < deadline {
            slot.doing = Doing::LookingUp;
            self.arm(index, deadline.min(now + LOOK_EVERY));
            return Way::Unknown;
        }
        if let Some(client) = &mut slot.client {
            client.led = None;
        }
        slot.doing = Doing::Working;
        self.arm(index, deadline);
        match known {
            Known::Never => return Way::None(Failure::Astray(Astray::Unresolved)),
            _ if now >= deadline => return Way::None(Failure::Timeout),
            Known::Yes | Known::NotYet => {}
        }
        self.take_link(index, place, io);
        self.slot(index).link.begins(now);
        Way::Known(turn)
    }

    /// The request as it goes there.
    pub(super) fn write_led<R: Reactor>(&mut self, index: u32, turn: Turn, io: &mut R) -> Result<(), Fault> {
        let slot = &mut self.slots[index as usize];
        let (Some(client), exchange) = (&mut slot.client, &mut slot.exchange) else { return Ok(()) };
        let mut next = Vec::with_capacity(client.sent.len());
        client::follow(&client.sent, client.trail.at(), turn, &mut next);
        self.pen.ends().fit(exchange.last, &mut next);
        client.sent = next;
        if turn.becomes_get {
            exchange.method = Method::Get;
        }
        exchange.source = WRITTEN;
        exchange.kept.begin(self.plan.script.requests()[exchange.which as usize].captures());
        self.fill_written(index, io)
    }

    /// The slot's own request, as a client with cookies makes it.
    pub(super) fn write_with_cookies<R: Reactor>(&mut self, index: u32, io: &mut R) -> Result<(), Fault> {
        let slot = &mut self.slots[index as usize];
        let (Some(client), exchange) = (&mut slot.client, &mut slot.exchange) else { return Ok(()) };
        let (which, last) = (exchange.which as usize, exchange.last);
        if self.prepared.is_kept(which) {
            client.sends(self.prepared.pieces(which, last, &exchange.written).iter().map(|piece| &piece[..]));
        } else {
            let request = &self.plan.script.requests()[which];
            let bytes = self.pen.write((request, last), &mut exchange.drawn, &exchange.kept.values, &self.turns);
            client.sends([bytes].into_iter());
        }
        (client.is_own, exchange.source) = (false, WRITTEN);
        self.fill_written(index, io)
    }

    /// What is sent is the client's request, with its cookies.
    fn fill_written<R: Reactor>(&mut self, index: u32, io: &mut R) -> Result<(), Fault> {
        let slot = &mut self.slots[index as usize];
        let Some(client) = &mut slot.client else { return Ok(()) };
        let mut shown = Vec::new();
        if let Some(jar) = client.jar.as_mut().filter(|jar| !jar.is_empty()) {
            jar.show(client.trail.at(), io.wall_clock(), &mut shown);
        }
        if shown.is_empty() {
            return request::fill(&client.sent, &mut slot.exchange.written, io);
        }
        let mut bytes = Vec::with_capacity(client.sent.len() + shown.len() + 16);
        client::with_cookies(&client.sent, &shown, &mut bytes);
        request::fill(&bytes, &mut slot.exchange.written, io)
    }

    /// Has the slot's connection be one to `place`, or none: the one to the target is kept aside meanwhile, of others one.
    pub(super) fn take_link<R: Reactor>(&mut self, index: u32, place: u16, io: &mut R) {
        if self.slot(index).link.place == place {
            return;
        }
        self.swap_links(index);
        let at_hand = self.slot(index).link.place;
        if at_hand == place {
            return;
        }
        if at_hand == HOME && self.slot(index).link.conn.is_some() {
            self.swap_links(index);
        }
        self.end_connection(index, Close::Fin, io);
        self.slot(index).link = Link { place, ..Link::default() };
    }

    fn swap_links(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if let Some(client) = &mut slot.client {
            std::mem::swap(&mut slot.link, &mut client.other);
        }
    }

    /// Ends every connection the slot has.
    pub(super) fn end_connections<R: Reactor>(&mut self, index: u32, io: &mut R) {
        self.end_connection(index, Close::Fin, io);
        if self.slot(index).client.is_some() {
            self.swap_links(index);
            self.end_connection(index, Close::Fin, io);
        }
    }
}
