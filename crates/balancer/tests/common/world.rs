//! The whole scene on simulated hosts: clients, the balancer, two origins; built, run and judged.

use super::change::Changes;
use super::client::{ScriptedClient, Tally, Verdict};
use super::origin::ScriptedOrigin;
use super::plan::{HERE, Session};
use balancer::orders::{Order, Snapshot};
use balancer::{Boards, Layers, Stand, Worker, WorkerShare};
use balancer_core::budget::RetryBudget;
use balancer_core::router::{Conditions, FixedResponse, Page, PathPattern, Pattern, Rewrite, Route};
use balancer_core::statuses::Statuses;
use balancer_core::{
    Access, Action, BackendSetSettings, Balance, Capacity, ClientClose, ClientTimeouts, CloseReason, Compression,
    Counters, HashBy, HeaderRules, LimitName, ListenerLimits, ListenerSettings, PaceRules, PoolSettings, PortChoice,
    PortSettings, Rate, RateBy, RateLimit, RequestIds, Reuse, RouteRules, Router, SelectionRules, ServerClose,
    ServerSettings, ServerTimeouts, Settings, Treatment, parse_network,
};
use http::forward::Message;
use reactor::{App, ListenPlan, Outbox, Shortages, mailbox};
use reactor_sim::{Goal, HostConfig, Limits, Player, SimNet, SimReactor, Weather, run_until};
use secure::Profiles;
use seed::Rng;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const BALANCER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(crate) const ORIGINS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 4))];

/// Nothing is sent again that a server may have worked on.
pub(crate) const NO_BUDGET: RetryBudget = RetryBudget { percent: 0, per_second: 0 };

/// A timer may be late by a tick of its wheel.
const TIMER_PRECISION: Duration = Duration::from_millis(16);

/// What a balancer takes for its last answers after a drain.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What kind of day it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing goes wrong but what the scripts do.
    Fair,
    /// The network, and the hosts' resources, fail now and then.
    Rough,
    /// Fair weather, but the balancer runs out of ports.
    Tight,
    /// Fair weather, but the balancer is told to drain while clients are at work.
    Drain,
    /// Fair weather, but the configuration changes again and again while clients are at work.
    Change,
}

/// Settings a user might choose, at random.
pub(crate) fn draw_settings(rng: &mut Rng, mood: Mood) -> Settings {
    let close = *rng.pick(&[ClientClose::BalancerFirst, ClientClose::ClientFirst, ClientClose::ResetWhenSafe]);
    let limits = ListenerLimits {
        connections_max: *rng.pick(&[2, 5, 1000]),
        requests_per_connection_max: *rng.pick(&[1, 3, 1000]),
        connections_per_client_max: *rng.pick(&[None, Some(1000)]),
        ..ListenerLimits::default()
    };
    let router = draw_router(rng);
    let mut timeouts = ClientTimeouts::default();
    if rng.chance(0.3) {
        // So slow is nobody but who stands still.
        timeouts.pace = PaceRules { request: NonZeroU32::new(1), response: NonZeroU32::new(1), ..PaceRules::NONE };
    }
    let listener = ListenerSettings {
        close,
        limits,
        timeouts,
        router,
        ..ListenerSettings::new("web", SocketAddr::new(BALANCER, 80), 0)
    };
    let servers = ORIGINS.map(|ip| ServerSettings::new(SocketAddr::new(ip, 8080)));
    let set = BackendSetSettings {
        pool: PoolSettings {
            idle_max: *rng.pick(&[0, 1, 256]),
            idle_timeout: Duration::from_millis(*rng.pick(&[100, 50_000])),
            close: *rng.pick(&ServerClose::ALL),
            reuse: *rng.pick(&Reuse::ALL),
        },
        ports: PortSettings {
            choice: *rng.pick(&[PortChoice::Kernel, PortChoice::Own]),
            sources: if rng.chance(0.3) { vec![BALANCER] } else { Vec::new() },
            range: (mood == Mood::Tight).then_some((40_000, 40_003)),
            ..PortSettings::default()
        },
        timeouts: ServerTimeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(2),
            body: Duration::from_secs(2),
        },
        retries_max: rng.range(0, 3) as u32,
        waits_for_restart: rng.chance(0.5),
        retry_on: if rng.chance(0.5) { [404, 500].into_iter().collect() } else { Statuses::default() },
        retry_budget: *rng.pick(&[None, Some(RetryBudget::default()), Some(NO_BUDGET)]),
        selection: draw_selection(rng),
        capacity: draw_capacity(rng),
        ..BackendSetSettings::new("app", servers.to_vec())
    };
    let mut settings = Settings { listeners: vec![listener], backend_sets: vec![set] };
    if rng.chance(0.5) {
        treat(&mut settings);
    }
    settings
}

