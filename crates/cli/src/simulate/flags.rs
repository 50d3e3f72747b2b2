//! The flags of a scene; a file has the same under the same names.

use crate::values;
use std::time::Duration;
use tcp_model::simulate::RawPlan;

/// Everything that may be said about a scene; what is not said keeps its default.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct PlanArgs {
    /// Kernel of the server, such as 2.6.32, 3.10, 4.11 [default: 6.18].
    #[arg(long, value_name = "VERSION", help_heading = "Kernels")]
    pub(super) kernel: Option<String>,
    /// A sysctl of the server; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, help_heading = "Kernels")]
    pub(super) server_sysctl: Vec<(String, String)>,
    /// Kernel of the clients [default: 6.18].
    #[arg(long, value_name = "VERSION", help_heading = "Kernels")]
    pub(super) client_kernel: Option<String>,
    /// A sysctl of the clients; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, help_heading = "Kernels")]
    pub(super) client_sysctl: Vec<(String, String)>,
    /// Timer ticks per second of every kernel: 100 to 1000 [default: 250].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Kernels")]
    pub(super) hz: Option<u64>,
    /// Clients [default: 1000].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Load")]
    pub(super) clients: Option<u64>,
    /// Connects per second, of all clients together [default: 500].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Load")]
    pub(super) rate: Option<u64>,
    /// Simulated time, in whole seconds [default: 180s].
    #[arg(long, value_name = "TIME", value_parser = values::whole_seconds, help_heading = "Load")]
    pub(super) duration: Option<u64>,
    /// Who ends a connection: server, client, or reset (the client resets) [default: server].
    #[arg(long, value_name = "WHO", help_heading = "Load")]
    pub(super) closes_first: Option<String>,
    /// Life of a connection [default: 100ms].
    #[arg(long, value_name = "TIME", value_parser = values::duration_or_zero, help_heading = "Load")]
    pub(super) life: Option<Duration>,
    /// Round trip [default: 20ms].
    #[arg(long, value_name = "TIME", value_parser = values::duration_or_zero, help_heading = "Load")]
    pub(super) rtt: Option<Duration>,
    /// Seed of everything random [default: 1].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Load")]
    pub(super) seed: Option<u64>,
    /// How the NAT gateway chooses ports: preserve, sequential, random, lru, linux-6.4, linux-6.5; none: clients have
    /// addresses of their own [default: linux-6.5].
    #[arg(long, value_name = "POLICY", help_heading = "Gateway")]
    pub(super) nat: Option<String>,
    /// Its public addresses [default: 1].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Gateway")]
    pub(super) public_addresses: Option<u64>,
    /// How long it keeps an entry after both FINs, in whole seconds [default: 120s].
    #[arg(long, value_name = "TIME", value_parser = values::whole_seconds, help_heading = "Gateway")]
    pub(super) nat_time_wait: Option<u64>,
    /// How long it keeps an entry after an RST, in whole seconds [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = values::whole_seconds, help_heading = "Gateway")]
    pub(super) nat_close: Option<u64>,
    /// It drops the RST by which a client answers a challenge ACK.
    #[arg(long, help_heading = "Gateway")]
    pub(super) nat_drops_resets: bool,
}

/// Fields of a plan, and the flags that set them.
const FLAGS: [(&str, &str); 17] = [
    ("kernel", "--kernel"),
    ("server_sysctls", "--server-sysctl"),
    ("client_kernel", "--client-kernel"),
    ("client_sysctls", "--client-sysctl"),
    ("hz", "--hz"),
    ("clients", "--clients"),
    ("rate", "--rate"),
    ("duration_s", "--duration"),
    ("closes", "--closes-first"),
    ("life_ms", "--life"),
    ("rtt_ms", "--rtt"),
    ("seed", "--seed"),
    ("nat", "--nat"),
    ("nat_addresses", "--public-addresses"),
    ("nat_time_wait_s", "--nat-time-wait"),
    ("nat_close_s", "--nat-close"),
    ("nat_drops_resets", "--nat-drops-resets"),
];

