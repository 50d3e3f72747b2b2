//! Starts the balancer with a control plane beside it, and ends both.

use crate::errors::ControlError;
use crate::event::{Event, RequestFailed};
use crate::farewells::Farewells;
use crate::guard;
use crate::names::Names;
use crate::news::{News, NewsDesk, news};
use crate::plane::Plane;
use crate::remote::{Remote, Shared};
use balancer::{Config, FailureTeller, Glance, Inheritance, Listens, LogError, Logging, PortWatch, Warning};
use balancer_core::names::{AtStart, Book, Member};
use balancer_core::{Counters, Overrides, Report, Settings};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// How long the end waits for files that are being read.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// What goes wrong again and again shall not keep a core busy.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// A running balancer with its control plane. Dropping it ends both without patience.
pub struct Control {
    remote: Remote,
    thread: Option<JoinHandle<()>>,
    news: Option<News>,
}

/// What a process before this one leaves behind, or a service manager makes for it.
#[derive(Clone, Debug, Default)]
pub struct Heritage {
    /// Sockets that listen already.
    pub sockets: Inheritance,
    /// What was said of servers.
    pub said: Overrides,
    /// Listeners that are drained by order, and for how long already.
    pub drained: Vec<(String, Duration)>,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// As it was written.
    pub name: String,
    /// What becomes of a start at which it leads nowhere.
    pub at_start: AtStart,
    /// The servers it stands for, or why there are none.
    pub servers: Result<Vec<SocketAddr>, String>,
}

/// Starts everything, or nothing. `file` is where the configuration came from, to be read again when that is asked for;
/// `workers` stands above what it says.
///
/// # Errors
/// A name that is required leads nowhere, or the balancer does not start.
pub fn start(config: &Config, file: Option<&Path>, workers: Option<usize>) -> Result<Control, ControlError> {
    start_with(config, file, workers, Heritage::default(), |_| {})
}

/// The same with what there is already. Where names keep it waiting, `tell` says in a line which, now and then.
///
/// # Errors
/// As by [`start`].
pub fn start_with(
    config: &Config,
    file: Option<&Path>,
    workers: Option<usize>,
    heritage: Heritage,
    tell: impl Fn(String) + Send + 'static,
) -> Result<Control, ControlError> {
    let plan = config.plan(workers)?;
    let (starts, started) = sync_channel(1);
    let (desk, news) = news();
    let (config, file) = (config.clone(), file.map(Path::to_path_buf));
    let main = move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return starts.send(Err(error)).unwrap_or_default(),
        };
        let outcome = runtime.block_on(async {
            let since = Instant::now();
            let names = Names::of(config).settled(since, tell).await?;
            let farewells = Farewells::of_before(heritage.drained);
            let settings = said_of(&names, &heritage.said, &farewells, since.elapsed());
            let plan = balancer::Plan { settings, ..plan };
            let shared = begin(plan, &names, heritage.sockets, &desk, (file, workers))?;
            Ok((Plane::new(names, heritage.said, farewells, since), Arc::new(shared)))
        });
        match outcome {
            Ok((plane, shared)) => {
                let _waits = starts.send(Ok(Remote::new(Arc::clone(&shared), plane.outbox())));
                keep_running(&runtime, plane, &shared, desk);
            }
            Err(error) => starts.send(Err(error)).unwrap_or_default(),
        }
        // A file that is being read may never come: whoever ends does not wait for it.
        runtime.shutdown_timeout(END_PATIENCE);
    };
    let thread = std::thread::Builder::new().name("control".to_owned()).spawn(main).map_err(ControlError::Thread)?;
    let gone = || ControlError::Thread(std::io::Error::other("its thread ended"));
    let remote = started.recv().map_err(|_| gone())??;
    Ok(Control { remote, thread: Some(thread), news: Some(news) })
}

/// What names lead to, and what was said of servers and listeners before.
fn said_of(names: &Names, said: &Overrides, farewells: &Farewells, now: Duration) -> Settings {
    let mut settings = names.settings();
    said.apply(&mut settings);
    farewells.apply(&mut settings, &names.config, now);
    settings
}

/// The workers, once it is known what names lead to.
fn begin(
    plan: balancer::Plan,
    names: &Names,
    sockets: Inheritance,
    desk: &NewsDesk,
    (file, workers): (Option<PathBuf>, Option<usize>),
) -> Result<Shared, ControlError> {
    let known = Inheritance { shelf: names.config.shelf.clone(), ..sockets };
    let logging = Logging { access: names.config.access_log.clone(), failures: Some(teller(desk)) };
    let balancer = balancer::start_with(&plan, known, logging)?;
    Ok(Shared::new(balancer, Arc::clone(&names.config), file, workers, desk.watched()))
}

/// Until it is told to stop. A mistake of its own is told, and does not end it: who is down, and what names lead to, would
/// be known no more, and nobody would notice.
fn keep_running(runtime: &Runtime, mut plane: Plane, shared: &Arc<Shared>, mut desk: NewsDesk) {
    while let Err(panic) = catch_unwind(AssertUnwindSafe(|| runtime.block_on(plane.run(shared, &mut desk)))) {
        desk.tell(Event::PlaneBroke { why: guard::words_of(&*panic) });
        std::thread::sleep(AFTER_PANIC);
        plane.recover();
    }
}

/// Requests that fail are news, as long as no access log tells them.
fn teller(desk: &NewsDesk) -> FailureTeller {
    let mut desk = desk.for_failures();
    Box::new(move |failed| desk.tell(Event::RequestFailed { request: RequestFailed(failed) }))
}

