//! A slot's next request: on the connection it has, or on a new one.

use super::slot::Doing;
use super::{Phase, Sources, Tester};
use ports::{Fault, FaultKind, Lease, NoPort, PortEnd};
use reactor::{ConnectPlan, Reactor, Source};
use std::time::Duration;
use stress_core::Failure;

/// Ports of our own choice tried for one request before it counts as failed. Ports that the kernel once chose refuse an
/// explicit bind for 60 s, and lie in long rows; a refusal costs two microseconds and sets the port aside.
const REFUSED_MAX: u8 = 200;

impl Tester {
    /// Issues a request if there is one left to issue, else parks the slot.
    pub(super) fn issue<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let now = io.now();
        if !self.take_request(now) {
            return self.park(index, io);
        }
        self.tally.elapsed = self.tally.elapsed.max(self.since_start(now));
        let slot = self.slot(index);
        (slot.due, slot.doing, slot.failed, slot.refused) = (now, Doing::Working, false, 0);
        self.arm(index, now + self.plan.timeout);
        if self.slot(index).conn.is_some() {
            self.send_again(index, io);
        } else {
            self.connect(index, io);
        }
    }

    fn take_request(&mut self, now: Duration) -> bool {
        let Phase::Issuing { until } = self.phase else { return false };
        if until.is_some_and(|until| now >= until) {
            return false;
        }
        match &mut self.requests_left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn send_again<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let (out, next) = self.request.send_from(0);
        let slot = &mut self.slots[index as usize];
        slot.piece = next as u16;
        slot.life.start_request();
        if let Some(conn) = slot.conn {
            io.send(conn, out);
            io.recv(conn, None);
        }
    }

    /// Opens a connection; a port of our own choice that is refused at once is followed by the next.
    pub(super) fn connect<R: Reactor>(&mut self, index: u32, io: &mut R) {
        loop {
            self.tally.connects_tried += 1;
            match self.try_connect(index, io) {
                Ok(()) => return,
                Err(fault) if self.is_refused_port(index, fault, io.now()) => {}
                Err(fault) => return self.connect_failed(index, fault, io),
            }
        }
    }

    fn try_connect<R: Reactor>(&mut self, index: u32, io: &mut R) -> Result<(), Fault> {
        let source = self.next_source(index, io.now()).map_err(|_| Fault::of(FaultKind::Ports))?;
        let port_range = match source {
            Source::Exact(_) => None,
            _ => self.plan.port_range.map(|range| (range.low(), range.high())),
        };
        let (first, next) = self.request.send_from(0);
        let conn = io.connect(&ConnectPlan { remote: self.target, source, port_range }, first)?;
        let slot = &mut self.slots[index as usize];
        slot.conn = Some(conn);
        slot.piece = next as u16;
        slot.life.start_connecting();
        self.by_conn.insert(conn, index);
        Ok(())
    }

    fn next_source(&mut self, index: u32, now: Duration) -> Result<Source, NoPort> {
        match &mut self.sources {
            Sources::Kernel { addresses, next } => Ok(Sources::in_turn(addresses, next)),
            Sources::Own { ports, to, .. } => {
                let lease = ports.take(now, *to)?;
                let address = lease.address();
                self.slots[index as usize].lease = Some(lease);
                Ok(Source::Exact(address))
            }
        }
    }

    /// Was it the port of our own choice, and may another be tried? Takes the port back in any case.
    pub(super) fn is_refused_port(&mut self, index: u32, fault: Fault, now: Duration) -> bool {
        let Some(lease) = self.slot(index).lease.take() else { return false };
        if fault.kind != FaultKind::Ports {
            self.give_back(lease, PortEnd { closed_first: None, timestamps: false }, now);
            return false;
        }
        if let Sources::Own { ports, .. } = &mut self.sources {
            ports.refused(now, lease);
        }
        self.tally.ports_refused += 1;
        let slot = self.slot(index);
        slot.refused += 1;
        slot.refused < REFUSED_MAX
    }

    pub(super) fn give_back(&mut self, lease: Lease, end: PortEnd, now: Duration) {
        if let Sources::Own { ports, .. } = &mut self.sources {
            ports.give_back(now, lease, end);
        }
    }

    /// No connection came to be: the request failed.
    pub(super) fn connect_failed<R: Reactor>(&mut self, index: u32, fault: Fault, io: &mut R) {
        self.tally.record_failure(Failure::Fault(fault));
        let slot = self.slot(index);
        (slot.conn, slot.failed) = (None, true);
        self.go_on(index, io);
    }
}