/// The flag that sets a field of [`RawPlan`].
pub(super) fn flag_of(field: &str) -> &'static str {
    FLAGS.iter().find(|(known, _)| *known == field).map_or("the scene", |(_, flag)| flag)
}

/// The key in a file that sets a field of [`RawPlan`].
pub(super) fn key_of(field: &str) -> String {
    flag_of(field).trim_start_matches("--").replace('-', "_")
}

impl PlanArgs {
    /// Puts what was said over `raw`; gives the fields it touched.
    pub(super) fn overlay(&self, raw: &mut RawPlan) -> Vec<&'static str> {
        let ms = |time: Option<Duration>| time.map(|time| time.as_millis() as u64);
        let sets = [
            ("kernel", set(&mut raw.kernel, self.kernel.clone())),
            ("client_kernel", set(&mut raw.client_kernel, self.client_kernel.clone())),
            ("hz", set(&mut raw.hz, self.hz)),
            ("clients", set(&mut raw.clients, self.clients)),
            ("rate", set(&mut raw.rate, self.rate)),
            ("duration_s", set(&mut raw.duration_s, self.duration)),
            ("closes", set(&mut raw.closes, self.closes_first.clone())),
            ("life_ms", set(&mut raw.life_ms, ms(self.life))),
            ("rtt_ms", set(&mut raw.rtt_ms, ms(self.rtt))),
            ("seed", set(&mut raw.seed, self.seed)),
            ("nat", set(&mut raw.nat, self.nat.clone())),
            ("nat_addresses", set(&mut raw.nat_addresses, self.public_addresses)),
            ("nat_time_wait_s", set(&mut raw.nat_time_wait_s, self.nat_time_wait)),
            ("nat_close_s", set(&mut raw.nat_close_s, self.nat_close)),
            ("nat_drops_resets", set(&mut raw.nat_drops_resets, self.nat_drops_resets.then_some(true))),
            ("server_sysctls", add(&mut raw.server_sysctls, &self.server_sysctl)),
            ("client_sysctls", add(&mut raw.client_sysctls, &self.client_sysctl)),
        ];
        sets.into_iter().filter(|(_, said)| *said).map(|(field, _)| field).collect()
    }
}

fn set<T>(field: &mut T, said: Option<T>) -> bool {
    said.map(|value| *field = value).is_some()
}

/// A sysctl said again replaces what was said before.
fn add(list: &mut Vec<(String, String)>, said: &[(String, String)]) -> bool {
    for (name, value) in said {
        list.retain(|(known, _)| known != name);
        list.push((name.clone(), value.clone()));
    }
    !said.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_can_be_said_has_a_flag() {
        let assignment = || vec![("tcp_timestamps".to_owned(), "0".to_owned())];
        let all = PlanArgs {
            kernel: Some("3.10".into()),
            server_sysctl: assignment(),
            client_kernel: Some("3.10".into()),
            client_sysctl: assignment(),
            hz: Some(100),
            clients: Some(2),
            rate: Some(2),
            duration: Some(2),
            closes_first: Some("client".into()),
            life: Some(Duration::from_millis(2)),
            rtt: Some(Duration::from_millis(2)),
            seed: Some(2),
            nat: Some("lru".into()),
            public_addresses: Some(2),
            nat_time_wait: Some(2),
            nat_close: Some(2),
            nat_drops_resets: true,
        };
        let mut raw = RawPlan::default();
        let touched = all.overlay(&mut raw);
        assert_eq!(touched.len(), FLAGS.len());
        assert!(touched.iter().all(|field| flag_of(field).starts_with("--")));
        assert_eq!((raw.life_ms, raw.nat_drops_resets, raw.server_sysctls.len()), (2, true, 1));
        all.overlay(&mut raw);
        assert_eq!(raw.server_sysctls, assignment(), "said twice is said once");
        assert!(PlanArgs::default().overlay(&mut raw).is_empty());
    }
}
