//! A table: every kernel with every setting.

use super::engine::simulate;
use super::output::Output;
use super::plan::{PlanError, RawPlan};

/// A setting of the table: a name, and what it changes in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Sysctls of the server, added to the plan's.
    pub server: Vec<(String, String)>,
    /// Sysctls of the clients, added to the plan's.
    pub client: Vec<(String, String)>,
}

/// One cell of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Kernel of the server.
    pub kernel: String,
    /// The variant's name.
    pub variant: String,
    /// What the simulation found; the reason when that kernel cannot be set so (tcp_tw_recycle since 4.12).
    pub result: Result<Output, PlanError>,
}

/// Runs `base` for every kernel and variant.
pub fn sweep(base: &RawPlan, kernels: &[String], variants: &[Variant]) -> Vec<Cell> {
    let pairs = kernels.iter().flat_map(|kernel| variants.iter().map(move |variant| (kernel, variant)));
    pairs.map(|(kernel, variant)| cell(base, kernel, variant)).collect()
}

fn cell(base: &RawPlan, kernel: &str, variant: &Variant) -> Cell {
    let mut raw = RawPlan { kernel: kernel.to_owned(), ..base.clone() };
    raw.server_sysctls.extend(variant.server.iter().cloned());
    raw.client_sysctls.extend(variant.client.iter().cloned());
    let result = raw.check().map(|plan| simulate(&plan));
    Cell { kernel: kernel.to_owned(), variant: variant.name.clone(), result }
}

impl Variant {
    /// The settings that people ask about.
    pub fn usual() -> Vec<Self> {
        let pairs = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let variant = |name: &str, server: &[(&str, &str)], client: &[(&str, &str)]| Self {
            name: name.to_owned(),
            server: pairs(server),
            client: pairs(client),
        };
        vec![
            variant("defaults", &[], &[]),
            variant("tcp_tw_recycle=1", &[("tcp_tw_recycle", "1")], &[]),
            variant("server tcp_timestamps=0", &[("tcp_timestamps", "0")], &[]),
            variant("clients tcp_timestamps=0", &[], &[("tcp_timestamps", "0")]),
            variant("clients tcp_timestamps=2", &[], &[("tcp_timestamps", "2")]),
            variant("tcp_rfc1337=1", &[("tcp_rfc1337", "1")], &[]),
        ]
    }
}
