//! Origins that share a port at addresses of their own, a balancer before them, and clients that never rest.

use balancer::Config;
use control::{Control, ControlError, Event, News};
use origin::OriginPlan;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use testkit::PATIENCE;

/// Addresses of this process, beside [`testkit::own_loopback`].
pub(crate) fn loopback(number: u8) -> Ipv4Addr {
    let [_, high, middle, low] = testkit::own_loopback().octets();
    // Another 7 bits: the highest of the second byte is set there.
    Ipv4Addr::new(127, high & 63, middle, low ^ number)
}

/// Origins number 1 to `count` at [`loopback`] addresses, named by their numbers, on one port.
pub(crate) fn origins(count: u8) -> (Vec<origin::Handle>, u16) {
    for _ in 0..100 {
        let port = testkit::free_address().port();
        let start = |number: u8| origin_at(SocketAddr::from((loopback(number), port)), number);
        if let Ok(origins) = (1..=count).map(start).collect::<Result<Vec<_>, _>>() {
            return (origins, port);
        }
    }
    panic!("no port is free at {count} addresses");
}

/// One more of them.
pub(crate) fn origin_at(address: SocketAddr, number: u8) -> Result<origin::Handle, origin::StartError> {
    origin::start(OriginPlan { name: number.to_string(), ..OriginPlan::new(address) })
}

/// A listener before one set, of which this is said.
pub(crate) fn config(global: &str, set: &str) -> Config {
    let text = format!(
        "[global]\n{global}\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\
         [[backend_set]]\nname = \"app\"\n{set}\n"
    );
    Config::parse("test.toml", &text).unwrap_or_else(|error| panic!("{}", error.render(100, false)))
}

pub(crate) fn start(config: &Config) -> Control {
    control::start(config, None, Some(2)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn start_fails(config: &Config) -> ControlError {
    control::start(config, None, Some(1)).err().expect("nothing starts")
}

/// One request on a connection of its own: status, and which origin answered.
pub(crate) fn get(address: SocketAddr) -> (u16, String) {
    Client::connect(address).get()
}

/// A kept connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the balancer listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        Self(BufReader::new(stream))
    }

    pub(crate) fn get(&mut self) -> (u16, String) {
        self.0.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
        let (mut status, mut origin, mut length) = (0, String::new(), 0);
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("an answer") > 0, "the connection ended");
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().expect("a status");
            }
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("x-origin") => origin = value.to_owned(),
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().expect("a length");
                }
                _ => {}
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body");
        (status, origin)
    }
}

/// Clients that ask again and again, and fail at anything but a 200.
pub(crate) struct Load {
    ends: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn on(address: SocketAddr) -> Self {
        let (ends, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (ends, answered) = (Arc::clone(&ends), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                while !ends.load(Ordering::Relaxed) {
                    assert_eq!(client.get().0, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                    std::thread::yield_now();
                }
            })
        };
        let threads = (0..3).map(client).collect();
        Self { ends, answered, threads }
    }

    /// So many more answers have come.
    pub(crate) fn goes_on(&self, more: u64) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        testkit::eventually("answers come", || self.answered.load(Ordering::Relaxed) >= until);
    }

    /// Ends it; every request was answered.
    pub(crate) fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("every request is answered"));
    }
}

/// The next event that `is_it`, those before passed over.
#[track_caller]
pub(crate) fn hears(news: &News, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match news.recv_timeout(left) {
            Ok(told) if is_it(&told.event) => return told.event,
            Ok(_) => {}
            Err(error) => panic!("never told: {what} ({error})"),
        }
    }
}
