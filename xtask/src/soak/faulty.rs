//! A server that is never well: it resets, talks nonsense, closes without a word, or takes its time, each for a while.

use super::at_work::AtWork;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) const ADDRESS: &str = "127.0.0.1:9004";
const ANOTHER_WAY_EVERY: Duration = Duration::from_secs(3);
/// It is slower than anybody else, and answers all the same.
const SLOWNESS: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts requests that got nothing good.
pub(super) fn start() -> anyhow::Result<AtWork> {
    let listener = TcpListener::bind(ADDRESS)?;
    listener.set_nonblocking(true)?;
    Ok(AtWork::start(move |ends, spoilt| serve(&listener, ends, spoilt)))
}

fn serve(listener: &TcpListener, ends: &AtomicBool, spoilt: &AtomicU64) {
    let start = Instant::now();
    while !ends.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                let turn = start.elapsed().as_secs() / ANOTHER_WAY_EVERY.as_secs();
                // Whoever has gone needs nothing.
                let _has_gone = treat(stream, turn % 4, spoilt);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// One request of one connection.
fn treat(mut stream: TcpStream, way: u64, spoilt: &AtomicU64) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if way == 0 {
        // What is unread when a socket closes makes a reset of it.
        stream.peek(&mut [0; 1])?;
        spoilt.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    let mut request = [0; 2048];
    if stream.read(&mut request)? == 0 {
        return Ok(());
    }
    match way {
        1 => {
            spoilt.fetch_add(1, Ordering::Relaxed);
            stream.write_all(b"220 this is no server of yours\r\n\r\n")
        }
        2 => {
            spoilt.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        _ => {
            std::thread::sleep(SLOWNESS);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow")
        }
    }
}
