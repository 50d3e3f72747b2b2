//! Latency over time as a heat map: dark where many responses are. It shows what percentiles hide, such as two groups.

use crate::number::{tick, time_us};
use crate::page::time_axis;
use maud::{Markup, html};
use stats::Timeline;
use stress_core::Moment;

/// Cells, each way.
const COLUMNS_MAX: usize = 120;
const ROWS: usize = 32;

/// Cells of equal width in time, and of equal ratio in latency.
struct Cells {
    counts: Vec<[u64; ROWS]>,
    low_us: f64,
    high_us: f64,
    seconds_each: f64,
}

/// Nothing where nothing was measured.
pub(super) fn map(timeline: &Timeline<Moment>) -> Markup {
    let Some(cells) = Cells::of(timeline) else { return html! {} };
    let most = cells.counts.iter().flatten().copied().max().unwrap_or(1).max(1);
    let (end, parts) = time_axis(cells.counts.len() as f64 * cells.seconds_each);
    let columns = end / cells.seconds_each;
    let rects: Vec<_> = cells
        .counts
        .iter()
        .enumerate()
        .flat_map(|(x, column)| {
            column
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(move |(y, count)| (x, ROWS - 1 - y, shade(*count, most)))
        })
        .collect();
    html! {
        figure {
            figcaption { b { "Latency over time" } span.key.none { "the stronger, the more responses" } }
            div.plot {
                div.y { @for at in (0..=4).rev() { span { (time_us(cells.value(f64::from(at) / 4.0))) } } }
                svg.heat viewBox={ "0 0 " (columns) " " (ROWS) } preserveAspectRatio="none" role="img" aria-label="Latency over time" {
                    @for (x, y, shade) in rects { rect class="blue" x=(x) y=(y) width="1" height="1" opacity=(shade) {} }
                }
                div.x { @for at in 0..=parts { span { (tick(f64::from(at) / f64::from(parts) * end)) " s" } } }
            }
        }
    }
}

/// By its logarithm: a single response is seen, and a thousand are told from a million.
fn shade(count: u64, most: u64) -> String {
    format!("{:.2}", 0.12 + 0.88 * (1.0 + count as f64).ln() / (1.0 + most as f64).ln())
}

impl Cells {
    fn of(timeline: &Timeline<Moment>) -> Option<Self> {
        let moments = timeline.entries();
        let ends = || moments.iter().flat_map(|moment| moment.latency.buckets()).map(|(upper_us, _)| upper_us as f64);
        let (low_us, high_us) = (ends().reduce(f64::min)?, ends().reduce(f64::max)?);
        let together = moments.len().div_ceil(COLUMNS_MAX).max(1);
        let mut cells = Self {
            counts: vec![[0; ROWS]; moments.len().div_ceil(together)],
            // One value alone is a row of its own in the middle.
            low_us: low_us / 1.1,
            high_us: high_us * 1.1,
            seconds_each: (together as u64 * timeline.seconds_each()) as f64,
        };
        for (at, moment) in moments.iter().enumerate() {
            for (upper_us, count) in moment.latency.buckets() {
                let row = cells.row(upper_us as f64);
                cells.counts[at / together][row] += count;
            }
        }
        Some(cells)
    }

    fn row(&self, us: f64) -> usize {
        let share = (us / self.low_us).ln() / (self.high_us / self.low_us).ln();
        ((share * ROWS as f64) as usize).min(ROWS - 1)
    }

    fn value(&self, share: f64) -> f64 {
        self.low_us * (self.high_us / self.low_us).powf(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn two_groups_are_two_bands() {
        let mut timeline = Timeline::<Moment>::default();
        for s in 0..300 {
            let latency = &mut timeline.at(Duration::from_secs(s)).latency;
            [100, 100, 10_000].iter().for_each(|us| latency.record(Duration::from_micros(*us)));
        }
        let cells = Cells::of(&timeline).expect("something");
        assert_eq!((cells.counts.len(), cells.seconds_each), (100, 3.0));
        for column in &cells.counts {
            let filled: Vec<_> = column.iter().enumerate().filter(|(_, count)| **count > 0).collect();
            assert_eq!(filled.len(), 2, "{filled:?}");
            assert_eq!((*filled[0].1, *filled[1].1), (6, 3));
            assert!(filled[1].0 - filled[0].0 > ROWS / 2);
        }
    }

    #[test]
    fn nothing_draws_nothing_and_one_is_seen() {
        assert_eq!(map(&Timeline::default()).into_string(), "");
        let mut timeline = Timeline::<Moment>::default();
        timeline.at(Duration::ZERO).latency.record(Duration::from_micros(50));
        assert_eq!(map(&timeline).into_string().matches("<rect").count(), 1);
    }
}
