//! What the clients of a listener are treated by, by the route of each request.

use balancer_core::exchange::Scene;
use balancer_core::router::Scratch;
use balancer_core::{
    Action, BackendSetSettings, ClientTimeouts, ListenerSettings, RequestIds, RouteRules, ServerTimeouts, Treatment,
};
use http::Limits;
use reactor::{Announcing, ProfileId};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What a listener's clients are treated by.
#[derive(Debug)]
pub(super) struct ListenerRules {
    pub(super) settings: ListenerSettings,
    pub(super) limits: Limits,
    /// What requests are asked by all the time, by their route.
    lanes: Box<[Lane]>,
    endless: bool,
    /// Room for what is put together of a request's path.
    pub(super) scratch: RefCell<Scratch>,
}

/// A route, as far as each of its requests asks for it again and again.
#[derive(Debug)]
struct Lane {
    /// The place of its backend set in the worker's table; `None` where the balancer answers itself.
    place: Option<usize>,
    client_timeouts: ClientTimeouts,
    /// `None`: those of its set.
    server_timeouts: Option<ServerTimeouts>,
    /// What is done to its requests, all in all.
    treatment: Rc<Treatment>,
}

impl ListenerRules {
    /// `places`: of each backend set of the configuration in the worker's table.
    pub(super) fn new(settings: &ListenerSettings, places: &[usize]) -> Self {
        let lanes = lanes_of(settings, places);
        let limits = Limits {
            trailers: !speaks_for_clients(settings, &lanes),
            head_bytes_max: settings.limits.head_bytes_max,
            headers_max: settings.limits.headers_max,
            ..Limits::default()
        };
        let of_lanes = lanes.iter().map(|lane| &lane.client_timeouts);
        let endless = of_lanes.chain([&settings.timeouts]).any(ClientTimeouts::is_endless);
        let settings = settings.clone();
        Self { settings, limits, lanes, endless, scratch: RefCell::default() }
    }

    /// What clients speak, as URLs call it.
    #[inline]
    pub(super) fn scheme(&self) -> &'static str {
        if self.settings.tls.is_some() { "https" } else { "http" }
    }

    /// The field that says whose certificate a client has shown.
    #[inline]
    pub(super) fn subject_header(&self) -> Option<&str> {
        self.settings.tls.as_ref()?.client_subject_header.as_deref()
    }

    /// How a layer is to secure what comes in.
    pub(super) fn profile(&self) -> Option<ProfileId> {
        // Without a number nobody comes in: never in the clear.
        self.settings.tls.as_ref().map(|_| ProfileId(self.settings.tls_profile.unwrap_or(u32::MAX)))
    }

    /// Who has to say first whom he speaks for.
    pub(super) fn announcing(&self) -> Option<Announcing> {
        let announcers = self.settings.proxy_protocol.then(|| self.settings.requests.announcers.clone())?;
        let is_proxy = Rc::new(move |peer| announcers.contains(peer));
        Some(Announcing { within: self.settings.timeouts.head, is_proxy })
    }

    /// Is there anything for a layer to do?
    pub(super) fn is_layered(&self) -> bool {
        self.settings.tls.is_some() || self.settings.proxy_protocol
    }

    /// What is done with requests of a route.
    #[inline]
    pub(super) fn route(&self, route: u32) -> &RouteRules {
        self.settings.router.rules(route)
    }

    /// What is done to the requests of a route.
    #[inline]
    pub(super) fn treatment(&self, route: u32) -> &Treatment {
        &self.lanes[route as usize].treatment
    }

    /// The place of the backend set that serves a route; `None` where the balancer answers itself.
    #[inline]
    pub(super) fn place(&self, route: u32) -> Option<usize> {
        self.lanes[route as usize].place
    }

    /// Patience with clients, by route.
    #[inline]
    pub(super) fn client_timeouts(&self, route: u32) -> &ClientTimeouts {
        &self.lanes[route as usize].client_timeouts
    }

    /// May a client be silent for ever, whatever route it goes by?
    pub(super) fn is_endless(&self) -> bool {
        self.endless
    }

    /// Patience with servers of `set`, by route.
    #[inline]
    pub(super) fn server_timeouts<'a>(&'a self, route: u32, set: &'a BackendSetSettings) -> &'a ServerTimeouts {
        self.lanes[route as usize].server_timeouts.as_ref().unwrap_or(&set.timeouts)
    }

    #[inline]
    pub(super) fn scene<'a>(
        &'a self,
        route: u32,
        set: &'a BackendSetSettings,
        now: Duration,
        draining: bool,
    ) -> Scene<'a> {
        Scene {
            now,
            client: self.client_timeouts(route),
            server: self.server_timeouts(route, set),
            close: self.settings.close,
            retries_max: set.retries_max,
            waits_for_restart: set.waits_for_restart,
            retry_on: &set.retry_on,
            queue_timeout: set.capacity.queue_timeout,
            server_errors: set.health.server_errors,
            draining,
        }
    }
}

/// Are there fields that only this balancer may write? A server that merges trailers with fields would take a client's word
/// for ours.
fn speaks_for_clients(settings: &ListenerSettings, lanes: &[Lane]) -> bool {
    settings.tls.as_ref().is_some_and(|tls| tls.client_subject_header.is_some())
        || settings.requests.ids != RequestIds::Pass
        || lanes.iter().any(|lane| lane.treatment.headers.requests.drops_any())
}

fn lanes_of(settings: &ListenerSettings, places: &[usize]) -> Box<[Lane]> {
    let whole = settings.treatment.named(&settings.name);
    let guarded = Rc::new(whole.clone().guarded());
    let lane = |(number, route): (usize, &RouteRules)| Lane {
        place: match route.action {
            Action::Forward { set } => Some(places[set]),
            Action::Redirect(_) | Action::Respond(_) | Action::NotFound => None,
        },
        client_timeouts: route.client_timeouts.unwrap_or(settings.timeouts),
        server_timeouts: route.server_timeouts,
        treatment: treatment_of(settings, number, route, &whole, &guarded),
    };
    settings.router.all().iter().enumerate().map(lane).collect()
}

/// Most routes have nothing of their own: theirs is the `whole` listener's.
fn treatment_of(
    settings: &ListenerSettings,
    number: usize,
    route: &RouteRules,
    whole: &Treatment,
    guarded: &Rc<Treatment>,
) -> Rc<Treatment> {
    if route.treatment == Treatment::default() {
        return Rc::clone(guarded);
    }
    let own = if route.name.is_empty() { &number.to_string() } else { &route.name };
    Rc::new(route.treatment.named(&format!("{}/{own}", settings.name)).within(whole).guarded())
}
