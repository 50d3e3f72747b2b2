//! A running balancer as those see it who only look: nothing here waits for a change of the configuration that is under
//! way. [`Handle`](crate::Handle) makes another one with each change.

use crate::boards::Boards;
use crate::errors::Warning;
use crate::orders::Order;
use crate::own_ports;
use crate::spending::PortWatch;
use crate::tls::InUse;
use balancer_core::{Counters, ListenerSettings, Protocol, Report, ServerSettings, Settings};
use ports::{Address, PortList};
use reactor::{Answer, NoAnswer, Outbox, ProfileId};
use secure::{ClientProfile, Profiles};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the workers may take to answer a question before the last answer of each is taken for it.
const REPORT_PATIENCE: Duration = Duration::from_secs(1);

/// One place where a listener listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listens {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it is; the port that was chosen where the configuration left that open.
    pub address: Address,
}

impl fmt::Display for Listens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol, self.address) {
            (_, Address::Unix(_)) => self.address.fmt(f),
            (Protocol::Tcp, address) => write!(f, "tcp://{address}"),
            (protocol, address) => write!(f, "{}://{address}/", protocol.name()),
        }
    }
}

/// See the module's head. Clones are the same look.
#[derive(Clone)]
pub struct Glance {
    pub(crate) crew: Arc<Crew>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) boards: Boards,
    pub(crate) addresses: Arc<[SocketAddr]>,
    /// What the workers divide among them.
    pub(crate) own_ports: Option<PortList>,
    pub(crate) warnings: Arc<[Warning]>,
    pub(crate) profiles: Profiles,
    pub(crate) certificates: Arc<[InUse]>,
}

/// The workers, as those have them who ask them.
pub(crate) struct Crew(Mutex<Vec<Teller>>);

/// One worker, and what it told last.
struct Teller {
    outbox: Outbox<Order>,
    last: Report,
    /// A question that it has not answered yet: it is asked nothing else until then, so that a worker that hangs finds its
    /// orders at the end of its mailbox, and not our questions.
    asked: Option<Answer<Report>>,
}

impl Teller {
    fn ask(&mut self) {
        self.hear(Duration::ZERO);
        if self.asked.is_none() {
            self.asked = self.outbox.ask(Order::Report).ok();
        }
    }

    /// Its answer, if that comes in time. Answers whether it came.
    fn hear(&mut self, patience: Duration) -> bool {
        let Some(answer) = self.asked.take() else { return false };
        match answer.wait(patience) {
            Ok(report) => {
                self.last = report;
                true
            }
            Err(NoAnswer::Late) => {
                self.asked = Some(answer);
                false
            }
            // It has ended: what it told last counts.
            Err(_) => false,
        }
    }
}

impl Crew {
    pub(crate) fn of(outboxes: impl Iterator<Item = Outbox<Order>>) -> Arc<Self> {
        let teller = |outbox| Teller { outbox, last: Report::default(), asked: None };
        Arc::new(Self(Mutex::new(outboxes.map(teller).collect())))
    }

    fn report(&self) -> Report {
        let mut tellers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tellers.iter_mut().for_each(Teller::ask);
        let until = Instant::now() + REPORT_PATIENCE;
        let mut sum = Report::default();
        for teller in tellers.iter_mut() {
            teller.hear(until.saturating_duration_since(Instant::now()));
            sum.merge(teller.last.clone());
        }
        sum
    }

    /// How many workers do not answer within `patience`.
    fn silent(&self, patience: Duration) -> usize {
        let mut tellers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tellers.iter_mut().for_each(Teller::ask);
        let until = Instant::now() + patience;
        let answers = |teller: &mut Teller| teller.hear(until.saturating_duration_since(Instant::now()));
        tellers.iter_mut().map(answers).filter(|answers| !answers).count()
    }
}

impl Glance {
    /// Where the listeners listen, in the order of the settings; socket files excepted.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Everywhere the listeners listen.
    pub fn places(&self) -> impl Iterator<Item = Listens> {
        let listens = |listener: &ListenerSettings| {
            let protocol = listener.protocol;
            listener.addresses().map(move |address| Listens { protocol, address }).collect::<Vec<_>>()
        };
        self.settings.listeners.iter().flat_map(listens)
    }

    /// Looks at the ports towards servers, from now on.
    pub fn port_watch(&self) -> PortWatch {
        PortWatch::new(own_ports::supply(self.own_ports.as_ref()))
    }

    /// By which it works.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    /// What is known of the servers.
    pub fn boards(&self) -> Boards {
        self.boards.clone()
    }

    /// The certificates that are gone by, by path.
    pub fn certificates(&self) -> &[InUse] {
        &self.certificates
    }

    /// How connections to a server are secured; `None`: not at all, or it is no server of now.
    pub fn client_profile(&self, server: &ServerSettings) -> Option<ClientProfile> {
        self.profiles.client(ProfileId(server.tls_profile?))
    }

    /// What was asked for and is not so: to be shown once.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What was counted, by what it was counted for; not older than this call (or than the last answer of a worker that
    /// does not answer within a second).
    pub fn report(&self) -> Report {
        let mut report = self.crew.report();
        report.rest.access_log_unwritten += self.boards.log().unwritten();
        report
    }

    /// The sum of [`Glance::report`].
    pub fn counters(&self) -> Counters {
        self.report().total()
    }

    /// Workers that do not answer within `patience`, those that have ended included.
    pub fn silent_workers(&self, patience: Duration) -> usize {
        self.crew.silent(patience)
    }
}