/// All that can be done to requests and responses on their way: nothing of it may change what the players look at.
fn treat(settings: &mut Settings) {
    let mut rules = HeaderRules::default();
    for (name, value) in [("X-Ruled", "{client} {request_id} {listener}"), ("X-Asked", "{method} {uri}{header:X-Id}")] {
        rules.requests.set(name, value, Message::Request).expect("a rule");
        rules.responses.set(name, value, Message::Response).expect("a rule");
    }
    let deny = [parse_network("198.51.100.0/24").expect("a network")].into_iter().collect();
    let rate = Rate::new(1_000_000, Duration::from_secs(1), 1_000_000).expect("a rate");
    let [listener] = &mut settings.listeners[..] else { panic!("one listener") };
    listener.requests.ids = RequestIds::Make;
    listener.treatment = Treatment {
        headers: rules,
        auth: None,
        access: vec![Access { deny, ..Access::default() }],
        rates: vec![RateLimit { rate, by: RateBy::Client, dry_run: false, name: LimitName::default() }],
        body_bytes_max: Some(1 << 30),
        compression: Some(Compression::by(http::Coding::ALL.to_vec())),
    };
    settings.backend_sets[0].headers.requests.set("X-Ruled", "{server}", Message::Request).expect("a rule");
}

/// What is asked for here is answered here, a part of a path is taken away; all else goes to the only set, by whatever route.
pub(crate) fn draw_router(rng: &mut Rng) -> Router {
    let forward = Action::Forward { set: 0 };
    let page = Page { content_type: "text/plain".to_owned(), body: HERE.into() };
    let strip = Rewrite::Prefix { of: vec!["/via".to_owned()], to: String::new() };
    let route = |path: PathPattern, rules: RouteRules| Route {
        conditions: Conditions { paths: vec![path], ..Conditions::default() },
        rules,
    };
    let prefix = |text: &str| PathPattern::Prefix(text.to_owned());
    let mut routes = vec![
        route(prefix("/here"), RouteRules::new("here", Action::Respond(FixedResponse { status: 200, page }))),
        route(prefix("/via"), RouteRules { rewrite: Some(strip), ..RouteRules::new("via", forward.clone()) }),
    ];
    let more = [prefix("/plain"), PathPattern::Pattern(Pattern::parse("^/(e|h[^e])").expect("good")), prefix("/")];
    let more = more.into_iter().filter(|_| rng.chance(0.5)).collect::<Vec<_>>();
    routes
        .extend(more.into_iter().map(|path| route(path.clone(), RouteRules::new(&path.to_string(), forward.clone()))));
    Router::new(routes, RouteRules::new("otherwise", forward))
}

/// Any policy.
pub(crate) fn draw_selection(rng: &mut Rng) -> SelectionRules {
    let hash = rng.pick(&[HashBy::Source, HashBy::Path, HashBy::Uri, HashBy::Cookie("none".into())]).clone();
    let slow_start = Duration::from_millis(*rng.pick(&[0, 0, 500]));
    SelectionRules { balance: *rng.pick(&Balance::ALL), hash: Some(hash), sticky: None, slow_start }
}

/// Bounds that are met, or none. Whoever is at work ends before a request's patience does.
pub(crate) fn draw_capacity(rng: &mut Rng) -> Capacity {
    let connections_max = *rng.pick(&[None, None, Some(1), Some(2)]);
    // Nobody has so many at once: what is counted is looked at after each turn.
    let requests_max = *rng.pick(&[None, Some(1000)]);
    Capacity { connections_max, queue_max: 100, queue_timeout: Duration::from_secs(1000), requests_max }
}

