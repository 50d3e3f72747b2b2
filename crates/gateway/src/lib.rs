//! The NAT gateway on real interfaces: one thread between packet sockets and the pure core.
//!
//! The kernel of its namespace forwards nothing and has no address there: what passes was carried by us.

use gateway_core::{Capture, Counters, Gateway, Journal, Outgoing, SettingError, Settings, Side};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use sys::Errno;
use sys::epoll::{Epoll, Interest};
use sys::packet::{PacketError, PacketSocket};
use sys::waker::Waker;

/// Frames taken from one socket before the others get their turn.
const FRAMES_PER_TURN_MAX: usize = 64;
/// Longer frames are cut and then refused as damaged: offloads are on at the sender.
const FRAME_BYTES_MAX: usize = 2048;
const WAKER: u64 = u64::MAX;

/// The gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(SettingError),
    /// As many interfaces as inside links are needed.
    #[error("{links} inside links were described, but {interfaces} interfaces named")]
    Interfaces {
        /// In the settings.
        links: usize,
        /// Given.
        interfaces: usize,
    },
    /// No packet socket.
    #[error("{0}")]
    Packet(PacketError),
    /// No event loop, or no thread.
    #[error("the gateway's event loop could not start: {0}")]
    Loop(std::io::Error),
}

/// The interfaces of a gateway, as the calling thread's namespace names them.
#[derive(Clone, Copy, Debug)]
pub struct Interfaces<'a> {
    /// One for each inside link of the settings, in their order.
    pub inside: &'a [&'a str],
    /// The outside one.
    pub outside: &'a str,
}

/// What a gateway did from start to end.
#[derive(Debug)]
pub struct Finished {
    /// Its counters.
    pub counters: Counters,
    /// Every segment of its flows.
    pub journal: Journal,
    /// What went over the outside link, if that was asked for.
    pub capture: Option<Capture>,
    /// Frames that came faster than they were read.
    pub overrun: u64,
    /// Frames the kernel did not take.
    pub unsent: u64,
}

/// A running gateway. It ends with [`Handle::finish`] or when it is dropped.
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    gateway: Mutex<Gateway>,
    waker: Waker,
    stop: AtomicBool,
    overrun: AtomicU64,
    unsent: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("flows", &self.gateway().flows()).finish_non_exhaustive()
    }
}

/// Starts a gateway on interfaces of the calling thread's namespace.
///
/// # Errors
/// Settings that make no sense, no such interface, no permission for packet sockets.
pub fn start(settings: &Settings, interfaces: Interfaces<'_>, capture: bool) -> Result<Handle, GatewayError> {
    let mut gateway = Gateway::new(settings).map_err(GatewayError::Setting)?;
    if capture {
        gateway.start_capture(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    }
    if interfaces.inside.len() != settings.inside.len() {
        let (links, interfaces) = (settings.inside.len(), interfaces.inside.len());
        return Err(GatewayError::Interfaces { links, interfaces });
    }
    let sockets = open_sockets(interfaces)?;
    let waker = Waker::new().map_err(failed)?;
    let shared = Arc::new(Shared {
        gateway: Mutex::new(gateway),
        waker,
        stop: AtomicBool::new(false),
        overrun: AtomicU64::new(0),
        unsent: AtomicU64::new(0),
    });
    let (tell, told) = mpsc::channel();
    let work = Work { shared: Arc::clone(&shared), sockets, start: Instant::now() };
    let named = std::thread::Builder::new().name("gateway".into());
    // The event loop's file is made where it is used: it cannot move between threads.
    let thread = named.spawn(move || match watch(&work.sockets, &work.shared.waker) {
        Ok(epoll) => {
            let _starter_waits = tell.send(Ok(()));
            work.run(epoll);
        }
        Err(errno) => drop(tell.send(Err(errno))),
    });
    let thread = thread.map_err(GatewayError::Loop)?;
    told.recv().unwrap_or(Err(Errno::CANCELED)).map_err(failed)?;
    Ok(Handle { shared, thread: Some(thread) })
}

impl Handle {
    /// Stops it and hands out what it did.
    pub fn finish(mut self) -> Finished {
        self.stop();
        let gateway = self.shared.gateway();
        Finished {
            counters: *gateway.counters(),
            journal: gateway.journal().clone(),
            capture: gateway.capture().cloned(),
            overrun: self.shared.overrun.load(Ordering::Relaxed),
            unsent: self.shared.unsent.load(Ordering::Relaxed),
        }
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// A panic of the other side is passed on when the thread is joined.
    fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(errno: Errno) -> GatewayError {
    GatewayError::Loop(errno.into())
}

/// Every side with its socket; the token of a socket is its index.
fn open_sockets(interfaces: Interfaces<'_>) -> Result<Vec<(Side, PacketSocket)>, GatewayError> {
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

struct Work {
    shared: Arc<Shared>,
    sockets: Vec<(Side, PacketSocket)>,
    start: Instant,
}

impl Work {
    fn run(&self, mut epoll: Epoll) {
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
