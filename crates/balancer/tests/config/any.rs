//! Whatever a configuration file holds: it is read, or its mistakes are told, each with a place in it.

use super::every_mistake::check;
use super::folder;
use balancer::config::keys::TOP;
use seed::Rng;
use std::path::PathBuf;
use testkit::Replay;

fn replay(test: &'static str) -> Replay {
    Replay { package: "balancer", target: "--test config", test }
}

/// Something changed by chance: a byte, a word, a line.
fn changed(text: &str, rng: &mut Rng) -> String {
    const ODD: &[&str] =
        &["", "0", "-1", "99999999999999999999", "\"\"", "\"é\\u0000\"", "[]", "{}", "[[x]]", "true", "= =", "\"/\""];
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..rng.range(1, 5) {
        let (at, other) = (rng.index(lines.len()), rng.index(lines.len()));
        let odd = rng.pick::<&str>(ODD);
        match rng.index(5) {
            0 => lines[at].clear(),
            1 => lines.swap(at, other),
            2 => lines.insert(at, lines[other].clone()),
            3 => lines[at] = lines[at].split_once('=').map_or((*odd).to_owned(), |(key, _)| format!("{key}= {odd}")),
            _ => lines[at] = lines[at].chars().filter(|_| !rng.chance(0.1)).collect(),
        }
    }
    lines.join("\n")
}

#[test]
fn whatever_a_file_holds_every_mistake_has_a_place_in_it() {
    let paths = std::fs::read_dir(folder()).expect("a file").map(|entry| entry.expect("a file").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("a file"));
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    testkit::sweep(replay("whatever_a_file_holds_every_mistake_has_a_place_in_it"), 500, |seed| {
        let mut rng = Rng::new(seed);
        let text = changed(&texts[rng.index(texts.len())], &mut rng);
        check(&text)
    });
}

const PIECES: &[&str] = &[
    "=",
    " = ",
    "\n",
    "\n",
    "\n[",
    "]\n",
    "\n[[",
    "]]\n",
    "{",
    "}",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\\u",
    "0x",
    "1e9",
    "true",
    "\"a\"",
    "\"127.0.0.1:0\"",
    "\"5s\"",
    "\"off\"",
    "[\"a\"]",
    "é",
    "\u{1f980}",
    "\0",
    "\r",
    "\t",
    "-",
];

/// What is no line of any file: names of keys, values and punctuation, one behind the other.
fn soup(rng: &mut Rng) -> String {
    let names: Vec<&str> = TOP.all().iter().flat_map(|table| table.keys.iter().map(|key| key.name)).collect();
    let mut text = String::new();
    for _ in 0..rng.range(1, 60) {
        match rng.index(3) {
            0 => text += rng.pick::<&str>(PIECES),
            1 => text += &format!("{} = {}\n", rng.pick::<&str>(&names), rng.pick::<&str>(PIECES)),
            _ => text += rng.pick::<&str>(&names),
        }
    }
    text
}

#[test]
fn any_text_is_read_or_has_its_mistakes_told() {
    testkit::sweep(replay("any_text_is_read_or_has_its_mistakes_told"), 2000, |seed| check(&soup(&mut Rng::new(seed))));
}
