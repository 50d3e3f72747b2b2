//! The NAT gateway on real interfaces: one thread between packet sockets and the pure core.
//!
//! The kernel of its namespace forwards nothing and has no address there: what passes was carried by us.

mod work;

use gateway_core::{Capture, Counters, Gateway, Journal, SettingError, Settings};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};
use sys::Errno;
use sys::packet::PacketError;
use sys::waker::Waker;
use work::Work;

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
    let sockets = work::open_sockets(interfaces)?;
    let waker = Waker::new().map_err(failed)?;
    let shared = Arc::new(Shared {
        gateway: Mutex::new(gateway),
        waker,
        stop: AtomicBool::new(false),
        overrun: AtomicU64::new(0),
        unsent: AtomicU64::new(0),
    });
    let (tell, told) = mpsc::channel();
    let work = Work::new(Arc::clone(&shared), sockets);
    let named = std::thread::Builder::new().name("gateway".into());
    let thread = named.spawn(move || {
        work.run(|started| {
            let _starter_waits = tell.send(started);
        })
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
