//! The real tester against the real balancer and two real origins, and what their books must say.

use super::herald::Guest;
use super::tls::{NAME, Profiled, Seal};
use super::world::{
    BALANCER, Balancer, CLIENT, Mood, NO_BUDGET, ORIGINS, balancer_host, draw_settings, is_short, player,
};
use balancer_core::router::{Conditions, HostPattern, Route};
use balancer_core::{Action, Counters, Failure, Protocol, ProxyHeader, RetryReason, RouteRules, Router, Settings};
use origin::{Origin, OriginPlan};
use ports::ClosedFirst;
use reactor::{Inbox, Outbox, mailbox};
use reactor_sim::{Goal, HostConfig, Limits, SimNet, SimReactor, Weather, run_until};
use secure::Version;
use seed::Rng;
use std::net::SocketAddr;
use std::time::Duration;
use stress::{Share, Tester};
use stress_core::{ClosePolicy, ErrorKind, Plan, PlanDraft, Tally};

/// Ways in which clients end that have waited for their answer.
const WAYS_TO_CLOSE: [ClosePolicy; 4] = [ClosePolicy::Keep, ClosePolicy::Wait, ClosePolicy::Fin, ClosePolicy::Rst];

/// One run of the whole house.
pub(crate) struct House {
    pub(crate) weather: Weather,
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
    pub(crate) client_host: HostConfig,
    pub(crate) balancer_host: HostConfig,
    pub(crate) seal: Seal,
    pub(crate) version: Version,
    /// TLS goes through the balancer, which only looks for the name that is asked for.
    pub(crate) passing: bool,
    /// Origins go down and come back, as checks find out; and whether they are up in the end.
    blinks: bool,
    dark: bool,
    /// A proxy stands in front, and says by this whom it speaks for.
    announced: Option<ProxyHeader>,
    pub(crate) rng: Rng,
    is_fair: bool,
}

/// The books after a run.
pub(crate) struct Books {
    pub(crate) plan: Plan,
    pub(crate) tester: Tally,
    pub(crate) balancer: Counters,
    pub(crate) origin_requests: u64,
    pub(crate) retries_max: u32,
    /// May anything be sent again that an origin may have worked on?
    pub(crate) repeats: bool,
    /// TIME_WAIT entries when the tester was done: the client's and the balancer's.
    pub(crate) time_waits: [usize; 2],
    pub(crate) seal: Seal,
    pub(crate) excused: bool,
    pub(crate) story: String,
}

impl House {
    /// Any settings and any plan, in `mood`.
    pub(crate) fn draw(seed: u64, mood: Mood) -> Self {
        let mut rng = Rng::new(seed);
        let weather = match mood {
            Mood::Rough => Weather::rough(&mut rng),
            Mood::Fair | Mood::Tight | Mood::Drain | Mood::Change => Weather::fair(&mut rng),
        };
        let settings = draw_settings(&mut rng, mood);
        let balancer_host = balancer_host(&mut rng, mood);
        let plan = draw_plan(&mut rng);
        let (client_host, seal, version) = (HostConfig::default(), Seal::default(), Version::Tls13);
        let (passing, blinks, dark, announced) = (false, false, false, None);
        Self {
            weather,
            settings,
            plan,
            client_host,
            balancer_host,
            seal,
            version,
            passing,
            blinks,
            dark,
            announced,
            rng,
            is_fair: mood != Mood::Rough,
        }
    }

    /// Its origins have few places, and go down and come back.
    pub(crate) fn blinking(mut self) -> Self {
        self.settings.backend_sets[0].capacity.connections_max = Some(self.rng.range(1, 3) as u32);
        self.blinks = true;
        self
    }

    /// In the end they are down, and stay so.
    pub(crate) fn darkening(self) -> Self {
        Self { dark: true, ..self.blinking() }
    }

    /// Its set takes fewer at once than come.
    pub(crate) fn crowded(mut self) -> Self {
        self.settings.backend_sets[0].capacity.requests_max = Some(self.rng.range(1, 4) as u32);
        self
    }

