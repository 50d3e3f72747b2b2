//! Keys declared once: what a table of a file may hold, of which type, what counts where a key is missing, and what it
//! means. Readers are held against it, and documentation, `--keys` and the schema are written from it.
//!
//! ```
//! use config_file::{Key, Kind, Table};
//! static POOL: Table = Table {
//!     name: "pool",
//!     heading: "[pool]",
//!     keys: &[Key::new("idle_max", Kind::Number { min: 0, max: 1000 }, "connections kept").or("256")],
//! };
//! assert_eq!(POOL.key("idle_max").unwrap().kind.to_string(), "0 to 1000");
//! ```

use named::Named;
use std::fmt;

/// What a table of a file may hold.
#[derive(Debug)]
pub struct Table {
    /// By which it is asked for: `listener.tls`.
    pub name: &'static str,
    /// As it stands in a file, `[listener.tls]` or `[[listener]]`; for a table within a line, where that is.
    pub heading: &'static str,
    /// Its keys, in the order in which they are told.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What counts without it.
    pub preset: Preset,
    /// What it means, in Markdown.
    pub means: &'static str,
    /// Nobody is shown what it says.
    pub secret: bool,
    /// A value, where neither the default nor the meaning shows one.
    pub example: Option<&'static str>,
    /// What other programs call it.
    pub(crate) others: &'static [&'static str],
    /// Choices of other programs, and what they are here: one of ours, or what to write.
    pub(crate) words: &'static [(&'static str, &'static str)],
}

/// What counts where a key is missing.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// This value, as it would be written.
    Is(&'static str),
    /// What cannot be written as a value.
    Words(&'static str),
    /// It cannot be missing.
    Required,
}

/// What a key takes.
#[derive(Debug)]
pub enum Kind {
    /// A whole number, both ends included.
    Number {
        /// The least.
        min: usize,
        /// The most.
        max: usize,
    },
    /// A time such as `"30s"`.
    Time,
    /// A time, or `"off"`.
    TimeOrOff,
    /// true or false.
    Switch,
    /// One of the names of a closed set: [`Kind::choice`].
    Choice(fn() -> Vec<&'static str>),
    /// One of these names.
    Names(&'static [&'static str]),
    /// A string; what it says.
    Text(&'static str),
    /// An array.
    List {
        /// Of what.
        of: &'static Kind,
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// Any of several.
    OneOf(&'static [Kind]),
    /// A table.
    Table(&'static Table),
    /// An array of tables.
    Tables {
        /// Of which.
        of: &'static Table,
        /// The most.
        max: usize,
    },
    /// A table whose keys are names that others give; what its values say.
    Pairs(&'static str),
    /// The same, where a value may also be a list.
    PairsOrLists(&'static str),
    /// The same, where each value is such a table.
    PairsOfTables(&'static Table),
}

impl Key {
    /// A key that may be missing, which then means nothing.
    pub const fn new(name: &'static str, kind: Kind, means: &'static str) -> Self {
        Self { name, kind, preset: Preset::Words("none"), means, secret: false, example: None, others: &[], words: &[] }
    }

    /// With a default, as it would be written: `"5s"` with its quotes.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { preset: Preset::Is(default), ..self }
    }

    /// With a default that only words can tell.
    #[must_use]
    pub const fn or_words(self, words: &'static str) -> Self {
        Self { preset: Preset::Words(words), ..self }
    }

    /// It has to be there, for example so.
    #[must_use]
    pub const fn required(self, example: &'static str) -> Self {
        Self { preset: Preset::Required, example: Some(example), ..self }
    }

    /// Whoever writes one of these words of other programs is told this key.
    #[must_use]
    pub const fn known_as(self, others: &'static [&'static str]) -> Self {
        Self { others, ..self }
    }

    /// Whoever chooses one of these words of other programs is told what that is here: a choice, or what to write.
    #[must_use]
    pub const fn words(self, words: &'static [(&'static str, &'static str)]) -> Self {
        Self { words, ..self }
    }

    /// Nobody is shown what it says.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// With an example.
    #[must_use]
    pub const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// What can be written: the example, or else the default.
    pub fn sample(&self) -> Option<&'static str> {
        match self.preset {
            Preset::Is(default) => self.example.or(Some(default)),
            _ => self.example,
        }
    }

    /// Tables with a heading of their own, which are told there.
    pub fn section(&self) -> Option<&'static Table> {
        let table = match self.kind {
            Kind::Table(table) | Kind::Tables { of: table, .. } => table,
            _ => return None,
        };
        table.heading.starts_with('[').then_some(table)
    }
}

impl Kind {
    /// One of a closed set, by name.
    pub const fn choice<T: Named>() -> Self {
        Self::Choice(names::<T>)
    }

    /// A list of at least one.
    pub const fn list(of: &'static Self, max: usize) -> Self {
        Self::List { of, min: 1, max }
    }

    /// What this, or one of several alternatives, satisfies.
    pub(crate) fn some(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        match self {
            Self::OneOf(kinds) => kinds.iter().any(|kind| kind.some(is)),
            kind => is(kind),
        }
    }

    /// What can be chosen; nothing where it is no choice.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Choice(names) => names(),
            Self::Names(names) => names.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Tables that are reached through this.
    pub(crate) fn tables(&self) -> Vec<&'static Table> {
        match self {
            Self::Table(table) | Self::Tables { of: table, .. } | Self::PairsOfTables(table) => vec![table],
            Self::List { of, .. } => of.tables(),
            Self::OneOf(kinds) => kinds.iter().flat_map(Self::tables).collect(),
            _ => Vec::new(),
        }
    }
}

/// As a type is said to people.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max } => write!(f, "{min} to {max}"),
            Self::Time => f.write_str("time"),
            Self::TimeOrOff => f.write_str("time or `\"off\"`"),
            Self::Switch => f.write_str("`true` or `false`"),
            Self::Choice(_) | Self::Names(_) => {
                f.write_str(&self.names().iter().map(|name| format!("`\"{name}\"`")).collect::<Vec<_>>().join(", "))
            }
            Self::Text(what) => f.write_str(what),
            Self::List { of, min, max } if min == max => write!(f, "list of {min}: {of}"),
            Self::List { of, .. } => write!(f, "list of: {of}"),
            Self::OneOf(kinds) => f.write_str(&kinds.iter().map(Self::to_string).collect::<Vec<_>>().join(", or ")),
            Self::Table(table) | Self::Tables { of: table, .. } => write!(f, "table `{}`", table.name),
            Self::Pairs(what) | Self::PairsOrLists(what) => write!(f, "table: names to {what}"),
            Self::PairsOfTables(table) => write!(f, "table: names to tables `{}`", table.name),
        }
    }
}

impl Table {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The key at a path of names: `backend_set.limits.connections_max`.
    pub fn find(&self, path: &str) -> Option<&'static Key> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let key = self.key(first)?;
        match rest {
            None => Some(key),
            Some(rest) => key.kind.tables().into_iter().find_map(|table| table.find(rest)),
        }
    }

    /// This table and all below it, each once, in the order in which they are told.
    pub fn all(&'static self) -> Vec<&'static Self> {
        let mut all = vec![self];
        for table in self.keys.iter().flat_map(|key| key.kind.tables()).flat_map(Self::all) {
            if !all.iter().any(|known| known.name == table.name) {
                all.push(table);
            }
        }
        all
    }
}

fn names<T: Named>() -> Vec<&'static str> {
    T::ALL.iter().map(|member| member.name()).collect()
}
