//! How connections begin: choosing our side, sending the SYN, accepting.

use super::doors::{DoorId, EAFNOSUPPORT};
use super::flow::{End, EndId, Phase, Segment, SendOp};
use super::net::{Event, Net};
use ports::Fault;
use reactor::conn::{ConnId, ListenerId};
use reactor::face::{Completion, ConnectPlan, ListenPlan, Outgoing, Source};
use std::net::SocketAddr;
use std::time::Duration;

const EMFILE: i32 = 24;
const EADDRINUSE: i32 = 98;
const EADDRNOTAVAIL: i32 = 99;
const EHOSTUNREACH: i32 = 113;
/// The kernel gives a connect up after `tcp_syn_retries` = 6: 1 + 2 + 4 + ... + 64 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);
const SYN_RETRIES_MAX: u32 = 6;
/// How long a listener rests after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Net {
    pub(super) fn connect(&mut self, host: usize, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        self.take_file(host)?;
        let remote = plan.remote.ip().ok_or(Fault::from_errno(EAFNOSUPPORT))?;
        let Some(server) = self.host_of(remote.ip()) else {
            return Err(Fault::from_errno(EHOSTUNREACH));
        };
        let local = self.choose_source(host, plan, remote)?;
        self.machine_of(host).tuples.occupy((local, remote));
        let id = self.new_flow(host, server, local, remote);
        let conn = self.hosts[host].admit(id);
        let end = self.end(id).expect("just made");
        (end.phase, end.conn) = (Phase::Connecting, Some(conn));
        if !first.is_empty() {
            end.send = Some(SendOp::new(first));
        }
        self.note(id, "connect", usize::from(local.port()));
        self.send_syn(id);
        Ok(conn)
    }

    /// One more file descriptor: allowed, and in this weather there?
    fn take_file(&mut self, host: usize) -> Result<(), Fault> {
        let full = self.hosts[host].files >= self.hosts[host].config.files_max;
        if !full && self.rng.chance(self.weather.no_files) {
            self.injected.no_files += 1;
            return Err(Fault::from_errno(EMFILE));
        }
        if full { Err(Fault::from_errno(EMFILE)) } else { Ok(()) }
    }

    fn new_flow(&mut self, host: usize, server: usize, local: SocketAddr, remote: SocketAddr) -> EndId {
        let buffers = [self.weather.send_buffer_bytes, self.weather.receive_buffer_bytes];
        let mut ends = [End::new(host, local, remote, buffers), End::new(server, remote, local, buffers)];
        let both = [host, server].iter().all(|host| self.hosts[*host].config.timestamps);
        ends.iter_mut().for_each(|end| end.timestamps = both);
        let flow = self.flows_opened;
        self.flows_opened += 1;
        self.flows.insert(flow, ends);
        EndId { flow, side: 0 }
    }

    fn choose_source(&mut self, host: usize, plan: &ConnectPlan, remote: SocketAddr) -> Result<SocketAddr, Fault> {
        let (now, machine) = (self.now, &self.machines[self.hosts[host].machine]);
        let not_available = Fault::from_errno(EADDRNOTAVAIL);
        let same_family = |ip: &&std::net::IpAddr| ip.is_ipv4() == remote.is_ipv4();
        let ip = match plan.source {
            Source::Address(ip) if !ip.is_unspecified() => ip,
            Source::Exact(address) if !address.ip().is_unspecified() => address.ip(),
            _ if machine.addresses.contains(&remote.ip()) => remote.ip(),
            _ => *machine.addresses.iter().find(same_family).ok_or(not_available)?,
        };
        if !machine.addresses.contains(&ip) {
            return Err(not_available);
        }
        if let Source::Exact(source) = plan.source
            && source.port() != 0
        {
            let source = SocketAddr::new(ip, source.port());
            if self.door_for(self.hosts[host].machine, source, 0).is_some() {
                return Err(Fault::from_errno(EADDRINUSE));
            }
            let free = machine.tuples.is_free_for_bound((source, remote), now);
            return if free { Ok(source) } else { Err(not_available) };
        }
        let config = &self.hosts[host].config;
        let (low, high) = plan.port_range.unwrap_or(config.ports);
        let range = (low.max(config.ports.0), high.min(config.ports.1));
        let local = SocketAddr::new(ip, 0);
        machine.tuples.choose_port(local, remote, range, now, config, &mut self.rng).ok_or(not_available)
    }

    /// Sends the SYN, with the retransmissions the weather asks for.
    fn send_syn(&mut self, id: EndId) {
        self.after(CONNECT_TIMEOUT, Event::ConnectTimeout(id));
        if self.rng.chance(self.weather.black_hole) {
            self.injected.black_holes += 1;
            return;
        }
        let mut late = Duration::ZERO;
        for retry in 0..=SYN_RETRIES_MAX {
            if !self.rng.chance(self.weather.syn_loss) {
                return self.transmit_late(id, Segment::Syn, late);
            }
            self.injected.syns_lost += 1;
            late += Duration::from_secs(1 << retry);
        }
    }

    pub(super) fn listen(&mut self, host: usize, plan: &ListenPlan) -> Result<ListenerId, Fault> {
        let listening = self.bind(self.hosts[host].machine, plan, false)?;
        self.adopt(host, listening)
    }

    pub(super) fn set_accepting(&mut self, host: usize, listener: ListenerId, accepting: bool) {
        self.hosts[host].listener_mut(listener).accepting = accepting;
        self.accept_all(host, listener);
    }

    /// Accepts everything that waits, as long as the application wants it.
    pub(super) fn accept_all(&mut self, host: usize, listener: ListenerId) {
        while let Some(door) = self.door_of(host, listener).filter(|door| !self.door(*door).queue.is_empty()) {
            let state = self.hosts[host].listener_mut(listener);
            if !state.accepting || state.paused {
                return;
            }
            if let Err(fault) = self.take_file(host) {
                self.hosts[host].listener_mut(listener).paused = true;
                self.after(ACCEPT_PAUSE, Event::ResumeAccept(host, listener));
                return self.push(host, Completion::AcceptFailed { listener, fault });
            }
            self.accept_one(host, listener, door);
        }
    }

    fn accept_one(&mut self, host: usize, listener: ListenerId, door: DoorId) {
        let Some(id) = self.door(door).queue.pop_front() else {
            return;
        };
        let conn = self.hosts[host].admit(id);
        let Some(end) = self.end(id) else { return };
        (end.phase, end.conn, end.host) = (Phase::Open, Some(conn), host);
        let peer = end.remote;
        self.note(id, "accepted", 0);
        self.push(host, Completion::Accepted { listener, conn, peer });
    }
}
