//! What people type who come from other programs, or who guess: what it is called here.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// With a tip, where a word or a flag that nobody knows has another name here.
pub(crate) fn with_tip(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return error,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else { return error };
    let words: Vec<&str> = args.iter().skip(1).filter_map(|arg| arg.to_str()).collect();
    let command = words.first().copied().filter(|first| first != word).unwrap_or_default();
    if let Some(tip) = tip(command, word, behind(word, &words)) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// What stands behind a word: most likely its value.
fn behind<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let at = words.iter().position(|known| *known == word)?;
    words.get(at + 1).copied().filter(|next| !next.starts_with('-'))
}

fn tip(command: &str, word: &str, next: Option<&str>) -> Option<String> {
    match (command, word) {
        ("", _) => without_a_command(word, next),
        ("serve" | "simulate", "-c" | "-f" | "--file" | "--conf" | "--configuration") => {
            Some(named(command, next.unwrap_or("FILE")))
        }
        ("serve", "-t" | "-T" | "--test" | "--validate" | "--dry-run") => {
            Some("`--check` reads a configuration and starts nothing: quintet serve --config FILE --check".to_owned())
        }
        ("serve", "-s" | "--reload" | "reload" | "stop" | "quit" | "restart") => Some(
            "a running balancer goes by signals: SIGHUP reads its configuration again, SIGTERM drains and ends it"
                .to_owned(),
        ),
        ("serve" | "origin", "-d" | "-D" | "--daemon" | "--daemonize") => {
            Some("it stays in the foreground: a service manager, or `&` of a shell, puts it behind".to_owned())
        }
        ("serve" | "origin", "-p" | "-l" | "-b" | "--port" | "--bind" | "--address") => {
            let example = next.filter(|next| is_port(next)).unwrap_or("8080");
            Some(format!("`--listen` says where: quintet {command} --listen 127.0.0.1:{example}"))
        }
        ("serve" | "origin", "-w" | "-n" | "--threads") => Some("threads are `--workers N`".to_owned()),
        ("serve", _) if !word.starts_with('-') => Some(file(word)),
        ("simulate", _) if !word.starts_with('-') => Some(named(command, word)),
        ("origin", _) if is_port(word) => {
            Some(format!("`--listen` says where: quintet origin --listen 127.0.0.1:{word}"))
        }
        ("doctor", "-p") => Some(format!("a process is `--pid {}`", next.unwrap_or("PID"))),
        _ => None,
    }
}

/// `quintet a.toml`, `quintet -c a.toml`, `quintet http://...`
fn without_a_command(word: &str, next: Option<&str>) -> Option<String> {
    match word {
        "-c" | "-f" | "--config" | "--file" => Some(named("serve", next.unwrap_or("FILE"))),
        "-t" | "--check" | "--test" => Some("quintet serve --config FILE --check".to_owned()),
        "-v" => Some("quintet --version".to_owned()),
        _ if word.contains("://") => Some(format!("which test? quintet stress {word}, or quintet doctor {word}")),
        _ if [".toml", ".cfg", ".conf"].iter().any(|end| word.ends_with(end)) => Some(file(word)),
        _ => None,
    }
}

/// A file in the place of a command, or behind `serve`.
fn file(name: &str) -> String {
    match name.ends_with(".cfg") || name.ends_with(".conf") {
        true => {
            format!("a configuration of HAProxy or nginx is translated first: quintet serve --from {name} > q.toml")
        }
        false => named("serve", name),
    }
}

fn named(command: &str, file: &str) -> String {
    format!("a file is named by `--config`: quintet {command} --config {file}")
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}