    /// Its listener joins connections, and knows of no requests.
    pub(crate) fn joining(mut self) -> Self {
        let listener = &mut self.settings.listeners[0];
        listener.protocol = Protocol::Tcp;
        // Who waits in the accept queue would wait for as long as the others keep their connections.
        listener.limits.connections_max = 1000;
        self
    }

    /// So much that it need not be seen.
    pub(crate) fn carrying_bulk(mut self) -> Self {
        let mut draft = PlanDraft::new(format!("http://{BALANCER}/bytes/800000"));
        (draft.connections, draft.requests) = (self.rng.range(1, 3) as u32, Some(self.rng.range(1, 4)));
        draft.close = *self.rng.pick(&WAYS_TO_CLOSE);
        self.plan = draft.check().expect("a plan that can be");
        self
    }

    /// It joins them by name, and all TLS is between the others.
    pub(crate) fn passing_tls(mut self) -> Self {
        self = self.joining();
        let host = HostPattern::parse(NAME).expect("a name");
        let conditions = Conditions { hosts: vec![host], ..Conditions::default() };
        let route = Route { conditions, rules: RouteRules::new("house", Action::Forward { set: 0 }) };
        self.settings.listeners[0].router = Router::new(vec![route], RouteRules::new("otherwise", Action::NotFound));
        (self.seal, self.passing) = (Seal { front: true, back: true }, true);
        // Who waits for a place at a server has not shaken hands, and no client waits for that as long as others may keep theirs.
        self.settings.backend_sets[0].capacity.connections_max = None;
        self.version = *self.rng.pick(&Version::ALL);
        self
    }

    /// With TLS on one stretch of the way, or on both.
    pub(crate) fn secured(mut self) -> Self {
        let both = Seal { front: true, back: true };
        self.seal = *self.rng.pick(&[both, both, Seal { front: true, back: false }, Seal { front: false, back: true }]);
        self.version = *self.rng.pick(&Version::ALL);
        if self.is_fair {
            // Who waits in the accept queue has not shaken hands, and no client waits for that as long as others may keep theirs.
            let limits = &mut self.settings.listeners[0].limits;
            limits.connections_max = limits.connections_max.max(self.plan.connections as usize);
        }
        self
    }

    /// With a proxy in front that says whom it speaks for, before anything else.
    pub(crate) fn announced(mut self) -> Self {
        let listener = &mut self.settings.listeners[0];
        listener.proxy_protocol = true;
        listener.requests.announcers = [CLIENT.into()].into_iter().collect();
        self.announced = Some(*self.rng.pick(&ProxyHeader::ALL));
        self
    }

