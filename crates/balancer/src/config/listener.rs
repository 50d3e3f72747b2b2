//! `[[listener]]`: where clients come in.

use super::files::Folder;
use super::route::{self, ROUTES_MAX, Route};
use super::treatment::{self, read_networks};
use super::{bind, pace, route_action, tcp, tls};
use balancer_core::router::Page;
use balancer_core::{
    Bind, ClientClose, ClientTimeouts, ForwardedPolicy, ListenerLimits, ListenerTls, Networks, PaceRules, Protocol,
    RequestIds, RequestRules, Timestamps, Treatment, WayField,
};
use config_file::{Mistake, Placed, Section, Value, value, wrong_type};
use http::forward::Tells;

/// The largest head that may be allowed. A buffer may grow to hold it, together with the fields the balancer adds.
pub(super) const HEAD_BYTES_MAX: usize = 256 * 1024;
const _: () = assert!(HEAD_BYTES_MAX + 8 * 1024 <= reactor::buf::BUF_BYTES_MAX);
pub(super) const HEAD_BYTES_MIN: usize = 256;
pub(super) const CONNECTIONS_MAX: usize = 1 << 20;
/// Why these two time-outs have to end.
const HEAD_OFF: &str = "whoever sends a byte of a head now and then would hold a connection for ever: such as \"60s\"";
const CLOSE_OFF: &str = "whoever does not close would hold a connection that has ended for ever: such as \"5s\"";

/// A listener that still names its backend set.
pub(super) struct Listener<'a> {
    pub(super) name: Option<Placed<&'a str>>,
    pub(super) binds: Vec<Placed<Bind>>,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<ListenerTls>,
    pub(super) proxy_protocol: bool,
    pub(super) backends: Option<Placed<&'a str>>,
    pub(super) close: ClientClose,
    pub(super) timestamps: Timestamps,
    pub(super) limits: ListenerLimits,
    pub(super) timeouts: ClientTimeouts,
    pub(super) requests: RequestRules,
    pub(super) treatment: Treatment,
    pub(super) routes: Vec<Route<'a>>,
    pub(super) errors: Vec<(u16, Page)>,
}

pub(super) fn read<'a>(mut section: Section<'a, '_>, folder: &Folder<'_>, mistakes: &mut Vec<Mistake>) -> Listener<'a> {
    let bind = section.need("bind", "\"127.0.0.1:8080\"", mistakes);
    let protocol = section.named("protocol", mistakes).unwrap_or_default();
    let routed = section.place_of("route").is_some();
    if protocol == Protocol::Tcp {
        tcp::refuse(&tcp::LISTENER, &section, mistakes);
    }
    let limits = section.table("limits", mistakes);
    let (limits, pace) = limits.map(|limits| read_limits(limits, protocol, mistakes)).unwrap_or_default();
    let proxy_protocol = read_proxy_protocol(&mut section, protocol, mistakes);
    let mut listener = Listener {
        name: section.text("name", "\"web\"", mistakes),
        binds: bind.map(|value| bind::read(value, mistakes)).unwrap_or_default(),
        protocol,
        tls: tls::read_listener(&mut section, protocol, folder, mistakes),
        proxy_protocol,
        backends: section.text_if_any("backends", "\"app\"", mistakes),
        close: section.named("close", mistakes).unwrap_or_default(),
        timestamps: read_timestamps(&mut section, mistakes),
        limits,
        timeouts: section
            .table("timeouts", mistakes)
            .map(|times| read_timeouts(times, protocol, routed || proxy_protocol, mistakes))
            .unwrap_or_default(),
        requests: read_requests(&mut section, proxy_protocol, mistakes),
        treatment: treatment::read(&mut section, folder, mistakes),
        routes: read_routes(&mut section, protocol, folder, mistakes),
        errors: route_action::read_errors(&mut section, folder.path, mistakes),
    };
    listener.timeouts.pace = pace;
    if protocol == Protocol::Tcp && routed {
        listener.timeouts.idle = listener.timeouts.head; // for the first word of a client
    }
    if listener.backends.is_none() && !routed {
        section.need("backends", "\"app\"", mistakes);
    }
    section.finish(mistakes);
    listener
}

