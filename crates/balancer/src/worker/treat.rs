//! What is done to a request and its response on their way: who asks, how the request is called, what rules say of fields.

use super::Worker;
use super::rules::ListenerRules;
use super::state::Entry;
use balancer_core::{Failure, Origin, RateBy, RateLimit, RequestIds, RequestRules, Treatment, client_address};
use http::forward::{AddressText, Layers, NO_RULES};
use http::{Asked, BodyKind, Coding, Name, RequestHead, Target, Values};
use http1::{HeadSlots, parse_request};
use reactor::{Buf, ConnId};
use seed::Rng;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The longest id that is kept of a trusted proxy.
const ID_BYTES_MAX: usize = 128;

/// Who asks, as far as it is known.
#[derive(Debug)]
pub(super) struct Asker {
    /// Of the connection, or what a trusted proxy says.
    pub(super) address: IpAddr,
    pub(super) id: RequestId,
    /// How it likes its answer compressed, where that is done.
    pub(super) coding: Option<Coding>,
    /// Who it has proven to be.
    pub(super) user: Option<Arc<str>>,
    /// The request's head, where a rule about its response asks for something of it.
    pub(super) head: Option<Buf>,
}

/// What a request is called.
#[derive(Debug)]
pub(super) enum RequestId {
    /// Nobody asks.
    None,
    /// 128 bits.
    Made([u64; 2]),
    /// As a trusted proxy calls it.
    Kept(Buf),
}

/// Room for an id as it is written.
pub(super) type IdDigits = [u8; 32];

impl RequestId {
    /// By chance. Ids tell requests apart, and are no secret.
    fn made(rng: &mut Rng) -> Self {
        Self::Made([rng.next_u64(), rng.next_u64()])
    }

    /// As it is written.
    pub(super) fn text<'d>(&'d self, digits: &'d mut IdDigits) -> &'d [u8] {
        match self {
            Self::None => b"",
            Self::Kept(theirs) => theirs,
            Self::Made(words) => {
                let digit = |at: usize| b"0123456789abcdef"[(words[at / 16] >> (60 - 4 * (at % 16))) as usize & 15];
                *digits = std::array::from_fn(digit);
                digits
            }
        }
    }
}

impl Asker {
    /// Somebody at this address, of whose request nothing is known.
    pub(super) fn unknown(peer: SocketAddr) -> Self {
        Self { address: peer.ip(), id: RequestId::None, coding: None, user: None, head: None }
    }
}

/// The client's address: the peer's, unless that is a trusted proxy.
#[inline]
fn origin_of(head: &RequestHead<'_, '_>, peer: IpAddr, rules: &RequestRules) -> Origin {
    if rules.trusted.is_empty() {
        return Origin { address: peer, unreadable: false };
    }
    let values =
        |name| head.headers.iter().filter(move |header| Name::of(header.name) == name).map(|header| header.value);
    client_address(peer, &rules.trusted, values(Name::XForwardedFor), values(Name::XRealIp).next_back())
}

/// Whose connections are closed as they come in. A trusted proxy speaks for others, and one that announces clients may
/// check whether we are there.
pub(super) fn keeps_out(rules: &ListenerRules, peer: IpAddr) -> bool {
    let (treatment, requests) = (&rules.settings.treatment, &rules.settings.requests);
    let speaks_for_others = || requests.trusted.contains(peer) || requests.announcers.contains(peer);
    !treatment.access.is_empty() && !treatment.admits(peer) && !speaks_for_others()
}

/// A request that asks to be let in.
pub(super) struct Knock<'k, 'b> {
    pub(super) head: &'k RequestHead<'b, 'b>,
    pub(super) client: IpAddr,
    /// Bytes of its body that came with the head.
    pub(super) content: usize,
    pub(super) listener: usize,
    pub(super) now: Duration,
}

impl Worker {
    /// Whose connection it is, and whose request.
    #[inline]
    pub(super) fn who_asks(
        &mut self,
        conn: ConnId,
        head: &RequestHead<'_, '_>,
        rules: &RequestRules,
    ) -> (IpAddr, IpAddr) {
        let client = self.parties.client(conn);
        let (peer, listener) = (client.peer.ip(), client.listener);
        let origin = origin_of(head, peer, rules);
        self.listeners[listener].counters.origin_unreadable += u64::from(origin.unreadable);
        (peer, origin.address)
    }

