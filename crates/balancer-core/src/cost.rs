//! What a configuration can cost, told in advance: memory and files if everything that has a bound is used up at once.
//!
//! Each bound is one that the balancer keeps to, so nobody can make it cost more; most will never see the half of it. Not among it is
//! the configuration itself (routes, certificates, pages), which is there from the start on and grows with nothing.

use crate::files::{WorkerBounds, beside_connections, idle_of};
use crate::settings::{ListenerSettings, Settings};
use core::fmt;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The program itself, its libraries and what the control plane and the admin listener need.
const PROGRAM_BYTES: u64 = 32 * MIB;
/// A worker without a connection: its stack as far as it is used, its tables, its log.
const WORKER_BYTES: u64 = 2 * MIB;
/// A connection with an exchange, what is noted of it, and what it has begun to send (1 KiB at most without a buffer). One that is
/// idle costs 332 bytes, which a bench measures.
const CONNECTION_BYTES: u64 = 3 * KIB;
/// Keys of a connection that is secured, and what it keeps to make later ones.
const SECURED_BYTES: u64 = 8 * KIB;
/// A handshake beside what its peer may send: the state of the library.
const HANDSHAKE_STATE_BYTES: u64 = 32 * KIB;
/// The largest of the encoders (br, with a window of 256 KiB).
const ENCODER_BYTES: u64 = 2 * MIB;
/// A socket in the kernel that holds nothing.
const SOCKET_BYTES: u64 = 4 * KIB;
/// A head that outgrows its buffer has room beside it for what is added on its way.
const HEAD_ADDED_BYTES: usize = 8 * 1024;

/// What the shell around the core is made of.
#[derive(Clone, Copy, Debug)]
pub struct Shell {
    /// Files that may be open.
    pub files: u64,
    /// Event loops.
    pub workers: usize,
    /// Bounds of each.
    pub bounds: WorkerBounds,
    /// Buffers of each, at most.
    pub buffers_max: usize,
    /// Bytes of a buffer.
    pub buffer_bytes: usize,
    /// Bytes that a peer may send in a handshake of TLS.
    pub handshake_bytes: usize,
    /// Bytes of a pipe.
    pub pipe_bytes: usize,
    /// Encoders of each worker, at most.
    pub encoders_max: usize,
    /// Bytes of all tables of rate limits.
    pub rate_bytes: u64,
    /// Bytes of lines of each worker that wait to be written, where there is an access log.
    pub log_bytes: u64,
    /// Bytes that all sockets of the host together may hold (`tcp_mem`), where that is known.
    pub sockets_bytes: Option<u64>,
}

/// Whose memory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The process's own.
    Process,
    /// The kernel's, on its behalf.
    Kernel,
}

/// So many of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What, in words.
    pub what: String,
    /// How many, at most.
    pub count: u64,
    /// What each costs, in bytes.
    pub each_bytes: u64,
    /// Who pays.
    pub whose: Whose,
}

impl Item {
    /// All of them, in bytes.
    pub fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.each_bytes)
    }
}

