//! The facts of this host, seen from the calling thread's network namespace. Reads only.

mod conntrack;
mod files;
mod place;
mod sockets;

use doctor_core::HostFacts;
use doctor_core::facts::{CounterFacts, Gap, KernelVersion, PortFacts, Sysctls, sysctls};
use ports::Fault;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use sys::counters::Counters;

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct HostPlan {
    /// Process whose open files are counted; `None`: this one, as a stand-in for what its shell starts.
    pub pid: Option<u32>,
    /// Between the two samples of the counters.
    pub window: Duration,
}

impl Default for HostPlan {
    fn default() -> Self {
        Self { pid: None, window: Duration::from_millis(300) }
    }
}

/// There is no process of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no process {0} here; `ps -e` lists them, and a container sees its own only")]
pub struct NoSuchProcess(pub u32);

/// Is there such a process?
///
/// # Errors
/// No.
pub fn check_process(pid: u32) -> Result<(), NoSuchProcess> {
    if std::path::Path::new(&format!("/proc/{pid}/status")).exists() { Ok(()) } else { Err(NoSuchProcess(pid)) }
}

/// Reads everything once, and the counters twice. What cannot be read becomes a [`Gap`], never a guess.
pub fn gather(plan: &HostPlan) -> HostFacts {
    let began = Instant::now();
    let before = Sample::take();
    let mut facts = HostFacts { sysctls: read_sysctls(), place: place::read(), ..HostFacts::default() };
    facts.release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    facts.kernel = KernelVersion::parse(&facts.release);
    facts.ports = PortFacts::from_sysctls(&facts.sysctls);
    facts.hz = ticks(&facts.release);
    facts.loopback_up = sys::offload::is_up("lo").ok();
    match sockets::scan(&facts.ports, facts.kernel.is_some_and(|kernel| kernel >= SHOWS_BOUND_ONLY)) {
        Ok(sockets) => facts.sockets = sockets,
        Err(error) => facts.gaps.push(gap("TCP sockets", error.to_string())),
    }
    facts.connect_try = are_ports_scarce(&facts).then(try_connect);
    facts.files = files::read(plan.pid, &mut facts.gaps);
    std::thread::sleep(plan.window.saturating_sub(began.elapsed()));
    let after = Sample::take();
    facts.conntrack = conntrack::facts(&facts.sysctls, before.conntrack.as_ref(), after.conntrack.as_ref());
    facts.counters = growth(&before, &after, &mut facts.gaps);
    note_gaps(&mut facts);
    facts
}

/// Bound sockets that go nowhere are shown since then (91051f003948).
const SHOWS_BOUND_ONLY: KernelVersion = KernelVersion::new(6, 8, 0);
/// Bytes of a kernel's configuration that are read.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// Do so many sockets hold ports that a connect should be tried?
fn are_ports_scarce(facts: &HostFacts) -> bool {
    let usable = u64::from(facts.capacity());
    usable > 0 && facts.sockets.ports_held * 20 >= usable * 19
}

/// One connect to the loopback, to a port where hardly anybody listens: does it find a port of its own? Refused is yes.
fn try_connect() -> Result<(), i32> {
    let discard = SocketAddr::from(([127, 0, 0, 1], 9));
    let tried = std::net::TcpStream::connect_timeout(&discard, TRY_PATIENCE);
    match tried.as_ref().err().and_then(std::io::Error::raw_os_error).map(Fault::from_errno) {
        Some(fault) if fault.kind.blame() == ports::Blame::Here => Err(fault.errno),
        _ => Ok(()),
    }
}

const TRY_PATIENCE: Duration = Duration::from_millis(500);

/// Timer ticks per second, where the kernel's configuration lies beside it.
fn ticks(release: &str) -> Option<u32> {
    let path = format!("/boot/config-{release}");
    let text = sys::file::read(std::path::Path::new(&path), CONFIG_BYTES_MAX).ok()?;
    parse_ticks(&String::from_utf8_lossy(&text))
}

fn parse_ticks(config: &str) -> Option<u32> {
    config.lines().find_map(|line| line.strip_prefix("CONFIG_HZ="))?.trim().parse().ok()
}

struct Sample {
    at: Instant,
    counters: Option<Counters>,
    conntrack: Option<conntrack::Stat>,
}

impl Sample {
    fn take() -> Self {
        Self { at: Instant::now(), counters: Counters::read().ok(), conntrack: conntrack::Stat::read() }
    }
}

/// Sysctls this kernel does not have, or hides, are simply not there.
fn read_sysctls() -> Sysctls {
    let mut known = Sysctls::default();
    for name in sysctls::NAMES {
        if let Ok(value) = sys::sysctl::read(name) {
            known.set(name, &value);
        }
    }
    known
}

fn growth(before: &Sample, after: &Sample, gaps: &mut Vec<Gap>) -> CounterFacts {
    let mut facts = CounterFacts::over(after.at - before.at);
    let (Some(earlier), Some(later)) = (&before.counters, &after.counters) else {
        gaps.push(gap("counters", "/proc/net cannot be read: is /proc mounted?"));
        return facts;
    };
    let grown = later.since(earlier);
    for (name, total) in later.iter() {
        facts.set(name, total, grown.get(name).unwrap_or(0));
    }
    facts
}

fn note_gaps(facts: &mut HostFacts) {
    if facts.kernel.is_none() {
        facts.gaps.push(gap("the kernel's version", "/proc/sys/kernel/osrelease cannot be read: is /proc mounted?"));
    }
    if facts.conntrack.is_some_and(|table| table.dropped.is_none()) {
        facts.gaps.push(gap("losses of connection tracking", "this kernel has no /proc/net/stat/nf_conntrack"));
    }
    if facts.conntrack.is_none() {
        facts
            .gaps
            .push(gap("connection tracking", "this network namespace has no nf_conntrack: nothing is tracked here"));
    }
    if facts.sysctls.text("net.ipv4.tcp_max_tw_buckets").is_none() {
        facts.gaps.push(gap("tcp_max_tw_buckets", "this kernel shows it in the machine's own network namespace only"));
    }
    if !facts.place.root {
        let remedy = "root could look into them: `nsenter -t PID -n quintet doctor`";
        facts.gaps.push(gap("other network namespaces and other users' open files", remedy));
    }
    if facts.place.container.is_some() {
        let remedy = "run the doctor on the machine too: its queues, gateway and limits are not seen from here";
        facts.gaps.push(gap("the machine around this container", remedy));
    }
}

pub(crate) fn gap(what: impl Into<String>, remedy: impl Into<String>) -> Gap {
    Gap { what: what.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_off_the_configuration() {
        assert_eq!(parse_ticks("CONFIG_HZ_250=y\n# CONFIG_HZ_1000 is not set\nCONFIG_HZ=250\n"), Some(250));
        assert_eq!(parse_ticks("# CONFIG_HZ=100\n"), None);
    }

    #[test]
    fn a_missing_process_is_named() {
        assert_eq!(check_process(std::process::id()), Ok(()));
        let error = check_process(u32::MAX).expect_err("no such number");
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
