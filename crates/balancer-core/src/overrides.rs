//! What an operator says of servers while the balancer runs. It stands above the configuration, reloads included, until it
//! is taken back or the process ends; a server that leaves and returns finds it again.

use crate::settings::{ServerSettings, Settings, WEIGHT_MAX};
use core::fmt;
use std::collections::BTreeMap;

/// Servers that something is said of; their names may come and go.
const SAID_MAX: usize = 10_000;

/// What an operator wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOrder {
    /// It takes nothing new; what it has, and clients that stay with it, go on.
    Drain,
    /// It takes requests again, by the weight it had.
    Undrain,
    /// It takes nothing new, not from clients that stay with it either, and is not checked; what it has goes on.
    Disable,
    /// It is asked and checked again.
    Enable,
    /// Another share of the requests, 0 to [`WEIGHT_MAX`].
    Weight(u32),
    /// Its share is what the configuration says.
    Reset,
}

impl fmt::Display for ServerOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drain => f.write_str("drain"),
            Self::Undrain => f.write_str("undrain"),
            Self::Disable => f.write_str("disable"),
            Self::Enable => f.write_str("enable"),
            Self::Weight(weight) => write!(f, "weight {weight}"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such set.
    #[error("there is no backend set \"{0}\"")]
    NoSet(String),
    /// It has no such server.
    #[error("backend set \"{set}\" has no server {server}; it has: {}", .there_are.join(", "))]
    NoServer {
        /// Its name.
        set: String,
        /// Who was named.
        server: String,
        /// The first of those it has.
        there_are: Vec<String>,
    },
    /// There is no such listener.
    #[error("there is no listener \"{name}\"; there are: {}", .there_are.join(", "))]
    NoListener {
        /// Who was named.
        name: String,
        /// The first of those there are.
        there_are: Vec<String>,
    },
    /// A weight beyond what there is.
    #[error("a weight is 0 to {WEIGHT_MAX}, not {0}")]
    Weight(u32),
    /// Something is said of too many servers already.
    #[error("something is said of {SAID_MAX} servers already: take some of it back")]
    TooMany,
    /// Too many listeners are drained already.
    #[error("too many listeners are drained already, some of which may be gone: take some of it back")]
    TooManyListeners,
}

/// What was said, by set and server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<(String, String), Override>);

/// What was said of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// It takes nothing new.
    pub drained: bool,
    /// Nobody asks it, and nobody checks it.
    pub disabled: bool,
    /// In place of what is configured.
    pub weight: Option<u32>,
}

impl Overrides {
    /// Takes an order about a server of `settings`, named by its address.
    ///
    /// # Errors
    /// There is no such server; nothing changed.
    pub fn order(
        &mut self,
        settings: &Settings,
        set: &str,
        server: &str,
        order: ServerOrder,
    ) -> Result<(), OrderError> {
        let key = (set.to_owned(), server.to_owned());
        // What was said of somebody can be taken back when he is gone, too.
        let takes_back = matches!(order, ServerOrder::Undrain | ServerOrder::Enable | ServerOrder::Reset)
            && self.0.contains_key(&key);
        if !takes_back {
            check_known(settings, set, server)?;
        }
        if let ServerOrder::Weight(weight) = order
            && weight > WEIGHT_MAX
        {
            return Err(OrderError::Weight(weight));
        }
        if self.0.len() >= SAID_MAX && !self.0.contains_key(&key) {
            return Err(OrderError::TooMany);
        }
        let said = self.0.entry(key.clone()).or_default();
        match order {
            ServerOrder::Drain => said.drained = true,
            ServerOrder::Undrain => said.drained = false,
            ServerOrder::Disable => said.disabled = true,
            ServerOrder::Enable => said.disabled = false,
            ServerOrder::Weight(weight) => said.weight = Some(weight),
            ServerOrder::Reset => *said = Override::default(),
        }
        if *said == Override::default() {
            self.0.remove(&key);
        }
        Ok(())
    }

    /// All that was said: set, server, and what.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, Override)> {
        self.0.iter().map(|((set, server), said)| (set.as_str(), server.as_str(), *said))
    }

    /// What was said in a process before this one, of servers that may come later. What is too much is left out.
    pub fn remember(&mut self, set: &str, server: &str, said: Override) {
        if said != Override::default() && self.0.len() < SAID_MAX {
            let weight = said.weight.map(|weight| weight.min(WEIGHT_MAX));
            self.0.insert((set.to_owned(), server.to_owned()), Override { weight, ..said });
        }
    }

    /// What was said of a server.
    pub fn of(&self, set: &str, server: &str) -> Override {
        self.0.get(&(set.to_owned(), server.to_owned())).copied().unwrap_or_default()
    }

    /// Puts what was said in place of what is configured.
    pub fn apply(&self, settings: &mut Settings) {
        if self.0.is_empty() {
            return;
        }
        for set in &mut settings.backend_sets {
            for server in &mut set.servers {
                self.of(&set.name, &server.address.to_string()).apply(server);
            }
        }
    }
}

