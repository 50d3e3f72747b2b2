//! "Will it hold?": what was asked against what there is.

use super::cures;
use crate::beliefs;
use crate::facts::Reuse;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::outlook;
use crate::rule::{Case, Found, Rule};

/// Files a program needs beside its connections.
const OTHER_FILES: u64 = 64;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "rate.exceeds-budget",
        title: "the asked rate needs more ports than there are",
        story: "The budget is ports x source addresses x destinations / 62 s, because each connection that this side closes \
first keeps its 4-tuple for 60 s, rounded up by the timer wheel to 62 s (HZ=250) or 64 s (HZ=1000) (with tcp_tw_reuse in force: for tcp_tw_reuse_delay, one second). Above it the ports run \
out after (free ports / rate) seconds and connect() fails with EADDRNOTAVAIL. Where the server closes first, or connections \
are kept or reset, no port is kept here and the budget does not apply.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT, &beliefs::PORTS_IN_TOTAL, &beliefs::HEADER_ALONE, &beliefs::BIND_ZERO],
        look: exceeds_budget,
    },
    Rule {
        id: "rate.holds",
        title: "the asked rate holds",
        story: "The ports come back as fast as the asked rate uses them, even when this side closes every connection first: \
ports x source addresses x destinations / 62 s (64 s where HZ=1000, or is not known; or / tcp_tw_reuse_delay where tcp_tw_reuse applies) is more than what was \
asked for. Says nothing about the target: whether it can take the rate has to be measured.",
        wrong_cures: &[],
        look: holds,
    },
    Rule {
        id: "rate.too-many-open",
        title: "the asked number of open connections does not fit",
        story: "Each open connection needs a file descriptor and a port towards its destination; both are counted per \
process and per (source, destination). Beyond RLIMIT_NOFILE socket() fails with EMFILE, beyond the range connect() fails \
with EADDRNOTAVAIL: both are shortages of this host, never a fault of the target.",
        wrong_cures: &[&beliefs::PORTS_IN_TOTAL],
        look: too_many_open,
    },
];

fn exceeds_budget(case: &Case<'_>) -> Option<Found> {
    let asked = outlook::asked(case)?;
    let gone_in = asked.gone_in?;
    let evidence = format!(
        "asked {:.0} connections/s to {}; budget {:.0}/s ({} ports, {} taken); ports gone in about {:.1} s",
        asked.rate_per_s,
        asked.to,
        asked.rate_per_s_max,
        asked.capacity,
        asked.taken,
        gone_in.as_secs_f64()
    );
    // A target that was seen to close first makes the budget a matter of the client's patience.
    let escape = case.target.is_some_and(|target| target.is_reached() && target.closes_when_asked());
    let severity = if escape { Severity::Warning } else { Severity::Error };
    Some(Found::new(severity, evidence).certainty(Certainty::Derived).cures(cures::for_ports(case.host)))
}

fn holds(case: &Case<'_>) -> Option<Found> {
    let asked = outlook::asked(case).filter(|asked| asked.gone_in.is_none())?;
    let how = match outlook::reuse_of_question(case) {
        Reuse::After { delay_ms } => format!("tcp_tw_reuse brings ports back after {delay_ms} ms"),
        _ => format!("each port is kept up to {:.0} s", case.host.time_wait_longest().as_secs_f64()),
    };
    let evidence = format!(
        "asked {:.0} connections/s to {}; budget {:.0}/s ({} ports; {how})",
        asked.rate_per_s, asked.to, asked.rate_per_s_max, asked.capacity
    );
    Some(Found::new(Severity::Note, evidence).certainty(Certainty::Derived))
}

fn too_many_open(case: &Case<'_>) -> Option<Found> {
    let wanted = case.question.connections?;
    let tuples = outlook::budget(case).left();
    if wanted > tuples {
        let evidence = format!("asked {wanted} open connections; {tuples} ports are free towards what was asked for");
        let cures = [Some(cures::more_addresses()), cures::wide_range(case.host)];
        return Some(
            Found::new(Severity::Error, evidence).certainty(Certainty::Derived).cures(cures.into_iter().flatten()),
        );
    }
    let files = case.host.files.filter(|files| wanted + OTHER_FILES > files.soft)?;
    let evidence = format!("asked {wanted} open connections; {} files may be open", files.soft);
    let what = "raise the limit in the shell that starts the program";
    let raise = Cure::by_hand(Invasiveness::HostSetting, what, format!("ulimit -n {}", wanted + OTHER_FILES));
    // Up to the hard limit a program may raise it itself, as the tester does.
    let severity = if wanted + OTHER_FILES > files.hard { Severity::Error } else { Severity::Warning };
    Some(Found::new(severity, evidence).certainty(Certainty::Derived).cure(raise))
}
