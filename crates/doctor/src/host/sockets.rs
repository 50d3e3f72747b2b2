//! Two walks over the kernel's socket tables: listeners first, because they tell accepted connections from
//! our own, then everything else. Memory stays constant however many sockets there are.

use doctor_core::facts::{DestinationUse, ListenerUse, PortFacts, SocketFacts};
use doctor_core::top::{Held, TopDestinations};
use std::net::SocketAddr;
use sys::sock_diag::{DiagError, End, Entry, Filter, SockDiag, States, TcpState};

/// Destinations that are reported.
const DESTINATIONS_MAX: usize = 64;
/// Listeners that are reported.
const LISTENERS_MAX: usize = 32;
/// Listening ports inside the range that are reported.
const LISTENING_PORTS_MAX: usize = 64;
/// Destinations whose connections are asked for timestamps: each costs a walk of its own.
const CENSUS_DESTINATIONS_MAX: usize = 4;

/// Looks at every TCP socket of the calling thread's namespace; `sees_bound_only`: this kernel shows those that are bound
/// and go nowhere.
pub(super) fn scan(ports: &PortFacts, sees_bound_only: bool) -> Result<SocketFacts, DiagError> {
    let mut diag = SockDiag::open()?;
    let mut facts = SocketFacts::default();
    let listening = scan_listeners(&mut diag, ports, &mut facts)?;
    let choosable = PortBits::of((ports.low..=ports.high).filter(|port| ports.contains(*port)));
    let counts = [0; TcpState::ALL.len() + 1];
    let held = PortBits::default();
    let mut walk = Walk { listening, choosable, held, facts, top: TopDestinations::default(), counts };
    diag.for_each(&not_listening(), |entry| walk.visit(entry))?;
    walk.facts.bound_only = sees_bound_only.then(|| walk.counts[TcpState::BoundInactive as usize]);
    let mut facts = walk.finish();
    for to in facts.destinations.iter_mut().filter(|to| to.live > 0).take(CENSUS_DESTINATIONS_MAX) {
        count_timestamps(&mut diag, to)?;
    }
    Ok(facts)
}

fn not_listening() -> Filter {
    let others: Vec<TcpState> = TcpState::ALL.into_iter().filter(|state| *state != TcpState::Listen).collect();
    Filter { states: States::of(&others), ..Filter::default() }
}

fn scan_listeners(diag: &mut SockDiag, ports: &PortFacts, facts: &mut SocketFacts) -> Result<PortBits, DiagError> {
    let mut listening = PortBits::default();
    let filter = Filter { states: States::of(&[TcpState::Listen]), ..Filter::default() };
    diag.for_each(&filter, |entry| {
        listening.add(entry.local.port());
        let (waiting, backlog) = (entry.receive_queue, entry.send_queue);
        facts.listeners.push(ListenerUse { address: entry.local, waiting, backlog });
        if facts.listeners.len() == 2 * LISTENERS_MAX {
            keep_fullest(&mut facts.listeners);
        }
    })?;
    keep_fullest(&mut facts.listeners);
    let inside = (ports.low..=ports.high).filter(|port| listening.has(*port) && ports.contains(*port));
    facts.listeners_in_range = inside.take(LISTENING_PORTS_MAX).collect();
    if let Some(count) = (listening.len() > 0).then(|| listening.len()) {
        facts.by_state.insert("LISTEN", count);
    }
    Ok(listening)
}

fn keep_fullest(listeners: &mut Vec<ListenerUse>) {
    listeners.sort_by_key(|one| (std::cmp::Reverse(one.waiting), one.address));
    listeners.truncate(LISTENERS_MAX);
}

/// Timestamps of the open connections to one destination, as the kernel negotiated them.
fn count_timestamps(diag: &mut SockDiag, to: &mut DestinationUse) -> Result<(), DiagError> {
    let states = States::of(&[TcpState::Established]);
    let filter = Filter { states, local: End::Address(to.source), remote: End::Exact(to.remote) };
    diag.for_each_with_options(&filter, |_, options| match options & 1 {
        0 => to.without_timestamps += 1,
        _ => to.with_timestamps += 1,
    })
}

struct Walk {
    listening: PortBits,
    choosable: PortBits,
    /// Of the choosable ports, those that somebody holds.
    held: PortBits,
    facts: SocketFacts,
    top: TopDestinations,
    counts: [u64; TcpState::ALL.len() + 1],
}

impl Walk {
    fn visit(&mut self, entry: &Entry) {
        self.counts[state(entry) as usize] += 1;
        let incoming = self.listening.has(entry.local.port());
        if entry.state == TcpState::TimeWait {
            let side = &mut self.facts.time_waits;
            *(if incoming { &mut side.incoming } else { &mut side.outgoing }) += 1;
        }
        // A port outside the range takes nothing away from what connect() may choose.
        let ours = !incoming && self.choosable.has(entry.local.port());
        if ours {
            self.held.add(entry.local.port());
        }
        if let Some(held) = held(entry).filter(|_| ours) {
            self.top.count(entry.local, entry.remote, held);
        }
    }

    fn finish(mut self) -> SocketFacts {
        for state in TcpState::ALL {
            let count = self.counts[state as usize];
            if count > 0 {
                *self.facts.by_state.entry(name(state)).or_default() += count;
            }
        }
        self.facts.ports_held = self.held.len();
        (self.facts.destinations, self.facts.destinations_left_out) = self.top.finish(DESTINATIONS_MAX);
        self.facts
    }
}

/// What is bound and goes nowhere is shown as closed.
fn state(entry: &Entry) -> TcpState {
    let bound_only = entry.state == TcpState::Close && is_unspecified(&entry.remote);
    if bound_only { TcpState::BoundInactive } else { entry.state }
}

fn held(entry: &Entry) -> Option<Held> {
    match entry.state {
        TcpState::Listen | TcpState::Close | TcpState::NewSynReceived | TcpState::SynReceived => None,
        TcpState::BoundInactive => None,
        TcpState::TimeWait => Some(Held::TimeWait { left_ms: u64::from(entry.expires_ms) }),
        TcpState::FinWait2 => Some(Held::FinWait2),
        TcpState::SynSent => Some(Held::SynSent { again: entry.retransmits > 0 }),
        _ if is_unspecified(&entry.remote) => None,
        _ => Some(Held::Live),
    }
}

fn is_unspecified(remote: &SocketAddr) -> bool {
    remote.port() == 0
}

fn name(state: TcpState) -> &'static str {
    match state {
        TcpState::Established => "ESTABLISHED",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynReceived | TcpState::NewSynReceived => "SYN_RECEIVED",
        TcpState::FinWait1 => "FIN_WAIT1",
        TcpState::FinWait2 => "FIN_WAIT2",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::Close => "CLOSE",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::LastAck => "LAST_ACK",
        TcpState::Listen => "LISTEN",
        TcpState::Closing => "CLOSING",
        TcpState::BoundInactive => "BOUND",
    }
}

/// A set of ports: 8 KiB, asked once per socket.
struct PortBits([u64; 1024]);

impl Default for PortBits {
    fn default() -> Self {
        Self([0; 1024])
    }
}

impl PortBits {
    fn of(ports: impl Iterator<Item = u16>) -> Self {
        let mut bits = Self::default();
        ports.for_each(|port| bits.add(port));
        bits
    }

    fn add(&mut self, port: u16) {
        self.0[usize::from(port >> 6)] |= 1 << (port & 63);
    }

    fn has(&self, port: u16) -> bool {
        self.0[usize::from(port >> 6)] & (1 << (port & 63)) != 0
    }

    fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
