//! A server for the tester that says how far it has come.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers every request; runs as long as the tests.
pub(crate) struct Target {
    address: SocketAddr,
    answered: Arc<AtomicU64>,
}

impl Target {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target = Self { address: listener.local_addr().expect("bound"), answered: Arc::default() };
        let answered = Arc::clone(&target.answered);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answered = Arc::clone(&answered);
                std::thread::spawn(move || serve(&stream, &answered));
            }
        });
        target
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

/// Until the client leaves.
fn serve(mut stream: &TcpStream, answered: &AtomicU64) {
    for line in BufReader::new(stream).lines() {
        match line {
            Ok(line) if line.is_empty() => {
                if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                    return;
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
