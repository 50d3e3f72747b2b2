//! What is told of a request: noted as it begins, completed at its end, handed on at the end of the turn.

use super::Worker;
use super::state::{Entry, ExchangeId, RelayId};
use super::treat::IdDigits;
use balancer_core::access::{End, Line, Nobody, Note, Part, Tls};
use balancer_core::exchange::Then;
use balancer_core::{CloseReason, Failure, Standing};
use http::RequestHead;
use ports::ClosedFirst;
use reactor::Reactor;
use std::time::Duration;

/// Lines that nobody took are offered again after that.
const OFFER_AGAIN: Duration = Duration::from_millis(10);

impl Worker {
    /// A request was understood: is it told?
    #[inline]
    pub(super) fn note_head(&mut self, head: &RequestHead<'_, '_>) -> Option<Box<Note>> {
        if self.book.is_on() { self.note_drawn(head) } else { None }
    }

    fn note_drawn(&mut self, head: &RequestHead<'_, '_>) -> Option<Box<Note>> {
        if !self.book.draws(&mut self.rng) {
            return None;
        }
        let mut note = self.book.note();
        note.drawn = true;
        tell_head(&mut note, head);
        Some(note)
    }

    /// A connection is to be joined with a server's: is it told?
    pub(super) fn note_stream(&mut self) -> Option<Box<Note>> {
        let drawn = self.book.is_on() && self.book.draws(&mut self.rng);
        let jotted = self.book.jotted.take();
        let mut note = jotted.or_else(|| drawn.then(|| self.book.note()))?;
        note.drawn = drawn;
        Some(note)
    }

    /// Nothing is known of a request that is refused.
    #[cold]
    pub(super) fn note_refusal(&mut self) -> Option<Box<Note>> {
        self.book.tells_failures().then(|| self.book.note())
    }

    /// It goes no further, whatever its head says.
    #[cold]
    pub(super) fn jot_head(&mut self, head: &RequestHead<'_, '_>) {
        if let Some(mut note) = self.book.jotted.take().or_else(|| self.note_refusal()) {
            tell_head(&mut note, head);
            self.book.jotted = Some(note);
        }
    }

    /// The name that a TLS client asked for.
    pub(super) fn jot_name(&mut self, name: &[u8]) {
        if let Some(mut note) = self.note_refusal() {
            note.tell(Part::Sni, name);
            self.book.jotted = Some(note);
        }
    }

    /// How something began that was refused.
    #[cold]
    pub(super) fn jot_first(&mut self, bytes: &[u8]) {
        if let Some(mut note) = self.note_refusal() {
            note.tell(Part::Begins, bytes);
            self.book.jotted = Some(note);
        }
    }

    /// It was a part of this request, of which the head was understood.
    #[cold]
    pub(super) fn note_jotted(&mut self, id: ExchangeId) {
        let Some(jotted) = self.book.jotted.take() else { return };
        match &mut self.exchanges[id].note {
            Some(note) => {
                note.tell(Part::Begins, jotted.part(Part::Begins));
                self.book.put_back(jotted);
            }
            none => *none = Some(jotted),
        }
    }

    /// A request is over: told at once where its connection is kept, else when it is known who closed.
    pub(super) fn note_end<R: Reactor>(&mut self, id: ExchangeId, then: Then, io: &mut R) {
        let line = self.line_of(id, io);
        let entry = &mut self.exchanges[id];
        let Some(mut note) = entry.note.take().or_else(|| self.book.tells_failures().then(|| self.book.note())) else {
            return;
        };
        if !note.drawn && !line.record.has_failed() {
            return self.book.put_back(note);
        }
        note.line = Some(Line { drawn: note.drawn, ..line });
        if let Some(kept) = &entry.up.kept {
            tell_first_line(&mut note, &kept.bytes[..kept.head_len]);
        }
        tell_entry(&mut note, entry);
        match then {
            Then::Keep => self.book.tell(note),
            Then::Relay => entry.note = Some(note),
            _ => self.parties.client(entry.client.conn).note = Some(note),
        }
    }

    /// What was kept of a request goes. Where it may still fail, its first line stays.
    pub(super) fn let_go(&mut self, id: ExchangeId) {
        let entry = &mut self.exchanges[id];
        let Some(kept) = entry.up.kept.take() else { return };
        let may_fail = entry.core.record().failure.is_some() || entry.core.is_unanswered();
        if may_fail && entry.note.is_none() && self.book.tells_failures() {
            let mut note = self.book.note();
            tell_first_line(&mut note, &kept.bytes[..kept.head_len]);
            entry.note = Some(note);
        }
    }

