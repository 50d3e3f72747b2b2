//! What somebody meant who wrote a key or a choice that does not exist: the word of another program, a key that stands in
//! another table, or a slip of the pen.

use crate::declare::{Key, Kind, Table};
use crate::mistake::Mistake;
use crate::section::{Value, WRONG_TYPE};
use crate::value::UNKNOWN;
use named::nearest;

/// Tables that are named where a key stands in several.
const TABLES_TOLD: usize = 3;

/// About a key that `table`, somewhere within `top`, does not have; `asked` are those that it has.
pub(crate) fn about_key(
    name: &str,
    table: Option<&'static Table>,
    top: Option<&'static Table>,
    asked: &[&str],
) -> String {
    let here = || {
        let key = table?.keys.iter().find(|key| key.is_known_as(name))?;
        let called = key.section().map_or(format!("`{}`", key.name), |section| section.heading.to_owned());
        Some(format!("here it is called {called}"))
    };
    let below = || elsewhere(name, &table?.all()[1..]);
    let meant = || nearest(name, asked.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
    let anywhere = || elsewhere(name, &top?.all()[1..]);
    let list = || format!("there are: {}", asked.join(", "));
    here().or_else(below).or_else(meant).or_else(anywhere).unwrap_or_else(list)
}

/// Where a key of this name stands, or what it is called there.
fn elsewhere(name: &str, tables: &[&'static Table]) -> Option<String> {
    let headings = |found: &[&Table]| {
        let told: Vec<&str> = found.iter().take(TABLES_TOLD).map(|table| table.heading).collect();
        told.join(", or in ")
    };
    let same: Vec<&Table> = tables.iter().copied().filter(|table| table.key(name).is_some()).collect();
    if !same.is_empty() {
        return Some(format!("`{name}` stands in {}", headings(&same)));
    }
    let (table, key) = tables.iter().find_map(|table| {
        let key = table.keys.iter().find(|key| key.is_known_as(name))?;
        Some((table, key))
    })?;
    Some(match key.section() {
        Some(section) => format!("that is {}", section.heading),
        None => format!("it is called `{}`, and stands in {}", key.name, table.heading),
    })
}

/// Mistakes about the value of a key that do not say what would be right: a word of another program, or the example that is declared.
pub(crate) fn about_value(key: &Key, value: &Value<'_>, mistakes: &mut [Mistake]) {
    let inner = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
    for value in inner.chain([value]) {
        for mistake in mistakes.iter_mut().filter(|mistake| mistake.span == value.span()) {
            let text = value.get_ref().as_str();
            if mistake.label == UNKNOWN {
                mistake.help = text.and_then(|text| about_choice(text, key)).or(mistake.help.take());
            } else if mistake.help.is_none() && mistake.title.starts_with(WRONG_TYPE) {
                mistake.help = text.and_then(|text| without_quotes(text, key)).or_else(|| sample_of(key));
            }
        }
    }
}

/// A number or a switch that stands between quotation marks.
fn without_quotes(text: &str, key: &Key) -> Option<String> {
    let meant = match key.kind {
        Kind::Number { .. } => whole(text)?.to_string(),
        Kind::Switch if ["yes", "on", "true", "1"].contains(&text) => "true".to_owned(),
        Kind::Switch if ["no", "off", "false", "0"].contains(&text) => "false".to_owned(),
        _ => return None,
    };
    Some(format!("without quotation marks: `{} = {meant}`", key.name))
}

/// `100`, and also `32k`, `1M`, `16KiB`: by 1024.
fn whole(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let power = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(1 << (10 * power))
}

fn sample_of(key: &Key) -> Option<String> {
    let switch = matches!(key.kind, Kind::Switch).then_some("true");
    Some(format!("such as `{} = {}`", key.name, switch.or(key.sample())?))
}

/// About a choice that `key` does not have, where another program has it.
pub(crate) fn about_choice(text: &str, key: &Key) -> Option<String> {
    // `hdr(X-User)`, `random_choose 2`, `cookie:session`.
    let word = text.split(['(', ' ', ':']).next().unwrap_or(text);
    let (_, ours) = key.words.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(word))?;
    Some(match key.kind.names().contains(ours) {
        true => format!("here it is called \"{ours}\""),
        false => (*ours).to_owned(),
    })
}

impl Key {
    /// Another program calls it so, in whatever case and with whatever between its words.
    fn is_known_as(&self, name: &str) -> bool {
        let same = |one: u8, other: u8| one.eq_ignore_ascii_case(&other) || [one, other] == *b"-_";
        let fits = |other: &&str| other.len() == name.len() && name.bytes().zip(other.bytes()).all(|(a, b)| same(a, b));
        self.others.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::Kind;

    static POOL: Table = Table {
        name: "set.pool",
        heading: "[set.pool]",
        keys: &[Key::new("idle_max", Kind::Time, "").known_as(&["keepalive"]), Key::new("size", Kind::Time, "")],
    };
    static SET: Table = Table {
        name: "set",
        heading: "[[set]]",
        keys: &[
            Key::new("servers", Kind::Time, "").known_as(&["upstream_hosts"]),
            Key::new("pool", Kind::Table(&POOL), "").known_as(&["cache"]),
        ],
    };
    static DOOR: Table = Table {
        name: "door",
        heading: "[[door]]",
        keys: &[Key::new("bind", Kind::Names(&["all", "least"]), "").words(&[("any", "all"), ("hdr", "write a list")])],
    };
    static TOP: Table = Table {
        name: "top",
        heading: "the file",
        keys: &[Key::new("set", Kind::Table(&SET), ""), Key::new("door", Kind::Table(&DOOR), "")],
    };

    #[test]
    fn a_key_is_found_where_it_stands_or_by_what_others_call_it() {
        for (table, name, expect) in [
            (&SET, "upstream-hosts", "here it is called `servers`"),
            (&SET, "Upstream_Hosts", "here it is called `servers`"),
            (&SET, "idle_max", "`idle_max` stands in [set.pool]"),
            (&SET, "keepalive", "it is called `idle_max`, and stands in [set.pool]"),
            (&SET, "cache", "here it is called [set.pool]"),
            (&SET, "server", "did you mean `servers`?"),
            (&DOOR, "size", "`size` stands in [set.pool]"),
            (&DOOR, "cache", "that is [set.pool]"),
            (&DOOR, "nonsense", "there are: bind"),
        ] {
            let asked: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            assert_eq!(about_key(name, Some(table), Some(&TOP), &asked), expect, "{name} in {}", table.heading);
        }
        assert_eq!(about_key("x", None, None, &["name"]), "there are: name");
    }

    #[test]
    fn sizes_with_a_unit_are_numbers_here() {
        for (text, expect) in
            [("100", Some(100)), ("32k", Some(32_768)), ("1MiB", Some(1 << 20)), ("k", None), ("5s", None)]
        {
            assert_eq!(whole(text), expect, "{text}");
        }
        assert_eq!(whole("99999999999999999999g"), None);
    }

    #[test]
    fn a_choice_of_another_program_is_told_as_ours() {
        let key = DOOR.key("bind").expect("it is there");
        assert_eq!(about_choice("ANY", key).as_deref(), Some("here it is called \"all\""));
        assert_eq!(about_choice("hdr(X-User)", key).as_deref(), Some("write a list"));
        assert_eq!(about_choice("some", key), None);
    }
}
