//! The configuration file: TOML in, checked [`Settings`] out, or every mistake with its place.
//!
//! ```text
//! text -> sections (unknown keys, types, ranges: `config_file`) -> checks across sections -> Config
//! ```

mod access_log;
mod across;
mod address;
mod admin;
mod auth;
mod backend;
mod bind;
mod capacity;
mod compression;
mod condition;
mod fields;
mod files;
mod health;
mod identity;
pub mod keys;
mod listener;
mod pace;
mod rate;
mod resolvers;
mod retries;
mod route;
mod route_action;
mod routing;
mod selection;
mod servers;
mod source;
mod statuses;
mod tcp;
mod tls;
mod treatment;

use crate::access::AccessLog;
use crate::shelf::Shelf;
use crate::worker::check_shares;
use crate::{Parting, Plan, SetupError};
pub use admin::{AdminSettings, Token};
use balancer_core::events::EventForm;
use balancer_core::names::Member;
use balancer_core::{BackendSetSettings, ListenerSettings, ServerSettings, Settings};
use config_file::Section;
pub use config_file::{ConfigError, Mistake, parse_duration};
use files::Folder;
use reactor::epoll::EpollConfig;
pub use source::Source;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use sys::privileges::Identity;
use units::counted;

/// As messages call the file.
const WHAT: &str = "the configuration";
/// Data-path threads.
pub const WORKERS_MAX: usize = 1024;
/// Buffers of 17 KiB per worker: 17 GiB.
const BUFFERS_MAX: usize = 1 << 20;
/// Listeners and backend sets, each.
const SECTIONS_MAX: usize = 1000;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Data-path threads; `None`: one per core.
    pub workers: Option<usize>,
    /// Buffers of 17 KiB each worker may use.
    pub buffers_max: usize,
    /// Pin each worker to a core.
    pub pin: bool,
    /// How long requests in flight may take after SIGTERM; [`units::OFF`]: as long as they take.
    pub drain: Duration,
    /// How long listeners go on accepting after SIGTERM, before that.
    pub drain_grace: Duration,
    /// How often the file is looked at; [`units::OFF`]: it is not.
    pub watch: Duration,
    /// Who the process becomes once everything is bound and read.
    pub identity: Option<Identity>,
    /// Who is asked for names; none: whom the system asks (`/etc/resolv.conf`).
    pub resolvers: Vec<SocketAddr>,
    /// Listeners and backend sets, with the servers that were written as addresses.
    pub settings: Settings,
    /// Servers by name.
    pub members: Vec<Member>,
    /// Where it is asked while it runs.
    pub admin: Option<AdminSettings>,
    /// What was read of certificates, for whoever starts by it.
    pub shelf: Shelf,
    /// Where requests are told.
    pub access_log: Option<AccessLog>,
    /// How events are written.
    pub event_log: EventForm,
    /// What it was read from.
    pub source: Source,
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&path.display().to_string(), &config_file::read_text(path)?)
    }

    /// Checks the text of a file; `name` is how messages call it, and what paths in it are relative to.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        let read = |top: Section<'_, '_>, mistakes: &mut Vec<Mistake>| read(top, folder, mistakes);
        let config = config_file::parse_declared(name, WHAT, &keys::TOP, text, read)?;
        Ok(Self { source: Source::new(text), ..config })
    }

    /// Reads only where the balancer of a file is asked, whatever is wrong with the rest of it; `None`: it is not asked.
    ///
    /// # Errors
    /// The file cannot be read, or its `[admin]`.
    pub fn load_admin(path: &Path) -> Result<Option<AdminSettings>, ConfigError> {
        let (name, text) = (path.display().to_string(), config_file::read_text(path)?);
        let folder = path.parent().unwrap_or(Path::new(""));
        let read = |mut top: Section<'_, '_>, mistakes: &mut Vec<Mistake>| {
            let section = top.table("admin", mistakes)?;
            admin::read(section, folder, mistakes)
        };
        config_file::parse_part(&name, WHAT, &keys::TOP, &text, read)
    }

    /// One listener before servers that are embedded in the same process.
    pub fn embedded(listen: SocketAddr, servers: &[SocketAddr]) -> Self {
        let servers = servers.iter().copied().map(ServerSettings::new).collect();
        let listener = ListenerSettings::new("web", listen, 0);
        Self::of(Settings { listeners: vec![listener], backend_sets: vec![BackendSetSettings::new("app", servers)] })
    }

    /// How much there is of what, for people.
    pub fn summary(&self) -> String {
        let servers: usize = self.settings.backend_sets.iter().map(|set| set.servers.len()).sum();
        let mut said = format!(
            "{}, {}, {}",
            counted(self.settings.listeners.len() as u64, "listener"),
            counted(self.settings.backend_sets.len() as u64, "backend set"),
            counted(servers as u64, "server")
        );
        if !self.members.is_empty() {
            said += &format!(", {}", counted(self.members.len() as u64, "name"));
        }
        said
    }

    /// Data-path threads; `workers` stands above the file, and one per core is the default.
    pub fn workers_or(&self, workers: Option<usize>) -> usize {
        workers.or(self.workers).unwrap_or_else(sys::thread::cores)
    }

    /// How workers part from their clients where others accept in their place: half of the time of a drain who is idle may come
    /// for a last request.
    pub fn parting(&self) -> Parting {
        match self.drain {
            units::OFF => Parting { grace: units::OFF, patience: units::OFF },
            time => Parting { grace: time / 2, patience: time / 2 },
        }
    }

    /// What to start; `workers` stands above the file, and one per core is the default.
    ///
    /// # Errors
    /// A set whose own ports cannot be divided among so many workers.
    pub fn plan(&self, workers: Option<usize>) -> Result<Plan, SetupError> {
        let workers = self.workers_or(workers);
        let own_ports = crate::own_ports::own_ports(&self.settings)?;
        check_shares(&self.settings, workers as u32, own_ports.as_ref())?;
        Ok(Plan {
            settings: self.settings.clone(),
            workers,
            reactor: EpollConfig { buffers_max: self.buffers_max, ..EpollConfig::default() },
            pin: self.pin,
        })
    }

    fn of(settings: Settings) -> Self {
        let buffers_max = EpollConfig::default().buffers_max;
        Self {
            workers: None,
            buffers_max,
            pin: false,
            drain: Duration::from_secs(30),
            drain_grace: Duration::ZERO,
            watch: units::OFF,
            identity: None,
            resolvers: Vec::new(),
            settings,
            members: Vec::new(),
            admin: None,
            shelf: Shelf::default(),
            access_log: None,
            event_log: EventForm::default(),
            source: Source::default(),
        }
    }
}

