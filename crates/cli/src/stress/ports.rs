//! Where connections start, and what of it is known before the first.

use crate::failure::Outcome;
use crate::output::Output;
use crate::values;
use anyhow::{Context, ensure};
use present::stress::Ready;
use std::net::IpAddr;
use stress::Preflight;
use stress_core::report::PlanSummary;
use stress_core::{PlanDraft, PortMode, parse_sources};

/// Source addresses and ports.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ports")]
pub(super) struct PortArgs {
    /// Who chooses source ports: the kernel; our allocator, outside of ip_local_port_range (oldest first, bind + SO_REUSEADDR); or
    /// whichever of them asks least of this host and lasts, which is said with its reason.
    #[arg(long, value_parser = values::named::<PortMode>(), default_value_t)]
    ports: PortMode,
    /// Source addresses to use in turn: a list, with ranges and networks (10.0.0.2,10.0.0.5-10.0.0.9,fd00:1::/64).
    #[arg(long, value_name = "LIST")]
    source_ip: Option<String>,
    /// Source ports, LOW-HIGH [default: ip_local_port_range; with --ports own those outside of it].
    #[arg(long, value_name = "LOW-HIGH", value_parser = values::port_range)]
    port_range: Option<(u16, u16)>,
    /// Say what is to be expected on this host (ports, file descriptors, connection tracking), and send no request. Exit code 1 where
    /// something will run out.
    #[arg(long)]
    preflight_only: bool,
    /// Refuse to start where something will run out, or may; without it that is a warning.
    #[arg(long)]
    strict: bool,
}

impl PortArgs {
    pub(super) fn fill(&self, draft: PlanDraft) -> anyhow::Result<PlanDraft> {
        let sources = sources(self.source_ip.as_deref())?;
        Ok(PlanDraft { ports: self.ports, sources, port_range: self.port_range, ..draft })
    }

    /// Shows what is to be expected. `Some`: that was all.
    ///
    /// # Errors
    /// It is nothing good, and that was to be refused.
    pub(super) fn look(&self, ready: &Preflight, output: &mut Output) -> anyhow::Result<Option<Outcome>> {
        let plan = PlanSummary::new(&ready.plan, &ready.targets, ready.threads);
        output.say(present::stress::plan(&plan))?;
        let forecast = &ready.forecast;
        if self.preflight_only {
            output.show(&Ready { plan: &plan, forecast, warnings: &ready.warnings })?;
            return Ok(Some(if forecast.is_good() { Outcome::AsHoped } else { Outcome::Bad }));
        }
        for warning in &ready.warnings {
            output.say(format!("warning: {warning}"))?;
        }
        let why = forecast.warnings();
        ensure!(!self.strict || forecast.is_good(), "not started, because of --strict: {}", why.join("; "));
        Ok(None)
    }
}

fn sources(list: Option<&str>) -> anyhow::Result<Vec<IpAddr>> {
    list.map_or_else(|| Ok(Vec::new()), |list| parse_sources(list).context("--source-ip"))
}
