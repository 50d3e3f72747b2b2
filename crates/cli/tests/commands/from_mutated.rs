//! Files of others with something changed in them: whatever is translated at all is a configuration of ours.

use crate::from::{others, with_our_certificates};
use balancer::Config;
use balancer::config::keys::TOP;
use config_file::Kind;
use seed::Rng;
use testkit::{Replay, sweep};
use translate::{FILES, LISTS, Language, NAMES, Taken, translate};

const REPLAY: Replay =
    Replay { package: "quintet", target: "--test commands", test: "every_translation_passes_the_check" };

/// Values that people leave behind by mistake.
const ODD: &[&str] = &[
    "0",
    "1",
    "65535",
    "70000",
    "99999999999",
    "5ms",
    "30d",
    "",
    "/",
    "example.org",
    "*.example.org",
    "{ path_beg /ad }",
];

/// A few lines dropped, doubled, swapped, or with another word in them.
fn changed(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..rng.range(1, 6) {
        let (at, other) = (rng.index(lines.len()), rng.index(lines.len()));
        match rng.index(4) {
            0 if lines.len() > 3 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[other].clone()),
            2 => lines.swap(at, other),
            _ => {
                let words: Vec<&str> = lines[at].split(' ').collect();
                let word = words[rng.index(words.len())].trim_end_matches(';').to_owned();
                if !word.is_empty() {
                    lines[at] = lines[at].replacen(&word, rng.pick::<&str>(ODD), 1);
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

fn taken(path: &str) -> Taken {
    match TOP.find(path).map(|key| &key.kind) {
        Some(&Kind::Number { min, max }) => Taken::Within(min as u64, max as u64),
        Some(_) => Taken::Yes,
        None if [FILES, LISTS, NAMES].contains(&path) => Taken::Yes,
        None => Taken::No,
    }
}

#[test]
fn every_translation_passes_the_check() {
    let files: Vec<(Language, String)> = others()
        .into_iter()
        .map(|path| (path.extension().is_some_and(|end| end == "cfg"), std::fs::read_to_string(path).expect("text")))
        .map(|(is_haproxy, text)| (if is_haproxy { Language::Haproxy } else { Language::Nginx }, text))
        .collect();
    let mut count = 0;
    sweep(REPLAY, 300, |seed| {
        let mut rng = Rng::new(seed);
        let (language, text) = rng.pick(&files).clone();
        let text = changed(&text, &mut rng);
        let Ok(translation) = translate("changed", language, &text, &taken) else { return Ok(()) };
        count += 1;
        let toml: String = translation.toml.lines().map(|line| with_our_certificates(line) + "\n").collect();
        match Config::parse("the translation", &toml) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{text}\n-----\n{toml}\n-----\n{error}")),
        }
    });
    assert!(count > 0, "nothing was translated");
}
