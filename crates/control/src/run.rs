//! Starts the balancer with a control plane beside it, and ends both.

use crate::errors::ControlError;
use crate::news::{News, news};
use crate::plane::{Message, Plane, Shared, locked};
use crate::resolver::Resolver;
use balancer::{Config, Handle, Listens, PortWatch, Warning};
use balancer_core::names::{AtStart, Book, Member, Nowhere};
use balancer_core::{Counters, Report, Settings};
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;

/// A running balancer with its control plane. Dropping it ends both without patience.
pub struct Control {
    balancer: Option<Shared>,
    thread: Option<JoinHandle<()>>,
    orders: UnboundedSender<Message>,
    news: Option<News>,
    workers: usize,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// As it was written.
    pub name: String,
    /// The servers it stands for, or why there are none.
    pub servers: Result<Vec<SocketAddr>, String>,
}

/// Starts everything, or nothing. `workers` stands above the configuration.
///
/// # Errors
/// A name that is required leads nowhere, or the balancer does not start.
pub fn start(config: &Config, workers: Option<usize>) -> Result<Control, ControlError> {
    let mut plan = config.plan(workers)?;
    let workers = plan.workers;
    let (tell, told) = sync_channel(1);
    let (desk, news) = news();
    let config = config.clone();
    let main = move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return tell.send(Err(error)).unwrap_or_default(),
        };
        let started = runtime.block_on(resolved(&config)).and_then(|plane| {
            plan.settings = plane.settings();
            let balancer = Arc::new(Mutex::new(balancer::start(&plan)?));
            Ok((plane, balancer))
        });
        match started {
            Ok((plane, balancer)) => {
                let _waits = tell.send(Ok((Arc::clone(&balancer), plane.outbox())));
                runtime.block_on(plane.run(balancer, desk));
            }
            Err(error) => tell.send(Err(error)).unwrap_or_default(),
        }
    };
    let thread = std::thread::Builder::new().name("control".to_owned()).spawn(main).map_err(ControlError::Thread)?;
    let gone = || ControlError::Thread(std::io::Error::other("its thread ended"));
    let (balancer, orders) = told.recv().map_err(|_| gone())??;
    Ok(Control { balancer: Some(balancer), thread: Some(thread), orders, news: Some(news), workers })
}

/// What each name of a configuration leads to at present.
///
/// # Errors
/// No thread can be had.
pub fn look_up(config: &Config) -> Result<Vec<Look>, ControlError> {
    let plane = runtime()?.block_on(async {
        let mut plane = plane_of(config);
        plane.settle().await;
        plane
    });
    let looks = config.members.iter().map(|member| look_of(member, &plane));
    Ok(looks.collect())
}

fn look_of(member: &Member, plane: &Plane) -> Look {
    let servers = plane.book().servers_of_name(member);
    let nowhere = plane.book().nowhere().into_iter().find(|one| one.name == *member.whom.name());
    let servers = match nowhere {
        Some(nowhere) if servers.is_empty() => Err(nowhere.why),
        _ => Ok(servers),
    };
    Look { name: member.whom.to_string(), servers }
}

fn runtime() -> Result<Runtime, ControlError> {
    Builder::new_current_thread().enable_all().build().map_err(ControlError::Thread)
}

fn plane_of(config: &Config) -> Plane {
    let book = Book::new(config.members.clone(), Duration::ZERO);
    Plane::new(book, Resolver::new(&config.resolvers), config.settings.clone())
}

/// Everything was asked once, and nothing is missing that is required.
async fn resolved(config: &Config) -> Result<Plane, ControlError> {
    let mut plane = plane_of(config);
    plane.settle().await;
    let missing: Vec<_> = plane.book().nowhere().into_iter().filter(|one| one.at_start == AtStart::Required).collect();
    match missing.is_empty() {
        true => Ok(plane),
        false => Err(ControlError::Nowhere(in_words(&missing, &config.settings))),
    }
}

fn in_words(missing: &[Nowhere], settings: &Settings) -> String {
    let lines = missing.iter().map(|one| {
        let set = &settings.backend_sets[one.set].name;
        format!("backend set {set:?}: `servers`: {} leads to no server: {}", one.name, one.why)
    });
    let mut lines: Vec<_> = lines.collect();
    lines.dedup();
    let advice = "; correct the name or who is asked for it (`resolvers` of [global]), or write `resolve_at_start = \
                  \"optional\"` to start without it";
    lines.join("\n") + advice
}

impl Control {
    /// Where the listeners listen, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.balancer().addresses().to_vec()
    }

    /// See [`Handle::places`].
    pub fn places(&self) -> Vec<Listens> {
        self.balancer().places().collect()
    }

    /// Data-path threads.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// See [`Handle::clients_max`].
    pub fn clients_max(&self) -> usize {
        self.balancer().clients_max()
    }

    /// See [`Handle::warnings`].
    pub fn warnings(&self) -> Vec<Warning> {
        self.balancer().warnings().to_vec()
    }

    /// See [`Handle::report`].
    pub fn report(&self) -> Report {
        self.balancer().report()
    }

    /// See [`Handle::settings`].
    pub fn settings(&self) -> Arc<Settings> {
        self.balancer().settings()
    }

    /// See [`Handle::port_watch`].
    pub fn port_watch(&self) -> PortWatch {
        self.balancer().port_watch()
    }

    /// What changes by itself from now on; once.
    pub fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    /// Nothing is looked up any more, and the balancer drains; see [`Handle::drain_after`].
    pub fn drain_after(mut self, grace: Duration, patience: Duration) -> Counters {
        self.end_plane();
        let balancer = self.balancer.take().and_then(Arc::into_inner);
        let Some(balancer) = balancer else { return Counters::default() };
        balancer.into_inner().unwrap_or_else(PoisonError::into_inner).drain_after(grace, patience)
    }

    fn balancer(&self) -> MutexGuard<'_, Handle> {
        locked(self.balancer.as_ref().expect("it is taken by the end only"))
    }

    fn end_plane(&mut self) {
        let _has_ended = self.orders.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end_plane();
    }
}