/// Can this host run out of something?
pub(crate) fn is_short(host: &HostConfig) -> bool {
    host.files_max < 100 || host.buffers_max < 100 || host.ports.1 - host.ports.0 < 100
}

pub(crate) fn balancer_host(rng: &mut Rng, mood: Mood) -> HostConfig {
    match mood {
        Mood::Rough => HostConfig {
            files_max: *rng.pick(&[6, 20, 1000]),
            buffers_max: *rng.pick(&[8, 24, 1000]),
            ports: *rng.pick(&[(40_000, 40_007), (32_768, 60_999)]),
            ..HostConfig::default()
        },
        Mood::Tight => HostConfig { timestamps: rng.chance(0.5), ..HostConfig::default() },
        Mood::Fair | Mood::Drain | Mood::Change => HostConfig::default(),
    }
}

/// Orders that may wait for the worker.
const ORDERS_MAX: usize = 16;

/// The settings with the sockets of all their listeners, bound as their owner does.
pub(crate) fn snapshot(settings: &Settings, io: &SimReactor) -> Snapshot {
    let bind = |listener: &ListenerSettings| {
        let bound = io.bind_listeners(&ListenPlan::new(listener.first_address()), 1).expect("a free address");
        (listener.name.clone(), bound[0].clone())
    };
    Snapshot {
        settings: Arc::new(settings.clone()),
        listening: settings.listeners.iter().map(bind).collect(),
        workers: 1,
        boards: Boards::of(settings, &Boards::without_threads()),
    }
}

/// The balancer on its host.
pub(crate) struct Balancer {
    pub(crate) worker: Stand,
    pub(crate) orders: Outbox<Order>,
    pub(crate) io: SimReactor,
    /// As it began.
    pub(crate) boards: Boards,
}

impl Balancer {
    pub(crate) fn new(settings: &Settings, io: SimReactor) -> Self {
        Self::over(settings, &Profiles::default(), io)
    }

    /// Its settings name some of these profiles.
    pub(crate) fn over(settings: &Settings, profiles: &Profiles, io: SimReactor) -> Self {
        let (orders, inbox) = mailbox(ORDERS_MAX, None);
        let first = snapshot(settings, &io);
        let boards = first.boards.clone();
        let worker = Worker::new(first, WorkerShare::ALONE, inbox).expect("ports for one");
        let layers = Layers { profiles: profiles.clone(), strangers_max: 8 };
        Self { worker: Stand::new(worker, layers), orders, io, boards }
    }

    /// Checks find an origin down, or up.
    pub(crate) fn check_says(&self, origin: IpAddr, down: bool) {
        self.boards.note_check("app", SocketAddr::new(origin, 8080).into(), down);
        self.io.wake();
    }

    /// Its counters in the end.
    pub(crate) fn into_counters(self) -> Counters {
        self.worker.into_report(Shortages::default()).total()
    }

    /// Asks for a drain, as SIGTERM does.
    pub(crate) fn drain(&self, patience: Duration) {
        self.order(Order::Drain { grace: Duration::ZERO, patience });
    }

    /// Posts an order to the worker.
    pub(crate) fn order(&self, order: Order) {
        self.orders.post(order).expect("the mailbox has room");
        self.io.wake();
    }
}

/// What a run left to be judged.
pub(crate) struct Outcome {
    pub(crate) counters: Counters,
    pub(crate) tally: Tally,
    /// May a request have failed without anybody's fault but the weather's, or the hosts' shortages?
    pub(crate) excused: bool,
    /// Did origins spoil kept connections, so that innocent requests on these may fail?
    pub(crate) spoiled: bool,
    /// Did the drain leave time for a request to come that was on its way?
    pub(crate) patient: bool,
    pub(crate) log_hash: u64,
    pub(crate) story: String,
}

