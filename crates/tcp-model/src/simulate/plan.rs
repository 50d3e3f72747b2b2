//! What is simulated: raw values as flags or a file give them, checked into a plan that cannot be wrong.

use crate::decide::nat::{Policy, TimeOuts};
use crate::sysctls::Sysctls;
use crate::version::Version;
use core::time::Duration;
use named::named;

/// Clients of one simulation.
pub(crate) const CLIENTS_MAX: u64 = 10_000_000;
/// Public addresses of one gateway.
pub(crate) const ADDRESSES_MAX: u64 = 256;
/// Connects of one simulation.
pub(crate) const CONNECTS_MAX: u64 = 200_000_000;
/// Longest simulated time: a day.
const DURATION_S_MAX: u64 = 86_400;
/// Longest round trip and life, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;
const TIME_OUT_S_MAX: u64 = 3600;

/// A plan as written: one field per flag, each with its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPlan {
    /// Kernel of the server.
    pub kernel: String,
    /// Its sysctls, name and value.
    pub server_sysctls: Vec<(String, String)>,
    /// Kernel of the clients.
    pub client_kernel: String,
    /// Their sysctls, name and value.
    pub client_sysctls: Vec<(String, String)>,
    /// Clients.
    pub clients: u64,
    /// Connects per second, of all clients together.
    pub rate: u64,
    /// Simulated time, in seconds.
    pub duration_s: u64,
    /// Who ends a connection: `server`, `client` or `reset` (the client resets).
    pub closes: String,
    /// Port policy of the gateway, or `none` for clients with addresses of their own.
    pub nat: String,
    /// Public addresses of the gateway.
    pub nat_addresses: u64,
    /// How long it keeps an entry after both FINs, in seconds.
    pub nat_time_wait_s: u64,
    /// How long it keeps an entry after an RST, in seconds.
    pub nat_close_s: u64,
    /// Does it drop the RST by which a client answers a challenge (Linux before 6.2, or a filter)?
    pub nat_drops_resets: bool,
    /// Round trip, in milliseconds.
    pub rtt_ms: u64,
    /// Life of a connection, in milliseconds.
    pub life_ms: u64,
    /// Timer ticks per second of every kernel.
    pub hz: u64,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for RawPlan {
    fn default() -> Self {
        Self {
            kernel: "6.18".to_owned(),
            server_sysctls: Vec::new(),
            client_kernel: "6.18".to_owned(),
            client_sysctls: Vec::new(),
            clients: 1000,
            rate: 500,
            duration_s: 180,
            closes: "server".to_owned(),
            nat: "linux-6.5".to_owned(),
            nat_addresses: 1,
            nat_time_wait_s: TimeOuts::LINUX.time_wait.as_secs(),
            nat_close_s: TimeOuts::LINUX.close.as_secs(),
            nat_drops_resets: false,
            rtt_ms: 20,
            life_ms: 100,
            hz: 250,
            seed: 1,
        }
    }
}

named! {
    /// Who ends connections.
    pub enum Closes {
        /// The server sends the first FIN and keeps TIME_WAIT.
        Server = "server",
        /// The client does.
        Client = "client",
        /// The client resets; nobody keeps anything.
        Reset = "reset",
    }
}

/// The gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat {
    /// How it chooses ports.
    pub policy: Policy,
    /// Its public addresses.
    pub addresses: u16,
    /// How long it keeps entries.
    pub time_outs: TimeOuts,
    /// Does it drop the RST that answers a challenge?
    pub drops_resets: bool,
}

