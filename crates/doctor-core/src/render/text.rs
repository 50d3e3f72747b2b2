//! Plain text: the verdict first, then evidence and cures.

use crate::diagnosis::Diagnosis;
use crate::facts::HostFacts;
use crate::finding::{Cure, Finding};
use crate::outlook::Outlook;
use crate::target::TargetFacts;
use core::fmt::Write;

/// Columns text is folded to.
const WIDTH: usize = 100;
/// Destinations shown.
const OUTLOOKS_MAX: usize = 5;

/// The whole diagnosis.
pub fn render_text(diagnosis: &Diagnosis) -> String {
    let mut out = String::new();
    line(&mut out, 0, &diagnosis.verdict());
    for finding in &diagnosis.findings {
        push_finding(&mut out, finding);
    }
    push_outlooks(&mut out, &diagnosis.outlooks);
    if let Some(target) = &diagnosis.target {
        push_target(&mut out, target);
    }
    if let (Some(tactic), Some(target)) = (&diagnosis.tactic, &diagnosis.target) {
        out.push_str("\nTo stress this target\n");
        line(&mut out, 2, &format!("quintet stress {} {}", target.url, tactic.flags()));
        line(&mut out, 2, &tactic.why);
    }
    push_host(&mut out, &diagnosis.host);
    out
}

fn push_finding(out: &mut String, finding: &Finding) {
    let _never_fails = write!(out, "\n{:<8}{}\n", finding.severity.name().to_uppercase(), finding.id);
    line(out, 8, finding.title);
    line(out, 8, &format!("seen ({}): {}", finding.certainty.name(), finding.evidence));
    for (at, cure) in finding.cures.iter().enumerate() {
        push_cure(out, at, cure);
    }
    for belief in finding.wrong_cures {
        line(out, 8, &format!("not: {} ({})", belief.claim, belief.truth));
    }
}

fn push_cure(out: &mut String, at: usize, cure: &Cure) {
    line(out, 8, &format!("cure {}: {}", at + 1, cure.what));
    if !cure.command.is_empty() {
        line(out, 16, &cure.command);
    }
}

fn push_outlooks(out: &mut String, outlooks: &[Outlook]) {
    if outlooks.is_empty() {
        return;
    }
    out.push_str("\nPorts by destination\n");
    for outlook in outlooks.iter().take(OUTLOOKS_MAX) {
        line(out, 2, &outlook_line(outlook));
    }
    if outlooks.len() > OUTLOOKS_MAX {
        line(out, 2, &format!("and {} more", outlooks.len() - OUTLOOKS_MAX));
    }
}

fn outlook_line(outlook: &Outlook) -> String {
    let end = match outlook.gone_in {
        None => "they last".to_owned(),
        Some(time) if time.is_zero() => "none is left".to_owned(),
        Some(time) => format!("gone in {:.1} s", time.as_secs_f64()),
    };
    let rate = if outlook.asked { "asked" } else { "now" };
    format!(
        "{}: {} of {} taken ({} in TIME_WAIT), {rate} {:.0}/s, lasting rate {:.0}/s: {end}",
        outlook.to, outlook.taken, outlook.capacity, outlook.time_wait, outlook.rate_per_s, outlook.rate_per_s_max
    )
}

fn push_target(out: &mut String, target: &TargetFacts) {
    let _never_fails = write!(out, "\nTarget {}", target.url);
    match (&target.unreachable, target.address) {
        (Some(why), _) => return line_after(out, &format!(": {why}")),
        (None, Some(address)) => line_after(out, &format!(" at {address}, {} connections opened", target.connections)),
        (None, None) => line_after(out, ""),
    }
    for fact in target_facts(target) {
        line(out, 2, &fact);
    }
}

fn line_after(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// One line each, for text and HTML.
pub(super) fn target_facts(target: &TargetFacts) -> Vec<String> {
    let yes = |on: bool| if on { "yes" } else { "no" };
    let handshake = &target.handshake;
    let scale = handshake.window_scale.map_or("no".to_owned(), |(theirs, ours)| format!("{theirs} there, {ours} here"));
    let mut facts = vec![
        format!("timestamps {}, SACK {}, window scale {scale}", yes(handshake.timestamps), yes(handshake.sack)),
        format!(
            "connect: median {} us, longest {} us, {} SYNs sent again",
            handshake.connect_us_median, handshake.connect_us_max, handshake.syn_retransmits
        ),
    ];
    for (probe, closing) in &target.closings {
        let status = closing.status.map_or("no status".to_owned(), |status| status.to_string());
        facts.push(format!(
            "{:<17} ended by {} after {} ms; {status}, response {}",
            probe.name(),
            closing.by.name(),
            closing.after_ms,
            closing.response.name()
        ));
    }
    let kept = &target.keep_alive;
    facts.push(format!("keep-alive: {} of {} requests served on one connection", kept.served, kept.asked));
    facts.push(format!("5-tuple re-usable at once after our close: {}", yes(target.is_reusable_at_once())));
    if let Some(seen) = target.after_server_close {
        facts.push(format!("5-tuple reopened at once after the target's close: {}", yes(seen.worked_at_once())));
    }
    facts
}

fn push_host(out: &mut String, host: &HostFacts) {
    out.push_str("\nThis host\n");
    for fact in host_facts(host) {
        line(out, 2, &fact);
    }
}

/// One line each, for text and HTML.
pub(super) fn host_facts(host: &HostFacts) -> Vec<String> {
    let states: Vec<String> = host.sockets.by_state.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let mut facts = vec![
        place(host),
        format!(
            "{} ports for connect() ({} to {}, {} reserved)",
            host.capacity(),
            host.ports.low,
            host.ports.high,
            host.ports.reserved_count()
        ),
        format!("sockets: {}", if states.is_empty() { "none".to_owned() } else { states.join(", ") }),
    ];
    if let Some(table) = &host.conntrack {
        facts.push(format!("connection tracking: {} of {} entries", table.count, table.max));
    }
    facts.extend(host.gaps.iter().map(|gap| format!("not seen: {} ({})", gap.what, gap.remedy)));
    facts
}

fn place(host: &HostFacts) -> String {
    let container = host.place.container.as_ref().map(|kind| format!(", inside {kind}")).unwrap_or_default();
    let namespace = match host.place.initial_namespace {
        Some(true) => "the machine's own network namespace".to_owned(),
        _ => format!("network namespace {} only", host.place.namespace),
    };
    let release = if host.release.is_empty() { host.kernel.to_string() } else { host.release.clone() };
    format!("Linux {release}{container}; looking at {namespace}")
}

/// One paragraph, folded, every line indented; continued lines two columns deeper.
fn line(out: &mut String, indent: usize, text: &str) {
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.len() > WIDTH {
            out.push('\n');
            column = 0;
            out.push_str(&" ".repeat(indent + 2));
            column += indent + 2;
        } else if column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
}
