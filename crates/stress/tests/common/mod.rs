//! A small scripted HTTP server over std sockets, so that the tester is judged by something that shares no
//! code with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::PATIENCE;

/// Length of a long body: it comes in many segments.
pub(crate) const LONG_BYTES: usize = 500_000;

/// What the server does with each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// Answers; closes when asked to.
    Polite,
    /// Answers in chunks, after an interim response.
    Chunked,
    /// Answers without a length and closes.
    UntilClose,
    /// Answers, says that it will close, and does not.
    NeverCloses,
    /// Closes before the body is complete.
    CutsShort,
    /// Answers with something that is not HTTP.
    Nonsense,
    /// Never answers.
    Silent,
    /// Sends more than it announced.
    TooMuch,
    /// Answers with a head of 100 KiB.
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    LongHead,
    /// Answers with a body of [`LONG_BYTES`], which ends in "the end".
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    Long,
    /// Answers one request of each connection, says nothing of closing, and closes.
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    ClosesSilently,
    /// Answers so many requests in all, and no other.
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    Freezes(u64),
}

/// A running server; stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    pub(crate) connections: Arc<AtomicU64>,
    pub(crate) body_bytes: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Server {
    /// A thread for each connection.
    pub(crate) fn start(script: Script) -> Self {
        Self::start_with(script, |serve| drop(std::thread::spawn(serve)))
    }

    /// One connection after the other: when one is answered, those before it have ended on both sides.
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    pub(crate) fn one_at_a_time(script: Script) -> Self {
        Self::start_with(script, |serve| serve())
    }

    fn start_with(script: Script, run: fn(Box<dyn FnOnce() + Send>)) -> Self {
        let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port on loopback");
        let server = Self {
            address: listener.local_addr().expect("bound"),
            requests: Arc::default(),
            connections: Arc::default(),
            body_bytes: Arc::default(),
            over: Arc::default(),
        };
        let (requests, connections) = (Arc::clone(&server.requests), Arc::clone(&server.connections));
        let (body_bytes, over) = (Arc::clone(&server.body_bytes), Arc::clone(&server.over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                let (requests, body_bytes) = (Arc::clone(&requests), Arc::clone(&body_bytes));
                run(Box::new(move || {
                    let _ended_by_either_side = serve(stream, script, &requests, &body_bytes);
                }));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the accept loop; it may be gone already.
        let _gone = TcpStream::connect(self.address);
    }
}

/// Serves one connection until either side ends it.
fn serve(stream: TcpStream, script: Script, requests: &AtomicU64, body_bytes: &AtomicU64) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (close, length) = read_head(&mut reader)?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        body_bytes.fetch_add(length as u64, Ordering::SeqCst);
        let before = requests.fetch_add(1, Ordering::SeqCst);
        let script = match script {
            Script::Freezes(after) if before >= after => Script::Silent,
            Script::Freezes(_) => Script::Polite,
            script => script,
        };
        if !answer(&stream, &mut reader, script, close)? {
            return Some(());
        }
    }
}

/// Does it ask for close, and how long is its body?
fn read_head(reader: &mut impl BufRead) -> Option<(bool, usize)> {
    let (mut close, mut length) = (false, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        close |= line == "connection: close" || line.ends_with(" http/1.0");
        close &= line != "connection: keep-alive";
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
        if line.is_empty() {
            return Some((close, length));
        }
    }
}

/// Does the connection go on?
fn answer(mut stream: &TcpStream, reader: &mut impl Read, script: Script, close: bool) -> Option<bool> {
    let connection = if close || script == Script::NeverCloses { "Connection: close\r\n" } else { "" };
    let head = format!("HTTP/1.1 200 OK\r\n{connection}");
    let text = match script {
        Script::Polite | Script::NeverCloses | Script::ClosesSilently => {
            format!("{head}Content-Length: 5\r\n\r\nhello")
        }
        Script::Chunked => {
            let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
            stream.write_all(interim.as_bytes()).ok()?;
            format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
        }
        Script::Long => format!("{head}Content-Length: {LONG_BYTES}\r\n\r\n{}the end", "x".repeat(LONG_BYTES - 7)),
        Script::UntilClose => "HTTP/1.1 200 OK\r\n\r\nhello".to_owned(),
        Script::CutsShort => format!("{head}Content-Length: 50\r\n\r\nhello"),
        Script::Nonsense => "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(),
        Script::LongHead => {
            let field = format!("X-Long: {}\r\n", "y".repeat(1014));
            format!("{head}{}Content-Length: 5\r\n\r\nhello", field.repeat(100))
        }
        Script::Silent | Script::Freezes(_) => String::new(),
        Script::TooMuch => format!("{head}Content-Length: 5\r\n\r\nhello, world"),
    };
    stream.write_all(text.as_bytes()).ok()?;
    match script {
        Script::NeverCloses | Script::Silent => {
            // Holds the connection until the client ends it.
            let mut rest = [0; 16];
            while reader.read(&mut rest).ok()? > 0 {}
            Some(false)
        }
        Script::UntilClose | Script::CutsShort | Script::ClosesSilently => Some(false),
        _ => Some(!close),
    }
}
