//! Whole files of others: what each comes to (`files/NAME.toml`), and what is said of it (`files/NAME.notes`).
//! `QUINTET_BLESS=1` writes both anew; read them before you commit them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use translate::{Language, Taken, Translation, Weight, translate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// Every file, with its name and its text.
fn files() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let is_theirs = |path: &PathBuf| {
        path.extension().is_some_and(|extension| ["cfg", "conf"].iter().any(|ours| extension == *ours))
    };
    let mut files: Vec<_> = entries
        .filter(is_theirs)
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 12, "the files are gone: {}", files.len());
    files
}

fn translated(name: &str, text: &str) -> Translation {
    let language = if name.ends_with(".cfg") { Language::Haproxy } else { Language::Nginx };
    assert_eq!(Language::of(text), Some(language), "{name}");
    translate(name, language, text, &|_| Taken::Yes, &hash).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One hash for all passwords: those that are made have each a salt of their own.
fn hash(_password: &str) -> Option<String> {
    Some("$2y$05$qgoRo98xnbelXPIXPCqrF.Exn9KVItpAaHsmpDhLzCjIc/WsrvqNi".to_owned())
}

fn notes(translation: &Translation) -> String {
    let mut text = String::new();
    for note in &translation.notes {
        let weight = if note.weight == Weight::Missing { "missing" } else { "detail" };
        writeln!(text, "{weight}: {note}").unwrap();
    }
    text
}

#[test]
fn files_come_to_what_is_expected() {
    for (name, text) in files() {
        let translation = translated(&name, &text);
        for (extension, shown) in [("toml", translation.toml.clone()), ("notes", notes(&translation))] {
            let path = folder().join(format!("{name}.{extension}"));
            if std::env::var_os("QUINTET_BLESS").is_some() {
                std::fs::write(&path, &shown).unwrap();
            }
            let expect = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(shown == expect, "{name} comes to\n{shown}\nbut {} says\n{expect}", path.display());
        }
    }
}

#[test]
fn what_is_of_neither_is_not_guessed() {
    for text in
        ["", "# Readme\n\nA balancer; it balances.\n", "[[listener]]\nname = \"web\"\n", "int main() {\n  f();\n}\n"]
    {
        assert_eq!(Language::of(text), None, "{text:?}");
    }
    assert_eq!(Language::of("server {\n"), Some(Language::Nginx));
    assert_eq!(Language::of("global\n  daemon\n"), Some(Language::Haproxy));
}

/// Whatever is cut off, a file is translated or refused, never a panic.
#[test]
fn cut_files_are_translated_or_refused() {
    for (name, text) in files() {
        let language = Language::of(&text).unwrap();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            if let Ok(translation) = translate(&name, language, &text[..end], &|_| Taken::Yes, &hash) {
                assert!(translation.toml.contains("[[listener]]"), "{name} up to {end}");
            }
        }
    }
}

/// One that is to be secured is not spoken to in the clear, because another is: it is left out.
#[test]
fn what_is_to_be_secured_is_never_in_the_clear() {
    let text = std::fs::read_to_string(folder().join("mixed.cfg")).unwrap();
    let translation = translated("mixed.cfg", &text);
    let told = notes(&translation);
    let (plain, sealed) = translation.toml.split_once("[backend_set.tls]").expect("one set is secured");
    assert!(plain.contains("\"10.0.0.1:8080\"") && !sealed.contains("10.0.0.1:8080"), "{}", translation.toml);
    for left_out in
        ["server 10.0.0.2:8443 ... ssl", "server 10.0.0.3:8080 ... send-proxy", "server 10.0.0.1:8080 ... ssl"]
    {
        assert!(told.contains(left_out), "{left_out} in {told}");
    }
}

/// A place whose requests cannot be told apart here would be open to those it keeps out: nothing is translated then.
#[test]
fn what_would_be_open_is_refused() {
    let refused = |inner: &str| {
        let text =
            format!("server {{\n  listen 80;\n  location / {{ proxy_pass http://127.0.0.1:81; }}\n{inner}\n}}\n");
        translate("a.conf", Language::Nginx, &text, &|_| Taken::Yes, &hash).err().map(|error| error.to_string())
    };
    for guard in [
        "deny all;",
        "allow 10.0.0.0/8; deny all;",
        "return 403;",
        "auth_basic a; auth_basic_user_file b;",
        "internal;",
    ] {
        let why =
            refused(&format!("location ~ ^/(?!public) {{ {guard} proxy_pass http://127.0.0.1:81; }}")).expect(guard);
        assert!(why.starts_with("line 4: `location ~ ^/(?!public)`: "), "{why}");
        assert!(why.contains("would come in, so that nothing is translated"), "{why}");
    }
    assert_eq!(refused("location ~ ^/(?!public) { proxy_pass http://127.0.0.1:82; }"), None);
}