    /// Why a request goes no further, whoever it is of. The cheapest look first; who is refused for another reason takes no
    /// token.
    pub(super) fn refusal_by(&mut self, treatment: &Treatment, knock: &Knock<'_, '_>) -> Option<Failure> {
        if !treatment.admits(knock.client) {
            return Some(Failure::Denied);
        }
        let told = if let BodyKind::Length(len) = knock.head.body { len } else { knock.content as u64 };
        if treatment.body_bytes_max.is_some_and(|most| told > most) {
            return Some(Failure::BodyTooLarge);
        }
        treatment.rates.iter().find_map(|limit| self.takes_no_more(limit, knock))
    }

    fn takes_no_more(&mut self, limit: &RateLimit, knock: &Knock<'_, '_>) -> Option<Failure> {
        let field = match &limit.by {
            RateBy::Header(name) => {
                let first = knock.head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                first.map(|header| header.value)
            }
            RateBy::Client | RateBy::Route => None,
        };
        let taken = self.rates.take(limit, knock.client, field, knock.now);
        let counters = &mut self.listeners[knock.listener].counters;
        counters.rate_evicted += u64::from(taken.evicted);
        let wait = taken.wait?;
        counters.rate_would_refuse += u64::from(limit.dry_run);
        let retry_after_s = wait.as_nanos().div_ceil(1_000_000_000) as u32;
        (!limit.dry_run).then_some(Failure::RateLimited { retry_after_s })
    }

    /// How a request is called from here on.
    #[inline]
    pub(super) fn name_request(
        &mut self,
        head: &RequestHead<'_, '_>,
        peer: IpAddr,
        rules: &RequestRules,
        asked: bool,
        keep: impl Fn(&[u8]) -> Option<Buf>,
    ) -> RequestId {
        match rules.ids {
            RequestIds::Pass if !asked => RequestId::None,
            RequestIds::Keep if rules.trusted.contains(peer) => {
                let theirs = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("x-request-id"));
                let fits = |value: &&[u8]| (1..=ID_BYTES_MAX).contains(&value.len());
                let kept = theirs.map(|header| header.value).filter(fits).and_then(keep);
                kept.map_or_else(|| RequestId::made(&mut self.rng), RequestId::Kept)
            }
            _ => RequestId::made(&mut self.rng),
        }
    }
}

/// Rules about a response, and what their variables stand for.
pub(super) type Ruled<'r> = Option<&'r (Layers<'r>, Values<'r>)>;

/// Calls `then` with the rules about a response, where there are any: that of a server of this address, or one of our own.
#[inline]
pub(super) fn with_rules<T>(
    entry: &Entry,
    head: Option<&RequestHead<'_, '_>>,
    server: Option<&str>,
    then: impl FnOnce(Ruled<'_>) -> T,
) -> T {
    let theirs = if server.is_some() { &entry.set_rules.headers.responses } else { &NO_RULES };
    let layers = [&entry.treatment().headers.responses, theirs];
    if layers.iter().all(|rules| rules.is_empty()) {
        return then(None);
    }
    match layers.iter().any(|rules| rules.vary()) {
        false => then(Some(&(layers, Values::default()))),
        true => with_values(entry, head, server.unwrap_or_default(), |values| then(Some(&(layers, values)))),
    }
}

/// Calls `then` with what variables stand for.
#[cold]
pub(super) fn with_values<T>(
    entry: &Entry,
    head: Option<&RequestHead<'_, '_>>,
    server: &str,
    then: impl FnOnce(Values<'_>) -> T,
) -> T {
    let (client, mut slots, mut digits) =
        (AddressText::new(entry.asker.address), HeadSlots::new(), IdDigits::default());
    let values = Values {
        client: client.as_bytes(),
        scheme: entry.rules.scheme(),
        request_id: entry.asker.id.text(&mut digits),
        user: entry.asker.user.as_deref().unwrap_or_default(),
        listener: &entry.rules.settings.name,
        server,
        asked: head.map(asked_of),
        groups: &[],
    };
    match entry.asker.head.as_deref().filter(|_| head.is_none()) {
        None => then(values),
        Some(bytes) => {
            // It was parsed once: it parses again.
            let parsed = parse_request(bytes, &entry.rules.limits, &mut slots).ok().flatten();
            then(Values { asked: parsed.as_ref().map(|parsed| asked_of(&parsed.head)), ..values })
        }
    }
}

/// What variables ask of a request. One for the server as a whole (`*`) has the path `/`.
pub(super) fn asked_of<'v>(head: &RequestHead<'v, 'v>) -> Asked<'v> {
    let target = if head.path() == "*" { Target::default() } else { head.target };
    Asked { method: head.method_name, host: head.host, target, headers: head.headers }
}
