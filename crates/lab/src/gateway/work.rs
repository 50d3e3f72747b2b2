//! The gateway's thread: frames from packet sockets into the pure core, and out again.

use super::{GatewayError, Interfaces, Shared};
use gateway_core::{Gateway, Outgoing, Side};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use sys::Errno;
use sys::epoll::{Epoll, Interest};
use sys::packet::PacketSocket;
use sys::waker::Waker;

/// Frames taken from one socket before the others get their turn.
const FRAMES_PER_TURN_MAX: usize = 64;
/// Longer frames are cut and then refused as damaged: offloads are on at the sender.
const FRAME_BYTES_MAX: usize = 2048;
const WAKER: u64 = u64::MAX;

/// Every side with its socket; the token of a socket is its index.
pub(super) fn open_sockets(interfaces: Interfaces<'_>) -> Result<Vec<(Side, PacketSocket)>, GatewayError> {
    let inside = interfaces.inside.iter().enumerate().map(|(at, name)| (Side::Inside(at), *name));
    let sides = inside.chain([(Side::Outside, interfaces.outside)]);
    sides.map(|(side, name)| Ok((side, PacketSocket::open(name).map_err(GatewayError::Packet)?))).collect()
}

fn watch(sockets: &[(Side, PacketSocket)], waker: &Waker) -> Result<Epoll, Errno> {
    let epoll = Epoll::new()?;
    epoll.add(waker, WAKER, Interest::Level)?;
    for (token, (_, socket)) in sockets.iter().enumerate() {
        epoll.add(socket, token as u64, Interest::Level)?;
    }
    Ok(epoll)
}

/// What the thread works on.
pub(super) struct Work {
    shared: Arc<Shared>,
    sockets: Vec<(Side, PacketSocket)>,
    start: Instant,
}

impl Work {
    pub(super) fn new(shared: Arc<Shared>, sockets: Vec<(Side, PacketSocket)>) -> Self {
        Self { shared, sockets, start: Instant::now() }
    }

    /// Works until it is told to stop. `tell` hears first whether the event loop could be made: its file is made
    /// where it is used, because it cannot move between threads.
    pub(super) fn run(&self, tell: impl FnOnce(Result<(), Errno>)) {
        match watch(&self.sockets, &self.shared.waker) {
            Ok(epoll) => {
                tell(Ok(()));
                self.carry(epoll);
            }
            Err(errno) => tell(Err(errno)),
        }
    }

    fn carry(&self, mut epoll: Epoll) {
        let mut buffer = [0; FRAME_BYTES_MAX];
        while !self.shared.stop.load(Ordering::Relaxed) {
            let timeout = self.turn(&mut buffer);
            // Only a kernel out of memory fails here; the next turn tries again.
            let _ = epoll.wait(timeout);
        }
        self.count_overruns();
    }

    /// Takes what is there and sends what is due. Returns for how long there is nothing to do.
    fn turn(&self, buffer: &mut [u8]) -> Option<Duration> {
        let mut gateway = self.shared.gateway();
        let mut more = false;
        for (side, socket) in &self.sockets {
            more |= self.take(&mut gateway, *side, socket, buffer);
        }
        let now = self.start.elapsed();
        while let Some(outgoing) = gateway.poll_frame(now) {
            self.send(&outgoing);
        }
        if more {
            return Some(Duration::ZERO);
        }
        gateway.next_deadline().map(|deadline| deadline.saturating_sub(self.start.elapsed()))
    }

    /// Is there probably more?
    fn take(&self, gateway: &mut Gateway, side: Side, socket: &PacketSocket, buffer: &mut [u8]) -> bool {
        for _ in 0..FRAMES_PER_TURN_MAX {
            // EAGAIN: empty. ENETDOWN: the cable was cut, which the scene's end does.
            let Ok(len) = socket.recv(buffer) else { return false };
            gateway.handle_frame(self.start.elapsed(), side, &buffer[..len.min(FRAME_BYTES_MAX)]);
        }
        true
    }

    fn send(&self, outgoing: &Outgoing) {
        let socket = self.sockets.iter().find(|(side, _)| *side == outgoing.side);
        let sent = socket.map(|(_, socket)| socket.send(&outgoing.frame));
        if sent != Some(Ok(())) {
            self.shared.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count_overruns(&self) {
        let lost = |(_, socket): &(Side, PacketSocket)| socket.take_counts().map_or(0, |counts| u64::from(counts.lost));
        self.shared.overrun.store(self.sockets.iter().map(lost).sum(), Ordering::Relaxed);
    }
}