    fn line_of<R: Reactor>(&mut self, id: ExchangeId, io: &R) -> Line {
        let now = self.now(io);
        let entry = &self.exchanges[id];
        let record = *entry.core.record();
        let took = now.saturating_sub(record.started_at);
        let client = self.parties.client(entry.client.conn);
        let server = record.server.zip(entry.set);
        let suite = io.session(entry.client.conn).and_then(|session| session.suite);
        let tls = suite.map(|(version, cipher)| Tls { version, cipher });
        Line {
            at: io.wall_clock().saturating_sub(took),
            took,
            protocol: entry.rules.settings.protocol,
            peer: client.peer,
            client: entry.asker.address,
            version: entry.core.client_version(),
            record,
            server: server.map(|(server, set)| self.sets[set].servers[server as usize].target.address()),
            status: if record.status == 0 { entry.said.status } else { record.status },
            bytes_up: record.up_bytes,
            bytes_down: record.down_bytes + u64::from(entry.said.body_len),
            end: None,
            tls,
            drawn: false,
            nobody: (record.failure == Some(Failure::NoServer)).then(|| self.nobody_of(entry, now)),
        }
    }

    /// How the servers stand of whom none was there.
    #[cold]
    fn nobody_of(&self, entry: &Entry, now: Duration) -> Nobody {
        let mut nobody = Nobody::default();
        let Some(set) = entry.set else { return nobody };
        let here = |address| self.sets[set].servers.iter().find(|server| server.target.address() == address);
        for settings in &entry.set_rules.servers {
            let standing = here(settings.address).map_or(Standing::Well, |server| server.board.standing(now));
            let counted = match standing {
                _ if settings.disabled => &mut nobody.disabled,
                Standing::Down => &mut nobody.down,
                _ if settings.weight == 0 => &mut nobody.drained,
                Standing::Due | Standing::Aside => &mut nobody.aside,
                Standing::Well | Standing::Full | Standing::Portless => &mut nobody.others,
            };
            *counted += 1;
        }
        nobody
    }

    /// Two connections are joined no more: what went over them is told with the client's end.
    pub(super) fn note_relay_end<R: Reactor>(&mut self, id: RelayId, io: &mut R) {
        let now = self.now(io);
        let entry = &mut self.relays[id];
        let Some(mut note) = entry.note.take() else { return };
        if let Some(line) = &mut note.line {
            line.took = now.saturating_sub(line.record.started_at);
            line.bytes_up += entry.bytes[0];
            line.bytes_down += entry.bytes[1];
        }
        self.parties.client(entry.client).note = Some(note);
    }

    /// It is known who closed.
    pub(super) fn tell_end(&mut self, mut note: Box<Note>, first: Option<ClosedFirst>, why: CloseReason) {
        if let Some(line) = &mut note.line {
            line.end = Some(End { first, why });
        }
        self.book.tell(note);
    }

    /// The turn is over: its lines go to whoever writes them.
    pub(super) fn offer_lines<R: Reactor>(&mut self, io: &R) {
        self.book.hand_over();
        let again = self.now(io) + OFFER_AGAIN;
        self.offer_again = self.book.has_lines().then_some(again);
    }
}

fn tell_head(note: &mut Note, head: &RequestHead<'_, '_>) {
    note.tell(Part::Method, head.method_name.as_bytes());
    note.tell(Part::Target, head.target.as_str().as_bytes());
    note.tell(Part::Host, head.host.unwrap_or_default());
    for header in head.headers {
        match header.name.len() {
            7 if header.name.eq_ignore_ascii_case("referer") => note.tell(Part::Referer, header.value),
            10 if header.name.eq_ignore_ascii_case("user-agent") => note.tell(Part::UserAgent, header.value),
            _ => {}
        }
    }
}

/// Of a head that was understood once.
fn tell_first_line(note: &mut Note, head: &[u8]) {
    let first = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = first.trim_ascii().split(|byte| *byte == b' ');
    note.tell(Part::Method, words.next().unwrap_or_default());
    note.tell(Part::Target, words.next().unwrap_or_default());
}

fn tell_entry(note: &mut Note, entry: &Entry) {
    let settings = &entry.rules.settings;
    note.tell(Part::Listener, settings.name.as_bytes());
    note.tell(Part::Route, entry.rules.route(entry.route).name.as_bytes());
    if entry.set.is_some() {
        note.tell(Part::Set, entry.set_rules.name.as_bytes());
    }
    note.tell(Part::RequestId, entry.asker.id.text(&mut IdDigits::default()));
    note.tell(Part::User, entry.asker.user.as_deref().unwrap_or_default().as_bytes());
}
