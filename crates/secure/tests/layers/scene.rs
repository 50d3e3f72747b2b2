//! Tester, balancer and two origins on simulated hosts, each stretch between them plain or sealed.

use crate::answers::{Said, add_answers, add_requests};
use crate::pki::{self, Authority};
use crate::tape::Taped;
use balancer::orders::{Order, Snapshot};
use balancer::{Boards, Config, Worker, WorkerShare};
use balancer_core::{Counters, ListenerTls, Protocol, ServerTls};
use http::Method;
use origin::{Origin, OriginPlan};
use ports::Handshakes;
use reactor::{App, Inbox, ListenPlan, ListenerId, Outbox, ProfileId, mailbox};
use reactor_sim::{Goal, HostConfig, Injected, Limits, Player, SimNet, SimReactor, Weather, run_until};
use secure::{Profile, Profiles, Secure, View};
use seed::Rng;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use stress::{Share, Tester};
use stress_core::{ClosePolicy, Plan, PlanDraft, Tally};

const NAME: &str = "house.example";
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const BALANCER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const ORIGINS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 4))];

/// An application, on a layer or not. Which connections are sealed depends on who began them.
pub(crate) enum Stand<A> {
    Plain(A),
    Sealed(Box<Secure<A>>),
}

impl<A> Stand<A> {
    fn new(app: A, seal: (bool, bool), trust: &Trust) -> Self {
        let (accepted, connected) = seal;
        if !accepted && !connected {
            return Self::Plain(app);
        }
        let settings = secure::Settings {
            profiles: trust.profiles.clone(),
            accepted: accepted.then_some(trust.accepts),
            connected: connected.then_some(trust.connects),
            ..secure::Settings::default()
        };
        Self::Sealed(Box::new(Secure::new(app, settings)))
    }

    pub(crate) fn app(&self) -> &A {
        match self {
            Self::Plain(app) => app,
            Self::Sealed(secure) => &secure.app,
        }
    }

    /// What was counted at its listener, or of the connections it opened.
    fn take_handshakes(&mut self, listener: Option<ListenerId>) -> Handshakes {
        match self {
            Self::Plain(_) => Handshakes::default(),
            Self::Sealed(secure) => secure.take_handshakes(listener),
        }
    }

    pub(crate) fn player<'a>(&'a mut self, name: &'a str, io: &'a mut SimReactor) -> Player<'a>
    where
        A: App<SimReactor> + for<'v> App<View<'v, SimReactor>>,
    {
        let app: &mut dyn App<SimReactor> = match self {
            Self::Plain(app) => app,
            Self::Sealed(secure) => secure.as_mut(),
        };
        Player { name, app, io }
    }
}

/// Where connections are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Between tester and balancer.
    pub(crate) front: bool,
    /// Between balancer and origins.
    pub(crate) back: bool,
}

/// Whom everybody trusts, of one run: nobody remembers the sessions of another.
struct Trust {
    profiles: Profiles,
    accepts: ProfileId,
    connects: ProfileId,
}

impl Trust {
    fn new() -> Self {
        let (authority, profiles) = (Authority::new(), Profiles::default());
        let accepts = profiles.add(Profile::Server(pki::server(authority.server(&[NAME]))));
        let connects = profiles.add(Profile::Client(pki::client(authority.client(), NAME)));
        Self { profiles, accepts, connects }
    }
}

/// What is played, the same with and without layers.
pub(crate) struct Scene {
    pub(crate) plan: Plan,
    pub(crate) balancer: String,
    pub(crate) weather: Weather,
    seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) tester: Tally,
    pub(crate) balancer: Counters,
    /// What the tester was answered.
    pub(crate) answers: Said,
    /// What the origins were asked.
    pub(crate) requests: Said,
    /// Streams that ended within a message.
    pub(crate) cut: Vec<String>,
    /// TIME_WAIT entries a second after the tester was done: its own and the balancer's.
    pub(crate) time_waits: [usize; 2],
    /// Tester, origins.
    pub(crate) layers: [Handshakes; 3],
    pub(crate) injected: Injected,
    pub(crate) story: String,
}

impl Scene {
    /// Bodies of up to `body_bytes_max`: segments of seven bytes that stall take their time.
    pub(crate) fn draw(seed: u64, weather: fn(&mut Rng) -> Weather, body_bytes_max: usize) -> Self {
        let mut rng = Rng::new(seed);
        let weather = weather(&mut rng);
        Self { plan: draw_plan(&mut rng, body_bytes_max), balancer: draw_balancer(&mut rng), weather, seed }
    }

