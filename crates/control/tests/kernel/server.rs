//! A server whose health is in our hands: what it answers to checks, and to everybody else.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The answer to a check, head and body.
pub(crate) const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
pub(crate) const BAD: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
/// Nothing is said, the connection stays open.
pub(crate) const SILENCE: &str = "";

/// A certificate of its own for this process's loopback address, and what a server needs to show it.
pub(crate) fn secured() -> (Arc<ServerConfig>, String) {
    let names = vec![testkit::own_loopback().to_string()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("they fit");
    (Arc::new(config), made.cert.pem())
}

struct Shared {
    name: String,
    check: Mutex<String>,
    /// Heads of checks so far.
    checks: Mutex<Vec<String>>,
    /// Requests are broken off.
    breaks_off: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
    ends: AtomicBool,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn start(name: &str, check: &str) -> Self {
        Self::begin(name, check, None)
    }

    pub(crate) fn begin(name: &str, check: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            check: Mutex::new(check.to_owned()),
            checks: Mutex::default(),
            breaks_off: AtomicBool::new(false),
            tls,
            ends: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of_thread.ends.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                std::thread::spawn(move || match shared.tls.clone() {
                    None => serve(stream, "", &shared),
                    Some(config) => {
                        let session = ServerConnection::new(config).expect("a good configuration");
                        let ahead = line_ahead(&stream);
                        serve(StreamOwned::new(session, stream), &ahead, &shared);
                    }
                });
            }
        });
        Self { address, shared }
    }

    /// What it answers to checks from now on.
    pub(crate) fn says(&self, check: &str) {
        *self.shared.check.lock().expect("nobody panicked") = check.to_owned();
    }

    pub(crate) fn breaks_off(&self, yes: bool) {
        self.shared.breaks_off.store(yes, Ordering::Relaxed);
    }

    pub(crate) fn checks(&self) -> Vec<String> {
        self.shared.checks.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        let _wakes = TcpStream::connect(self.address);
    }
}

/// The header of the PROXY protocol before TLS, where there is one.
fn line_ahead(mut stream: &TcpStream) -> String {
    let (mut line, mut byte) = (String::new(), [0]);
    if matches!(stream.peek(&mut byte), Ok(1) if byte == *b"P") {
        while !line.ends_with('\n') && matches!(stream.read(&mut byte), Ok(1)) {
            line.push(char::from(byte[0]));
        }
    }
    line
}

fn serve(stream: impl Read + Write, ahead: &str, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(stream.read_line(&mut head), Ok(len) if len > 0) {
                return;
            }
        }
        let answer = if head.contains("health check") {
            shared.checks.lock().expect("nobody panicked").push(ahead.to_owned() + &head);
            shared.check.lock().expect("nobody panicked").clone()
        } else if shared.breaks_off.load(Ordering::Relaxed) {
            return;
        } else {
            format!("HTTP/1.1 200 OK\r\nX-Origin: {}\r\nContent-Length: 0\r\n\r\n", shared.name)
        };
        if stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}
