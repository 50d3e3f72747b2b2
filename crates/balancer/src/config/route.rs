//! `[[listener.route]]`: which requests, and what is done with them.

use super::files::Folder;
use super::route_action::{self, Action};
use super::{condition, tcp, treatment};
use balancer_core::router::{Conditions, Page};
use balancer_core::{ClientTimeouts, Protocol, ServerTimeouts, Treatment};
use config_file::{Mistake, Placed, Section};
use std::ops::Range;
use std::time::Duration;

/// Routes of one listener.
pub(super) const ROUTES_MAX: usize = 20_000;
/// Why this time-out has to end.
const CONNECT_OFF: &str = "a server that is away would be waited for as long as the kernel likes: such as \"10s\"";

/// A route that still names its backend set.
pub(super) struct Route<'a> {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// Nothing in it is a mistake, so that it asks what it says.
    pub(super) sound: bool,
    pub(super) name: Option<Placed<&'a str>>,
    pub(super) conditions: Conditions,
    /// `None` only where a mistake was noted.
    pub(super) action: Option<Action<'a>>,
    pub(super) timeouts: Timeouts,
    pub(super) errors: Vec<(u16, Page)>,
    pub(super) treatment: Treatment,
}

/// Those of a route that are not those of its listener and its set.
#[derive(Default)]
pub(super) struct Timeouts {
    body: Option<Duration>,
    request: Option<Duration>,
    tunnel: Option<Duration>,
    connect: Option<Duration>,
    response: Option<Duration>,
    response_body: Option<Duration>,
}

impl Timeouts {
    /// Patience with clients, where it is not that of the listener.
    pub(super) fn client(&self, listener: &ClientTimeouts) -> Option<ClientTimeouts> {
        let own = ClientTimeouts {
            body: self.body.unwrap_or(listener.body),
            request: self.request.unwrap_or(listener.request),
            tunnel: self.tunnel.unwrap_or(listener.tunnel),
            ..*listener
        };
        (own != *listener).then_some(own)
    }

    /// Patience with servers, where it is not that of the set.
    pub(super) fn server(&self, set: &ServerTimeouts) -> Option<ServerTimeouts> {
        let own = ServerTimeouts {
            connect: self.connect.unwrap_or(set.connect),
            response: self.response.unwrap_or(set.response),
            body: self.response_body.unwrap_or(set.body),
        };
        (own != *set).then_some(own)
    }
}

pub(super) fn read<'a>(
    mut section: Section<'a, '_>,
    protocol: Protocol,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Route<'a> {
    let before = mistakes.len();
    let name = section.text_if_any("name", "\"api\"", mistakes);
    let (is_tcp, hosts) = (protocol == Protocol::Tcp, section.place_of("host"));
    if is_tcp {
        tcp::check_route(&section, mistakes);
    }
    let conditions = condition::read(&mut section, mistakes);
    if is_tcp {
        tcp::check_hosts(&conditions.hosts, hosts, mistakes);
    }
    let mut route = Route {
        span: section.span(),
        sound: false,
        name,
        action: route_action::read(&mut section, &conditions, folder.path, mistakes),
        conditions,
        timeouts: section
            .table("timeouts", mistakes)
            .map(|times| read_timeouts(times, is_tcp, mistakes))
            .unwrap_or_default(),
        errors: route_action::read_errors(&mut section, folder.path, mistakes),
        treatment: treatment::read(&mut section, folder, mistakes),
    };
    section.finish(mistakes);
    route.sound = mistakes.len() == before;
    route
}

fn read_timeouts(mut section: Section<'_, '_>, is_tcp: bool, mistakes: &mut Vec<Mistake>) -> Timeouts {
    if is_tcp {
        tcp::refuse(&tcp::ROUTE_TIMEOUTS, &section, mistakes);
    }
    let timeouts = Timeouts {
        body: section.duration_or_off("body", mistakes),
        request: section.duration_or_off("request", mistakes),
        tunnel: section.duration_or_off("tunnel", mistakes),
        connect: section.duration_never_off("connect", CONNECT_OFF, mistakes),
        response: section.duration_or_off("response", mistakes),
        response_body: section.duration_or_off("response_body", mistakes),
    };
    section.finish(mistakes);
    timeouts
}
