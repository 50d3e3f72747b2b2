//! Listens beside the kernel's own NAT, whose table tells nothing of segments: at the balancer's end of the
//! outside cable.

use crate::error::LabError;
use crate::topology::BALANCER;
use gateway_core::{Fate, RECORDS_MAX, Record, Side, Tuple};
use packet::Segment;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::Errno;
use sys::epoll::{Epoll, Interest};
use sys::packet::PacketSocket;

const FRAME_BYTES_MAX: usize = 2048;
/// How long the end of a recording may take.
const TICK: Duration = Duration::from_millis(20);

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recorder {
    stop: Arc<AtomicBool>,
    /// Which client connects now: behind the NAT they cannot be told apart.
    turn: Arc<AtomicUsize>,
    thread: JoinHandle<Result<Vec<Record>, Errno>>,
}

impl Recorder {
    pub(super) fn start(ears: PacketSocket) -> Result<Self, LabError> {
        let (stop, turn) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let work = Work { ears, stop: Arc::clone(&stop), turn: Arc::clone(&turn), start: Instant::now() };
        let named = std::thread::Builder::new().name("recorder".into());
        let thread = named.spawn(move || work.run());
        let thread = thread.map_err(|reason| LabError::Thread { role: "recorder", reason })?;
        Ok(Self { stop, turn, thread })
    }

    /// From now on the second client connects.
    pub(super) fn second_turn(&self) {
        self.turn.store(1, Ordering::Relaxed);
    }

    pub(super) fn finish(self) -> Result<Vec<Record>, LabError> {
        self.stop.store(true, Ordering::Relaxed);
        let recorded = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        recorded.map_err(|errno| LabError::Part { role: "recorder", reason: std::io::Error::from(errno).to_string() })
    }
}

struct Work {
    /// Hears both ways, in one order: who closed first decides.
    ears: PacketSocket,
    stop: Arc<AtomicBool>,
    turn: Arc<AtomicUsize>,
    start: Instant,
}

impl Work {
    fn run(&self) -> Result<Vec<Record>, Errno> {
        let mut epoll = Epoll::new()?;
        epoll.add(&self.ears, 0, Interest::Level)?;
        let (mut records, mut buffer) = (Vec::new(), [0; FRAME_BYTES_MAX]);
        while !self.stop.load(Ordering::Relaxed) {
            epoll.wait(Some(TICK))?;
            self.take(&mut buffer, &mut records);
        }
        Ok(records)
    }

    fn take(&self, buffer: &mut [u8], records: &mut Vec<Record>) {
        while let Ok(len) = self.ears.recv(buffer) {
            let segment = Segment::parse(&buffer[..len.min(FRAME_BYTES_MAX)]);
            if let Ok(segment) = segment.as_ref()
                && records.len() < RECORDS_MAX
            {
                records.push(self.record(segment));
            }
        }
    }

    fn record(&self, segment: &Segment<'_>) -> Record {
        let outward = *segment.to.ip() == BALANCER;
        let link = self.turn.load(Ordering::Relaxed);
        let (public, remote) = if outward { (segment.from, segment.to) } else { (segment.to, segment.from) };
        // The kernel keeps the inside port where it is free, and here it is.
        let inside = SocketAddrV4::new(super::place::CLIENTS[link], public.port());
        Record {
            at: self.start.elapsed(),
            from: if outward { Side::Inside(link) } else { Side::Outside },
            tuple: Tuple { link, inside, public_port: public.port(), remote },
            fate: Fate::Carried,
            flags: segment.flags,
            seq: segment.seq,
            ack: segment.ack,
            seq_len: segment.seq_len(),
            timestamps: segment.options.timestamps,
        }
    }
}
