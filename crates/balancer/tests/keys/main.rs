//! What is declared of the keys is what the reader does, what the documentation says, and what the schema allows.

mod file;
mod schema;

use balancer::Config;
use balancer::config::ConfigError;
use balancer::config::keys::TOP;
use config_file::{Key, Kind, Preset, Table};
use file::file;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// What the reader says of a file: nothing, or all titles of its mistakes.
fn titles(text: &str) -> Vec<String> {
    match Config::parse("declared", text) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Mistakes { mistakes, .. }) => mistakes.into_iter().map(|mistake| mistake.title).collect(),
        Err(other) => vec![other.to_string()],
    }
}

/// Tables with a place in a file, and each key that can be written with one value.
fn keys() -> Vec<(&'static Table, &'static Key)> {
    let tables = TOP.all().into_iter().filter(|table| table.name != TOP.name);
    tables.flat_map(|table| table.keys.iter().map(move |key| (table, key))).collect()
}

/// `QUINTET_BLESS=1` writes the tables anew. A new table needs two lines by hand, where it belongs.
#[test]
fn the_documentation_says_what_is_declared() {
    let path = folder().join("../../docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut wanted = text.clone();
    for table in TOP.all().into_iter().filter(|table| table.name != TOP.name) {
        let (begin, end) = (format!("<!-- keys of {} -->\n", table.name), "<!-- end -->");
        let Some(from) = wanted.find(&begin).map(|at| at + begin.len()) else {
            panic!("docs/configuration.md has no place for the keys of {}: add {begin:?} and {end:?}", table.heading);
        };
        let len = wanted[from..].find(end).expect("the end of the table");
        wanted.replace_range(from..from + len, &table.markdown());
    }
    if std::env::var_os("QUINTET_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let differs = text.lines().zip(wanted.lines()).find(|(is, should)| is != should);
    let blessed = std::fs::read_to_string(&path).unwrap() == wanted;
    assert!(blessed, "docs/configuration.md is not what is declared (QUINTET_BLESS=1 writes it): {differs:?}");
}

#[test]
fn what_is_declared_as_default_is_what_counts_without_it() {
    for table in TOP.all().into_iter().filter(|table| table.name != TOP.name) {
        let defaults = table.keys.iter().filter_map(|key| match key.preset {
            Preset::Is(default) => Some((key.name, default.to_owned())),
            _ => None,
        });
        let (with, without) = (file(table, &defaults.collect::<Vec<_>>()), file(table, &[]));
        let read = |text: &str| match Config::parse("declared", text) {
            Ok(config) => config,
            Err(error) => panic!("{}\n{text}", error.render(100, false)),
        };
        assert_eq!(read(&with), read(&without), "a default of {} is none", table.heading);
    }
}

/// What has to stand beside a key for its default to count: the words behind the value, a key, and its value.
const BESIDE: [(&str, &str, &str); 6] = [
    ("with `connections_max`", "connections_max", "200"),
    ("where there are checks", "path", "\"/\""),
    ("where there is such a log", "access_log", "\"stdout\""),
    ("with `syslog`", "access_log", "\"syslog\""),
    ("with `compression`", "compression", "[\"gzip\"]"),
    ("with a rate", "request_rate_min", "500"),
];

/// A default that counts only beside another key: as a value, and that key.
fn default_beside(key: &Key) -> Option<(&'static str, (&'static str, String))> {
    let Preset::Words(words) = key.preset else { return None };
    let (value, rest) = words.split_once(", ")?;
    let value = value.trim_matches('`');
    let is_value = value.starts_with('"') || value.bytes().all(|byte| byte.is_ascii_digit());
    let (_, beside, with) = BESIDE.iter().find(|(words, ..)| is_value && *words == rest)?;
    Some((value, (beside, (*with).to_owned())))
}

#[test]
fn defaults_that_count_beside_another_key_are_those_of_the_reader() {
    let mut compared = 0;
    for (table, key) in keys() {
        let Some((value, beside)) = default_beside(key) else { continue };
        let with = file(table, &[beside.clone(), (key.name, value.to_owned())]);
        let read = |text: &str| match Config::parse("declared", text) {
            Ok(config) => config,
            Err(error) => panic!("{}\n{text}", error.render(100, false)),
        };
        assert_eq!(read(&with), read(&file(table, &[beside])), "{} of {}", key.name, table.heading);
        compared += 1;
    }
    assert!(compared > 10, "{compared} defaults were found");
}

#[test]
fn a_key_with_one_value_says_what_counts_without_it() {
    for (table, key) in keys() {
        use Kind::*;
        let is_one = matches!(key.kind, Number { .. } | Time | TimeOrOff | Switch | Choice(_) | Names(_));
        let says = !matches!(key.preset, Preset::Words("none"));
        assert!(says || !is_one, "{} of {} says \"none\": what counts then?", key.name, table.heading);
    }
}

/// Values inside the declared bounds, and some outside of them.
fn probes(kind: &Kind) -> (Vec<String>, Vec<String>) {
    let quoted = |name: &&str| format!("\"{name}\"");
    let (good, bad): (Vec<String>, Vec<String>) = match kind {
        Kind::Number { min, max } => {
            let below = min.checked_sub(1).map_or("-1".to_owned(), |below| below.to_string());
            (vec![min.to_string(), max.to_string()], vec![below, (max + 1).to_string(), "\"1\"".to_owned()])
        }
        Kind::Time => (vec!["\"1s\"".to_owned()], ["\"off\"", "\"0s\"", "\"1\"", "5"].map(str::to_owned).to_vec()),
        Kind::TimeOrOff => {
            (["\"1s\"", "\"off\""].map(str::to_owned).to_vec(), ["\"0s\"", "\"1\"", "5"].map(str::to_owned).to_vec())
        }
        Kind::Switch => (["true", "false"].map(str::to_owned).to_vec(), vec!["\"true\"".to_owned(), "1".to_owned()]),
        Kind::Choice(_) | Kind::Names(_) => {
            (kind.names().iter().map(quoted).collect(), vec!["\"no-such-choice\"".to_owned(), "1".to_owned()])
        }
        _ => Default::default(),
    };
    (good, bad.into_iter().chain(["1.5".to_owned(), "[[1.5]]".to_owned()]).collect())
}

/// What the reader says when it is the value of this key that it does not take.
fn refuses(titles: &[String], key: &str) -> bool {
    let key = format!("`{key}`");
    let of_value = ["is out of range", "is not a time", "cannot be off", "has no choice"];
    titles.iter().any(|title| {
        title.starts_with("this must be")
            || title.strip_prefix(&key).is_some_and(|rest| of_value.iter().any(|end| rest.contains(end)))
    })
}

/// Why a file is not what the schema describes.
fn problem(schema: &serde_json::Value, text: &str) -> Option<String> {
    match toml::from_str(text) {
        Ok(value) => schema::problem(schema, &value),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn the_reader_and_the_schema_take_what_is_declared_and_nothing_else() {
    let schema = TOP.schema("the configuration");
    for (table, key) in keys().into_iter().filter(|(_, key)| key.section().is_none()) {
        let (good, bad) = probes(&key.kind);
        for value in good {
            let text = file(table, &[(key.name, value.clone())]);
            let titles = titles(&text);
            assert!(!refuses(&titles, key.name), "{} of {} = {value}: {titles:?}", key.name, table.heading);
            assert_eq!(problem(&schema, &text), None, "{text}");
        }
        for value in bad {
            let text = file(table, &[(key.name, value.clone())]);
            assert!(!titles(&text).is_empty(), "{} of {} takes {value}", key.name, table.heading);
            assert!(problem(&schema, &text).is_some(), "the schema takes {} = {value}", key.name);
        }
        if let Some(sample) = key.sample() {
            let text = file(table, &[(key.name, sample.to_owned())]);
            assert_eq!(problem(&schema, &text), None, "the example of {} in {}", key.name, table.heading);
        }
    }
}

#[test]
fn the_reader_and_the_schema_refuse_keys_nobody_declared() {
    let schema = TOP.schema("the configuration");
    for table in TOP.all().into_iter().filter(|table| table.name != TOP.name) {
        let text = file(table, &[("no_such_key", "1".to_owned())]);
        let expect = "unknown key `no_such_key`";
        assert!(titles(&text).iter().any(|title| title.starts_with(expect)), "{} takes any key", table.heading);
        let problem = problem(&schema, &text).expect("the schema takes any key");
        assert!(problem.contains("no_such_key"), "{problem}");
    }
}

#[test]
fn the_schema_takes_every_good_file() {
    let schema = TOP.schema("the configuration");
    let files = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let good = files(folder().join("tests/config"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("good-"))
        .chain(files(folder().join("../../examples")))
        // A plan of the tester is no configuration.
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml") && !path.ends_with("stress.toml"));
    let mut count = 0;
    for path in good {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(problem(&schema, &text), None, "{}", path.display());
        count += 1;
    }
    assert!(count >= 8, "the files are gone: {count}");
}

/// A section without declaration is held against nothing.
#[test]
fn every_section_of_the_reader_is_declared() {
    for entry in std::fs::read_dir(folder().join("src/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let line = source.lines().position(|line| line.contains("Section::new("));
            assert_eq!(line, None, "{}: use Section::of and declare its keys", path.display());
        }
    }
}