/// Reads all sections. `None` only where mistakes were noted.
fn read(mut top: Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<Config> {
    let global = top.table("global", mistakes);
    let admin = top.table("admin", mistakes);
    let listeners = top.tables("listener", SECTIONS_MAX, mistakes);
    let sets = top.tables_if_any("backend_set", SECTIONS_MAX, mistakes);
    top.finish(mistakes);
    let global = global.map(|section| read_global(section, folder, mistakes)).unwrap_or_default();
    let admin = admin.and_then(|section| admin::read(section, folder, mistakes));
    let shelf = Shelf::default();
    let zones = rate::Zones::default();
    let folder = Folder { path: folder, shelf: &shelf, zones: &zones };
    let listeners: Vec<_> = listeners.into_iter().map(|section| listener::read(section, &folder, mistakes)).collect();
    let sets: Vec<_> = sets.into_iter().map(|section| backend::read(section, &folder, mistakes)).collect();
    let members = sets.iter().enumerate().flat_map(|(set, one)| of_set(set, &one.names)).collect();
    let settings = across::join(listeners, sets, mistakes)?;
    let base = Config::of(settings);
    Some(Config {
        workers: global.workers,
        buffers_max: global.buffers_max.unwrap_or(base.buffers_max),
        pin: global.pin,
        drain: global.drain.unwrap_or(base.drain),
        drain_grace: global.drain_grace.unwrap_or(base.drain_grace),
        watch: global.watch.unwrap_or(base.watch),
        identity: global.identity,
        resolvers: global.resolvers,
        settings: base.settings,
        members,
        admin,
        shelf,
        access_log: global.access_log,
        event_log: global.event_log,
        source: Source::default(),
    })
}

fn of_set(set: usize, names: &[Member]) -> impl Iterator<Item = Member> {
    names.iter().map(move |member| Member { set, ..member.clone() })
}

#[derive(Default)]
struct Global {
    workers: Option<usize>,
    buffers_max: Option<usize>,
    pin: bool,
    drain: Option<Duration>,
    drain_grace: Option<Duration>,
    watch: Option<Duration>,
    identity: Option<Identity>,
    resolvers: Vec<SocketAddr>,
    access_log: Option<AccessLog>,
    event_log: EventForm,
}

fn read_global(mut section: Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Global {
    let global = Global {
        workers: section.bounded("workers", mistakes),
        buffers_max: section.bounded("buffers_max", mistakes),
        pin: section.switch("pin", mistakes).unwrap_or(false),
        drain: section.duration_or_off("drain", mistakes),
        drain_grace: section.duration("drain_grace", mistakes),
        watch: section.duration_or_off("watch", mistakes),
        identity: identity::read(section.take("user"), section.take("group"), mistakes),
        resolvers: section.take("resolvers").map(|list| resolvers::read(list, mistakes)).unwrap_or_default(),
        access_log: access_log::read(&mut section, folder, mistakes),
        event_log: section.named("event_log_format", mistakes).unwrap_or_default(),
    };
    section.finish(mistakes);
    global
}
