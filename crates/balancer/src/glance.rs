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
use reactor::{Answer, NoAnswer, NotPosted, Outbox, ProfileId};
use secure::{ClientProfile, Profiles};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the workers may take to answer a question before the last answer of each is taken for it.
const REPORT_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked who has answered.
const SILENCE_LOOK_EVERY: Duration = Duration::from_millis(5);

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
    /// How often it has answered.
    answers: u64,
    has_ended: bool,
}

impl Teller {
    fn ask(&mut self) {
        self.hear(Duration::ZERO);
        if self.asked.is_none() {
            let asked = self.outbox.ask(Order::Report);
            self.has_ended |= matches!(asked, Err(NotPosted::Closed));
            self.asked = asked.ok();
        }
    }

    /// Has it not answered since it had so often? Somebody else may have heard it.
    fn is_silent(&mut self, before: u64) -> bool {
        self.answers == before && !self.hear(Duration::ZERO)
    }

    /// Its answer, if that comes in time. Answers whether it came.
    fn hear(&mut self, patience: Duration) -> bool {
        let Some(answer) = self.asked.take() else { return false };
        match answer.wait(patience) {
            Ok(report) => {
                self.last = report;
                self.answers += 1;
                true
            }
            Err(NoAnswer::Late) => {
                self.asked = Some(answer);
                false
            }
            // It has ended: what it told last counts.
            Err(_) => {
                self.has_ended = true;
                false
            }
        }
    }
}

impl Crew {
    pub(crate) fn of(outboxes: impl Iterator<Item = Outbox<Order>>) -> Arc<Self> {
        let teller = |outbox| Teller { outbox, last: Report::default(), asked: None, answers: 0, has_ended: false };
        Arc::new(Self(Mutex::new(outboxes.map(teller).collect())))
    }

    fn report(&self) -> Report {
        let mut tellers = self.tellers();
        tellers.iter_mut().for_each(Teller::ask);
        let until = Instant::now() + REPORT_PATIENCE;
        let mut sum = Report::default();
        for teller in tellers.iter_mut() {
            teller.hear(until.saturating_duration_since(Instant::now()));
            sum.merge(teller.last.clone());
        }
        sum
    }

    /// How many workers do not answer within `patience`. Whoever else asks does not wait meanwhile.
    fn silent(&self, patience: Duration) -> usize {
        let until = Instant::now() + patience;
        let ask = |teller: &mut Teller| {
            teller.ask();
            teller.answers
        };
        let before: Vec<u64> = self.tellers().iter_mut().map(ask).collect();
        loop {
            let mut tellers = self.tellers();
            let asked = tellers.iter_mut().zip(&before);
            let silent: Vec<_> =
                asked.filter_map(|(teller, before)| teller.is_silent(*before).then_some(teller.has_ended)).collect();
            drop(tellers);
            if silent.iter().all(|has_ended| *has_ended) || Instant::now() >= until {
                return silent.len();
            }
            std::thread::sleep(SILENCE_LOOK_EVERY);
        }
    }

    fn tellers(&self) -> MutexGuard<'_, Vec<Teller>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use reactor::{Mail, mailbox};
    use testkit::{PATIENCE, eventually};

    #[test]
    fn who_waits_for_a_worker_that_hangs_keeps_nobody_else_waiting() {
        let (outbox, mut inbox) = mailbox(4, None);
        let crew = Crew::of([outbox].into_iter());
        let watches = Arc::clone(&crew);
        let watchdog = std::thread::spawn(move || watches.silent(PATIENCE * 100));
        let mut asked = None;
        eventually("the watchdog asks", || {
            asked = asked.take().or_else(|| inbox.poll());
            asked.is_some()
        });
        let Some(Mail::Order(Order::Report(reply))) = asked else { panic!("it was asked something else") };
        // It does not answer: its last report counts.
        assert_eq!(crew.report().total(), Counters::default());
        assert!(!watchdog.is_finished(), "it waits on, and others were let in");
        reply.send(Report::default());
        assert_eq!(watchdog.join().expect("no panic"), 0);
        drop(inbox);
        assert_eq!(crew.silent(PATIENCE * 100), 1, "who has ended is not waited for");
    }
}