/// What it can come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, one kind after the other.
    pub memory: Vec<Item>,
    /// Files: clients, their servers, connections that pools keep, and everything else.
    pub files: [(&'static str, u64); 4],
    /// Files that may be open.
    pub files_max: u64,
    /// Bytes that all sockets of the host together may hold.
    pub sockets_bytes: Option<u64>,
}

impl Cost {
    /// What the process may hold at most, in bytes.
    pub fn process_bytes(&self) -> u64 {
        self.of(Whose::Process)
    }

    /// What the kernel may hold on its behalf beside what is on its way, in bytes.
    pub fn kernel_bytes(&self) -> u64 {
        self.of(Whose::Kernel)
    }

    fn of(&self, whose: Whose) -> u64 {
        self.memory.iter().filter(|item| item.whose == whose).map(Item::bytes).fold(0, u64::saturating_add)
    }
}

/// Of settings that fit into the files there are ([`crate::files::fit`]).
pub fn of(settings: &Settings, shell: &Shell) -> Cost {
    let workers = shell.workers as u64;
    let clients = clients_of(settings, |_| true);
    let secured = clients_of(settings, |listener| listener.tls.is_some());
    let idle: u64 = settings.backend_sets.iter().map(|set| idle_of(set, shell.workers)).fold(0, u64::saturating_add);
    let beside = beside_connections(settings, shell.files, shell.workers, &shell.bounds);
    let connections = clients.saturating_mul(2).saturating_add(idle);
    let to_secured = if settings.backend_sets.iter().any(|set| set.tls.is_some()) { clients + idle } else { 0 };
    let encoders = if compresses(settings) { workers * shell.encoders_max as u64 } else { 0 };
    let mut memory = Vec::new();
    let mut add = |what: &str, count: u64, each_bytes: u64, whose: Whose| {
        if count > 0 && each_bytes > 0 {
            memory.push(Item { what: what.to_owned(), count, each_bytes, whose });
        }
    };
    add("the program", 1, PROGRAM_BYTES, Whose::Process);
    add("workers", workers, WORKER_BYTES, Whose::Process);
    add("buffers", buffers(settings, clients, shell), shell.buffer_bytes as u64, Whose::Process);
    add("connections of clients and to servers", connections, CONNECTION_BYTES, Whose::Process);
    add("secured connections", secured.saturating_add(to_secured), SECURED_BYTES, Whose::Process);
    add("handshakes at once", secured, shell.handshake_bytes as u64 + HANDSHAKE_STATE_BYTES, Whose::Process);
    add("responses that are compressed at once", encoders, ENCODER_BYTES, Whose::Process);
    add("tables of rate limits", 1, shell.rate_bytes, Whose::Process);
    add("lines of the access log that wait", workers, shell.log_bytes, Whose::Process);
    add("sockets, empty", connections.saturating_add(beside), SOCKET_BYTES, Whose::Kernel);
    add("pipes", workers * shell.bounds.pipes_max as u64, shell.pipe_bytes as u64, Whose::Kernel);
    let files =
        [("clients", clients), ("their servers", clients), ("kept in pools", idle), ("everything else", beside)];
    Cost { memory, files, files_max: shell.files, sockets_bytes: shell.sockets_bytes }
}

fn clients_of(settings: &Settings, wanted: impl Fn(&ListenerSettings) -> bool) -> u64 {
    let wanted = settings.listeners.iter().filter(|listener| wanted(listener));
    wanted.map(|listener| listener.limits.connections_max as u64).fold(0, u64::saturating_add)
}

/// As many as there may be, or as all clients together can hold: on their way one in each direction and one behind it, as large as a head
/// may become.
fn buffers(settings: &Settings, clients: u64, shell: &Shell) -> u64 {
    let units = |head: usize| {
        let bytes = head.saturating_add(HEAD_ADDED_BYTES);
        bytes.div_ceil(shell.buffer_bytes.max(1)).next_power_of_two() as u64
    };
    let request = settings.listeners.iter().map(|one| units(one.limits.head_bytes_max)).max().unwrap_or(1);
    let response = settings.backend_sets.iter().map(|one| units(one.limits.head_bytes_max)).max().unwrap_or(1);
    let held = clients.saturating_mul(2 * (request + response));
    held.min((shell.workers as u64).saturating_mul(shell.buffers_max as u64))
}

fn compresses(settings: &Settings) -> bool {
    settings.listeners.iter().any(|listener| {
        let mut routes = listener.router.all().iter();
        listener.treatment.compression.is_some() || routes.any(|route| route.treatment.compression.is_some())
    })
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "At most, if everything that has a bound is used up at once:")?;
        for (whose, title) in [(Whose::Process, "memory of the process"), (Whose::Kernel, "memory of the kernel")] {
            writeln!(f, "\n  {title}")?;
            for item in self.memory.iter().filter(|item| item.whose == whose) {
                let each = format!("{} of {}", item.count, sized(item.each_bytes));
                writeln!(f, "    {:<42} {each:>24} {:>10}", item.what, sized(item.bytes()))?;
            }
            writeln!(f, "    {:<42} {:>35}", "in all", sized(self.of(whose)))?;
        }
        if let Some(bytes) = self.sockets_bytes {
            writeln!(f, "    {:<42} {:>35}", "what all sockets of this host may hold", sized(bytes))?;
        }
        writeln!(f, "\n  files")?;
        for (what, count) in self.files {
            writeln!(f, "    {what:<42} {count:>35}")?;
        }
        let all: u64 = self.files.iter().map(|(_, count)| count).fold(0, |sum, count| sum.saturating_add(*count));
        writeln!(f, "    {:<42} {:>35}", "in all", format!("{all} of {}", self.files_max))?;
        writeln!(
            f,
            "\nThe configuration itself (routes, certificates, pages) comes on top, and grows with nothing. Fewer clients"
        )?;
        f.write_str("(connections_max), shorter heads (head_bytes_max) and fewer buffers (buffers_max) cost less.")
    }
}