/// A checked plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Kernel of the server.
    pub kernel: Version,
    /// Its sysctls.
    pub server: Sysctls,
    /// Kernel of the clients.
    pub client_kernel: Version,
    /// Their sysctls.
    pub client: Sysctls,
    /// Clients.
    pub clients: u32,
    /// Connects per second of all clients together.
    pub rate: u32,
    /// Simulated time.
    pub duration: Duration,
    /// Who ends connections.
    pub closes: Closes,
    /// The gateway, if there is one.
    pub nat: Option<Nat>,
    /// Round trip.
    pub rtt: Duration,
    /// Life of a connection.
    pub life: Duration,
    /// Timer ticks per second.
    pub hz: u32,
    /// Seed.
    pub seed: u64,
    /// What differs from the defaults, as `name=value`.
    pub settings: Vec<String>,
}

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct PlanError {
    /// The field, by its name in [`RawPlan`].
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl RawPlan {
    /// Checks every field.
    pub fn check(&self) -> Result<Plan, PlanError> {
        let kernel = version("kernel", &self.kernel)?;
        let client_kernel = version("client_kernel", &self.client_kernel)?;
        let plan = Plan {
            kernel,
            server: sysctls("server_sysctls", kernel, &self.server_sysctls)?,
            client_kernel,
            client: sysctls("client_sysctls", client_kernel, &self.client_sysctls)?,
            clients: within("clients", self.clients, 1, CLIENTS_MAX)? as u32,
            rate: within("rate", self.rate, 1, CONNECTS_MAX)? as u32,
            duration: Duration::from_secs(within("duration_s", self.duration_s, 1, DURATION_S_MAX)?),
            closes: closes(&self.closes)?,
            nat: self.nat()?,
            rtt: Duration::from_millis(within("rtt_ms", self.rtt_ms, 0, DELAY_MS_MAX)?),
            life: Duration::from_millis(within("life_ms", self.life_ms, 0, DELAY_MS_MAX)?),
            hz: within("hz", self.hz, 100, 1000)? as u32,
            seed: self.seed,
            settings: self.settings(),
        };
        within("rate", self.rate * self.duration_s, 1, CONNECTS_MAX).map_err(|error| PlanError {
            problem: format!("with duration_s the number of connects {}", error.problem),
            ..error
        })?;
        Ok(plan)
    }

    fn nat(&self) -> Result<Option<Nat>, PlanError> {
        let seconds = |field, value| within(field, value, 0, TIME_OUT_S_MAX).map(Duration::from_secs);
        let time_outs = TimeOuts {
            time_wait: seconds("nat_time_wait_s", self.nat_time_wait_s)?,
            close: seconds("nat_close_s", self.nat_close_s)?,
        };
        let addresses = within("nat_addresses", self.nat_addresses, 1, ADDRESSES_MAX)? as u16;
        if self.nat == "none" {
            return Ok(None);
        }
        let policy =
            self.nat.parse().map_err(|problem| PlanError { field: "nat", problem: format!("{problem}, or none") })?;
        Ok(Some(Nat { policy, addresses, time_outs, drops_resets: self.nat_drops_resets }))
    }

    fn settings(&self) -> Vec<String> {
        let default = Self::default();
        let sysctls = |side: &str, list: &[(String, String)]| -> Vec<String> {
            list.iter().map(|(name, value)| format!("{side}.{name}={value}")).collect()
        };
        let mut settings = sysctls("server", &self.server_sysctls);
        settings.extend(sysctls("client", &self.client_sysctls));
        settings.extend([format!("closes={}", self.closes), format!("nat={}", self.nat)]);
        let mut unusual = |name: &str, value: u64, usual: u64| {
            if value != usual {
                settings.push(format!("{name}={value}"));
            }
        };
        unusual("nat_addresses", self.nat_addresses, default.nat_addresses);
        unusual("nat_time_wait_s", self.nat_time_wait_s, default.nat_time_wait_s);
        unusual("nat_close_s", self.nat_close_s, default.nat_close_s);
        unusual("nat_drops_resets", self.nat_drops_resets.into(), 0);
        settings
    }
}

fn version(field: &'static str, text: &str) -> Result<Version, PlanError> {
    text.parse().map_err(|error| PlanError { field, problem: format!("{error}") })
}

fn sysctls(field: &'static str, version: Version, list: &[(String, String)]) -> Result<Sysctls, PlanError> {
    let mut sysctls = Sysctls::defaults(version);
    for (name, value) in list {
        sysctls.set(version, name, value).map_err(|error| PlanError { field, problem: error.to_string() })?;
    }
    Ok(sysctls)
}

fn within(field: &'static str, value: u64, low: u64, high: u64) -> Result<u64, PlanError> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(PlanError { field, problem: format!("is {value}; it must be {low} to {high}") })
}

fn closes(text: &str) -> Result<Closes, PlanError> {
    let unknown = || PlanError { field: "closes", problem: format!("is {text:?}; write {}", Closes::list()) };
    Closes::from_name(text).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_plan_is_valid() {
        let plan = RawPlan::default().check().expect("the default");
        assert_eq!((plan.clients, plan.closes), (1000, Closes::Server));
        assert_eq!(plan.settings, ["closes=server", "nat=linux-6.5"]);
    }

    #[test]
    fn errors_name_their_field() {
        type Change = fn(&mut RawPlan);
        let rows: [(Change, &str); 10] = [
            (
                |p| p.kernel = "six".into(),
                "kernel: \"six\" is not a kernel version; write it like 6.18, 6.18.17 or 2.6.32",
            ),
            (
                |p| p.server_sysctls = vec![("tcp_tw_recycle".into(), "1".into())],
                "server_sysctls: Linux 6.18 has no tcp_tw_recycle: it was removed in 4.12 (4396e46187ca)",
            ),
            (|p| p.clients = 0, "clients: is 0; it must be 1 to 10000000"),
            (|p| p.rate = 0, "rate: is 0; it must be 1 to 200000000"),
            (
                |p| (p.rate, p.duration_s) = (1_000_000, 3600),
                "rate: with duration_s the number of connects is 3600000000; it must be 1 to 200000000",
            ),
            (|p| p.closes = "both".into(), "closes: is \"both\"; write server, client or reset"),
            (
                |p| p.nat = "cone".into(),
                "nat: \"cone\" is not a NAT policy; write preserve, sequential, random, lru, linux-6.4 or linux-6.5, or none",
            ),
            (|p| p.nat_addresses = 300, "nat_addresses: is 300; it must be 1 to 256"),
            (|p| p.nat_time_wait_s = 4000, "nat_time_wait_s: is 4000; it must be 0 to 3600"),
            (|p| p.hz = 10, "hz: is 10; it must be 100 to 1000"),
        ];
        for (change, message) in rows {
            let mut raw = RawPlan::default();
            change(&mut raw);
            assert_eq!(raw.check().map(drop).map_err(|error| error.to_string()), Err(message.to_owned()));
        }
    }
}
