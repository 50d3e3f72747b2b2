//! Connection pools that are configured and do nothing: every request pays for a connection, and nobody notices.

use crate::counters::{Counters, Report};
use crate::reason::CloseReason;
use crate::settings::Settings;
use std::collections::HashMap;
use std::fmt;

/// Connections a set has opened before it is judged.
const CONNECTIONS_MIN: u64 = 100;
/// A pool is inert when fewer than one request of so many takes a connection of it.
const REUSE_ONE_OF: u64 = 100;

/// A set whose pool is configured, and inert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InertPool {
    /// Name of the set.
    pub set: String,
    /// Connections it opened.
    pub opened: u64,
    /// Why they are not kept: what most of those that are closed were closed for.
    pub why: Option<CloseReason>,
}

/// All of them, by what was counted.
pub fn inert_pools(settings: &Settings, report: &Report) -> Vec<InertPool> {
    // One look at each server, however many sets there are.
    let mut sums: HashMap<&str, Counters> = HashMap::new();
    report.servers.iter().for_each(|(set, _, counters)| sums.entry(set).or_default().merge(counters));
    let pooled = settings.backend_sets.iter().filter(|set| set.pool.room() > 0);
    pooled.filter_map(|set| inert(&set.name, sums.get(set.name.as_str())?)).collect()
}

fn inert(set: &str, counters: &Counters) -> Option<InertPool> {
    let closed: u64 = counters.server_reasons.iter().sum();
    // What is open still may yet be used again.
    let is_inert = closed >= CONNECTIONS_MIN && counters.pooled * REUSE_ONE_OF < closed;
    // A tunnel has its connection for itself.
    let joined = counters.server_reasons[CloseReason::TunnelOver as usize] * 2 > closed;
    if !is_inert || joined {
        return None;
    }
    let most = CloseReason::ALL.into_iter().max_by_key(|reason| counters.server_reasons[*reason as usize]);
    Some(InertPool { set: set.to_owned(), opened: counters.connects, why: most })
}

impl fmt::Display for InertPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set {}: pool configured, re-use 0 % of {} connections: ", self.set, self.opened)?;
        f.write_str(match self.why {
            Some(CloseReason::ExchangeOver) => {
                "the server answers Connection: close, or HTTP/1.0; let it keep connections"
            }
            Some(CloseReason::PeerLeft) => "the server closes them at once; raise its keep-alive time-out",
            Some(CloseReason::PoolRetired) => "the connection pool has no room, or idle_timeout is too short",
            Some(CloseReason::TimedOut) => "requests time out",
            Some(CloseReason::OtherSideFailed) => "clients leave before they are answered",
            Some(reason) => return write!(f, "most are closed for {reason}"),
            None => "nothing is told of why",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{BackendSetSettings, ServerSettings};
    use std::net::SocketAddr;

    fn found(change: impl Fn(&mut Counters), idle_max: usize) -> Option<String> {
        let address: SocketAddr = "127.0.0.1:9001".parse().expect("an address");
        let mut set = BackendSetSettings::new("api", vec![ServerSettings::new(address)]);
        set.pool.idle_max = idle_max;
        let settings = Settings { listeners: Vec::new(), backend_sets: vec![set] };
        let mut counters = Counters { connects: 200, ..Counters::default() };
        change(&mut counters);
        let servers = vec![("api".to_owned(), "127.0.0.1:9001".to_owned(), counters)];
        let report = Report { servers, ..Report::default() };
        inert_pools(&settings, &report).first().map(ToString::to_string)
    }

    #[test]
    fn a_pool_that_never_serves_is_told_with_the_reason() {
        let closed = |reason: CloseReason, count| {
            move |counters: &mut Counters| counters.server_reasons[reason as usize] = count
        };
        let begin = "set api: pool configured, re-use 0 % of 200 connections: ";
        let expect = format!("{begin}the server answers Connection: close, or HTTP/1.0; let it keep connections");
        assert_eq!(found(closed(CloseReason::ExchangeOver, 200), 8), Some(expect));
        let expect = format!("{begin}the server closes them at once; raise its keep-alive time-out");
        assert_eq!(found(closed(CloseReason::PeerLeft, 200), 8), Some(expect));
        assert_eq!(found(closed(CloseReason::ExchangeOver, 200), 0), None, "there is no pool");
        assert_eq!(found(closed(CloseReason::ExchangeOver, 99), 8), None, "too few to tell");
        assert_eq!(found(closed(CloseReason::TunnelOver, 200), 8), None, "tunnels are used once");
        let used = |counters: &mut Counters| {
            counters.server_reasons[CloseReason::ExchangeOver as usize] = 200;
            counters.pooled = 2;
        };
        assert_eq!(found(used, 8), None, "one of a hundred is used again");
    }
}
