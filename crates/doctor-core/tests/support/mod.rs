//! Recorded cases: `key = value` lines become facts and expectations. A case starts from a healthy host and
//! names only what differs.
//!
//! ```text
//! kernel = 6.18.44
//! sysctl.NAME = VALUE | absent
//! state.TIME_WAIT = 20000            time-waits = out 20000 in 0
//! destination = 10.0.0.1:80 from 10.0.0.2 live 5 time_wait 20000 young 2000
//! listener = 0.0.0.0:80 129/128      listening-in-range = 40000
//! counter.TcpExt.X = 500 +20         (total, added during the window of 0.3 s)
//! conntrack = 900/1000 dropped 10 +2 insert_failed 5 +1
//! files = 900/1024 hard 1048576      rate = 5000 | sources = 4 | destinations = 2 | connections = 100
//! target.timestamps = no             target.idle = server_fin whole 200 75
//! balancer.port = 10.0.0.1 to 10.0.0.7:80 ports 28232 live 10 time_wait 200 rate 5
//! balancer.server = app/10.0.0.7:80 up opened 5    balancer.inert-pool = app 1000 peer_left
//! expect = error ports.exhausted     expect.evidence = ports.exhausted 28232 of
//! expect.cure = ports.exhausted --close wait
//! expect.first-cure = ports.exhausted keepalive      (in its words, its command, or what it says of other programs)
//! expect.no-cure = ports.exhausted tcp_tw_reuse
//! ports-held = 28232 bound 10        connect-try = worked | ERRNO     loopback = down     hz = 1000
//! ```

pub(crate) mod balancer;
pub(crate) mod target;

use doctor_core::facts::{
    ConntrackFacts, CounterFacts, DestinationUse, FileFacts, KernelVersion, ListenerUse, PortFacts, Sysctls,
};
use doctor_core::{BalancerFacts, HostFacts, Question, Subjects, TargetFacts};
use std::collections::HashMap;
use std::time::Duration;

/// One recorded case.
pub(crate) struct Recorded {
    pub(crate) host: HostFacts,
    pub(crate) target: Option<TargetFacts>,
    pub(crate) balancer: Option<BalancerFacts>,
    pub(crate) question: Question,
    /// `error ports.exhausted`, sorted.
    pub(crate) expected: Vec<String>,
    /// Finding and a text its evidence holds.
    pub(crate) evidence: Vec<(String, String)>,
    /// Finding and a text one of its cures holds.
    pub(crate) cures: Vec<(String, String)>,
    /// Finding and a text its first cure holds.
    pub(crate) first_cures: Vec<(String, String)>,
    /// Finding and a text none of its cures holds.
    pub(crate) no_cures: Vec<(String, String)>,
}

impl Recorded {
    /// Whom it knows facts of.
    pub(crate) fn subjects(&self) -> Subjects {
        Subjects { host: self.host.clone(), target: self.target.clone(), balancer: self.balancer.clone() }
    }
}

/// Reads a case; panics with file and line where it is none.
pub(crate) fn parse(name: &str, text: &str) -> Recorded {
    let mut case = Recorded {
        host: healthy(),
        target: None,
        balancer: None,
        question: Question::default(),
        expected: Vec::new(),
        evidence: Vec::new(),
        cures: Vec::new(),
        first_cures: Vec::new(),
        no_cures: Vec::new(),
    };
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let fail = || -> ! { panic!("{name}:{}: {line:?} is not understood", at + 1) };
        let Some((key, value)) = line.split_once('=') else { fail() };
        if read(&mut case, key.trim(), value.trim()).is_none() {
            fail();
        }
    }
    case.host.ports = PortFacts::from_sysctls(&case.host.sysctls);
    case.expected.sort();
    case
}

/// A host on which no rule finds anything.
pub(crate) fn healthy() -> HostFacts {
    let mut sysctls = Sysctls::default();
    let values = [
        ("net.ipv4.ip_local_port_range", "32768 60999"),
        ("net.ipv4.ip_local_reserved_ports", ""),
        ("net.ipv4.tcp_tw_reuse", "2"),
        ("net.ipv4.tcp_tw_reuse_delay", "1000"),
        ("net.ipv4.tcp_timestamps", "1"),
        ("net.ipv4.tcp_fin_timeout", "60"),
        ("net.ipv4.tcp_max_tw_buckets", "131072"),
        ("net.ipv4.tcp_rfc1337", "0"),
        ("net.ipv4.tcp_max_syn_backlog", "1024"),
        ("net.ipv4.tcp_max_orphans", "65536"),
        ("net.ipv4.tcp_mem", "90000 120000 180000"),
        ("net.core.somaxconn", "4096"),
        ("fs.file-nr", "3000 0 9223372036854775807"),
    ];
    values.iter().for_each(|(name, value)| sysctls.set(name, value));
    HostFacts {
        kernel: Some(KernelVersion::new(6, 18, 10)),
        hz: Some(250),
        loopback_up: Some(true),
        sysctls,
        counters: CounterFacts::over(Duration::from_millis(300)),
        files: Some(FileFacts { pid: 7, own: true, open: Some(20), soft: 65_536, hard: 1_048_576 }),
        ..HostFacts::default()
    }
}

