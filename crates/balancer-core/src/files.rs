//! How the files that may be open are divided: what has a bound of its own first, then connections in pools, and the rest in
//! pairs to clients, each with a connection to a server. Whoever waits in the accept queue is better off than a client whose
//! request finds no file left for its server.

use crate::settings::{BackendSetSettings, ListenerLimits, ListenerSettings, PoolSettings, Settings};

/// Open files that are nobody's connections: standard streams, listeners of the owner, files that are being read.
const RESERVED: u64 = 48;
/// Each worker's epoll and waker.
const OF_WORKER: u64 = 2;
/// A worker has a socket of every place, and may take in one client too many there for a moment.
const OF_PLACE: u64 = 2;
/// Beside the workers: checks under way, look-ups of names, clients of the admin listener, as many as there may be.
const CHECKS_MAX: usize = 256;
const LOOKS_AND_ADMINS_MAX: u64 = 32 + 64;
/// What serves connections and is none (checks, pipes, strangers) gets no larger part of all files each.
const PART_OF_HELPERS: u64 = 16;
/// Room for fewer clients is said, whoever asked for more.
const FEW_CLIENTS: usize = 1024;
/// Nor do pools of what is left for connections.
const PART_OF_POOLS: u64 = 4;

/// Bounds of each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerBounds {
    /// Pipes, each of two files.
    pub pipes_max: usize,
    /// Connections that have not said yet whom they speak for (PROXY protocol).
    pub strangers_max: usize,
}

impl WorkerBounds {
    /// As `wanted`, or as few as leave the files to connections.
    pub fn within(self, files: u64, workers: usize) -> Self {
        let part = files / PART_OF_HELPERS / workers.max(1) as u64;
        let at_most = |wanted: usize, most: u64| wanted.min(usize::try_from(most).unwrap_or(usize::MAX));
        Self { pipes_max: at_most(self.pipes_max, part / 2), strangers_max: at_most(self.strangers_max, part.max(1)) }
    }
}

/// Lowers `connections_max` of listeners, and `idle_max` of pools, until all of it fits into so many files. Handshakes have places
/// of their listeners: they are clients here.
pub fn fit(settings: &mut Settings, files: u64, workers: usize, bounds: &WorkerBounds) {
    let left = files.saturating_sub(beside_connections(settings, files, workers, bounds));
    let idle: u64 = settings.backend_sets.iter().map(|set| idle_of(set, workers)).sum();
    let pools = idle.min(left / PART_OF_POOLS);
    for set in &mut settings.backend_sets {
        // One at each worker is what a pool is for.
        let idle_max = (set.pool.idle_max as u64 * pools).checked_div(idle).unwrap_or(u64::MAX).max(1);
        set.pool.idle_max = set.pool.idle_max.min(usize::try_from(idle_max).unwrap_or(usize::MAX));
    }
    let mut pairs = usize::try_from((left - pools) / 2).unwrap_or(usize::MAX);
    // Who wants the least comes first, so that what it leaves is the others'.
    let mut listeners: Vec<&mut ListenerSettings> = settings.listeners.iter_mut().collect();
    listeners.sort_by_key(|listener| listener.limits.connections_max);
    for (at, count) in (0..listeners.len()).zip((1..=listeners.len()).rev()) {
        let places = &mut listeners[at].limits.connections_max;
        *places = (*places).min(pairs / count).max(1);
        pairs = pairs.saturating_sub(*places);
    }
}

/// Files that are no client's and no server's.
pub(crate) fn beside_connections(settings: &Settings, files: u64, workers: usize, bounds: &WorkerBounds) -> u64 {
    let places: usize = settings.listeners.iter().map(|listener| listener.binds.len()).sum();
    let announced = settings.listeners.iter().any(|listener| listener.proxy_protocol);
    let strangers = if announced { bounds.strangers_max as u64 } else { 0 };
    let of_worker = OF_WORKER + OF_PLACE * places as u64 + 2 * bounds.pipes_max as u64 + strangers;
    let checked = settings.backend_sets.iter().filter(|set| set.check.is_some());
    let checks = checked.map(|set| set.servers.len()).sum::<usize>().min(CHECKS_MAX) as u64;
    RESERVED + workers as u64 * of_worker + (checks + LOOKS_AND_ADMINS_MAX).min(files / PART_OF_HELPERS)
}