fn read_routes<'a>(
    section: &mut Section<'a, '_>,
    protocol: Protocol,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Route<'a>> {
    let sections = section.tables_if_any("route", ROUTES_MAX, mistakes);
    sections.into_iter().map(|one| route::read(one, protocol, folder, mistakes)).collect()
}

/// Without somebody who is trusted nobody would get in; and a tcp listener trusts nobody with anything else.
fn read_proxy_protocol(section: &mut Section<'_, '_>, protocol: Protocol, mistakes: &mut Vec<Mistake>) -> bool {
    let place = section.place_of("proxy_protocol");
    let announced = section.switch("proxy_protocol", mistakes).unwrap_or(false);
    let trusted = section.place_of("trusted_proxies");
    match (announced, place, trusted) {
        (true, Some(place), None) => {
            let title = "`proxy_protocol` without `trusted_proxies`: whoever connects could say that he is anybody";
            let help = "name who sends the header, such as `trusted_proxies = [\"10.0.0.0/8\", \"192.0.2.7\"]`";
            mistakes.push(Mistake::new(place, title, "no `trusted_proxies` in this section").help(help));
        }
        (false, _, Some(place)) if protocol == Protocol::Tcp => {
            let title = "`trusted_proxies` has no meaning on a tcp listener without `proxy_protocol = true`";
            let help = "leave it out, or let those proxies say whom they speak for: `proxy_protocol = true`";
            mistakes.push(Mistake::new(place, title, "there is nothing to trust anybody with").help(help));
        }
        _ => {}
    }
    announced
}

