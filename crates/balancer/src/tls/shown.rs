//! What is to be said of certificates that are no reason not to start.

use super::files::read_chain;
use crate::errors::Warning;
use balancer_core::{BackendSetSettings, CertificateFiles, ListenerSettings, Settings, hosts_without_certificate};
use secure::{Chain, Facts};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long before its end a certificate is said to end.
const SOON: Duration = Duration::from_secs(7 * 86_400);
const DAY_SECONDS: u64 = 86_400;
/// Permissions of a key file that let anybody read it.
const READ_BY_ANYBODY: u32 = 0o004;
const NAMELESS: &str =
    "is for no name and no address (no subjectAltName): clients refuse it, whatever its subject says";

/// What is wrong with certificates and yet no reason not to start: whoever restarts a balancer of many sites must not lose
/// them all because the certificate of one has expired.
pub fn certificate_warnings(settings: &Settings) -> Vec<Warning> {
    let listeners = settings.listeners.iter().flat_map(Shown::of_listener);
    let sets = settings.backend_sets.iter().flat_map(Shown::of_set);
    let now = since_1970();
    let read = |shown: &Shown<'_>| read_chain(&shown.files.certificate).ok();
    let shown = listeners.chain(sets).flat_map(|shown| shown.warnings(read(&shown).as_ref().map(Chain::facts), now));
    let hosts = settings.listeners.iter().flat_map(|listener| {
        let chains: Vec<Chain> = Shown::of_listener(listener).filter_map(|shown| read(&shown)).collect();
        about_hosts(listener, chains.iter().map(Chain::facts))
    });
    shown.chain(hosts).collect()
}

/// Hosts of routes that no certificate is for, where their clients are turned away.
pub(super) fn about_hosts<'f>(listener: &ListenerSettings, facts: impl IntoIterator<Item = &'f Facts>) -> Vec<Warning> {
    let names: Vec<&str> = facts.into_iter().flat_map(|facts| &facts.names).map(String::as_str).collect();
    hosts_without_certificate(listener, &names).into_iter().map(Warning::Vain).collect()
}

pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A certificate as somebody is shown it.
pub(super) struct Shown<'s> {
    pub(super) files: &'s CertificateFiles,
    /// Who looks for a name in it.
    to_clients: bool,
}

impl<'s> Shown<'s> {
    pub(super) fn of_listener(listener: &'s ListenerSettings) -> impl Iterator<Item = Self> {
        let all = listener.tls.iter().flat_map(|tls| &tls.certificates);
        all.map(|files| Self { files, to_clients: true })
    }

    pub(super) fn of_set(set: &'s BackendSetSettings) -> impl Iterator<Item = Self> {
        let ours = set.tls.iter().filter_map(|tls| tls.certificate.as_ref());
        ours.map(|files| Self { files, to_clients: false })
    }

    pub(super) fn warnings(&self, facts: Option<&Facts>, now: Duration) -> Vec<Warning> {
        let of_certificate = |what| Warning::Certificate { path: self.files.certificate.clone(), what };
        let time = facts.and_then(|facts| about_time(facts.not_before, facts.not_after, now));
        let nameless = facts.is_some_and(|facts| self.to_clients && !facts.is_named).then(|| NAMELESS.to_owned());
        let mode = std::fs::metadata(&self.files.key).map_or(0, |metadata| metadata.mode());
        let open = (mode & READ_BY_ANYBODY != 0).then(|| Warning::KeyForAnybody { path: self.files.key.clone() });
        time.into_iter().chain(nameless).map(of_certificate).chain(open).collect()
    }
}

/// What is to be said of a certificate that is valid between these times.
fn about_time(not_before: Duration, not_after: Duration, now: Duration) -> Option<String> {
    let days = |time: Duration| units::counted(time.as_secs() / DAY_SECONDS, "day");
    if now > not_after {
        Some(format!("has expired {} ago: clients refuse it; renew it", days(now - not_after)))
    } else if now < not_before {
        let wait = days(not_before - now);
        Some(format!("is not valid yet, for {wait} more: clients refuse it; is this host's clock right?"))
    } else if not_after - now < SOON {
        Some(format!("expires in {}: renew it", days(not_after - now)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_spoken_of_when_their_time_is_near() {
        let day = Duration::from_secs(DAY_SECONDS);
        let (from, to) = (day * 100, day * 200);
        for (now, begins) in [
            (day * 90, Some("is not valid yet, for 10 days more")),
            (day * 101, None),
            (day * 192, None),
            (day * 199, Some("expires in 1 day: renew")),
            (day * 203, Some("has expired 3 days ago")),
        ] {
            let said = about_time(from, to, now);
            assert!(said.as_deref().unwrap_or("").starts_with(begins.unwrap_or("")), "{now:?}: {said:?}");
            assert_eq!(said.is_some(), begins.is_some(), "{now:?}: {said:?}");
        }
    }
}
