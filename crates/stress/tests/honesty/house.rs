//! A server that does one known thing wrong, over std sockets: it shares no code with the tester.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::PATIENCE;

/// What it does; where there is a number, to each request of which so many are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Answers with five bytes.
    Polite,
    /// So many milliseconds late.
    Late(u64),
    /// The request of this number stops everybody for so many milliseconds.
    Stalls(u64, u64),
    /// In chunks, after an interim response.
    Chunked,
    /// Without a length: the end is the FIN.
    UntilClose,
    /// No body.
    Empty,
    /// With so many bytes.
    Big(usize),
    /// Byte by byte.
    Drips,
    /// More than was announced.
    TooMuch,
    /// Says that it closes, and does not.
    NeverCloses,
    /// Says nothing, and closes after each response.
    ClosesSilently,
    /// With a status.
    Status(u64, u16),
    /// Never answers.
    Hangs(u64),
    /// Answers so many requests in all, and no other.
    Freezes(u64),
    /// Closes in place of an answer.
    Leaves(u64),
    /// Closes within the body.
    Cuts(u64),
    /// Resets in place of an answer.
    Resets(u64),
    /// Resets within the body.
    ResetsWithin(u64),
    /// Answers, and resets instead of closing.
    ResetsAfter,
    /// With what is not HTTP.
    Babbles(u64),
    /// With a chunk whose length is none.
    BadChunk(u64),
    /// With two lengths.
    TwoLengths(u64),
}

/// Stops when dropped.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl House {
    pub(crate) fn open(act: Act) -> Self {
        let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port on loopback");
        let house =
            Self { address: listener.local_addr().expect("bound"), requests: Arc::default(), over: Arc::default() };
        let (requests, over, everybody) = (Arc::clone(&house.requests), Arc::clone(&house.over), Arc::default());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (requests, everybody) = (Arc::clone(&requests), Arc::clone(&everybody));
                std::thread::spawn(move || {
                    let _ended_by_either_side = serve(&stream, act, &requests, &everybody);
                });
            }
        });
        house
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the accept loop; it may be gone already.
        let _gone = TcpStream::connect(self.address);
    }
}

/// Until either side ends the connection.
fn serve(stream: &TcpStream, act: Act, requests: &AtomicU64, everybody: &Mutex<()>) -> Option<()> {
    stream.set_read_timeout(Some(2 * PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let close = asks_for_close(&mut reader)?;
        let number = requests.fetch_add(1, Ordering::SeqCst);
        wait(act, number, everybody);
        let fails = hits(act, number);
        if fails && !misbehave(stream, &mut reader, act)? {
            return Some(());
        }
        if !fails && !answer(stream, &mut reader, act, close)? {
            return Some(());
        }
    }
}

fn asks_for_close(reader: &mut impl BufRead) -> Option<bool> {
    let mut close = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        close |= line == "connection: close";
        if line.is_empty() {
            return Some(close);
        }
    }
}

fn wait(act: Act, number: u64, everybody: &Mutex<()>) {
    let _in_turn = everybody.lock();
    match act {
        Act::Stalls(at, ms) if number == at => std::thread::sleep(Duration::from_millis(ms)),
        Act::Late(ms) => {
            drop(_in_turn);
            std::thread::sleep(Duration::from_millis(ms));
        }
        _ => {}
    }
}

/// Is it this request that goes wrong?
fn hits(act: Act, number: u64) -> bool {
    match act {
        Act::Freezes(after) => number >= after,
        Act::Status(each, _)
        | Act::Hangs(each)
        | Act::Leaves(each)
        | Act::Cuts(each)
        | Act::Resets(each)
        | Act::ResetsWithin(each)
        | Act::Babbles(each)
        | Act::BadChunk(each)
        | Act::TwoLengths(each) => (number + 1).is_multiple_of(each),
        _ => false,
    }
}

/// Does the connection go on?
fn misbehave(mut stream: &TcpStream, reader: &mut impl BufRead, act: Act) -> Option<bool> {
    let text = match act {
        Act::Status(_, status) => {
            write!(stream, "HTTP/1.1 {status} So\r\nContent-Length: 5\r\n\r\nhello").ok()?;
            return Some(true);
        }
        Act::Hangs(_) | Act::Freezes(_) => {
            // Until the client gives up.
            let _gone = reader.read_line(&mut String::new());
            return Some(false);
        }
        Act::Cuts(_) | Act::ResetsWithin(_) => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
        Act::Babbles(_) => "220 mail.example ESMTP\r\n\r\n",
        Act::BadChunk(_) => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        Act::TwoLengths(_) => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        _ => "",
    };
    stream.write_all(text.as_bytes()).ok()?;
    if matches!(act, Act::Resets(_) | Act::ResetsWithin(_)) {
        sys::sockopt::set_linger_reset(stream).ok()?;
    }
    Some(false)
}

/// Does the connection go on?
fn answer(mut stream: &TcpStream, reader: &mut impl BufRead, act: Act, close: bool) -> Option<bool> {
    let closes = close || act == Act::NeverCloses;
    let head = format!("HTTP/1.1 200 OK\r\n{}", if closes { "Connection: close\r\n" } else { "" });
    let text = match act {
        Act::Chunked => {
            format!(
                "HTTP/1.1 103 Early Hints\r\n\r\n{head}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
            )
        }
        Act::UntilClose => "HTTP/1.1 200 OK\r\n\r\nhello".to_owned(),
        Act::Empty => format!("HTTP/1.1 204 No Content\r\n{}\r\n", if closes { "Connection: close\r\n" } else { "" }),
        Act::Big(bytes) => format!("{head}Content-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes)),
        Act::TooMuch => format!("{head}Content-Length: 5\r\n\r\nhello, world"),
        _ => format!("{head}Content-Length: 5\r\n\r\nhello"),
    };
    if act == Act::Drips {
        for byte in text.as_bytes() {
            stream.write_all(&[*byte]).ok()?;
        }
    } else {
        stream.write_all(text.as_bytes()).ok()?;
    }
    match act {
        Act::ResetsAfter => {
            sys::sockopt::set_linger_reset(stream).ok()?;
            Some(false)
        }
        Act::NeverCloses => {
            let _until_the_client_leaves = reader.read_line(&mut String::new());
            Some(false)
        }
        Act::UntilClose | Act::ClosesSilently => Some(false),
        _ => Some(!closes),
    }
}