    /// Runs the tester to its end, then drains the balancer, then stops the origins.
    pub(crate) fn run(mut self) -> Result<Books, String> {
        let net = SimNet::new(self.rng.fork(), self.weather.clone());
        let short = is_short(&self.balancer_host) || is_short(&self.client_host);
        let mut client_io = net.host(&[CLIENT], self.client_host);
        let profiled = Profiled::new(self.version);
        if !self.passing {
            profiled.write(self.seal, &mut self.settings);
        }
        let mut balancer = Balancer::over(&self.settings, &profiled.table, net.host(&[BALANCER], self.balancer_host));
        let mut origin_ios = ORIGINS.map(|ip| net.host(&[ip], HostConfig::default()));
        let origin = |ip| {
            let (orders, inbox) = mailbox(1, None);
            let origin = Origin::new(OriginPlan::new(SocketAddr::new(ip, 8080)), inbox);
            (profiled.over(origin, self.seal.back), orders)
        };
        let [(origin_a, orders_a), (origin_b, orders_b)] = ORIGINS.map(origin);
        let mut origins = [origin_a, origin_b];
        let share = Share::whole(&self.plan, SocketAddr::new(BALANCER, 80));
        let tester = profiled.over(Tester::new(&self.plan, share, Inbox::silent()), self.seal.front);
        let mut tester = Guest::new(tester, self.announced);

        let mut run = |balancer: &mut Balancer, client_io: &mut SimReactor, ios: &mut [SimReactor; 2], goal| {
            let [io_a, io_b] = ios;
            let [origin_a, origin_b] = &mut origins;
            let mut players = [
                player("tester", tester.as_app(), client_io),
                player("balancer", &mut balancer.worker, &mut balancer.io),
                player("origin a", origin_a.as_app(), io_a),
                player("origin b", origin_b.as_app(), io_b),
            ];
            run_until(&net, &mut players, Limits::default(), goal)
        };
        for _ in 0..if self.blinks { self.rng.range(1, 12) } else { 0 } {
            let later = net.now() + Duration::from_millis(self.rng.range(1, 300));
            run(&mut balancer, &mut client_io, &mut origin_ios, Goal::Time(later))?;
            balancer.check_says(*self.rng.pick(&ORIGINS), self.rng.chance(0.7));
        }
        if self.blinks {
            // Whoever waits now has nobody else to call it.
            ORIGINS.iter().for_each(|origin| balancer.check_says(*origin, self.dark));
        }
        run(&mut balancer, &mut client_io, &mut origin_ios, Goal::Done(0))?;
        let later = net.now() + Duration::from_secs(1);
        run(&mut balancer, &mut client_io, &mut origin_ios, Goal::Time(later))?;
        let time_waits = [client_io.time_waits(), balancer.io.time_waits()];
        balancer.drain(Duration::from_secs(10));
        run(&mut balancer, &mut client_io, &mut origin_ios, Goal::Done(1))?;
        let later = net.now() + Duration::from_secs(130);
        run(&mut balancer, &mut client_io, &mut origin_ios, Goal::Time(later))?;
        [orders_a, orders_b].iter().for_each(Outbox::close);
        origin_ios.iter().for_each(SimReactor::wake);
        run(&mut balancer, &mut client_io, &mut origin_ios, Goal::AllDone)?;

        let origin_requests = origins.iter().map(|origin| origin.app().counters().requests).sum();
        let tester = tester.into_tester().into_tally();
        let balancer_counters = balancer.into_counters();
        drop(origins);
        net.settle();
        net.check_clean()?;
        let excused = short || net.injected().harmful() > 0;
        let (plan, balancer, story) = (self.plan, balancer_counters, net.story());
        let set = &self.settings.backend_sets[0];
        let (retries_max, repeats) = (set.retries_max, set.retry_budget != Some(NO_BUDGET));
        Ok(Books {
            plan,
            tester,
            balancer,
            origin_requests,
            retries_max,
            repeats,
            time_waits,
            seal: self.seal,
            excused,
            story,
        })
    }
}

fn draw_plan(rng: &mut Rng) -> Plan {
    let len = *rng.pick(&[0, 1, 1_000, 50_000]);
    let path = *rng.pick(&["bytes", "chunked", "echo", "delay", "status", "close", ""]);
    let target = match path {
        "bytes" | "chunked" => format!("{path}/{len}"),
        "delay" => format!("{path}/{}", rng.range(0, 500)),
        "status" => format!("{path}/{}", rng.pick(&[200, 204, 304, 404, 500])),
        other => other.to_owned(),
    };
    let mut draft = PlanDraft::new(format!("http://{BALANCER}/{target}"));
    draft.connections = rng.range(1, 9) as u32;
    draft.requests = Some(rng.range(1, 60));
    draft.close = *rng.pick(&WAYS_TO_CLOSE);
    if path == "echo" {
        draft.body = rng.bytes(len);
    }
    draft.check().expect("a plan that can be")
}

impl Books {
    /// Nothing failed, and every count has its counterpart.
    pub(crate) fn check_fair(&self) -> Result<(), String> {
        let Self { tester, balancer, .. } = self;
        let asked = self.plan.requests.unwrap_or(0);
        self.check(&[
            ("every request is answered", tester.ok == asked && tester.failed() == 0),
            ("the balancer passed on what the tester got", balancer.responses == asked),
            ("the origins saw what the tester asked", self.origin_requests == asked + self.asked_elsewhere()),
            ("connections opened are connections accepted", balancer.accepted == tester.connects_opened),
            ("nothing failed at the balancer", balancer.failed_total() == 0),
        ])?;
        self.check_rough()
    }