/// Connections that the pools of a set may keep, over all workers.
pub(crate) fn idle_of(set: &BackendSetSettings, workers: usize) -> u64 {
    let each = (set.pool.room() as u64).saturating_mul(workers as u64);
    let bound = set.capacity.connections_max.map_or(u64::MAX, u64::from);
    each.min(bound).saturating_mul(set.servers.len() as u64)
}

/// What the limit leaves of what was asked for, in words, where that is less than somebody wrote, or few clients at all; `fitted` is
/// what [`fit`] has made of `asked`. The defaults are no wish: they are far above what most hosts let a process have.
pub fn shortage_in_words(files: u64, asked: &Settings, fitted: &Settings) -> Option<String> {
    let base = (ListenerLimits::default().connections_max, PoolSettings::default().idle_max);
    let places = |settings: &Settings| settings.listeners.iter().map(|one| one.limits.connections_max).sum::<usize>();
    let clients = places(fitted);
    let listeners = asked.listeners.iter().zip(&fitted.listeners).filter_map(|(asked, fitted)| {
        let (wanted, room) = (asked.limits.connections_max, fitted.limits.connections_max);
        let is_short = wanted != base.0 && room < wanted;
        is_short.then(|| format!("listener {}: {room} of connections_max {wanted}", asked.name))
    });
    let pools = asked.backend_sets.iter().zip(&fitted.backend_sets).filter_map(|(asked, fitted)| {
        let (wanted, room) = (asked.pool.idle_max, fitted.pool.idle_max);
        (wanted != base.1 && room < wanted).then(|| format!("set {}: {room} of idle_max {wanted}", asked.name))
    });
    let mut short: Vec<String> = listeners.chain(pools).collect();
    if short.is_empty() && clients < FEW_CLIENTS && clients < places(asked) {
        short.push(format!("{clients} clients at once"));
    }
    (!short.is_empty()).then(|| {
        format!(
            "{files} files may be open, two for a client and its server: room for {}; raise the hard limit (ulimit -Hn, LimitNOFILE=)",
            short.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerSettings;
    use crate::checks::{CheckKind, CheckRules};
    use core::net::SocketAddr;

    fn settings(listeners: &[usize], servers: usize) -> Settings {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let listener = |(number, places): (usize, &usize)| {
            let mut listener = ListenerSettings::new(&format!("l{number}"), address, 0);
            listener.limits.connections_max = *places;
            listener
        };
        let set = BackendSetSettings::new("app", vec![ServerSettings::new(address); servers]);
        Settings { listeners: listeners.iter().enumerate().map(listener).collect(), backend_sets: vec![set] }
    }

    fn fitted(files: u64, workers: usize, listeners: &[usize], servers: usize) -> (Vec<usize>, usize, u64) {
        let bounds = WorkerBounds { pipes_max: 64, strangers_max: 4096 }.within(files, workers);
        let mut settings = settings(listeners, servers);
        fit(&mut settings, files, workers, &bounds);
        let places: Vec<usize> = settings.listeners.iter().map(|one| one.limits.connections_max).collect();
        let idle: u64 = settings.backend_sets.iter().map(|set| idle_of(set, workers)).sum();
        let connections = 2 * places.iter().sum::<usize>() as u64 + idle;
        let used = connections + beside_connections(&settings, files, workers, &bounds);
        (places, settings.backend_sets[0].pool.idle_max, used)
    }

    #[test]
    fn what_does_not_fit_is_shared() {
        const MANY: usize = 100_000;
        for (files, workers, listeners, servers, places, idle_max) in [
            (1 << 20, 4, &[MANY][..], 2, &[MANY][..], 256),
            (1 << 20, 4, &[MANY, MANY], 2, &[MANY, MANY], 256),
            // Who wants little has it; the others share what is left.
            (10_000, 1, &[MANY, 100, MANY], 1, &[2316, 100, 2316], 256),
            (1024, 1, &[MANY], 1, &[316], 211),
            (1024, 4, &[MANY], 2, &[312], 26),
            // There is no less than one of each.
            (64, 1, &[MANY], 1, &[1], 1),
            (10, 4, &[MANY, MANY], 100, &[1, 1], 1),
        ] {
            let (found, idle, used) = fitted(files, workers, listeners, servers);
            assert_eq!((&found[..], idle), (places, idle_max), "{files} files, {workers} workers");
            assert!(used <= files || files < 100, "{files} files, {workers} workers: {used} may be used");
        }
    }

    #[test]
    fn what_is_asked_for_beside_connections_is_reckoned_with() {
        let bounds = WorkerBounds { pipes_max: 0, strangers_max: 10 };
        let plain = settings(&[100], 20);
        let beside = |settings: &Settings| beside_connections(settings, 1 << 20, 2, &bounds);
        let mut announced = plain.clone();
        announced.listeners[0].proxy_protocol = true;
        assert_eq!(beside(&announced), beside(&plain) + 2 * 10, "strangers, of each worker");
        let mut checked = plain.clone();
        checked.backend_sets[0].check = Some(CheckRules::new(CheckKind::Tcp));
        assert_eq!(beside(&checked), beside(&plain) + 20, "a check of each server");
        let mut places = plain.clone();
        let more = places.listeners[0].binds[0];
        places.listeners[0].binds.push(more);
        assert_eq!(beside(&places), beside(&plain) + 2 * OF_PLACE, "a socket of each worker");
        let mut bounded = plain.clone();
        bounded.backend_sets[0].capacity.connections_max = Some(3);
        assert_eq!((idle_of(&plain.backend_sets[0], 2), idle_of(&bounded.backend_sets[0], 2)), (20 * 512, 20 * 3));
    }

    #[test]
    fn helpers_have_a_small_part_each() {
        let wanted = WorkerBounds { pipes_max: 64, strangers_max: 4096 };
        for (files, workers, pipes_max, strangers_max) in
            [(64, 1, 2, 4), (1024, 1, 32, 64), (1024, 4, 8, 16), (1 << 20, 4, 64, 4096), (10, 4, 0, 1)]
        {
            let found = wanted.within(files, workers);
            assert_eq!(found, WorkerBounds { pipes_max, strangers_max }, "{files} files, {workers} workers");
        }
    }

    #[test]
    fn the_words_say_what_is_short_of_what_somebody_wrote() {
        let said = |files: u64, listeners: &[usize], idle_max: usize| {
            let mut asked = settings(listeners, 1);
            asked.backend_sets[0].pool.idle_max = idle_max;
            let mut fitted = asked.clone();
            fit(&mut fitted, files, 1, &WorkerBounds { pipes_max: 0, strangers_max: 0 });
            shortage_in_words(files, &asked, &fitted)
        };
        let words = |room: &str, files: u64| {
            Some(format!(
                "{files} files may be open, two for a client and its server: room for {room}; raise the hard limit (ulimit -Hn, \
                 LimitNOFILE=)"
            ))
        };
        assert_eq!(said(1 << 20, &[100], 256), None, "there is room for all of it");
        assert_eq!(said(20_000, &[100_000], 256), None, "the default is nobody's wish");
        assert_eq!(said(20_000, &[100_001], 256), words("listener l0: 9798 of connections_max 100001", 20_000));
        assert_eq!(said(1024, &[100_000, 50], 256), words("340 clients at once", 1024));
        assert_eq!(said(1024, &[50], 256), None, "somebody wants few");
        assert_eq!(said(1024, &[50], 1000), words("set app: 227 of idle_max 1000", 1024));
    }
}
