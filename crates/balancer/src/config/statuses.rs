//! Lists of statuses: numbers, and ranges as text.

use config_file::{Mistake, Section, Value, value, wrong_type};
use std::ops::RangeInclusive;

/// Entries of one list.
pub(super) const STATUSES_MAX: usize = 16;

/// A list under one key.
pub(super) struct Statuses {
    pub(super) key: &'static str,
    pub(super) within: RangeInclusive<u16>,
    /// The way out.
    pub(super) help: &'static str,
}

/// `5xx` is how people say 500 to 599.
fn hundred(text: &str) -> Option<String> {
    let digit =
        text.to_ascii_lowercase().strip_suffix("xx")?.parse::<u8>().ok().filter(|digit| (1..=5).contains(digit))?;
    Some(format!("write \"{digit}00-{digit}99\""))
}

impl Statuses {
    pub(super) fn read(
        &self,
        section: &mut Section<'_, '_>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Vec<RangeInclusive<u16>>> {
        let list = section.take(self.key)?;
        let Some(array) = list.get_ref().as_array() else {
            mistakes.push(wrong_type(list, "an array of statuses").help(self.help));
            return None;
        };
        if array.is_empty() || array.len() > STATUSES_MAX {
            let title = format!("{} statuses: there must be 1 to {STATUSES_MAX}", array.len());
            mistakes.push(Mistake::new(list.span(), title, "here").help(self.help));
        }
        Some(array.iter().filter_map(|value| self.read_one(value, mistakes)).collect())
    }

    fn read_one(&self, value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<RangeInclusive<u16>> {
        let (low, high) = (*self.within.start(), *self.within.end());
        let Some(text) = value.get_ref().as_str() else {
            let status = value::number(self.key, value, low.into(), high.into(), mistakes)? as u16;
            return Some(status..=status);
        };
        let range = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        let range = range.filter(|(first, last)| self.within.contains(first) && (*first..=high).contains(last));
        if range.is_none() {
            let title = format!("{text:?} is no range of statuses");
            let mistake = Mistake::new(value.span(), title, format!("expected {low}-{high}"));
            mistakes.push(mistake.help(hundred(text).unwrap_or_else(|| self.help.to_owned())));
        }
        range.map(|(first, last)| first..=last)
    }
}
