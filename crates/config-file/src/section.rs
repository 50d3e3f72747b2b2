//! One table of the file: keys are taken out by name and checked; what nobody took is unknown.

use crate::advice;
use crate::declare::{Kind, Table};
use crate::mistake::Mistake;
use crate::value;
use named::Named;
use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place.
pub type Value<'i> = Spanned<DeValue<'i>>;

/// Something read, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// What was read.
    pub value: T,
    /// Where it stands.
    pub span: Range<usize>,
}

/// A table being read.
#[derive(Debug)]
pub struct Section<'a, 'i> {
    /// How messages call it.
    what: &'static str,
    table: &'a DeTable<'i>,
    span: Range<usize>,
    asked: Vec<&'static str>,
    /// Former names of keys, and what they are called now.
    renamed: Vec<(&'static str, &'static str)>,
    /// Words of others for which there is no key, and what does instead.
    foreign: &'static [(&'static str, &'static str)],
    /// What it may hold, where that is declared: builds with debug assertions hold the reader against it.
    keys: Option<&'static Table>,
    /// All of the file, where that is declared.
    top: Option<&'static Table>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// A table with its place; `what` is how messages call it.
    pub fn new(what: &'static str, table: &'a DeTable<'i>, span: Range<usize>) -> Self {
        Self { what, table, span, asked: Vec::new(), renamed: Vec::new(), foreign: &[], keys: None, top: None }
    }

    /// As [`Section::new`], of a table whose keys are declared.
    pub fn of(what: &'static str, keys: &'static Table, table: &'a DeTable<'i>, span: Range<usize>) -> Self {
        Self { keys: Some(keys), ..Self::new(what, table, span) }
    }

    /// What is not known here is looked for there, too: in the tables of a file, or of a part of it.
    #[must_use]
    pub fn within(self, top: &'static Table) -> Self {
        Self { top: Some(top), ..self }
    }

    /// The same at the top of a file.
    pub(crate) fn top(what: &'static str, keys: &'static Table, table: &'a DeTable<'i>, span: Range<usize>) -> Self {
        Self { top: Some(keys), ..Self::of(what, keys, table, span) }
    }

    /// Where the table starts.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whoever writes a key by its former name is told what it is called now.
    pub fn renamed(&mut self, before: &'static str, now: &'static str) {
        self.renamed.push((before, now));
    }

    /// Whoever writes a word of another program, for which there is no key here, is told what does instead.
    pub fn foreign(&mut self, words: &'static [(&'static str, &'static str)]) {
        self.foreign = words;
    }

