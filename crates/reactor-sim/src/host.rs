//! A simulated host: its table of connections, its listeners and its completions.

use super::doors::SimSocket;
use super::flow::EndId;
use reactor::buf::BufPool;
use reactor::conn::{ConnId, ListenerId};
use reactor::face::{CloseOutcome, Completion};
use seed::Rng;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What a simulated host is like.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Ephemeral ports, inclusive (`net.ipv4.ip_local_port_range`).
    pub ports: (u16, u16),
    /// Does a first closer keep its 4-tuple in TIME_WAIT?
    pub time_wait: Option<Duration>,
    /// `net.ipv4.tcp_timestamps`; negotiated only where both hosts have it.
    pub timestamps: bool,
    /// `net.ipv4.tcp_tw_reuse`: may the kernel's choice take a 4-tuple out of TIME_WAIT, where
    /// timestamps had been negotiated, after `tcp_tw_reuse_delay` (1 s)?
    pub tw_reuse: bool,
    /// Can it be told what the peer has not acknowledged?
    pub tells_unacknowledged: bool,
    /// Open sockets (RLIMIT_NOFILE).
    pub files_max: usize,
    /// Buffers of the reactor.
    pub buffers_max: usize,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            ports: (32_768, 60_999),
            time_wait: Some(Duration::from_secs(60)),
            timestamps: true,
            tw_reuse: false,
            tells_unacknowledged: true,
            files_max: 20_000,
            buffers_max: 1024,
        }
    }
}

/// Who lives in a slot of the connection table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tenant {
    None,
    Live(EndId),
    /// The connection ended; the completion that says so is queued.
    Ended(CloseOutcome),
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: u32,
    tenant: Tenant,
}

pub(super) struct Listener {
    /// None once it was let go.
    pub(super) socket: Option<Arc<SimSocket>>,
    pub(super) accepting: bool,
    /// Paused after a failed accept.
    pub(super) paused: bool,
}

pub(super) struct Host {
    /// Where it runs; several event loops may share one.
    pub(super) machine: usize,
    pub(super) config: HostConfig,
    pub(super) buffers: BufPool,
    pub(super) listeners: Vec<Listener>,
    pub(super) files: usize,
    /// Ends whose data waits for a free buffer.
    pub(super) starved: Vec<EndId>,
    ready: VecDeque<Completion>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Host {
    pub(super) fn new(machine: usize, config: HostConfig) -> Self {
        Self {
            machine,
            buffers: BufPool::new(config.buffers_max),
            listeners: Vec::new(),
            files: 0,
            starved: Vec::new(),
            ready: VecDeque::new(),
            slots: Vec::new(),
            free: Vec::new(),
            config,
        }
    }

    /// Gives `end` a name.
    pub(super) fn admit(&mut self, end: EndId) -> ConnId {
        self.files += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, tenant: Tenant::None });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.tenant = Tenant::Live(end);
        ConnId { index, generation: slot.generation }
    }

    pub(super) fn tenant(&self, conn: ConnId) -> Tenant {
        match self.slots.get(conn.index as usize) {
            Some(slot) if slot.generation == conn.generation => slot.tenant,
            _ => Tenant::None,
        }
    }

    /// The connection is over; its name dies when `outcome` has been told.
    pub(super) fn end_tenancy(&mut self, conn: ConnId, outcome: CloseOutcome) {
        self.files -= 1;
        self.slots[conn.index as usize].tenant = Tenant::Ended(outcome);
    }

    /// The name is dead from here on.
    pub(super) fn evict(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.index as usize];
        slot.generation += 1;
        slot.tenant = Tenant::None;
        self.free.push(conn.index);
    }

    /// Connections the application has not seen the end of.
    pub(super) fn tenants(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn listener(&self, listener: ListenerId) -> Option<&Listener> {
        self.listeners.get(listener.0 as usize)
    }

    pub(super) fn listener_mut(&mut self, listener: ListenerId) -> &mut Listener {
        &mut self.listeners[listener.0 as usize]
    }

    pub(super) fn push(&mut self, completion: Completion) {
        self.ready.push_back(completion);
    }

    /// The completion that was pushed last.
    pub(super) fn last(&self) -> Option<&Completion> {
        self.ready.back()
    }

    pub(super) fn take_last(&mut self) -> Option<Completion> {
        self.ready.pop_back()
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Lets neighbours of different connections change places.
    pub(super) fn shuffle_ready(&mut self, rng: &mut Rng, probability: f64) {
        for later in 1..self.ready.len() {
            let (a, b) = (self.ready[later - 1].conn(), self.ready[later].conn());
            if a != b && rng.chance(probability) {
                self.ready.swap(later - 1, later);
            }
        }
    }

    /// Drops what is queued for names nobody uses any more, and with it the buffers in it.
    pub(super) fn purge_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|completion| completion.conn().is_some_and(|conn| !matches!(self.tenant(conn), Tenant::None)));
        self.ready = ready;
    }

    /// The next completion of a name that lives; those of dead names are dropped here.
    /// Connections that were accepted, of which the program was not told yet.
    pub(super) fn accepted_unheard(&self, listener: ListenerId) -> usize {
        let ours = |completion: &&Completion| matches!(completion, Completion::Accepted { listener: at, .. } if *at == listener);
        self.ready.iter().filter(ours).count()
    }

    pub(super) fn pop(&mut self) -> Option<Completion> {
        loop {
            let completion = self.ready.pop_front()?;
            let Some(conn) = completion.conn() else {
                return Some(completion);
            };
            if matches!(self.tenant(conn), Tenant::None) {
                continue;
            }
            if ends_the_name(&completion) {
                self.evict(conn);
            }
            return Some(completion);
        }
    }
}

fn ends_the_name(completion: &Completion) -> bool {
    matches!(
        completion,
        Completion::Connected { result: Err(_), .. } | Completion::Closed { outcome: CloseOutcome::Closed(_), .. }
    )
}
