//! The port cliff: `connect()` is timed while the ports fill with TIME_WAIT, once with the kernel
//! choosing and once with ports of our own (bind + SO_REUSEADDR, oldest first).
//!
//! Plain sockets, one after the other: the tester would hide the cost of a single call. Both ends are in one thread, and
//! the far end accepts when the time has been taken: `connect()` runs the whole handshake (softirq of its own CPU), and
//! a thread asleep in `accept()` would be woken within it, which costs more than the connect itself.

use crate::error::LabError;
use crate::experiment::Scale;
use crate::outcome::{Point, Seen, Series};
use crate::stage::{FIRST_PORT, Stage};
use crate::topology::{BALANCER, CLIENT, Role};
use named::named;
use ports::Fault;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use sys::netns::Namespace;
use sys::sock_diag::{DiagError, SockDiag};
use sys::{Errno, socket};

/// Batches until every port was used once; each gives one point.
const BATCHES: u16 = 24;
/// Batches of own ports after that, every one of them in TIME_WAIT.
const EXTRA_BATCHES: u16 = 6;
/// A far end that does not answer ends the measurement, it does not hang it.
const PATIENCE: Duration = Duration::from_secs(5);

const DOOR: SocketAddr = SocketAddr::new(IpAddr::V4(BALANCER), 9000);
/// Between two looks at a far end that was not there at once.
const LOOK_EVERY: Duration = Duration::from_micros(50);

named! {
    /// Who chooses ports.
    pub enum Chooser {
        /// The kernel, in `connect()`.
        Kernel = "kernel's choice",
        /// We, by `bind()`.
        Own = "own ports",
    }
}

/// Measures one chooser (one curve) in fresh namespaces: timestamps on, `tcp_tw_reuse=0`.
///
/// # Errors
/// The scene cannot be built, or the far end fell silent.
pub fn measure(scale: Scale, chooser: Chooser) -> Result<Seen, LabError> {
    let stage = Stage::private(scale)?;
    let Stage::Private(topology) = &stage else { unreachable!("just made private") };
    topology.set(Role::Client, "net.ipv4.tcp_tw_reuse", "0")?;
    let door = Door::open(topology.namespace(Role::Balancer)).map_err(failed)?;
    let mut seen = stage.run(Role::Client, || measure_inside(scale, chooser, &door))??;
    let time_waits = crate::observe::time_waits(&stage, DOOR)?;
    seen.client_time_wait = time_waits.client;
    seen.balancer_time_wait = time_waits.balancer;
    Ok(seen)
}

fn failed(reason: io::Error) -> LabError {
    LabError::Part { role: "far end of the port cliff", reason: reason.to_string() }
}

/// The far end, served by the thread that measures: a socket stays in the namespace it was made in.
struct Door(TcpListener);

impl Door {
    fn open(namespace: &Namespace) -> io::Result<Self> {
        let listener = namespace.run(|| TcpListener::bind(DOOR))??;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    fn accept(&self) -> io::Result<TcpStream> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.0.accept() {
                Ok((stream, _)) => return patient(stream),
                Err(reason) if reason.kind() != ErrorKind::WouldBlock || Instant::now() >= until => return Err(reason),
                // The handshake is still on its way: a softirq thread had to take over.
                Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }
}

/// A blocking stream that does not wait for ever.
fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn measure_inside(scale: Scale, chooser: Chooser, door: &Door) -> Result<Seen, LabError> {
    let batch_len = (scale.ports / BATCHES).max(1);
    let batches = if chooser == Chooser::Own { BATCHES + EXTRA_BATCHES } else { BATCHES };
    let mut diag = SockDiag::open().map_err(LabError::Diag)?;
    let mut run = Run { scale, chooser, door, next: 0, seen: Seen::default() };
    let mut points = Vec::with_capacity(usize::from(batches));
    for _ in 0..batches {
        let time_wait_percent = share(&mut diag, scale).map_err(LabError::Diag)?;
        let mut times: Vec<Duration> = (0..batch_len).filter_map(|_| run.connect()).collect();
        if let Some(connect_us_median) = median_us(&mut times) {
            points.push(Point { time_wait_percent, connect_us_median });
        }
        if times.len() < usize::from(batch_len) {
            break;
        }
    }
    let series = Series { name: chooser.name(), points };
    Ok(Seen { connect_times: vec![series], ..run.seen })
}

fn share(diag: &mut SockDiag, scale: Scale) -> Result<f64, DiagError> {
    let waiting = diag.time_wait_towards(DOOR)?;
    Ok(waiting as f64 * 100.0 / f64::from(scale.ports))
}

/// Where a measurement stands.
struct Run<'a> {
    scale: Scale,
    chooser: Chooser,
    door: &'a Door,
    /// Own ports: the next one, counted from the first.
    next: u16,
    seen: Seen,
}

impl Run<'_> {
    /// One connection from `connect()` to both FINs, ours first. The time of `connect()`, or `None`
    /// where it failed.
    fn connect(&mut self) -> Option<Duration> {
        self.seen.tried += 1;
        let outcome = self.try_connect();
        match outcome {
            Ok(time) => {
                self.seen.succeeded += 1;
                Some(time)
            }
            Err(reason) => {
                let fault = Fault::from_errno(reason.raw_os_error().unwrap_or(0));
                *self.seen.errors.entry(fault.errno_name().to_owned()).or_default() += 1;
                None
            }
        }
    }

    fn try_connect(&mut self) -> io::Result<Duration> {
        let fd = socket::tcp_for(&DOOR)?;
        let local = (self.chooser == Chooser::Own).then(|| self.next_port());
        let start = Instant::now();
        let bound = local.map_or(Ok(()), |local| socket::bind_exact(&fd, &local));
        // Does not wait for the handshake: the time is that of the choice and of the SYN's way.
        bound.and_then(|()| socket::connect(&fd, &DOOR)).map_err(io::Error::from)?;
        let time = start.elapsed();
        close_first(patient(TcpStream::from(fd))?, self.door.accept()?)?;
        Ok(time)
    }

    fn next_port(&mut self) -> SocketAddr {
        let port = FIRST_PORT + self.next;
        self.next = (self.next + 1) % self.scale.ports;
        SocketAddr::new(IpAddr::V4(CLIENT), port)
    }
}

/// FIN from here first, then from the far end, so that TIME_WAIT stands here when this returns.
fn close_first(mut near: TcpStream, mut far: TcpStream) -> io::Result<()> {
    near.shutdown(Shutdown::Write)?;
    expect_end(&mut far)?;
    drop(far);
    expect_end(&mut near)
}

fn expect_end(stream: &mut TcpStream) -> io::Result<()> {
    match stream.read(&mut [0; 1])? {
        0 => Ok(()),
        _ => Err(io::Error::from(Errno::PROTO)),
    }
}

fn median_us(times: &mut [Duration]) -> Option<f64> {
    times.sort_unstable();
    let middle = times.get(times.len() / 2)?;
    Some(middle.as_nanos() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times_us: &[u64], expect: Option<f64>) {
        let mut times: Vec<Duration> = times_us.iter().map(|us| Duration::from_micros(*us)).collect();
        assert_eq!(median_us(&mut times), expect, "{times_us:?}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        check(&[], None);
        check(&[7], Some(7.0));
        check(&[900, 1, 20], Some(20.0));
        check(&[4, 1, 3, 2], Some(3.0));
    }
}
