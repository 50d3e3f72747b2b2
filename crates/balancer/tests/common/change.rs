//! Configurations that follow one another while clients are at work. What clients use, the listener "web", stays by
//! name; everything else may come, go, or be another.

use super::world::{BALANCER, Balancer, ORIGINS, draw_capacity, draw_router, draw_selection};
use balancer::orders::{Order, Snapshot};
use balancer::{ApplyError, Boards};
use balancer_core::{
    ClientClose, ListenerSettings, ListenerStage, PoolSettings, PortChoice, Reuse, ServerClose, ServerSettings,
    Settings,
};
use reactor::{Answer, ListenPlan, Listening};
use seed::Rng;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// An operator says so of a listener.
const STAGES: [ListenerStage; 6] = [
    ListenerStage::Open,
    ListenerStage::Open,
    ListenerStage::Grace,
    ListenerStage::Shut,
    ListenerStage::LastCall,
    ListenerStage::Cut,
];

/// A sequence of configurations, and what the worker answered to each.
pub(crate) struct Changes {
    settings: Settings,
    rng: Rng,
    /// Sockets of listeners that came and may go, as their owner keeps them.
    open: HashMap<u16, Listening>,
    boards: Boards,
    answers: Vec<Answer<Result<(), ApplyError>>>,
}

impl Changes {
    pub(crate) fn new(first: &Settings, rng: Rng) -> Self {
        Self { settings: first.clone(), rng, open: HashMap::new(), boards: Boards::default(), answers: Vec::new() }
    }

    /// Draws the next configuration and posts it to the worker.
    pub(crate) fn order(&mut self, balancer: &Balancer) {
        self.draw();
        let listening = self
            .settings
            .listeners
            .iter()
            .skip(1)
            .filter_map(|listener| listener.first_address().ip())
            .collect::<Vec<_>>();
        self.open.retain(|port, _| listening.iter().any(|bind| bind.port() == *port));
        for bind in listening {
            let listen = || balancer.io.bind_listeners(&ListenPlan::new(bind), 1).expect("a free address")[0].clone();
            self.open.entry(bind.port()).or_insert_with(listen);
        }
        self.boards = Boards::of(&self.settings, &self.boards);
        let named = self
            .settings
            .listeners
            .iter()
            .skip(1)
            .map(|l| (l.name.clone(), self.open[&l.first_address().ip().expect("no file").port()].clone()));
        let snapshot = Snapshot {
            settings: Arc::new(self.settings.clone()),
            listening: named.collect(),
            workers: 1,
            boards: self.boards.clone(),
        };
        let (reply, answer) = reactor::mailbox::reply();
        self.answers.push(answer);
        balancer.order(Order::Apply(snapshot, reply));
    }

    /// Every configuration was taken.
    pub(crate) fn check(self) -> Result<(), String> {
        for answer in self.answers {
            let taken = answer.wait(Duration::ZERO).map_err(|why| why.to_string())?;
            taken.map_err(|why| format!("a configuration was not taken: {why}"))?;
        }
        Ok(())
    }

    fn draw(&mut self) {
        let rng = &mut self.rng;
        let web = &mut self.settings.listeners[0];
        web.close = *rng.pick(&[ClientClose::BalancerFirst, ClientClose::ClientFirst, ClientClose::ResetWhenSafe]);
        web.limits.connections_max = *rng.pick(&[2, 5, 1000]);
        web.router = draw_router(rng);
        let web = web.clone();
        self.settings.listeners.truncate(1);
        for port in 81..81 + rng.range(0, 3) as u16 {
            let bind = SocketAddr::new(BALANCER, port);
            self.settings.listeners.push(ListenerSettings {
                name: format!("extra-{port}"),
                binds: vec![bind.into()],
                stage: *rng.pick(&STAGES),
                ..web.clone()
            });
        }
        let set = &mut self.settings.backend_sets[0];
        set.name = (*rng.pick(&["app", "app", "app", "other"])).to_owned();
        set.servers = draw_servers(rng);
        set.pool = PoolSettings {
            reuse: *rng.pick(&Reuse::ALL),
            idle_max: *rng.pick(&[0, 1, 256]),
            idle_timeout: Duration::from_millis(*rng.pick(&[100, 50_000])),
            close: *rng.pick(&ServerClose::ALL),
        };
        set.selection = draw_selection(rng);
        set.capacity = draw_capacity(rng);
        if rng.chance(0.1) {
            set.ports.choice = *rng.pick(&[PortChoice::Kernel, PortChoice::Own]);
        }
    }
}

/// One of the two servers, or both, in any order and weight.
fn draw_servers(rng: &mut Rng) -> Vec<ServerSettings> {
    let mut servers: Vec<_> = ORIGINS
        .iter()
        .map(|ip| ServerSettings { weight: rng.range(1, 4) as u32, ..ServerSettings::new(SocketAddr::new(*ip, 8080)) })
        .collect();
    rng.shuffle(&mut servers);
    servers.truncate(1 + rng.index(2));
    servers
}
