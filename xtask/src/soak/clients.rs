//! Clients that never end: a request, a short rest, the next; one connection for a while, then another.

use super::record::Sample;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two requests: two cores have as much to do as not.
const REST: Duration = Duration::from_millis(4);
/// On one connection; the next client begins anew.
const REQUESTS_MAX: u32 = 50;
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all clients know together.
#[derive(Default)]
struct Book {
    ends: AtomicBool,
    answered: AtomicU64,
    again: AtomicU64,
    lost: AtomicU64,
    /// Since the last look, in microseconds.
    times: Mutex<Vec<u64>>,
}

/// All of them at work.
pub(super) struct Clients {
    book: Arc<Book>,
    threads: Vec<JoinHandle<()>>,
}

/// What came of all requests.
#[derive(Debug)]
pub(super) struct Seen {
    /// How many clients there were.
    pub(super) clients: usize,
    /// Answered whole, with 200.
    pub(super) answered: u64,
    /// Sent again on a new connection, because the kept one was closed before a byte of the answer.
    pub(super) again: u64,
    /// Neither.
    pub(super) lost: u64,
}

impl Clients {
    pub(super) fn start(address: SocketAddr, count: usize) -> Self {
        let book = Arc::new(Book::default());
        let client = |_| {
            let book = Arc::clone(&book);
            std::thread::spawn(move || ask(address, &book))
        };
        Self { threads: (0..count).map(client).collect(), book }
    }

    /// Their part of a sample.
    pub(super) fn sample(&self, sample: Sample) -> Sample {
        let mut times = std::mem::take(&mut *self.book.times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable();
        let p99 = times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(0);
        Sample { requests: times.len() as u64, p99_us: p99, ..sample }
    }

    pub(super) fn end(self) -> Seen {
        self.book.ends.store(true, Ordering::Relaxed);
        let clients = self.threads.len();
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Seen {
            clients,
            answered: count(&self.book.answered),
            again: count(&self.book.again),
            lost: count(&self.book.lost),
        }
    }
}

fn ask(address: SocketAddr, book: &Book) {
    let mut kept: Option<(BufReader<TcpStream>, u32)> = None;
    while !book.ends.load(Ordering::Relaxed) {
        let start = Instant::now();
        let (mut stream, used) = match kept.take() {
            Some(kept) => kept,
            None => match connect(address) {
                Ok(stream) => (stream, 0),
                Err(_) => {
                    book.lost.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(REST);
                    continue;
                }
            },
        };
        match get(&mut stream) {
            Ok(Answer { is_good: true, closes }) => {
                book.answered.fetch_add(1, Ordering::Relaxed);
                let time = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                book.times.lock().unwrap_or_else(PoisonError::into_inner).push(time);
                kept = (!closes && used + 1 < REQUESTS_MAX).then_some((stream, used + 1));
            }
            // A kept connection may be closed at any time: it is the client's to ask again.
            Err(Unanswered::Nothing) if used > 0 => drop(book.again.fetch_add(1, Ordering::Relaxed)),
            _ => drop(book.lost.fetch_add(1, Ordering::Relaxed)),
        }
        std::thread::sleep(REST);
    }
}

fn connect(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

struct Answer {
    is_good: bool,
    closes: bool,
}

enum Unanswered {
    /// Not a byte came.
    Nothing,
    /// It was cut off, or is no answer.
    Cut,
}

fn get(stream: &mut BufReader<TcpStream>) -> Result<Answer, Unanswered> {
    let sent = stream.get_mut().write_all(b"GET /bytes/2000 HTTP/1.1\r\nHost: soak.example\r\n\r\n");
    sent.map_err(|_| Unanswered::Nothing)?;
    let mut line = String::new();
    let first = stream.read_line(&mut line).map_err(|_| Unanswered::Nothing)?;
    if first == 0 {
        return Err(Unanswered::Nothing);
    }
    let (is_good, mut closes, mut length) = (line.starts_with("HTTP/1.1 200"), false, 0);
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).map_err(|_| Unanswered::Cut)? == 0 {
            return Err(Unanswered::Cut);
        }
        let lower = line.to_ascii_lowercase();
        closes |= lower.starts_with("connection: close");
        if let Some(text) = lower.strip_prefix("content-length: ") {
            length = text.trim().parse().map_err(|_| Unanswered::Cut)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(|_| Unanswered::Cut)?;
    Ok(Answer { is_good, closes })
}
