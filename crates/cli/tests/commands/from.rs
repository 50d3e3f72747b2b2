//! `quintet serve --from`.

use crate::program::told;
use std::path::PathBuf;
use testkit::Folder;

fn from(name: &str, text: &str) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    folder.write(name, text);
    told(&["serve", "--from", &folder.place(name)])
}

const WHOLE: &str = "listen web\n  mode http\n  bind 127.0.0.1:8080\n  server a 127.0.0.1:9001\n";

#[test]
fn a_whole_translation_ends_with_0_and_can_be_used() {
    let (code, toml, notes) = from("whole.cfg", WHOLE);
    assert_eq!((code, notes.as_str()), (Some(0), ""), "{notes}");
    balancer::Config::parse("from", &toml).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_left_out_is_told_by_line_and_ends_with_1() {
    let (code, toml, notes) = from("left.cfg", &format!("{WHOLE}  stick on src\n"));
    assert_eq!(code, Some(1));
    assert!(notes.contains("left.cfg: not translated: line 5: `stick on src`: there are no stick tables"), "{notes}");
    assert!(toml.contains("#   line 5: `stick on src`"), "{toml}");
}

#[test]
fn what_cannot_be_read_ends_with_2() {
    let (code, toml, error) = from("broken.conf", "http {\n  server {\n");
    assert_eq!((code, toml.as_str()), (Some(2), ""));
    assert!(error.contains("broken.conf, read as nginx: line 2: a block is opened and not closed"), "{error}");
    let (code, _, error) = from("silent.conf", "events {}\n");
    assert_eq!(code, Some(2));
    assert!(error.contains("nothing to translate"), "{error}");
    for (name, text) in [("empty.conf", ""), ("README.md", "# Readme\n\nA balancer.\n")] {
        let (code, _, error) = from(name, text);
        assert_eq!(code, Some(2));
        assert!(error.contains(&format!("{name}: this is neither an haproxy.cfg")), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_missing() {
    let (code, _, error) = told(&["serve", "--from", "/nowhere/haproxy.cfg"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("/nowhere/haproxy.cfg: No such file"), "{error}");
    assert!(error.contains("name the haproxy.cfg or nginx.conf to translate"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_said_to_be_so() {
    let folder = Folder::new();
    let path = folder.write("site.conf", &b"server {\n  listen 80; # \xff\n}\n"[..]);
    let (code, toml, error) = told(&["serve", "--from", &path.display().to_string()]);
    assert_eq!((code, toml.as_str()), (Some(2), ""));
    assert!(
        error.contains("site.conf: ") && error.contains("not text in UTF-8: see byte 25 of it, in line 2"),
        "{error}"
    );
    let (code, _, error) = told(&["serve", "--from", &folder.path().display().to_string()]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("directory") && error.contains("name the haproxy.cfg or nginx.conf to translate"),
        "{error}"
    );
}

/// The files of others that translations are tried on.
pub(crate) fn others() -> Vec<PathBuf> {
    let folder = crates().join("translate/tests/files");
    let paths = std::fs::read_dir(folder).expect("the files").map(|entry| entry.expect("an entry").path());
    let is_theirs =
        |path: &PathBuf| path.extension().is_some_and(|end| ["cfg", "conf"].iter().any(|ours| end == *ours));
    let mut paths: Vec<PathBuf> = paths.filter(is_theirs).collect();
    paths.sort();
    assert!(paths.len() >= 12, "{paths:?}");
    paths
}

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every translation is a configuration of ours; certificates are those of the tests.
#[test]
fn the_balancer_takes_every_translation() {
    let mut refused = String::new();
    for path in others() {
        let (_, toml, _) = told(&["serve", "--from", path.to_str().expect("text")]);
        let toml: String = toml.lines().map(|line| with_our_certificates(line) + "\n").collect();
        if let Err(error) = balancer::Config::parse(&path.display().to_string(), &toml) {
            refused += &format!("{}\n{toml}\n", error.render(120, false));
        }
    }
    assert!(refused.is_empty(), "{refused}");
}

/// The files that a line names are those of the tests.
pub(crate) fn with_our_certificates(line: &str) -> String {
    let pki = crates().join("balancer/tests/config/pki");
    let mut line = line.to_owned();
    // So are the users that it becomes.
    if line.starts_with("user = ") || line.starts_with("group = ") {
        line.truncate(line.find('=').unwrap_or_default());
        return line + "= \"root\"";
    }
    for (what, known) in [("user = \"haproxy\"", "user = \"root\""), ("group = \"haproxy\"", "group = \"root\"")] {
        line = line.replace(what, known);
    }
    let users = ("users_file", "../pages/htpasswd-good");
    for (key, file) in [
        users,
        ("file", "../pages/htpasswd-good"),
        ("certificate", "site.pem"),
        ("key", "site.key"),
        ("ca", "ca.pem"),
        ("client_ca", "ca.pem"),
    ] {
        let begin = format!("{key} = \"");
        let mut from = 0;
        while let Some(at) = line[from..].find(&begin).map(|at| from + at) {
            from = at + begin.len();
            if line[..at].chars().last().is_none_or(|char| char == ' ') && line[from..].starts_with('/') {
                let to = from + line[from..].find('"').expect("the end of a text");
                line.replace_range(from..to, pki.join(file).to_str().expect("text"));
            }
        }
    }
    line
}