/// Plays `sessions_count` scripted sessions of `seed` against a balancer, then drains it.
pub(crate) fn play(seed: u64, mood: Mood, sessions_count: usize) -> Result<Outcome, String> {
    let mut rng = Rng::new(seed);
    let weather = match mood {
        Mood::Rough => Weather::rough(&mut rng),
        Mood::Fair | Mood::Tight | Mood::Drain | Mood::Change => Weather::fair(&mut rng),
    };
    let net = SimNet::new(rng.fork(), weather);
    let settings = draw_settings(&mut rng, mood);
    let mut client_io = net.host(&[CLIENT], HostConfig::default());
    let host = balancer_host(&mut rng, mood);
    let short = is_short(&host);
    let mut balancer = Balancer::new(&settings, net.host(&[BALANCER], host));
    let mut origin_ios = ORIGINS.map(|ip| net.host(&[ip], HostConfig::default()));
    let spoiled = rng.chance(0.3);
    let sessions: Vec<Session> = (0..sessions_count).map(|_| Session::draw(&mut rng, spoiled)).collect();
    let closes_anyway = settings.listeners[0].limits.requests_per_connection_max < 100;
    let target = SocketAddr::new(BALANCER, 80);
    let mut client = ScriptedClient::new(target, sessions, 1 + rng.index(6), closes_anyway);
    let mut origins = ORIGINS.map(|ip| ScriptedOrigin::new(SocketAddr::new(ip, 8080), rng.fork()));

    let lull = Duration::from_millis(rng.range(0, 3000));
    let lull = if mood == Mood::Drain { lull / 3 } else { lull };
    let mut play_until = |balancer: &mut Balancer, ios: &mut [SimReactor; 2], goal| {
        let [io_a, io_b] = ios;
        let [origin_a, origin_b] = &mut origins;
        let mut players = [
            player("client", &mut client, &mut client_io),
            player("balancer", &mut balancer.worker, &mut balancer.io),
            player("origin a", origin_a, io_a),
            player("origin b", origin_b, io_b),
        ];
        run_until(&net, &mut players, Limits::default(), goal)
    };
    if mood == Mood::Change {
        let mut changes = Changes::new(&settings, rng.fork());
        for _ in 0..rng.range(1, 12) {
            play_until(
                &mut balancer,
                &mut origin_ios,
                Goal::Time(net.now() + Duration::from_millis(rng.range(1, 300))),
            )?;
            changes.order(&balancer);
        }
        play_until(&mut balancer, &mut origin_ios, Goal::Done(0))?;
        play_until(&mut balancer, &mut origin_ios, Goal::Time(net.now() + Duration::from_millis(1)))?;
        changes.check()?;
    } else if mood != Mood::Drain {
        play_until(&mut balancer, &mut origin_ios, Goal::Done(0))?;
    }
    play_until(&mut balancer, &mut origin_ios, Goal::Time(net.now() + lull))?;
    let (asked_at, patience) = (net.now(), Duration::from_secs(rng.range(0, 10)));
    balancer.drain(patience);
    play_until(&mut balancer, &mut origin_ios, Goal::Done(1))?;
    if net.now() > asked_at + patience + LAST_WORDS + 2 * TIMER_PRECISION {
        return Err(format!("a drain of {patience:?} took {:?}", net.now() - asked_at));
    }
    play_until(&mut balancer, &mut origin_ios, Goal::Done(0))?;
    // Late connections still arrive at the origins before these are told to stop.
    play_until(&mut balancer, &mut origin_ios, Goal::Time(net.now() + Duration::from_secs(130)))?;
    origin_ios.iter().for_each(SimReactor::wake);
    play_until(&mut balancer, &mut origin_ios, Goal::AllDone)?;

    let wrong: Vec<String> = origins.iter().flat_map(|origin| origin.wrong.clone()).collect();
    let (counters, tally) = (balancer.into_counters(), client.tally.clone());
    drop((client, origins));
    net.settle();
    net.check_clean()?;
    if !wrong.is_empty() || !tally.wrong.is_empty() {
        return Err([wrong, tally.wrong].concat().join("\n"));
    }
    let excused = short || net.injected().harmful() > 0;
    let patient = patience > Duration::from_secs(1);
    Ok(Outcome { counters, tally, excused, spoiled, patient, log_hash: net.log_hash(), story: net.story() })
}

pub(crate) fn player<'a>(name: &'a str, app: &'a mut dyn App<SimReactor>, io: &'a mut SimReactor) -> Player<'a> {
    Player { name, app, io }
}

