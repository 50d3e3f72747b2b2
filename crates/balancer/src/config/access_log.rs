//! `access_log` and what belongs to it, of `[global]`.

use crate::access::{AccessLog, LogTarget, SyslogForm, SyslogPlace};
use config_file::{Mistake, Placed, Section};
use std::path::Path;

/// Requests of which one is told, at most.
pub(super) const SAMPLE_MAX: usize = 1_000_000;

/// Where the log daemon of this host listens.
const DEV_LOG: &str = "/dev/log";
/// What the place of another one begins with.
const SYSLOG: &str = "syslog:";

/// A path is taken from the folder of the configuration.
pub(super) fn read(section: &mut Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<AccessLog> {
    let place = section.text_if_any("access_log", "\"access.log\"", mistakes);
    let format = section.named("access_log_format", mistakes);
    let sample = section.bounded("access_log_sample", mistakes);
    let form = section.named("access_log_syslog", mistakes);
    let Some(place) = place else {
        refuse_details(section, mistakes);
        return None;
    };
    // Turned off for a while: how it looked may stay written.
    if place.value == "off" {
        return None;
    }
    let to = target(&place, form.unwrap_or_default(), folder, mistakes)?;
    if !matches!(to, LogTarget::Syslog(..))
        && let Some(span) = section.place_of("access_log_syslog")
    {
        let title = "`access_log_syslog` says how messages for a log daemon begin, and there is none";
        let help = "write `access_log = \"syslog\"`, or leave this out";
        mistakes.push(Mistake::new(span, title, format!("the log goes to {to}")).help(help));
    }
    Some(AccessLog { to, format: format.unwrap_or_default(), sample: sample.map_or(1, |count| count as u32) })
}

fn target(place: &Placed<&str>, form: SyslogForm, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<LogTarget> {
    match place.value {
        "stdout" => return Some(LogTarget::Stdout),
        "syslog" => return Some(LogTarget::Syslog(SyslogPlace::Here(DEV_LOG.into()), form)),
        value if value.starts_with(SYSLOG) => {
            let place = daemon(&value[SYSLOG.len()..], place, mistakes)?;
            return Some(LogTarget::Syslog(place, form));
        }
        _ => {}
    }
    let path = folder.join(place.value);
    if path.is_dir() || place.value.ends_with('/') {
        let title = format!("\"{}\" is a folder", path.display());
        let help = "name a file, such as \"access.log\"; a path is taken from the folder of the configuration";
        mistakes.push(Mistake::new(place.span.clone(), title, "this is to be written to").help(help));
        return None;
    }
    Some(LogTarget::File(path))
}

/// A log daemon at a socket file, or at an address.
fn daemon(at: &str, place: &Placed<&str>, mistakes: &mut Vec<Mistake>) -> Option<SyslogPlace> {
    if at.starts_with('/') {
        return Some(SyslogPlace::Here(at.into()));
    }
    match at.parse() {
        Ok(address) => Some(SyslogPlace::There(address)),
        Err(_) => {
            let title = format!("\"{at}\" is neither an address with a port nor the path of a socket");
            let help = "such as \"syslog:192.0.2.9:514\" or \"syslog:/run/log.sock\"; \"syslog\" alone is /dev/log";
            mistakes.push(Mistake::new(place.span.clone(), title, "a log daemon is to be found here").help(help));
            None
        }
    }
}

/// How lines look that nobody writes.
fn refuse_details(section: &Section<'_, '_>, mistakes: &mut Vec<Mistake>) {
    for key in ["access_log_format", "access_log_sample", "access_log_syslog"] {
        if let Some(span) = section.place_of(key) {
            let title = format!("`{key}` says something of an access log that there is not");
            let help = "name its place: `access_log = \"access.log\"` or \"stdout\"; or leave this out";
            mistakes.push(Mistake::new(span, title, "no `access_log` is written").help(help));
        }
    }
}
