//! The balancer's own answers: of a failure, a clear status and one line of text; in a server's stead, what the route says.

use super::Worker;
use super::compose::written;
use super::rules::ListenerRules;
use super::state::{self, ExchangeId};
use super::treat::{Ruled, with_rules, with_values};
use balancer_core::exchange::{Answer, Fact, Reply, Said};
use balancer_core::{Action, Failure, RouteRules, Treatment};
use http::forward::write_ruled;
use http::{Date, FieldSink, RequestHead, TooLong, Values, reason_phrase};
use reactor::{Buf, Outgoing, Reactor};

impl Worker {
    /// An answer of our own goes out. `head` is the request's, where the answer may speak of it.
    pub(super) fn answer<R: Reactor>(
        &mut self,
        id: ExchangeId,
        answer: Answer,
        head: Option<&RequestHead<'_, '_>>,
        io: &mut R,
    ) -> Option<Fact> {
        let date = self.date(io);
        let entry = &mut self.exchanges[id];
        (entry.down.head, entry.down.body, entry.up.held) = (None, None, None);
        let words = match answer.said {
            Said::Failure(failure) => {
                let text = told(failure, &entry.set_rules.name, &mut self.words);
                of_failure(failure, text, entry.rules.route(entry.route), entry.treatment())
            }
            Said::Reply(reply) => {
                let (rules, words) = (&entry.rules, &mut self.words);
                words.clear();
                with_values(entry, head, "", |values| of_reply(reply, rules, entry.route, &values, words))
            }
        };
        let body_len = if answer.head_only { 0 } else { words.body[0].len() + words.body[1].len() };
        let said = state::Said { status: words.status, body_len: body_len as u32 };
        let written = with_rules(entry, head, None, |ruled| whole(&words, &answer, date, ruled, io));
        self.exchanges[id].said = said;
        let Some(out) = written else { return Some(Fact::Shortage) };
        io.send(self.exchanges[id].client.conn, Outgoing::bytes(out));
        None
    }
}

/// What an answer says.
struct Words<'w> {
    status: u16,
    /// A field that this answer has and others have not.
    field: Option<(&'static str, &'w [u8])>,
    /// Seconds until it makes sense to ask again.
    retry_after_s: Option<u32>,
    content_type: &'w str,
    /// In two parts.
    body: [&'w [u8]; 2],
}

impl<'w> Words<'w> {
    /// Nothing but a status and a body.
    fn plain(status: u16, content_type: &'w str, body: [&'w [u8]; 2]) -> Self {
        Self { status, field: None, retry_after_s: None, content_type, body }
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// One line of it, which says which set is full.
fn told<'w>(failure: Failure, set: &str, words: &'w mut Vec<u8>) -> &'w [u8] {
    if failure != Failure::SetFull {
        return failure.text().as_bytes();
    }
    words.clear();
    ["backend set \"", set, "\" has as many requests under way as its requests_max"]
        .iter()
        .for_each(|part| words.extend_from_slice(part.as_bytes()));
    words
}

fn of_failure<'w>(failure: Failure, text: &'w [u8], rules: &'w RouteRules, treatment: &'w Treatment) -> Words<'w> {
    let field = match failure {
        Failure::HopsSpent { .. } => Some(("Allow", &b"OPTIONS"[..])),
        Failure::Unauthorized => treatment.basic().map(|basic| ("WWW-Authenticate", basic.challenge().as_bytes())),
        _ => None,
    };
    let retry_after_s = match failure {
        Failure::RateLimited { retry_after_s } => Some(retry_after_s),
        _ => None,
    };
    Words { field, retry_after_s, ..paged(failure.status(), [text, b"\n"], rules) }
}

/// With the page that the route has for this status, or else with this text.
fn paged<'w>(status: u16, text: [&'w [u8]; 2], rules: &'w RouteRules) -> Words<'w> {
    match rules.errors.page(status) {
        Some(page) => Words::plain(status, &page.content_type, [&page.body, b""]),
        None => Words::plain(status, PLAIN, text),
    }
}

fn of_reply<'w>(
    reply: Reply,
    rules: &'w ListenerRules,
    route: u32,
    values: &Values<'_>,
    words: &'w mut Vec<u8>,
) -> Words<'w> {
    match (reply, &rules.route(route).action) {
        (Reply::Redirect, Action::Redirect(redirect)) => {
            let written = rules.settings.router.location(route, values, &mut rules.scratch.borrow_mut(), words);
            // Whoever sends so long a target cannot be sent on.
            let (status, field) = match written {
                Ok(()) => (redirect.status.code(), Some(("Location", &words[..]))),
                Err(TooLong) => (414, None),
            };
            Words { field, ..Words::plain(status, PLAIN, [b"", b""]) }
        }
        (Reply::Fixed, Action::Respond(fixed)) => {
            Words::plain(fixed.status, &fixed.page.content_type, [&fixed.page.body, b""])
        }
        _ => paged(404, [b"nothing is here for this request", b"\n"], rules.route(route)),
    }
}

/// Head and body in one buffer; `None` when no buffer is left.
fn whole<R: Reactor>(words: &Words<'_>, answer: &Answer, date: Date, ruled: Ruled<'_>, io: &mut R) -> Option<Buf> {
    let len = words.body[0].len() + words.body[1].len();
    let mut out = written(io, |head| {
        head.response(words.status, reason_phrase(words.status).unwrap_or("Unknown"))?;
        write_fields(words, len, date, ruled, head)?;
        // RFC 9110 section 8.6: these have no content, and say nothing of its length.
        if !matches!(words.status, 204 | 304) {
            head.field_u64("Content-Length", len as u64)?;
        }
        if !answer.keep {
            head.field("Connection", b"close")?;
        }
        head.end()
    })?;
    if !answer.head_only && len > 0 {
        out = out.with_spare(len)?;
        words.body.iter().try_for_each(|part| out.append(part)).ok()?;
    }
    Some(out)
}

/// Fields of its own, and those of rules, which stand above them.
fn write_fields(
    words: &Words<'_>,
    len: usize,
    date: Date,
    ruled: Ruled<'_>,
    head: &mut impl FieldSink,
) -> Result<(), TooLong> {
    let is_ours = |name: &str| !ruled.is_some_and(|(layers, _)| layers.iter().any(|rules| rules.drops(name)));
    if is_ours("Date") {
        head.field("Date", date.as_bytes())?;
    }
    if let Some((name, value)) = words.field {
        head.field(name, value)?;
    }
    if let Some(seconds) = words.retry_after_s {
        head.field_u64("Retry-After", seconds.into())?;
    }
    if len > 0 && is_ours("Content-Type") {
        head.field("Content-Type", words.content_type.as_bytes())?;
    }
    ruled.map_or(Ok(()), |(layers, values)| write_ruled(*layers, values, head))
}
