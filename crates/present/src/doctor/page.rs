//! A diagnosis as a page.

use super::words;
use crate::Made;
use crate::bars::share;
use crate::page::{Bar, Colour, Part, bars, command, document, list};
use doctor_core::outlook::Outlook;
use doctor_core::{Cure, Diagnosis, Finding, Severity};
use maud::{Markup, html};

/// Bars drawn.
const BARS_MAX: usize = 16;

/// The whole diagnosis.
pub(super) fn page(diagnosis: &Diagnosis, made: &Made) -> String {
    let verdict = diagnosis.verdict();
    let body = html! {
        h1 { (verdict) }
        @for finding in &diagnosis.findings { (section(finding)) }
        (outlooks(&diagnosis.outlooks))
        (target(diagnosis))
        (balancer(diagnosis))
        (list("This host", &words::host(&diagnosis.host)))
    };
    document(&format!("quintet doctor on {}: {verdict}", made.host), &body, made)
}

fn section(finding: &Finding) -> Markup {
    html! {
        section.(colour(finding.severity)) #(finding.id) {
            h2 { (finding.severity) ": " (finding.title) }
            p { code { (finding.id) } " (" (finding.certainty) "): " (finding.evidence) }
            ol {
                @for cure in &finding.cures {
                    li { (cure.what) @if !cure.command.is_empty() { (command(&cure.command)) } (elsewhere(cure)) }
                }
            }
            ul { @for belief in finding.wrong_cures { li.faint { "not: " (belief.claim) " (" (belief.truth) ")" } } }
        }
    }
}

/// The same for other programs.
fn elsewhere(cure: &Cure) -> Markup {
    html! {
        @if !cure.elsewhere.is_empty() {
            dl { @for one in cure.elsewhere { dt { (one.program) } dd { code { (one.setting) } } } }
        }
    }
}

fn colour(severity: Severity) -> Colour {
    match severity {
        Severity::Note => Colour::Blue,
        Severity::Warning => Colour::Orange,
        Severity::Error => Colour::Red,
    }
}

fn outlooks(outlooks: &[Outlook]) -> Markup {
    let seen = outlooks.iter().filter(|one| !one.asked && one.capacity > 0).take(BARS_MAX);
    let drawn: Vec<Bar> = seen.map(bar).collect();
    let keys = [(Colour::Blue, "open"), (Colour::Orange, "TIME_WAIT"), (Colour::Rest, "free")];
    html! {
        @if !outlooks.is_empty() { h2 { "Ports by destination" } }
        @if !drawn.is_empty() { (bars("Ports taken", &keys, &drawn)) }
        @if !outlooks.is_empty() { ul { @for outlook in outlooks.iter().take(BARS_MAX) { li { (words::outlook(outlook)) } } } }
    }
}

fn bar(outlook: &Outlook) -> Bar {
    let taken = share(outlook.taken, outlook.capacity).min(1.0);
    let time_wait = share(outlook.time_wait, outlook.capacity).min(taken);
    let part = |colour, share| Part { colour, share };
    Bar {
        label: outlook.to.clone(),
        parts: vec![
            part(Colour::Blue, taken - time_wait),
            part(Colour::Orange, time_wait),
            part(Colour::Rest, 1.0 - taken),
        ],
        note: format!("{:.0} %", taken * 100.0),
    }
}

fn balancer(diagnosis: &Diagnosis) -> Markup {
    let Some(balancer) = &diagnosis.balancer else { return html! {} };
    list(&words::balancer_head(balancer), &words::balancer(balancer))
}

fn target(diagnosis: &Diagnosis) -> Markup {
    let Some(target) = &diagnosis.target else { return html! {} };
    let facts = match &target.unreachable {
        Some(why) => vec![why.clone()],
        None => words::target(target),
    };
    html! {
        (list(&format!("Target {}", target.url), &facts))
        @if let (None, Some((flags, why))) = (&target.unreachable, words::tactic(diagnosis)) {
            h2 { "To stress this target" }
            (command(&flags))
            p { (why) }
        }
    }
}
