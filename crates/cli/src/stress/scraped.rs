//! `--prometheus`: the run in progress, for who asks over HTTP. A thread of its own reads what progress was told last; the
//! measured path knows nothing of it.

use anyhow::Context;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stress_core::Snapshot;

/// Who is slower than that is let go: one is answered at a time.
const PATIENCE: Duration = Duration::from_secs(1);
/// A request is shorter.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// What is told; nothing where nobody may ask.
#[derive(Default)]
pub(super) struct Scraped(Option<Arc<Mutex<Snapshot>>>);

impl Scraped {
    /// Listens at `address`, if there is one.
    pub(super) fn start(address: Option<SocketAddr>) -> anyhow::Result<Self> {
        let Some(address) = address else { return Ok(Self::default()) };
        let listener = TcpListener::bind(address)
            .with_context(|| format!("--prometheus {address}: cannot listen there; choose another address"))?;
        let told = Arc::new(Mutex::new(Snapshot::default()));
        let shared = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let snapshot = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let _asker_left = answer(stream, &snapshot);
            }
        });
        Ok(Self(Some(told)))
    }

    pub(super) fn tell(&self, snapshot: &Snapshot) {
        if let Some(told) = &self.0 {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
        }
    }
}

/// Any GET is answered with all there is.
fn answer(mut stream: TcpStream, snapshot: &Snapshot) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        request.extend_from_slice(&piece[..read]);
        if read == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
    }
    let (status, body) = match request.starts_with(b"GET ") {
        true => ("200 OK", present::stress::metrics(snapshot)),
        false => ("405 Method Not Allowed", String::new()),
    };
    let bytes = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes())
}
