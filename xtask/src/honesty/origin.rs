//! An origin that behaves as a scene wants it to, and keeps the truth: what was asked, what was answered, what was cut. Blocking
//! sockets and a thread per connection: nothing of the program under test is in it.

use anyhow::Context;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nobody is waited for longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that are served at a time; more wait to be accepted.
const VISITS_MAX: usize = 512;
/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What an origin does with one connection.
pub(super) type Serve = fn(&mut Visit) -> std::io::Result<()>;

/// What really happened.
#[derive(Debug, Default)]
pub(super) struct Truth {
    connections: AtomicU64,
    requests: AtomicU64,
    complete: AtomicU64,
    failed: AtomicU64,
    not_2xx: AtomicU64,
    body_bytes: AtomicU64,
}

/// The same, when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Responses that went out whole.
    pub(super) complete: u64,
    /// Requests that were read and did not get one.
    pub(super) failed: u64,
    /// Of the complete ones, those with another status than 2xx.
    pub(super) not_2xx: u64,
    /// Bytes of the bodies of complete responses.
    pub(super) body_bytes: u64,
}

impl Truth {
    pub(super) fn facts(&self) -> Facts {
        let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Facts {
            complete: of(&self.complete),
            failed: of(&self.failed),
            not_2xx: of(&self.not_2xx),
            body_bytes: of(&self.body_bytes),
        }
    }
}

/// A running origin. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) truth: Arc<Truth>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Listens on a port of 127.0.0.1; `accepts`: whether anybody is taken in after the handshake.
    pub(super) fn start(serve: Serve, accepts: Accepts) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("an origin of its own")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (truth, over) = (Arc::new(Truth::default()), Arc::new(AtomicBool::new(false)));
        let (theirs, is_over) = (Arc::clone(&truth), Arc::clone(&over));
        let thread = std::thread::spawn(move || accept(listener, serve, accepts, &theirs, &is_over));
        Ok(Self { address, truth, over, thread: Some(thread) })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// How connections are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    /// At once.
    AtOnce,
    /// One in so many milliseconds.
    Every(u64),
    /// So many, then nobody listens any more.
    Only(u64),
}

fn accept(listener: TcpListener, serve: Serve, accepts: Accepts, truth: &Arc<Truth>, over: &Arc<AtomicBool>) {
    let mut listener = Some(listener);
    let visits = Arc::new(AtomicU64::new(0));
    while !over.load(Ordering::SeqCst) {
        let is_full = visits.load(Ordering::SeqCst) >= VISITS_MAX as u64;
        let Some((stream, _)) = listener.as_ref().filter(|_| !is_full).and_then(|open| open.accept().ok()) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        let connection = truth.connections.fetch_add(1, Ordering::SeqCst);
        if accepts == Accepts::Only(connection + 1) {
            listener = None;
        }
        let visit = Visit {
            stream,
            connection,
            truth: Arc::clone(truth),
            over: Arc::clone(over),
            rest: Vec::new(),
            closes: false,
        };
        visits.fetch_add(1, Ordering::SeqCst);
        let visits = Arc::clone(&visits);
        std::thread::spawn(move || {
            visit.serve(serve);
            visits.fetch_sub(1, Ordering::SeqCst);
        });
        if let Accepts::Every(millis) = accepts {
            std::thread::sleep(Duration::from_millis(millis));
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Visit {
    stream: TcpStream,
    /// Its number, from 0.
    pub(super) connection: u64,
    truth: Arc<Truth>,
    over: Arc<AtomicBool>,
    /// Read, and not yet a request.
    rest: Vec<u8>,
    /// The client wishes it closed behind the answer.
    closes: bool,
}

/// A request as far as an origin cares.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Its number among all, from 0.
    pub(super) number: u64,
    /// Does it wish the connection closed?
    pub(super) closes: bool,
    /// Its body, which is not read yet.
    pub(super) body_bytes: usize,
}

impl Visit {
    fn serve(mut self, serve: Serve) {
        let options = [self.stream.set_nonblocking(false), self.stream.set_nodelay(true)];
        let patience = self.stream.set_read_timeout(Some(Duration::from_millis(50)));
        if options.iter().all(Result::is_ok) && patience.is_ok() {
            // Whoever leaves ends a visit; that is no fault of the origin.
            let _left = serve(&mut self);
        }
    }

    /// Reads the head of a request; `None` where there is no more.
    pub(super) fn request(&mut self) -> std::io::Result<Option<Asked>> {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.rest.len() > HEAD_BYTES_MAX || !self.read_more()? {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.rest[..end]).to_ascii_lowercase();
        self.rest.drain(..end);
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let asked = Asked {
            number: self.truth.requests.fetch_add(1, Ordering::SeqCst),
            closes: field("connection:").is_some_and(|value| value.contains("close")) || head.contains("http/1.0\r"),
            body_bytes: field("content-length:").and_then(|value| value.parse().ok()).unwrap_or(0),
        };
        self.closes = asked.closes;
        Ok(Some(asked))
    }

    /// Reads so much of a body.
    pub(super) fn read_body(&mut self, bytes: usize) -> std::io::Result<()> {
        while self.rest.len() < bytes {
            if !self.read_more()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.rest.drain(..bytes);
        Ok(())
    }

    /// `false` at the end.
    fn read_more(&mut self) -> std::io::Result<bool> {
        let (mut bytes, mut waited) = ([0; 4096], Duration::ZERO);
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.rest.extend_from_slice(&bytes[..read]);
                    return Ok(true);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    waited += Duration::from_millis(50);
                    if waited > PATIENCE || self.is_over() {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Sends something, whatever it is.
    pub(super) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// A response was sent whole.
    pub(super) fn note_complete(&self, status: u16, body_bytes: u64) {
        self.truth.complete.fetch_add(1, Ordering::SeqCst);
        self.truth.body_bytes.fetch_add(body_bytes, Ordering::SeqCst);
        self.truth.not_2xx.fetch_add(u64::from(!(200..300).contains(&status)), Ordering::SeqCst);
    }

    /// A request will not get one.
    pub(super) fn note_failed(&self) {
        self.truth.failed.fetch_add(1, Ordering::SeqCst);
    }

    /// Answers with a body of so many bytes; who wishes to close is told that it will be so.
    pub(super) fn answer(&mut self, status: u16, body_bytes: usize) -> std::io::Result<()> {
        let close = if self.closes { "Connection: close\r\n" } else { "" };
        let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: {body_bytes}\r\n{close}\r\n");
        self.send(&[head.as_bytes(), &vec![b'x'; body_bytes]].concat())?;
        self.note_complete(status, body_bytes as u64);
        Ok(())
    }

    /// Waits so long, or until all is over.
    pub(super) fn pause(&self, millis: u64) {
        let mut left = Duration::from_millis(millis);
        while !left.is_zero() && !self.is_over() {
            let step = left.min(Duration::from_millis(20));
            std::thread::sleep(step);
            left -= step;
        }
    }

    /// Says nothing more until the other side leaves.
    pub(super) fn freeze(&mut self) -> std::io::Result<()> {
        while self.read_more()? {
            self.rest.clear();
        }
        Ok(())
    }

    /// Resets the connection.
    pub(super) fn reset(&mut self) -> std::io::Result<()> {
        sys::sockopt::set_linger_reset(&self.stream).map_err(|_| Error::from(ErrorKind::Other))
    }

    /// Sends FIN, and reads until the other side does.
    pub(super) fn close(&mut self) -> std::io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.freeze()
    }
}
