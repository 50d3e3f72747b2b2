//! A server over std sockets that writes down what it is asked, and answers what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use testkit::PATIENCE;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    head: String,
    /// Of which connection, in the order they came in.
    pub(crate) connection: usize,
}

impl Asked {
    fn word(&self, at: usize) -> &str {
        self.head.split(' ').nth(at).unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.word(0)
    }

    pub(crate) fn target(&self) -> &str {
        self.word(1)
    }

    /// The value of the first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

type Answers = dyn Fn(&Asked) -> String + Send + Sync;

/// A running server; stops when dropped.
pub(crate) struct Scribe {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
}

impl Scribe {
    /// Answers each request with what `answers` says; with nothing: never.
    pub(crate) fn start(answers: impl Fn(&Asked) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("bound");
        let scribe = Self { address, asked: Arc::default(), over: Arc::default() };
        let (asked, over) = (Arc::clone(&scribe.asked), Arc::clone(&scribe.over));
        let answers: Arc<Answers> = Arc::new(answers);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream, connection, &asked, &*answers));
            }
        });
        scribe
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the accept loop; it may be gone already.
        let _gone = TcpStream::connect(self.address);
    }
}

/// Serves one connection until either side ends it.
fn serve(mut stream: TcpStream, connection: usize, all: &Mutex<Vec<Asked>>, answers: &Answers) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let asked = Asked { head, connection };
        let length = asked.field("content-length").map_or(0, |value| value.parse().expect("a length"));
        reader.read_exact(&mut vec![0; length]).ok()?;
        let answer = answers(&asked);
        let closes = asked.field("connection") == Some("close");
        all.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        stream.write_all(answer.as_bytes()).ok()?;
        if closes && !answer.is_empty() {
            return Some(());
        }
    }
}
