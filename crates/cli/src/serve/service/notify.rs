//! What a service manager is told (sd_notify(3)): lines in a datagram to the socket that it names. Where there is none,
//! nothing is told.

use std::env::VarError;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever is told.
#[derive(Debug)]
pub(in crate::serve) struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// The one of the environment, if any.
    pub(in crate::serve) fn of_environment() -> Self {
        let place = std::env::var("NOTIFY_SOCKET").ok().filter(|place| !place.is_empty());
        Self(place.and_then(|place| Some((UnixDatagram::unbound().ok()?, address_of(&place)?))))
    }

    /// The service serves.
    pub(in crate::serve) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// Its configuration is read again; [`Manager::ready`] says what came of it.
    pub(in crate::serve) fn reloading(&self) {
        let now = sys::host::since_boot().as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// It ends.
    pub(in crate::serve) fn stopping(&self, status: &str) {
        self.tell(&format!("STOPPING=1\nSTATUS={}", one_line(status)));
    }

    /// Another process is the service from now on.
    pub(in crate::serve) fn handed_over(&self, next: u32) {
        self.tell(&format!("MAINPID={next}\nREADY=1\nSTATUS=taken over by process {next}"));
    }

    /// It is well.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// What cannot be told is not: the manager has its own patience.
    fn tell(&self, lines: &str) {
        if let Some((socket, to)) = &self.0 {
            let _manager_has_gone = socket.send_to_addr(lines.as_bytes(), to);
        }
    }
}

/// `@` begins a name that is in no file system.
fn address_of(place: &str) -> Option<SocketAddr> {
    match place.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(place).ok(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How often the manager wants to hear that the service is well; `None`: it does not.
pub(super) fn watchdog() -> Option<Duration> {
    watchdog_of(std::env::var("WATCHDOG_USEC"), std::env::var("WATCHDOG_PID"), std::process::id())
}

fn watchdog_of(time: Result<String, VarError>, whose: Result<String, VarError>, own: u32) -> Option<Duration> {
    let is_ours = whose.map_or(true, |pid| pid == own.to_string());
    let time = time.ok()?.parse().ok().filter(|time| *time > 0 && is_ours)?;
    Some(Duration::from_micros(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_for_one_process() {
        let of = |text: &str| if text.is_empty() { Err(VarError::NotPresent) } else { Ok(text.to_owned()) };
        for (time, pid, expect) in [
            ("", "", None),
            ("30000000", "", Some(Duration::from_secs(30))),
            ("30000000", "7", Some(Duration::from_secs(30))),
            ("30000000", "8", None),
            ("0", "", None),
            ("soon", "", None),
        ] {
            assert_eq!(watchdog_of(of(time), of(pid), 7), expect, "{time:?} {pid:?}");
        }
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("not reloaded:\n  here\n"), "not reloaded: here");
    }
}
