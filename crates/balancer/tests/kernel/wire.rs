//! One end of a TCP connection in a test: exact bytes, bounded waits, and how the connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Nothing on loopback takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

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
    text.replace('\n', "\r\n").into_bytes()
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

    /// No byte and no end within this time.
    pub(crate) fn sees_nothing(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).expect("a time-out");
        let mut byte = [0];
        let result = self.stream.peek(&mut byte);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let quiet = matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock);
        assert!(quiet, "{} expects nothing, sees {result:?} {byte:?}", self.name);
    }

    /// The end comes next, in this way.
    pub(crate) fn sees_end(&mut self, expect: End) {
        let mut rest = [0; 256];
        let got = match self.stream.read(&mut rest) {
            Ok(0) => End::Eof,
            Ok(len) => panic!("{} expects {expect:?}, sees {:?}", self.name, String::from_utf8_lossy(&rest[..len])),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("{} expects {expect:?}, sees {error}", self.name),
        };
        assert_eq!(got, expect, "how the connection of {} ended", self.name);
    }

    pub(crate) fn half_closes(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap_or_else(|error| panic!("{} cannot send FIN: {error}", self.name));
    }

    pub(crate) fn resets(self) {
        sys::sockopt::set_linger_reset(&self.stream).expect("SO_LINGER");
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