    /// The value of `key`; the key is known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Value<'i>> {
        self.kind(key);
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }

    /// Where `key` stands, if it is there.
    pub fn place_of(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(name, _)| name.span())
    }

    /// As [`Section::take`]; that there is none is a mistake.
    pub fn need(&mut self, key: &'static str, example: &str, mistakes: &mut Vec<Mistake>) -> Option<&'a Value<'i>> {
        let value = self.take(key);
        if value.is_none() {
            let title = format!("{} has no `{key}`", self.what);
            mistakes.push(Mistake::new(self.span(), title, "in this section").help(format!("add `{key} = {example}`")));
        }
        value
    }

    /// What is declared of `key`.
    fn kind(&self, key: &str) -> Option<&'static Kind> {
        let table = self.keys?;
        let known = table.key(key);
        debug_assert!(
            known.is_some(),
            "`{key}` of {} is read, but not declared: give it a row in config/keys",
            table.heading
        );
        known.map(|key| &key.kind)
    }

    /// A reader that reads `key` in another way than is declared is put right.
    fn expect(&self, key: &str, reads: &str, is: impl Fn(&Kind) -> bool) {
        if cfg!(debug_assertions)
            && let Some(kind) = self.kind(key)
        {
            assert!(kind.some(&is), "`{key}` is declared as {kind}, but read as {reads}");
        }
    }

    /// The declaration of the tables of `key`.
    fn tables_of(&self, key: &str) -> Option<&'static Table> {
        let mut found = None;
        let is_table = |kind: &Kind| {
            use Kind::*;
            matches!(kind, Table(_) | Tables { .. } | Pairs(_) | PairsOrLists(_) | PairsOfTables(_))
        };
        self.expect(key, "a table", is_table);
        if let Some(Kind::Table(table) | Kind::Tables { of: table, .. }) = self.kind(key) {
            found = Some(*table);
        }
        found
    }

    /// Names every key nobody asked for.
    pub fn finish(self, mistakes: &mut Vec<Mistake>) {
        if let Some(keys) = self.keys {
            let forgotten = keys.keys.iter().find(|key| !self.asked.contains(&key.name));
            debug_assert!(forgotten.is_none(), "{forgotten:?} of {} is declared, but never read", keys.heading);
        }
        for (name, value) in self.table.iter() {
            if let Some(key) = self.keys.and_then(|keys| keys.key(name.get_ref().as_ref())) {
                advice::about_value(key, value, mistakes);
            }
        }
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let now = self.renamed.iter().find(|(before, _)| *before == name);
            let now = now.map(|(_, now)| format!("it is called `{now}` now"));
            let instead = || self.foreign.iter().find(|(word, _)| *word == name).map(|(_, does)| (*does).to_owned());
            let help = now.or_else(instead);
            let help = help.unwrap_or_else(|| advice::about_key(name, self.keys, self.top, &self.asked));
            let title = format!("unknown key `{name}` in {}", self.what);
            mistakes.push(Mistake::new(key.span(), title, "unknown key").help(help));
        }
    }

    /// A table within this one.
    pub fn table(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<Section<'a, 'i>> {
        let keys = self.tables_of(key);
        let value = self.take(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            mistakes.push(wrong_type(value, "a table"));
        }
        let top = self.top;
        table.map(|table| Section { keys, top, ..Section::new(key, table, value.span()) })
    }

    /// All `[[key]]`, if there are any.
    pub fn tables_if_any(
        &mut self,
        key: &'static str,
        count_max: usize,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Section<'a, 'i>> {
        if self.take(key).is_some() { self.tables(key, count_max, mistakes) } else { Vec::new() }
    }

    /// All `[[key]]` of the file, at least one.
    pub fn tables(&mut self, key: &'static str, count_max: usize, mistakes: &mut Vec<Mistake>) -> Vec<Section<'a, 'i>> {
        let help = format!("add a section that starts with `[[{key}]]`");
        let (keys, top) = (self.tables_of(key), self.top);
        let Some(value) = self.take(key) else {
            mistakes.push(Mistake::new(self.span(), format!("there is no [[{key}]]"), "in this file").help(help));
            return Vec::new();
        };
        let all: Option<Vec<_>> = value.get_ref().as_array().and_then(|array| {
            let section = |table, span| Section { keys, top, ..Section::new(key, table, span) };
            array.iter().map(|one| Some(section(one.get_ref().as_table()?, one.span()))).collect()
        });
        match all {
            Some(all) if (1..=count_max).contains(&all.len()) => all,
            Some(all) => {
                let title = format!("{} sections [[{key}]]: there may be 1 to {count_max}", all.len());
                mistakes.push(Mistake::new(value.span(), title, "here"));
                Vec::new()
            }
            None => {
                mistakes.push(wrong_type(value, "an array of tables").help(help));
                Vec::new()
            }
        }
    }

    /// A string that must be there and must not be empty.
    pub fn text(&mut self, key: &'static str, example: &str, mistakes: &mut Vec<Mistake>) -> Option<Placed<&'a str>> {
        self.expect(key, "a string", |kind| matches!(kind, Kind::Text(_)));
        let value = self.need(key, example, mistakes)?;
        let text = value::text(value, mistakes)?;
        if text.trim().is_empty() {
            let title = format!("`{key}` of {} is empty", self.what);
            mistakes.push(Mistake::new(value.span(), title, "empty").help(format!("such as `{key} = {example}`")));
            return None;
        }
        Some(Placed { value: text, span: value.span() })
    }

    /// A string that must not be empty, if it is there.
    pub fn text_if_any(
        &mut self,
        key: &'static str,
        example: &str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Placed<&'a str>> {
        self.take(key)?;
        self.text(key, example, mistakes)
    }

    /// A whole number from `min` to `max`.
    pub fn number(&mut self, key: &'static str, min: usize, max: usize, mistakes: &mut Vec<Mistake>) -> Option<usize> {
        let same =
            |kind: &Kind| matches!(kind, Kind::Number { min: least, max: most } if (*least, *most) == (min, max));
        self.expect(key, &format!("a number from {min} to {max}"), same);
        value::number(key, self.take(key)?, min, max, mistakes)
    }

    /// A whole number within the bounds that are declared for this key.
    ///
    /// # Panics
    /// There are none: a mistake in the program.
    pub fn bounded(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<usize> {
        let Some(&Kind::Number { min, max }) = self.kind(key) else { panic!("`{key}` is not declared as a number") };
        value::number(key, self.take(key)?, min, max, mistakes)
    }

    /// true or false.
    pub fn switch(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<bool> {
        self.expect(key, "true or false", |kind| matches!(kind, Kind::Switch));
        let value = self.take(key)?;
        let switch = value.get_ref().as_bool();
        if switch.is_none() {
            mistakes.push(wrong_type(value, "true or false"));
        }
        switch
    }

    /// A time such as `"30s"`.
    pub fn duration(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<Duration> {
        self.expect(key, "a time", |kind| matches!(kind, Kind::Time));
        value::duration(key, self.take(key)?, mistakes)
    }

    /// A time such as `"30s"`, or `"off"`: [`units::OFF`].
    pub fn duration_or_off(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<Duration> {
        self.expect(key, "a time or off", |kind| matches!(kind, Kind::TimeOrOff));
        value::duration_or_off(key, self.take(key)?, mistakes)
    }

    /// A time of which this is why it cannot be `"off"`.
    pub fn duration_never_off(
        &mut self,
        key: &'static str,
        why: &str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Duration> {
        self.expect(key, "a time", |kind| matches!(kind, Kind::Time));
        value::duration_never_off(key, self.take(key)?, why, mistakes)
    }

    /// A string, a whole number, or true or false, as text: for callers with a reader of their own.
    pub fn plain(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<Placed<String>> {
        value::plain(self.take(key)?, mistakes)
    }

    /// Every key of a table with its value, whatever that is: for names that others give.
    pub fn entries(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<(Placed<String>, &'a Value<'i>)> {
        let Some(section) = self.table(key, mistakes) else { return Vec::new() };
        let entry = |(name, value): (&Spanned<Cow<'_, str>>, &'a Value<'i>)| {
            (Placed { value: name.get_ref().to_string(), span: name.span() }, value)
        };
        section.table.iter().map(entry).collect()
    }

    /// Every key of a table with its plain value: for names that others give.
    pub fn pairs(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<(Placed<String>, Placed<String>)> {
        let Some(section) = self.table(key, mistakes) else { return Vec::new() };
        let pair = |(name, value): (&Spanned<Cow<'_, str>>, &Value<'_>)| {
            let name = Placed { value: name.get_ref().to_string(), span: name.span() };
            Some((name, value::plain(value, mistakes)?))
        };
        section.table.iter().filter_map(pair).collect()
    }

    /// One of `names`.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        names: &[(&'static str, T)],
        mistakes: &mut Vec<Mistake>,
    ) -> Option<T> {
        let same = |kind: &Kind| kind.names().iter().eq(names.iter().map(|(name, _)| name));
        self.expect(key, "another choice", same);
        value::choice(key, self.take(key)?, names, mistakes)
    }

    /// A member of a closed set, by its name.
    pub fn named<T: Named>(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<T> {
        let names: Vec<(&'static str, T)> = T::ALL.iter().map(|member| (member.name(), *member)).collect();
        self.choice(key, &names, mistakes)
    }
}

/// How the title of a value of another type begins.
pub(crate) const WRONG_TYPE: &str = "this must be";

/// The mistake of a value that is of another type.
pub fn wrong_type(value: &Value<'_>, wanted: &str) -> Mistake {
    let found = value.get_ref().type_str();
    let title = format!("{WRONG_TYPE} {wanted}, not {} {found}", article(found));
    Mistake::new(value.span(), title, format!("expected {wanted}"))
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
