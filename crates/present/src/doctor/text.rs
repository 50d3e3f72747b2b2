//! A diagnosis as text: the verdict first, then evidence and cures.

use super::words;
use crate::text::{Text, Tone};
use doctor_core::outlook::Outlook;
use doctor_core::{Cure, Diagnosis, Finding, Severity, TargetFacts};

/// Destinations shown.
const OUTLOOKS_MAX: usize = 5;

/// The whole diagnosis.
pub(super) fn text(diagnosis: &Diagnosis, mut text: Text) -> String {
    text.headline(diagnosis.findings.first().map_or(Tone::Good, |worst| tone(worst.severity)), diagnosis.verdict());
    diagnosis.findings.iter().for_each(|finding| push_finding(&mut text, finding));
    push_outlooks(&mut text, &diagnosis.outlooks);
    if let Some(target) = &diagnosis.target {
        push_target(&mut text, target);
    }
    if let Some(balancer) = &diagnosis.balancer {
        text.section(words::balancer_head(balancer));
        words::balancer(balancer).iter().for_each(|fact| text.paragraph(2, fact));
    }
    if let Some((command, why)) = words::tactic(diagnosis) {
        text.section("To stress this target");
        text.paragraph(2, &command);
        text.paragraph(2, why);
    }
    text.section("This host");
    words::host(&diagnosis.host).iter().for_each(|fact| text.paragraph(2, fact));
    text.finish()
}

fn push_finding(text: &mut Text, finding: &Finding) {
    text.headline(tone(finding.severity), format!("{:<8}{}", finding.severity.name().to_uppercase(), finding.id));
    text.paragraph(8, finding.title);
    text.paragraph(8, &format!("seen ({}): {}", finding.certainty, finding.evidence));
    for (at, cure) in finding.cures.iter().enumerate() {
        push_cure(text, at, cure);
    }
    for belief in finding.wrong_cures {
        text.paragraph(8, &format!("not: {} ({})", belief.claim, belief.truth));
    }
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Uneasy,
        Severity::Note => Tone::Plain,
    }
}

fn push_cure(text: &mut Text, at: usize, cure: &Cure) {
    text.paragraph(8, &format!("cure {}: {}", at + 1, cure.what));
    if !cure.command.is_empty() {
        text.paragraph(16, &cure.command);
    }
    for one in cure.elsewhere {
        text.paragraph(16, &format!("{}: {}", one.program, one.setting));
    }
}

fn push_outlooks(text: &mut Text, outlooks: &[Outlook]) {
    if outlooks.is_empty() {
        return;
    }
    text.section("Ports by destination");
    outlooks.iter().take(OUTLOOKS_MAX).for_each(|outlook| text.paragraph(2, &words::outlook(outlook)));
    if outlooks.len() > OUTLOOKS_MAX {
        text.paragraph(2, &format!("and {} more", outlooks.len() - OUTLOOKS_MAX));
    }
}

fn push_target(text: &mut Text, target: &TargetFacts) {
    match (&target.unreachable, target.address) {
        (Some(why), _) => return text.section(format!("Target {}: {why}", target.url)),
        (None, Some(address)) => {
            text.section(format!("Target {} at {address}, {} connections opened", target.url, target.connections));
        }
        (None, None) => text.section(format!("Target {}", target.url)),
    }
    words::target(target).iter().for_each(|fact| text.paragraph(2, fact));
}