impl Outcome {
    /// Everything as scripted, and the balancer counted it so.
    pub(crate) fn check_fair(&self) -> Result<(), String> {
        self.check_strange(|verdict| self.is_spoiled(verdict))?;
        self.check_books()?;
        let Self { counters, tally, .. } = self;
        let unseen = tally.anything + tally.lost;
        let answered = tally.whole..=tally.whole + unseen;
        let counted = self.answers();
        if !answered.contains(&counted) {
            return Err(format!("{counted} answers counted, clients saw {answered:?}"));
        }
        let failed = tally.told..=tally.told + unseen;
        match failed.contains(&counters.failed_total()) {
            true => Ok(()),
            false => Err(format!("{} failures counted, clients saw {failed:?}", counters.failed_total())),
        }
    }

    /// Answers that went out whole and told of no failure: of servers, and by routes that answer themselves.
    fn answers(&self) -> u64 {
        self.counters.responses + self.counters.replies.iter().sum::<u64>()
    }

    /// Did the request meet a connection that an origin had spoiled, and could not be repeated? Or cross the FIN of a
    /// listener that needed its place?
    fn is_spoiled(&self, verdict: &Verdict) -> bool {
        let crossed = self.counters.client_reasons[CloseReason::MadeRoom as usize] > 0;
        match verdict {
            Verdict::Told(502) => self.spoiled,
            Verdict::Unanswered { kept: true, .. } => self.spoiled || crossed,
            _ => false,
        }
    }

    /// Every failure is told, cut or cannot have been told; and there was a reason for it.
    pub(crate) fn check_rough(&self) -> Result<(), String> {
        if self.excused { self.check_books() } else { self.check_fair() }
    }

    /// A shortage of the balancer's own is told as such and blamed on nobody.
    pub(crate) fn check_tight(&self) -> Result<(), String> {
        self.check_strange(|verdict| *verdict == Verdict::Told(503) || self.is_spoiled(verdict))?;
        self.check_books()
    }

    /// A configuration that changes loses nothing of what stays: no request, and no connection of a client.
    pub(crate) fn check_change(&self) -> Result<(), String> {
        self.check_fair()
    }

    /// Whoever came too late is refused, whoever was at work is served or cut off; never a wrong answer.
    pub(crate) fn check_drain(&self) -> Result<(), String> {
        let unanswered = |(verdict, _): &&(Verdict, String)| matches!(verdict, Verdict::Unanswered { kept: false, .. });
        let unanswered: Vec<_> = self.tally.strange.iter().filter(unanswered).collect();
        // The last step of a handshake that came after its listener had gone.
        let half_open = self.tally.connected.saturating_sub(self.counters.accepted);
        if self.patient && unanswered.len() as u64 > half_open {
            return Err(format!("nobody answered, {half_open} half open: {unanswered:?}\n{:?}", self.counters));
        }
        self.check_books()
    }

    fn check_strange(&self, allowed: impl Fn(&Verdict) -> bool) -> Result<(), String> {
        let strange = self.tally.strange.iter().filter(|(verdict, _)| !allowed(verdict));
        let strange: Vec<&str> = strange.map(|(_, text)| text.as_str()).collect();
        let faults = &self.tally.connect_faults;
        match strange.is_empty() && faults.is_empty() {
            true => Ok(()),
            false => Err(format!("{}\nconnect faults {faults:?}\n{:?}", strange.join("\n"), self.counters)),
        }
    }

    /// What must add up in any weather.
    fn check_books(&self) -> Result<(), String> {
        let Self { counters, tally, .. } = self;
        let books = [
            ("accepted = client closes", counters.accepted == counters.client_closes.total()),
            ("connects = server closes", counters.connects == counters.server_closes.total()),
            ("every request came to one end", counters.requests == counters.ended()),
            ("every request went by a route", counters.requests == counters.route_requests),
            ("nothing is open", counters.clients_open + counters.servers_open == 0),
            ("no more answers arrive than are sent", self.answers() + counters.truncated >= tally.whole),
            ("no more failures arrive than are counted", counters.failed_total() >= tally.told),
        ];
        let wrong: Vec<&str> = books.iter().filter(|(_, right)| !right).map(|(name, _)| *name).collect();
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(format!("not so: {}\n{counters:?}\n{tally:?}", wrong.join("; "))),
        }
    }
}