fn read(case: &mut Recorded, key: &str, value: &str) -> Option<()> {
    if let Some(key) = key.strip_prefix("target.") {
        return target::read(case.target.get_or_insert_with(target::good), key, value);
    }
    if let Some(key) = key.strip_prefix("balancer.") {
        return balancer::read(case.balancer.get_or_insert_with(balancer::good), key, value);
    }
    if let Some(name) = key.strip_prefix("sysctl.") {
        match value {
            "absent" => case.host.sysctls.remove(name),
            _ => case.host.sysctls.set(name, value),
        }
        return Some(());
    }
    if let Some(name) = key.strip_prefix("state.") {
        case.host.sockets.by_state.insert(STATES.iter().find(|known| **known == name)?, value.parse().ok()?);
        return Some(());
    }
    if let Some(name) = key.strip_prefix("counter.") {
        let (total, grown) = total_and_grown(value)?;
        case.host.counters.set(name, total, grown);
        return Some(());
    }
    read_expectation(case, key, value).or_else(|| read_host(&mut case.host, key, value)).or_else(|| {
        let question = &mut case.question;
        match key {
            "rate" => question.rate_per_s = Some(value.parse().ok()?),
            "sources" => question.sources = value.parse().ok()?,
            "destinations" => question.destinations = value.parse().ok()?,
            "connections" => question.connections = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    })
}

const STATES: [&str; 5] = ["ESTABLISHED", "TIME_WAIT", "FIN_WAIT2", "CLOSE_WAIT", "SYN_SENT"];

fn read_expectation(case: &mut Recorded, key: &str, value: &str) -> Option<()> {
    let pair = || value.split_once(' ').map(|(id, text)| (id.to_owned(), text.trim().to_owned()));
    match key {
        "expect" => case.expected.push(value.to_owned()),
        "expect.evidence" => case.evidence.push(pair()?),
        "expect.cure" => case.cures.push(pair()?),
        "expect.first-cure" => case.first_cures.push(pair()?),
        "expect.no-cure" => case.no_cures.push(pair()?),
        _ => return None,
    }
    Some(())
}

fn read_host(host: &mut HostFacts, key: &str, value: &str) -> Option<()> {
    match key {
        "kernel" => host.kernel = Some(KernelVersion::parse(value)?),
        "time-waits" => {
            let words = pairs(value)?;
            host.sockets.time_waits.outgoing = words.get("out").copied().unwrap_or(0);
            host.sockets.time_waits.incoming = words.get("in").copied().unwrap_or(0);
        }
        "destination" => host.sockets.destinations.push(destination(value)?),
        "listener" => {
            let (address, queue) = value.split_once(' ')?;
            let (waiting, backlog) = queue.split_once('/')?;
            let address = address.parse().ok()?;
            let (waiting, backlog) = (waiting.parse().ok()?, backlog.parse().ok()?);
            host.sockets.listeners.push(ListenerUse { address, waiting, backlog });
        }
        "listening-in-range" => {
            host.sockets.listeners_in_range = value.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        }
        "ports-held" => {
            let (held, bound) = value.split_once(" bound ").unwrap_or((value, "0"));
            host.sockets.ports_held = held.parse().ok()?;
            host.sockets.bound_only = Some(bound.parse().ok()?);
        }
        "connect-try" if value == "worked" => host.connect_try = Some(Ok(())),
        "connect-try" => host.connect_try = Some(Err(value.parse().ok()?)),
        "loopback" => host.loopback_up = Some(value != "down"),
        "hz" => host.hz = Some(value.parse().ok()?),
        "conntrack" => host.conntrack = Some(conntrack(value)?),
        "files" => {
            let (used, hard) = value.split_once(" hard ")?;
            let (open, soft) = used.split_once('/')?;
            let (soft, hard) = (soft.parse().ok()?, hard.parse().ok()?);
            host.files = Some(FileFacts { pid: 7, own: true, open: open.parse().ok(), soft, hard });
        }
        _ => return None,
    }
    Some(())
}

fn destination(value: &str) -> Option<DestinationUse> {
    let (remote, rest) = value.split_once(" from ")?;
    let (source, counts) = rest.split_once(' ')?;
    let counts = pairs(counts)?;
    let count = |name| counts.get(name).copied().unwrap_or(0);
    Some(DestinationUse {
        live: count("live"),
        syn_sent: count("syn_sent"),
        syn_resent: count("syn_resent"),
        ports_between: (count("low") as u16, count("high") as u16),
        time_wait: count("time_wait"),
        fin_wait2: count("fin_wait2"),
        young: count("young"),
        ending: count("ending"),
        with_timestamps: count("with"),
        without_timestamps: count("without"),
        undercount_max: count("undercount"),
        ..DestinationUse::new(source.parse().ok()?, remote.parse().ok()?)
    })
}

fn conntrack(value: &str) -> Option<ConntrackFacts> {
    let mut words = value.split(' ');
    let (count, max) = words.next()?.split_once('/')?;
    let mut table = ConntrackFacts { count: count.parse().ok()?, max: max.parse().ok()?, ..Default::default() };
    while let Some(name) = words.next() {
        let total = words.next()?.parse().ok()?;
        let grown = words.next()?.strip_prefix('+')?.parse().ok()?;
        match name {
            "dropped" => (table.dropped, table.dropped_grown) = (Some(total), grown),
            "insert_failed" => (table.insert_failed, table.insert_failed_grown) = (Some(total), grown),
            _ => return None,
        }
    }
    Some(table)
}

fn total_and_grown(value: &str) -> Option<(u64, u64)> {
    match value.split_once(" +") {
        Some((total, grown)) => Some((total.parse().ok()?, grown.parse().ok()?)),
        None => Some((value.parse().ok()?, 0)),
    }
}

/// `live 5 time_wait 7`.
fn pairs(value: &str) -> Option<HashMap<&str, u64>> {
    let words: Vec<&str> = value.split_whitespace().collect();
    words.chunks(2).map(|pair| Some((pair[0], pair.get(1)?.parse().ok()?))).collect()
}
