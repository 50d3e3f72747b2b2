//! Starts the balancer with a control plane beside it, and ends both.

use crate::errors::ControlError;
use crate::names::Names;
use crate::news::{News, news};
use crate::plane::Plane;
use crate::remote::{Remote, Shared};
use balancer::{Config, Handle, Listens, PortWatch, Warning};
use balancer_core::names::{Book, Member};
use balancer_core::{Counters, Report, Settings};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// A running balancer with its control plane. Dropping it ends both without patience.
pub struct Control {
    remote: Remote,
    thread: Option<JoinHandle<()>>,
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

/// Starts everything, or nothing. `file` is where the configuration came from, to be read again when that is asked for;
/// `workers` stands above what it says.
///
/// # Errors
/// A name that is required leads nowhere, or the balancer does not start.
pub fn start(config: &Config, file: Option<&Path>, workers: Option<usize>) -> Result<Control, ControlError> {
    let mut plan = config.plan(workers)?;
    let workers = plan.workers;
    let (tell, told) = sync_channel(1);
    let (desk, news) = news();
    let (config, file) = (config.clone(), file.map(Path::to_path_buf));
    let main = move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return tell.send(Err(error)).unwrap_or_default(),
        };
        let started = runtime.block_on(async {
            let since = Instant::now();
            let names = Names::of(config).settled(since).await?;
            plan.settings = names.settings();
            let shared = Shared::new(balancer::start(&plan)?, Arc::clone(&names.config), file);
            Ok((Plane::new(names, since), Arc::new(shared)))
        });
        match started {
            Ok((plane, shared)) => {
                let _waits = tell.send(Ok(Remote::new(Arc::clone(&shared), plane.outbox())));
                runtime.block_on(plane.run(shared, desk));
            }
            Err(error) => tell.send(Err(error)).unwrap_or_default(),
        }
    };
    let thread = std::thread::Builder::new().name("control".to_owned()).spawn(main).map_err(ControlError::Thread)?;
    let gone = || ControlError::Thread(std::io::Error::other("its thread ended"));
    let remote = told.recv().map_err(|_| gone())??;
    Ok(Control { remote, thread: Some(thread), news: Some(news), workers })
}

/// What each name of a configuration leads to at present.
///
/// # Errors
/// No thread can be had.
pub fn look_up(config: &Config) -> Result<Vec<Look>, ControlError> {
    let names = runtime()?.block_on(async {
        let mut names = Names::of(config.clone());
        names.settle(Instant::now()).await;
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
    Look { name: member.whom.to_string(), servers }
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

    /// See [`balancer::Glance::places`].
    pub fn places(&self) -> Vec<Listens> {
        self.ask(|balancer| balancer.places().collect())
    }

    /// Data-path threads.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// See [`balancer::Glance::clients_max`].
    pub fn clients_max(&self) -> usize {
        self.ask(|balancer| balancer.clients_max())
    }

    /// See [`balancer::Glance::warnings`].
    pub fn warnings(&self) -> Vec<Warning> {
        self.ask(|balancer| balancer.warnings().to_vec())
    }

    /// See [`balancer::Glance::report`].
    pub fn report(&self) -> Report {
        self.ask(|balancer| balancer.report())
    }

    /// See [`balancer::Glance::settings`].
    pub fn settings(&self) -> Arc<Settings> {
        self.ask(|balancer| balancer.settings())
    }

    /// See [`balancer::Glance::port_watch`].
    pub fn port_watch(&self) -> PortWatch {
        self.ask(|balancer| balancer.port_watch())
    }

    /// What changes by itself from now on; once.
    pub fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    /// Nothing is looked up any more, and the balancer drains as its configuration says; see [`Handle::drain_after`].
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

    fn ask<T>(&self, question: impl FnOnce(&Handle) -> T) -> T {
        self.remote.ask(question).expect("it is taken by its owner's end only")
    }

    fn end_plane(&mut self) {
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
    }
}