/// Bytes as people read them.
fn sized(bytes: u64) -> String {
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{:.0} KiB", bytes as f64 / KIB as f64),
        _ if bytes < KIB * MIB => format!("{:.1} MiB", bytes as f64 / MIB as f64),
        _ => format!("{:.1} GiB", bytes as f64 / (KIB * MIB) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{BackendSetSettings, ServerSettings};
    use core::net::SocketAddr;

    fn shell() -> Shell {
        Shell {
            files: 20_000,
            workers: 2,
            bounds: WorkerBounds { pipes_max: 64, strangers_max: 16 },
            buffers_max: 16 * 1024,
            buffer_bytes: 17 * 1024,
            handshake_bytes: 64 * 1024,
            pipe_bytes: 256 * 1024,
            encoders_max: 128,
            rate_bytes: 0,
            log_bytes: 0,
            sockets_bytes: None,
        }
    }

    fn settings(clients: usize) -> Settings {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let mut listener = ListenerSettings::new("web", address, 0);
        listener.limits.connections_max = clients;
        let mut set = BackendSetSettings::new("app", vec![ServerSettings::new(address)]);
        set.pool.idle_max = 10;
        Settings { listeners: vec![listener], backend_sets: vec![set] }
    }

    fn counted(cost: &Cost, what: &str) -> Option<(u64, u64)> {
        cost.memory.iter().find(|item| item.what.starts_with(what)).map(|item| (item.count, item.each_bytes))
    }

    #[test]
    fn what_has_a_bound_is_counted() {
        let cost = of(&settings(1000), &shell());
        assert_eq!(counted(&cost, "connections"), Some((2 * 1000 + 20, 3072)));
        assert_eq!(counted(&cost, "pipes"), Some((128, 256 * 1024)));
        assert_eq!(cost.files[..3], [("clients", 1000), ("their servers", 1000), ("kept in pools", 20)]);
        for absent in ["secured", "handshakes", "responses", "tables", "lines"] {
            assert_eq!(counted(&cost, absent), None, "{absent}: nobody asked for it");
        }
        let sum: u64 = cost.memory.iter().filter(|item| item.whose == Whose::Process).map(Item::bytes).sum();
        assert_eq!(cost.process_bytes(), sum);
    }

    #[test]
    fn buffers_are_as_many_as_clients_can_hold_or_as_there_may_be() {
        let buffers = |clients, head: usize, most| {
            let mut settings = settings(clients);
            settings.listeners[0].limits.head_bytes_max = head;
            settings.backend_sets[0].limits.head_bytes_max = 8 * 1024;
            counted(&of(&settings, &Shell { buffers_max: most, ..shell() }), "buffers").map(|(count, _)| count)
        };
        assert_eq!(buffers(10, 8 * 1024, 16 * 1024), Some(10 * 2 * 2), "one for a head, of either side");
        assert_eq!(buffers(10, 256 * 1024, 16 * 1024), Some(10 * 2 * (16 + 1)), "a long one takes sixteen");
        assert_eq!(buffers(100_000, 8 * 1024, 100), Some(200), "both workers have given out all");
    }

    #[test]
    fn features_cost_where_they_are_on() {
        let more = Shell { rate_bytes: 2 << 20, log_bytes: 1 << 20, sockets_bytes: Some(1 << 30), ..shell() };
        let cost = of(&settings(10), &more);
        assert_eq!((counted(&cost, "tables"), counted(&cost, "lines")), (Some((1, 2 << 20)), Some((2, 1 << 20))));
        let said = cost.to_string();
        for part in ["memory of the process", "connections of clients", "in all", "of 20000", "1.0 GiB"] {
            assert!(said.contains(part), "no {part:?} in\n{said}");
        }
        assert!(said.lines().all(|line| line.len() <= 110), "{said}");
    }

    #[test]
    fn sizes_are_readable() {
        let check = |bytes, expect: &str| assert_eq!(sized(bytes), expect);
        check(332, "332 B");
        check(17 * 1024, "17 KiB");
        check(3 << 19, "1.5 MiB");
        check(5 << 30, "5.0 GiB");
    }
}
