//! A result for people: what became of the SYNs, how long connects took, which setting cost how many.

use super::Ran;
use super::words::{budget, causes, scene, time, time_rows};
use crate::number::percent;
use crate::text::Text;
use tcp_model::simulate::{ConnectTimes, Output};

/// Different connect times shown; longer ones are summed up.
const TIMES_MAX: usize = 8;

/// The whole result.
pub(super) fn text(ran: &Ran<'_>, columns: usize) -> String {
    let mut text = Text::new(columns);
    let scene = scene(ran.raw, ran.result, &format!("Linux {}", ran.result.kernel));
    scene.lines().for_each(|line| text.paragraph(0, line));
    push_counts(&mut text, ran.result);
    push_times(&mut text, &ran.result.connect_times);
    push_causes(&mut text, ran.result);
    text.section("Port budget");
    budget(ran.result).into_iter().for_each(|(name, count)| text.figure(name, count, ""));
    text.finish()
}

fn push_counts(text: &mut Text, result: &Output) {
    let syns = &result.syns;
    let parts = [
        ("accepted", syns.accepted),
        ("dropped silently", syns.dropped_silently),
        ("answered by a challenge ACK", syns.challenged),
    ];
    push_whole(text, "SYNs sent", syns.sent, &parts);
    let parts = [
        ("slowed: a second SYN, late by less than a second", result.slowed()),
        ("late by a second and more", result.connect_times.delayed() - result.slowed()),
        ("failed", syns.failed),
        ("still waiting at the end", result.waiting()),
    ];
    push_whole(text, "Connects tried", result.connects, &parts);
}

fn push_whole(text: &mut Text, name: &str, whole: u64, parts: &[(&str, u64)]) {
    text.gap();
    text.figure(name, whole, "");
    parts.iter().for_each(|(name, part)| text.figure(&format!("  {name}"), *part, &percent(*part, whole)));
}

fn push_times(text: &mut Text, times: &ConnectTimes) {
    let [p50, p99] = [0.5, 0.99].map(|share| time(times.quantile(share)));
    text.section(format!("Connect time: median {p50}, 99th percentile {p99}, longest {}", time(times.max())));
    for row in time_rows(times, TIMES_MAX) {
        text.bar(&row.label, row.count, times.total(), &percent(row.count, times.total()));
    }
}

fn push_causes(text: &mut Text, result: &Output) {
    let causes = causes(result);
    let most = causes.first().map_or(1, |(_, count)| *count);
    text.section(if causes.is_empty() { "Causes: none" } else { "Causes" });
    for (cause, count) in causes {
        text.bar(cause.name(), count, most, &format!("by {}", cause.setting()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcp_model::simulate::{RawPlan, simulate};

    fn run(change: impl Fn(&mut RawPlan)) -> (String, Output) {
        let mut raw = RawPlan { clients: 50, rate: 20, duration_s: 60, ..RawPlan::default() };
        change(&mut raw);
        let result = simulate(&raw.check().expect("a valid plan"));
        (text(&Ran { raw: &raw, result: &result }, 100), result)
    }

    #[test]
    fn a_quiet_scene_has_no_causes() {
        let (text, _) = run(|raw| raw.nat = "none".to_owned());
        for words in ["an address of its own", "Causes: none", "busiest client", "0.00 %"] {
            assert!(text.contains(words), "{words:?} in {text}");
        }
        assert!(!text.contains("at the gateway"), "there is none: {text}");
    }

    #[test]
    fn a_loss_names_its_setting() {
        let (text, result) = run(|raw| {
            raw.kernel = "2.6.32".to_owned();
            raw.client_kernel = "3.10".to_owned();
            raw.server_sysctls = vec![("tcp_tw_recycle".to_owned(), "1".to_owned())];
        });
        assert!(text.contains("recycle_older_timestamp") && text.contains("tcp_tw_recycle=1 on the server"), "{text}");
        let rows = time_rows(&result.connect_times, 3);
        assert!(rows.len() <= 3);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), result.connect_times.total(), "nothing is left out");
    }
}