    /// Plays it all, sealed as `seal` says.
    pub(crate) fn play(&self, seal: Seal) -> Result<Books, String> {
        let mut stage = Stage::set(self, seal);
        let time_waits = stage.play()?;
        stage.close_the_books(self.plan.method, time_waits)
    }
}

/// Everybody, on their hosts.
struct Stage {
    net: SimNet,
    tester: Stand<Taped<Tester>>,
    balancer: Stand<Worker>,
    origins: [Stand<Taped<Origin>>; 2],
    ios: [SimReactor; 4],
    balancer_orders: Outbox<Order>,
    origin_orders: [Outbox<origin::Order>; 2],
}

impl Stage {
    fn set(scene: &Scene, seal: Seal) -> Self {
        let seed = scene.seed;
        let net = SimNet::new(Rng::new(!seed), scene.weather.clone());
        let [origin_a, origin_b] = ORIGINS;
        let ios = [CLIENT, BALANCER, origin_a, origin_b].map(|ip| net.host(&[ip], HostConfig::default()));
        let share = Share::whole(&scene.plan, SocketAddr::new(BALANCER, 80));
        let tester = Tester::new(&scene.plan, share, Inbox::silent());
        let trust = Trust::new();
        let (worker, balancer_orders) = new_worker(&scene.balancer, &ios[1], seal, &trust);
        let origin = |ip| {
            let (orders, inbox) = mailbox(1, None);
            (Origin::new(OriginPlan::new(SocketAddr::new(ip, 8080)), inbox), orders)
        };
        let [(origin_a, orders_a), (origin_b, orders_b)] = ORIGINS.map(origin);
        Self {
            net,
            tester: Stand::new(Taped::new(tester), (false, seal.front), &trust),
            balancer: Stand::new(worker, (seal.front, seal.back), &trust),
            origins: [origin_a, origin_b].map(|app| Stand::new(Taped::new(app), (seal.back, false), &trust)),
            ios,
            balancer_orders,
            origin_orders: [orders_a, orders_b],
        }
    }

    fn run(&mut self, goal: Goal) -> Result<(), String> {
        let [client, balancer, io_a, io_b] = &mut self.ios;
        let [origin_a, origin_b] = &mut self.origins;
        let mut players = [
            self.tester.player("tester", client),
            self.balancer.player("balancer", balancer),
            origin_a.player("origin a", io_a),
            origin_b.player("origin b", io_b),
        ];
        Ok(run_until(&self.net, &mut players, Limits::default(), goal)?)
    }

    fn run_for(&mut self, time: Duration) -> Result<(), String> {
        self.run(Goal::Time(self.net.now() + time))
    }

    /// Runs the tester to its end, then drains the balancer, then stops the origins. Returns the TIME_WAIT entries when
    /// the tester was done.
    fn play(&mut self) -> Result<[usize; 2], String> {
        self.run(Goal::Done(0))?;
        self.run_for(Duration::from_secs(1))?;
        let time_waits = [self.ios[0].time_waits(), self.ios[1].time_waits()];
        self.balancer_orders
            .post(Order::Drain { grace: Duration::ZERO, patience: Duration::from_secs(10) })
            .expect("the mailbox has room");
        self.ios[1].wake();
        self.run(Goal::Done(1))?;
        self.run_for(Duration::from_secs(130))?;
        self.origin_orders.iter().for_each(Outbox::close);
        self.ios[2..].iter().for_each(SimReactor::wake);
        self.run(Goal::AllDone)?;
        Ok(time_waits)
    }

    fn close_the_books(self, method: Method, time_waits: [usize; 2]) -> Result<Books, String> {
        let Self { net, mut tester, balancer, mut origins, .. } = self;
        let (mut answers, mut requests, mut cut) = (Said::new(), Said::new(), Vec::new());
        for stream in &tester.app().tape.streams {
            cut.extend(add_answers(&mut answers, &stream.received, method).err());
        }
        for stream in origins.iter().flat_map(|origin| &origin.app().tape.streams) {
            cut.extend(add_requests(&mut requests, &stream.received).err());
        }
        let [a, b] = origins.each_mut().map(|origin| origin.take_handshakes(Some(ListenerId(0))));
        let books = Books {
            tester: tester.app().app.tally().clone(),
            balancer: balancer.app().counters(),
            answers,
            requests,
            cut,
            time_waits,
            layers: [tester.take_handshakes(None), a, b],
            injected: net.injected(),
            story: net.story(),
        };
        drop((tester, balancer, origins));
        net.settle();
        Ok(net.check_clean().map(|()| books)?)
    }
}