/// What each name of a configuration leads to at present.
///
/// # Errors
/// No thread can be had.
pub fn look_up(config: &Config) -> Result<Vec<Look>, ControlError> {
    let names = runtime()?.block_on(async {
        let mut names = Names::of(config.clone());
        names.settle(Instant::now(), |_| {}).await;
        names
    });
    let looks = config.members.iter().map(|member| look_of(member, &names.book));
    Ok(looks.collect())
}

fn look_of(member: &Member, book: &Book) -> Look {
    let servers = book.servers_of_name(member);
    let nowhere = book.nowhere().into_iter().find(|one| one.name == *member.whom.name());
    let servers = match nowhere {
        Some(nowhere) if servers.is_empty() => Err(nowhere.why),
        _ => Ok(servers),
    };
    Look { name: member.whom.to_string(), at_start: member.rules.at_start, servers }
}

fn runtime() -> Result<Runtime, ControlError> {
    Builder::new_current_thread().enable_all().build().map_err(ControlError::Thread)
}

impl Control {
    /// For whoever else may ask it, and have it do things.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Where the listeners listen, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.ask(|balancer| balancer.addresses().to_vec())
    }

    /// See [`Glance::places`].
    pub fn places(&self) -> Vec<Listens> {
        self.ask(|balancer| balancer.places().collect())
    }

    /// Data-path threads.
    pub fn workers(&self) -> usize {
        self.ask(Glance::workers)
    }

    /// See [`Glance::warnings`].
    pub fn warnings(&self) -> Vec<Warning> {
        self.ask(|balancer| balancer.warnings().to_vec())
    }

    /// See [`Glance::report`].
    pub fn report(&self) -> Report {
        self.ask(Glance::report)
    }

    /// Opens the file of the access log again: somebody may have renamed it. Waits for a change of the configuration that is
    /// under way.
    ///
    /// # Errors
    /// It goes on as before.
    pub fn reopen_log(&self) -> Result<(), LogError> {
        self.remote.reopen_log()
    }

    /// See [`Glance::settings`].
    pub fn settings(&self) -> Arc<Settings> {
        self.ask(Glance::settings)
    }

    /// See [`Glance::port_watch`].
    pub fn port_watch(&self) -> PortWatch {
        self.ask(Glance::port_watch)
    }

    /// What changes by itself from now on; once.
    pub fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    /// Nothing is looked up any more, and the balancer drains as its configuration says; see [`balancer::Handle::drain_after`].
    pub fn drain(self) -> Counters {
        let config = self.remote.config();
        self.drain_after(config.drain_grace, config.drain)
    }

    /// The same in other times than those.
    pub fn drain_after(mut self, grace: Duration, patience: Duration) -> Counters {
        self.end_plane();
        let balancer = self.remote.take();
        balancer.map(|balancer| balancer.drain_after(grace, patience)).unwrap_or_default()
    }

    /// What a process gets that is to come after this one. May take as long as a change that is under way.
    pub fn to_inherit(&self) -> Heritage {
        let (sockets, said, drained) =
            (self.remote.to_inherit().unwrap_or_default(), self.remote.said(), self.remote.drained());
        Heritage { sockets, said, drained }
    }

    /// Another process accepts from the sockets of [`Control::to_inherit`] by now: half of the time of a drain who is idle
    /// may come for a last request; see [`balancer::Handle::leave`].
    pub fn leave(mut self) -> Counters {
        self.end_plane();
        let config = self.remote.config();
        let balancer::Parting { grace, patience } = config.parting();
        let grace = grace.saturating_add(config.drain_grace);
        self.remote.take().map(|balancer| balancer.leave(grace, patience)).unwrap_or_default()
    }

    fn ask<T>(&self, question: impl FnOnce(&Glance) -> T) -> T {
        self.remote.ask(question).expect("it is forgotten with its owner only")
    }

    fn end_plane(&mut self) {
        // Who asks whether we are ready learns it before anybody is refused.
        self.remote.note_ending();
        self.remote.stop();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end_plane();
        drop(self.remote.take());
        self.remote.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> (Config, Control) {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let config = Config::embedded(any, &["127.0.0.1:9".parse().expect("an address")]);
        let control = start(&config, None, Some(1)).expect("it starts");
        (config, control)
    }

    /// A worker that hangs keeps a change waiting for ten seconds.
    #[test]
    fn whoever_looks_does_not_wait_for_a_change_that_is_under_way() {
        let (_, control) = embedded();
        let remote = control.remote();
        remote.while_changing(|| {
            assert!(!remote.is_ending());
            assert_eq!(remote.ask(|seen| seen.places().count()), Some(1));
            assert_eq!(remote.ask(Glance::report).map(|report| report.listeners.len()), Some(1));
        });
        drop(control);
        assert!(remote.is_ending() && remote.ask(|_| ()).is_none());
    }

    #[test]
    fn a_plane_that_breaks_says_so_and_goes_on() {
        let (config, mut control) = embedded();
        let (news, remote) = (control.take_news().expect("once"), control.remote());
        for _ in 0..2 {
            remote.break_plane();
            let told = news.recv_timeout(testkit::PATIENCE).expect("it is told").event;
            assert!(matches!(&told, Event::PlaneBroke { why } if why.contains("as it was told to")), "{told}");
            remote.reload(&config).wait().expect("it goes on");
            let told = news.recv_timeout(testkit::PATIENCE).expect("it is told").event;
            assert!(matches!(told, Event::Reloaded { .. }), "{told}");
        }
    }
}