    /// Who found somebody up was answered, sooner or later: nobody waited in vain.
    pub(crate) fn check_blinking(&self) -> Result<(), String> {
        let Self { tester, balancer, .. } = self;
        let asked = self.plan.requests.unwrap_or(0);
        self.check(&[
            ("every request has one end", tester.ok + tester.failed() == asked),
            ("every request comes to one end", balancer.requests == balancer.ended()),
            ("only where nobody was up", balancer.failed_total() == balancer.failed(Failure::NoServer)),
            ("nobody waits in vain", balancer.queue_timed_out + balancer.queue_full == 0),
            ("the origins saw what was answered", self.origin_requests == balancer.responses + self.asked_elsewhere()),
            ("every connection to a server has one end", balancer.server_closes.total() == balancer.connects),
        ])
    }

    /// Whoever found the set full was told so at once, nobody else was, and all others were answered.
    pub(crate) fn check_crowded(&self) -> Result<(), String> {
        let Self { tester, balancer, .. } = self;
        let asked = self.plan.requests.unwrap_or(0);
        self.check(&[
            ("every request has one end", tester.ok + tester.failed() == asked),
            ("it is answered, or the set is full", balancer.responses + balancer.set_full == asked),
            ("nothing else failed", balancer.failed_total() == balancer.failed(Failure::SetFull)),
            ("who is turned away is counted by its set", balancer.failed(Failure::SetFull) == balancer.set_full),
            ("the origins saw what was answered", self.origin_requests == balancer.responses + self.asked_elsewhere()),
        ])
    }

    /// The same with TLS, and nobody was cut off, turned away, or let in without.
    pub(crate) fn check_fair_secured(&self) -> Result<(), String> {
        let Self { balancer, seal, .. } = self;
        let failed = |failures: &[u64]| failures.iter().sum::<u64>();
        let front = if seal.front { balancer.accepted } else { 0 };
        let back = if seal.back { balancer.connects } else { 0 };
        self.check(&[
            ("every client shook hands", balancer.tls_handshakes == front),
            ("every server shook hands", balancer.server_tls_handshakes == back),
            ("no client was turned away", failed(&balancer.tls_failed) == 0),
            ("no server was turned away", failed(&balancer.server_tls_failed) == 0),
            ("nobody was cut off", balancer.tls_cut_off + balancer.server_tls_cut_off == 0),
            ("nothing was spoilt", balancer.tls_damaged + balancer.server_tls_damaged == 0),
        ])?;
        self.check_fair()
    }

    /// The same behind a proxy that says whom it speaks for: it was understood each time.
    pub(crate) fn check_fair_announced(&self) -> Result<(), String> {
        let Self { balancer, .. } = self;
        let others =
            balancer.announced_own + balancer.announced_silent + balancer.announced_refused.iter().sum::<u64>();
        self.check(&[
            ("every client was announced", balancer.announced == balancer.accepted),
            ("nobody was turned away", others == 0),
        ])?;
        self.check_fair_secured()
    }

    /// Nothing failed, and every connection was joined with one of an origin's.
    pub(crate) fn check_fair_joined(&self) -> Result<(), String> {
        let Self { tester, balancer, .. } = self;
        let asked = self.plan.requests.unwrap_or(0);
        self.check(&[
            ("every request is answered", tester.ok == asked && tester.failed() == 0),
            ("the origins saw what the tester asked", self.origin_requests >= asked),
            ("connections opened are connections accepted", balancer.accepted == tester.connects_opened),
            ("all were joined", balancer.tunnels == balancer.accepted && balancer.responses == balancer.tunnels),
            ("each with a connection of its own", balancer.connects == balancer.tunnels && balancer.pooled == 0),
            ("bytes went both ways", balancer.tunnel_bytes_up > 0 && balancer.tunnel_bytes_down > 0),
            ("nothing failed at the balancer", balancer.failed_total() == 0),
        ])?;
        self.check_rough_joined()
    }