/// A worker that has the sockets of its listeners on its own host.
fn new_worker(config: &str, io: &SimReactor, seal: Seal, trust: &Trust) -> (Worker, Outbox<Order>) {
    let Config { mut settings, .. } = Config::parse("scene", config).unwrap_or_else(|error| panic!("{error}"));
    for listener in settings.listeners.iter_mut().filter(|_| seal.front) {
        listener.protocol = Protocol::Https;
        (listener.tls, listener.tls_profile) = (Some(ListenerTls::new(Vec::new())), Some(trust.accepts.0));
    }
    for set in settings.backend_sets.iter_mut().filter(|_| seal.back) {
        (set.tls, set.tls_profile) = (Some(ServerTls::default()), Some(trust.connects.0));
        set.servers.iter_mut().for_each(|server| server.tls_profile = set.tls_profile);
    }
    let bind = |name: &str, address| {
        let bound = io.bind_listeners(&ListenPlan::new(address), 1).expect("a free address");
        (name.to_owned(), bound[0].clone())
    };
    let listening = settings
        .listeners
        .iter()
        .map(|listener| bind(&listener.name, listener.first_address().ip().expect("no file")))
        .collect();
    let (orders, inbox) = mailbox(1, None);
    let boards = Boards::of(&settings, &Boards::default());
    let snapshot = Snapshot { settings: Arc::new(settings), listening, workers: 1, boards };
    (Worker::new(snapshot, WorkerShare::ALONE, inbox).expect("one worker has all ports"), orders)
}

/// A configuration a user might write.
fn draw_balancer(rng: &mut Rng) -> String {
    let close = *rng.pick(&["balancer-first", "client-first", "reset-when-safe"]);
    let (server_close, ports) = (*rng.pick(&["fin", "reset-when-safe"]), *rng.pick(&["kernel", "own"]));
    let (requests_max, idle_max) = (*rng.pick(&[1, 3, 1000]), *rng.pick(&[0, 1, 256]));
    let idle_timeout = *rng.pick(&["100ms", "50s"]);
    let [a, b] = ORIGINS;
    format!(
        r#"
        [[listener]]
        name = "web"
        bind = "{BALANCER}:80"
        backends = "app"
        close = "{close}"
        [listener.limits]
        requests_per_connection_max = {requests_max}
        [[backend_set]]
        name = "app"
        servers = ["{a}:8080", "{b}:8080"]
        ports = "{ports}"
        [backend_set.pool]
        idle_max = {idle_max}
        idle_timeout = "{idle_timeout}"
        close = "{server_close}"
        "#
    )
}

fn draw_plan(rng: &mut Rng, body_bytes_max: usize) -> Plan {
    let len = body_bytes_max.min(*rng.pick(&[0, 1, 1_000, 16_384, 16_385, 50_000, 200_000]));
    let path = *rng.pick(&["bytes", "chunked", "echo", "echo", "delay", "status", "close", ""]);
    let target = match path {
        "bytes" | "chunked" => format!("{path}/{len}"),
        "delay" => format!("{path}/{}", rng.range(0, 500)),
        "status" => format!("{path}/{}", rng.pick(&[200, 204, 304, 404, 500])),
        other => other.to_owned(),
    };
    let mut draft = PlanDraft::new(format!("http://{BALANCER}/{target}"));
    draft.connections = rng.range(1, 9) as u32;
    draft.requests = Some(rng.range(1, 40));
    draft.close = *rng.pick(&[ClosePolicy::Keep, ClosePolicy::Wait, ClosePolicy::Fin, ClosePolicy::Rst]);
    draft.timeout = Duration::from_secs(120);
    // An upload that is sent back, or that nobody looks at.
    if path == "echo" || path == "bytes" && rng.chance(0.3) {
        draft.body = rng.bytes(len);
    }
    draft.check().expect("a plan that can be")
}
