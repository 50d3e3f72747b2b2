//! One HTML file without anything from outside: no script, no font, no picture to fetch.

use super::{svg, text};
use crate::diagnosis::Diagnosis;
use crate::finding::{Cure, Finding};

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--faint:#626a73;--paper:#fff;--card:#f5f6f8;--code:#e6e9ed;--free:#d9dde2;\
--error:#c0392b;--warning:#b86e00;--note:#1f6fb5}\
@media(prefers-color-scheme:dark){:root{--text:#e4e7eb;--faint:#9aa3ad;--paper:#16191d;--card:#1f2328;--code:#30363d;\
--free:#3a4048;--error:#f28b82;--warning:#eaa94a;--note:#6cb0f0}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--text);background:var(--paper)}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}section h2{margin-top:.7rem}\
section{border-left:.4rem solid var(--faint);padding:.1rem 1rem;margin:1rem 0;background:var(--card)}\
section.error{border-color:var(--error)}section.warning{border-color:var(--warning)}section.note{border-color:var(--note)}\
code{background:var(--code);padding:.1rem .3rem;white-space:pre-wrap}.not{color:var(--faint)}\
svg{max-width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:var(--text)}\
.free{fill:var(--free)}.used{fill:var(--note)}.wait{fill:var(--warning)}";

/// The whole diagnosis.
pub fn render_html(diagnosis: &Diagnosis) -> String {
    let verdict = escape(&diagnosis.verdict());
    let findings: String = diagnosis.findings.iter().map(finding).collect();
    let bars = svg::port_bars(&diagnosis.outlooks);
    let ports = if bars.is_empty() {
        String::new()
    } else {
        format!("<h2>Ports by destination</h2>\n<p>Blue: open connections. Orange: TIME_WAIT.</p>\n{bars}")
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>quintet doctor: {verdict}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body>\n\
         <h1>{verdict}</h1>\n{findings}{ports}{}{}</body></html>\n",
        target(diagnosis),
        list("This host", &text::host_facts(&diagnosis.host)),
    )
}

fn finding(finding: &Finding) -> String {
    let cures: String = finding.cures.iter().map(cure).collect();
    let wrong: String = finding
        .wrong_cures
        .iter()
        .map(|belief| format!("<li class=\"not\">not: {} ({})</li>", escape(belief.claim), escape(belief.truth)))
        .collect();
    format!(
        "<section class=\"{0}\" id=\"{1}\"><h2>{0}: {2}</h2>\n<p><code>{1}</code> ({3}): {4}</p>\n<ol>{cures}</ol>\n\
         <ul>{wrong}</ul></section>\n",
        finding.severity.name(),
        escape(finding.id),
        escape(finding.title),
        finding.certainty.name(),
        escape(&finding.evidence),
    )
}

fn cure(cure: &Cure) -> String {
    match cure.command.as_str() {
        "" => format!("<li>{}</li>", escape(&cure.what)),
        command => format!("<li>{}<br><code>{}</code></li>", escape(&cure.what), escape(command)),
    }
}

fn target(diagnosis: &Diagnosis) -> String {
    let Some(target) = &diagnosis.target else { return String::new() };
    let mut facts = text::target_facts(target);
    if let Some(tactic) = &diagnosis.tactic {
        facts.push(format!("to stress it: quintet stress {} {} ({})", target.url, tactic.flags(), tactic.why));
    }
    match &target.unreachable {
        Some(why) => list(&format!("Target {}", target.url), std::slice::from_ref(why)),
        None => list(&format!("Target {}", target.url), &facts),
    }
}

fn list(title: &str, items: &[String]) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<h2>{}</h2>\n<ul>\n{items}</ul>\n", escape(title))
}

/// Text that is safe between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