    /// What must be true of joined connections in any weather.
    pub(crate) fn check_rough_joined(&self) -> Result<(), String> {
        let Self { tester, balancer, .. } = self;
        let asked = self.plan.requests.unwrap_or(0);
        self.check(&[
            ("every request has one end", tester.ok + tester.failed() == asked),
            ("failures are excused", tester.failed() == 0 || self.excused),
            ("every connection of the tester has one end", tester.closed.total() == tester.connects_opened),
            ("every connection accepted has one end", balancer.client_closes.total() == balancer.accepted),
            ("every connection to a server has one end", balancer.server_closes.total() == balancer.connects),
            ("every connection comes to one end", balancer.requests == balancer.ended()),
            ("no server is blamed without a reason", balancer.set_aside == 0 || self.excused),
        ])
    }

    /// Attempts made although an origin may have worked on the request.
    fn repeated(&self) -> u64 {
        let of = |reason: RetryReason| self.balancer.retried[reason as usize];
        of(RetryReason::Status) + of(RetryReason::Timeout) + of(RetryReason::Nonsense)
    }

    /// Answers that nobody saw, because another origin was asked.
    fn asked_elsewhere(&self) -> u64 {
        self.balancer.retried[RetryReason::Status as usize]
    }

    /// What must be true in any weather.
    pub(crate) fn check_rough(&self) -> Result<(), String> {
        let Self { tester, balancer, .. } = self;
        let answered = balancer.responses + balancer.failed_total();
        let asked = self.plan.requests.unwrap_or(0);
        let waits_for_server = matches!(self.plan.close, ClosePolicy::Wait | ClosePolicy::Rst);
        let no_fin_of_ours = tester.closed.count(ClosedFirst::OurFin) == 0;
        self.check(&[
            ("every request has one end", tester.ok + tester.failed() == asked),
            ("nobody got an answer that was not given", tester.ok <= answered),
            ("every further attempt has a reason", balancer.retries == balancer.retried.iter().sum::<u64>()),
            ("without a budget nothing is repeated", self.repeats || self.repeated() == 0),
            // The tester sends a request again where its kept connection ended without an answer.
            ("attempts are bounded", self.origin_requests <= balancer.requests * (1 + u64::from(self.retries_max))),
            ("failures are excused", tester.failed() == 0 || self.excused),
            ("every connection of the tester has one end", tester.closed.total() == tester.connects_opened),
            ("every connection accepted has one end", balancer.client_closes.total() == balancer.accepted),
            ("every connection to a server has one end", balancer.server_closes.total() == balancer.connects),
            ("who waits or resets pays nothing", !waits_for_server || self.excused || no_fin_of_ours),
        ])
    }

    /// Failed requests of the tester of one kind.
    pub(crate) fn errors(&self, kind: ErrorKind) -> u64 {
        self.tester.errors(kind)
    }

    fn check(&self, rules: &[(&str, bool)]) -> Result<(), String> {
        let broken: Vec<&str> = rules.iter().filter(|(_, holds)| !holds).map(|(rule, _)| *rule).collect();
        if broken.is_empty() {
            return Ok(());
        }
        let Self { plan, tester, balancer, .. } = self;
        let errors: Vec<(&str, u64)> =
            ErrorKind::ALL.iter().map(|kind| (kind.name(), tester.errors(*kind))).filter(|(_, n)| *n > 0).collect();
        let closed: Vec<_> = ClosedFirst::ALL.iter().map(|who| (who, tester.closed.count(*who))).collect();
        Err(format!(
            "not so: {}\n{} {:?} {:?} close {:?}\ntester: ok {} opened {} errors {errors:?} closed {closed:?}\norigins: {} requests\n{balancer:?}",
            broken.join("; "),
            plan.url,
            plan.requests,
            plan.method,
            plan.close,
            tester.ok,
            tester.connects_opened,
            self.origin_requests,
        ))
    }
}
