//! One end of a TCP connection in a test: exact bytes, bounded waits, and how the connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) use testkit::PATIENCE;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By FIN.
    Eof,
    /// By RST.
    Reset,
}

/// A blocking socket with time-outs.
pub(crate) struct Wire {
    stream: TcpStream,
    name: &'static str,
}

/// Scripts write CRLF as a plain line end.
pub(crate) fn crlf(text: &str) -> Vec<u8> {
    dated(text).replace('\n', "\r\n").into_bytes()
}

/// Every final response in a script has a Date, at a fixed place, so that none is added on its way.
fn dated(text: &str) -> String {
    let is_final =
        |line: &str| line.starts_with("HTTP/1.") && line.ends_with('\n') && line.as_bytes().get(9) > Some(&b'1');
    let date = |line| if is_final(line) { "Date: Thu, 01 Jan 1970 00:00:00 GMT\n" } else { "" };
    text.split_inclusive('\n').flat_map(|line| [line, date(line)]).collect()
}

impl Wire {
    pub(crate) fn connect(to: SocketAddr, name: &'static str) -> Self {
        let stream =
            TcpStream::connect_timeout(&to, PATIENCE).unwrap_or_else(|error| panic!("{name} to {to}: {error}"));
        Self::new(stream, name)
    }

    pub(crate) fn new(stream: TcpStream, name: &'static str) -> Self {
        stream.set_nonblocking(false).expect("blocking");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, name }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn sends(&mut self, text: &str) {
        self.sends_bytes(&crlf(text));
    }

    pub(crate) fn sends_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap_or_else(|error| panic!("{} cannot send: {error}", self.name));
    }

    /// Exactly these bytes come next.
    pub(crate) fn sees(&mut self, text: &str) {
        let expect = crlf(text);
        let (got, end) = self.read_up_to(expect.len());
        let readable = String::from_utf8_lossy(&got).replace("\r\n", "\n");
        assert!(got == expect, "{} expects\n{text}\nand sees\n{readable}\n({end})", self.name);
    }

    /// A whole response of the balancer's own: its status, and its body by Content-Length.
    pub(crate) fn sees_status(&mut self, status: u16) {
        let head = self.reads_head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{} expects {status}, sees\n{head}", self.name);
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize =
            length.and_then(|text| text.trim().parse().ok()).unwrap_or_else(|| panic!("no length in\n{head}"));
        let (body, end) = self.read_up_to(length);
        assert_eq!(body.len(), length, "{} sees a body cut short ({end})", self.name);
    }

    /// An answer of the balancer's own, to the letter but for its date.
    pub(crate) fn sees_answer(&mut self, text: &str) {
        let (_, body) = text.split_once("\n\n").expect("head and body");
        let head: String =
            self.reads_head().split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect();
        let (got, end) = self.read_up_to(body.len());
        let seen = head.replace("\r\n", "\n") + &String::from_utf8_lossy(&got);
        assert_eq!(seen, text, "{} ({end})", self.name);
    }

    /// Everything up to the next empty line, which is included.
    pub(crate) fn reads_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let (byte, end) = self.read_up_to(1);
            assert!(!byte.is_empty(), "{}: {end} in the middle of {:?}", self.name, String::from_utf8_lossy(&head));
            head.extend(byte);
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads the next head, if there is one before the end.
    pub(crate) fn next_head(&mut self) -> bool {
        let ends = matches!(self.stream.peek(&mut [0]), Ok(0) | Err(_));
        !ends && !self.reads_head().is_empty()
    }

    /// No byte and no end within this time.
    pub(crate) fn sees_nothing(&mut self, time: Duration) {
        let mut byte = [0];
        let result = self.peek_within(time, &mut byte);
        let quiet = matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock);
        assert!(quiet, "{} expects nothing, sees {result:?} {byte:?}", self.name);
    }

    /// Sends this now and then until something comes back.
    pub(crate) fn drips(&mut self, text: &str) {
        const PAUSE: Duration = Duration::from_millis(20);
        let until = Instant::now() + PATIENCE;
        while self.peek_within(PAUSE, &mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            assert!(Instant::now() < until, "{} drips, and nothing comes back", self.name);
            self.sends(text);
        }
    }

    fn peek_within(&mut self, time: Duration, byte: &mut [u8; 1]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(Some(time)).expect("a time-out");
        let result = self.stream.peek(byte);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        result
    }

    /// What was sent stands in the receive queue of the other end: it has been acknowledged.
    pub(crate) fn has_arrived(&self) {
        testkit::eventually("what was sent is acknowledged", || {
            sys::sockopt::unacknowledged_bytes(&self.stream).is_ok_and(|bytes| bytes == 0)
        });
    }

    /// Are so many bytes here?
    pub(crate) fn can_read(&self, bytes: usize) -> bool {
        self.stream.set_nonblocking(true).expect("non-blocking");
        let here = self.stream.peek(&mut vec![0; bytes]);
        self.stream.set_nonblocking(false).expect("blocking");
        here.is_ok_and(|here| here == bytes)
    }

    /// The end comes next, in this way.
    pub(crate) fn sees_end(&mut self, expect: End) {
        self.sees_end_after_any("nothing", expect);
    }

    /// The end comes in this way, after this as often as it may come.
    pub(crate) fn sees_end_after_any(&mut self, text: &str, expect: End) {
        let mut rest = [0; 256];
        let got = loop {
            match self.stream.read(&mut rest) {
                Ok(0) => break End::Eof,
                Ok(len) => {
                    let seen = String::from_utf8_lossy(&rest[..len]);
                    assert!(seen.replace(text, "").is_empty(), "{} expects {expect:?}, sees {seen:?}", self.name);
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
                Err(error) => panic!("{} expects {expect:?}, sees {error}", self.name),
            }
        };
        assert_eq!(got, expect, "how the connection of {} ended", self.name);
    }

    pub(crate) fn half_closes(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap_or_else(|error| panic!("{} cannot send FIN: {error}", self.name));
    }

    pub(crate) fn resets(self) {
        sys::sockopt::set_linger_reset(&self.stream).expect("SO_LINGER");
    }

    /// So many bytes, whatever they are.
    pub(crate) fn reads(&mut self, len: usize) -> Vec<u8> {
        let (bytes, end) = self.read_up_to(len);
        assert_eq!(bytes.len(), len, "{} sees too little ({end})", self.name);
        bytes
    }

    fn read_up_to(&mut self, len: usize) -> (Vec<u8>, String) {
        let mut got = vec![0; len];
        let mut have = 0;
        while have < len {
            match self.stream.read(&mut got[have..]) {
                Ok(0) => return (got[..have].to_vec(), "end of stream".to_owned()),
                Ok(read) => have += read,
                Err(error) => return (got[..have].to_vec(), error.to_string()),
            }
        }
        (got, "more may come".to_owned())
    }
}