impl Override {
    fn apply(self, server: &mut ServerSettings) {
        server.disabled = self.disabled;
        server.weight = match (self.drained, self.weight) {
            (true, _) => 0,
            (false, Some(weight)) => weight,
            (false, None) => server.weight,
        };
    }
}

fn check_known(settings: &Settings, set: &str, server: &str) -> Result<(), OrderError> {
    const SHOWN_MAX: usize = 8;
    let found = settings.backend_sets.iter().find(|known| known.name == set);
    let found = found.ok_or_else(|| OrderError::NoSet(set.to_owned()))?;
    let mut addresses = found.servers.iter().map(|known| known.address.to_string());
    if addresses.any(|address| address == server) {
        return Ok(());
    }
    let there_are = found.servers.iter().take(SHOWN_MAX).map(|known| known.address.to_string()).collect();
    Err(OrderError::NoServer { set: set.to_owned(), server: server.to_owned(), there_are })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::BackendSetSettings;
    use std::net::SocketAddr;

    fn settings(weights: &[u32]) -> Settings {
        let server = |(number, weight): (usize, &u32)| {
            let address: SocketAddr = format!("10.0.0.{number}:80").parse().expect("an address");
            ServerSettings { weight: *weight, ..ServerSettings::new(address) }
        };
        let servers = weights.iter().enumerate().map(server).collect();
        Settings { listeners: Vec::new(), backend_sets: vec![BackendSetSettings::new("app", servers)] }
    }

    #[test]
    fn what_is_said_stands_above_what_is_configured() {
        use ServerOrder::*;
        let check = |orders: &[ServerOrder], expect: u32| {
            let mut settings = settings(&[3, 3]);
            let mut overrides = Overrides::default();
            for order in orders {
                overrides.order(&settings, "app", "10.0.0.1:80", *order).expect("it is there");
            }
            overrides.apply(&mut settings);
            let weights: Vec<u32> = settings.backend_sets[0].servers.iter().map(|server| server.weight).collect();
            assert_eq!(weights, [3, expect], "{orders:?}");
            assert_eq!(overrides == Overrides::default(), expect == 3, "{orders:?}: what says nothing is nothing");
        };
        check(&[], 3);
        check(&[Drain], 0);
        check(&[Drain, Undrain], 3);
        check(&[Weight(7)], 7);
        check(&[Weight(7), Drain], 0);
        check(&[Weight(7), Drain, Undrain], 7);
        check(&[Drain, Weight(7)], 0);
        check(&[Drain, Weight(7), Reset], 3);
        check(&[Disable, Enable], 3);
        check(&[Disable, Reset], 3);
    }

    #[test]
    fn who_is_taken_out_keeps_its_weight_and_is_so_until_it_is_enabled() {
        let mut overrides = Overrides::default();
        let mut seen = |order| {
            let mut settings = settings(&[1, 3]);
            overrides.order(&settings, "app", "10.0.0.1:80", order).expect("it is there");
            overrides.apply(&mut settings);
            let [other, server] = &settings.backend_sets[0].servers[..] else { panic!("two") };
            assert!(!other.disabled);
            (server.disabled, server.weight)
        };
        assert_eq!(seen(ServerOrder::Disable), (true, 3));
        assert_eq!(seen(ServerOrder::Undrain), (true, 3));
        assert_eq!(seen(ServerOrder::Drain), (true, 0));
        assert_eq!(seen(ServerOrder::Enable), (false, 0));
        assert_eq!(seen(ServerOrder::Undrain), (false, 3));
    }

    #[test]
    fn what_cannot_be_is_said_and_changes_nothing() {
        let settings = settings(&[1]);
        let mut overrides = Overrides::default();
        let mut refused = |set, server, order| {
            let error = overrides.order(&settings, set, server, order).expect_err("refused");
            assert_eq!(overrides, Overrides::default());
            error.to_string()
        };
        assert_eq!(refused("web", "10.0.0.0:80", ServerOrder::Drain), "there is no backend set \"web\"");
        assert_eq!(
            refused("app", "10.0.0.9:80", ServerOrder::Drain),
            "backend set \"app\" has no server 10.0.0.9:80; it has: 10.0.0.0:80"
        );
        assert_eq!(refused("app", "10.0.0.0:80", ServerOrder::Weight(1001)), "a weight is 0 to 1000, not 1001");
    }

    #[test]
    fn a_server_that_returns_finds_what_was_said() {
        let mut overrides = Overrides::default();
        overrides.order(&settings(&[1, 1]), "app", "10.0.0.1:80", ServerOrder::Drain).expect("it is there");
        let mut without = settings(&[1]);
        overrides.apply(&mut without);
        assert_eq!(without.backend_sets[0].servers[0].weight, 1);
        let mut again = settings(&[1, 1]);
        overrides.apply(&mut again);
        assert_eq!(again.backend_sets[0].servers[1].weight, 0);
        // It can be taken back while the server is away.
        overrides.order(&settings(&[1]), "app", "10.0.0.1:80", ServerOrder::Reset).expect("something was said of it");
        assert_eq!(overrides, Overrides::default());
    }
}