/// Whoever gets it wrong is told what "off" costs, too.
fn read_timestamps(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Timestamps {
    let known = mistakes.len();
    let choice = section.named::<Timestamps>("timestamps", mistakes);
    for mistake in &mut mistakes[known..] {
        let help = mistake.help.take().unwrap_or_default();
        mistake.help = Some(format!("{help}; {}", Timestamps::COST));
    }
    choice.unwrap_or_default()
}

/// What becomes of what requests say about themselves. Trust needs somebody to be trusted; a proxy that says by a header of
/// its own whom it speaks for, and knows nothing of requests, is not: its clients write their fields themselves.
fn read_requests(section: &mut Section<'_, '_>, proxy_protocol: bool, mistakes: &mut Vec<Mistake>) -> RequestRules {
    let twins = section.named("underscore_twins", mistakes).unwrap_or_default();
    let tells = section.take("forwarded_fields").map(|list| read_tells(list, mistakes)).unwrap_or_default();
    let ids = section.named("request_id", mistakes).unwrap_or_default();
    section.renamed("trusted", "trusted_proxies");
    let (policy, proxies) = (section.take("forwarded"), section.take("trusted_proxies"));
    let forwarded = policy.and_then(|policy| {
        let names = ForwardedPolicy::ALL.map(|policy| (policy.name(), policy));
        value::choice("forwarded", policy, &names, mistakes)
    });
    let example =
        "such as `trusted_proxies = [\"10.0.0.0/8\", \"192.0.2.7\"]`: whoever is in front and can be believed";
    if let (Some(ForwardedPolicy::Trust), Some(policy), None) = (forwarded, policy, proxies) {
        let title = "`forwarded = \"trust\"` trusts nobody";
        mistakes.push(Mistake::new(policy.span(), title, "no `trusted_proxies` in this section").help(example));
    }
    let believed = !proxy_protocol || forwarded == Some(ForwardedPolicy::Trust);
    if ids == RequestIds::Keep && proxies.is_some() && !believed {
        let title = "`request_id = \"keep\"` keeps nobody's: who announces clients does not write their fields";
        let help = "write `forwarded = \"trust\"` where the proxies in front do, or `request_id = \"make\"`";
        mistakes.push(Mistake::new(section.span(), title, "with `proxy_protocol`").help(help));
    }
    if let Some(RequestIds::Keep) = Some(ids).filter(|_| proxies.is_none()) {
        let title = "`request_id = \"keep\"` keeps nobody's";
        let mistake = Mistake::new(section.span(), title, "no `trusted_proxies` in this section");
        mistakes.push(mistake.help(format!("{example}; or write `request_id = \"make\"`")));
    }
    // Who is named as trusted is trusted with all of it, unless something else is said.
    let otherwise = if proxies.is_some() && believed { ForwardedPolicy::Trust } else { ForwardedPolicy::default() };
    let proxies = proxies.map(|list| read_networks(list, example, mistakes)).unwrap_or_default();
    RequestRules {
        forwarded: forwarded.unwrap_or(otherwise),
        trusted: if believed { proxies.clone() } else { Networks::default() },
        announcers: if proxy_protocol { proxies } else { Networks::default() },
        tells,
        ids,
        twins,
    }
}

fn read_tells(list: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Tells {
    let Some(array) = list.get_ref().as_array() else {
        let example = "such as `forwarded_fields = [\"X-Forwarded-For\", \"X-Real-IP\"]`";
        mistakes.push(wrong_type(list, "an array of names").help(example));
        return Tells::default();
    };
    let names = WayField::ALL.map(|field| (field.name(), field));
    let fields: Vec<_> =
        array.iter().filter_map(|name| value::choice("forwarded_fields", name, &names, mistakes)).collect();
    WayField::tells(&fields)
}

fn read_limits(
    mut section: Section<'_, '_>,
    protocol: Protocol,
    mistakes: &mut Vec<Mistake>,
) -> (ListenerLimits, PaceRules) {
    if protocol == Protocol::Tcp {
        tcp::refuse(&tcp::LIMITS, &section, mistakes);
    }
    let base = ListenerLimits::default();
    let requests = section.number("requests_per_connection_max", 1, u32::MAX as usize, mistakes);
    let limits = ListenerLimits {
        connections_max: section
            .number("connections_max", 1, CONNECTIONS_MAX, mistakes)
            .unwrap_or(base.connections_max),
        connections_per_client_max: section.bounded("connections_per_client_max", mistakes).map(|max| max as u32),
        head_bytes_max: section
            .number("head_bytes_max", HEAD_BYTES_MIN, HEAD_BYTES_MAX, mistakes)
            .unwrap_or(base.head_bytes_max),
        headers_max: section.number("headers_max", 1, http::HEADERS_CAP, mistakes).unwrap_or(base.headers_max),
        requests_per_connection_max: requests.map_or(base.requests_per_connection_max, |number| number as u32),
    };
    let pace = pace::read(&mut section, mistakes);
    section.finish(mistakes);
    (limits, pace)
}

fn read_timeouts(
    mut section: Section<'_, '_>,
    protocol: Protocol,
    hears_heads: bool,
    mistakes: &mut Vec<Mistake>,
) -> ClientTimeouts {
    if protocol == Protocol::Tcp {
        tcp::refuse(&tcp::TIMEOUTS, &section, mistakes);
    }
    if protocol == Protocol::Tcp && !hears_heads {
        tcp::refuse_head(&section, mistakes);
    }
    let base = ClientTimeouts::default();
    let timeouts = ClientTimeouts {
        idle: section.duration_or_off("idle", mistakes).unwrap_or(base.idle),
        head: section.duration_never_off("head", HEAD_OFF, mistakes).unwrap_or(base.head),
        body: section.duration_or_off("body", mistakes).unwrap_or(base.body),
        request: section.duration_or_off("request", mistakes).unwrap_or(base.request),
        tunnel: section.duration_or_off("tunnel", mistakes).unwrap_or(base.tunnel),
        close: section.duration_never_off("close", CLOSE_OFF, mistakes).unwrap_or(base.close),
        pace: base.pace,
    };
    section.finish(mistakes);
    timeouts
}
