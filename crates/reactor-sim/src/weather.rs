//! What the simulated network does to those who use it, as probabilities.

use seed::Rng;
use std::time::Duration;

/// How kind the network and the hosts are. Probabilities run from 0.0 (never) to 1.0 (always).
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// One-way delay of a segment in microseconds: lowest, and first above the highest. Order within a
    /// direction is kept.
    pub latency_us: (u64, u64),
    /// Longest segment.
    pub segment_bytes_max: usize,
    /// Bytes a sender may have unacknowledged or unsent: what makes sends complete late.
    pub send_buffer_bytes: usize,
    /// Bytes a receiver takes in without being read: what makes back-pressure.
    pub receive_buffer_bytes: usize,
    /// A recv brings only some of the bytes that are there.
    pub short_read: f64,
    /// A segment is lost and comes 0.2 s to 1 s later, with all that follow it.
    pub stall: f64,
    /// A data segment meets a middlebox that resets both ends.
    pub reset: f64,
    /// A SYN is refused although somebody listens.
    pub refuse: f64,
    /// A SYN is lost once more (it is sent again after 1, 2, 4, ... s).
    pub syn_loss: f64,
    /// No SYN of this connect ever arrives: it times out.
    pub black_hole: f64,
    /// `accept()` or `connect()` finds no file descriptor (EMFILE).
    pub no_files: f64,
    /// `take_buf` finds no buffer.
    pub no_buffers: f64,
    /// Two neighbouring completions of different connections change places.
    pub reorder: f64,
}

impl Weather {
    /// Nothing goes wrong, but reads are short, windows bounded and completions come in any order.
    pub fn fair(rng: &mut Rng) -> Self {
        Self {
            latency_us: (10, 10 + rng.range(1, 5_000)),
            segment_bytes_max: *rng.pick(&[536, 1460, 9000, 65_536]),
            send_buffer_bytes: *rng.pick(&[1 << 10, 4 << 10, 16 << 10, 256 << 10]),
            receive_buffer_bytes: *rng.pick(&[500, 4 << 10, 64 << 10, 256 << 10]),
            short_read: *rng.pick(&[0.0, 0.1, 0.5]),
            stall: 0.0,
            reset: 0.0,
            refuse: 0.0,
            syn_loss: 0.0,
            black_hole: 0.0,
            no_files: 0.0,
            no_buffers: 0.0,
            reorder: *rng.pick(&[0.0, 0.5]),
        }
    }

    /// Every seed draws its own mixture of troubles; each is absent from some seeds.
    pub fn rough(rng: &mut Rng) -> Self {
        let mut trouble = |worst: f64| {
            if rng.chance(0.5) { 0.0 } else { rng.unit() * worst }
        };
        let troubles = [0.01, 0.01, 0.2, 0.3, 0.05, 0.2, 0.1].map(&mut trouble);
        let [stall, reset, refuse, syn_loss, black_hole, no_files, no_buffers] = troubles;
        let segment_bytes_max = *rng.pick(&[7, 100, 1460, 65_536]);
        let fair = Self::fair(rng);
        Self {
            segment_bytes_max,
            send_buffer_bytes: *rng.pick(&[500, 4 << 10, 64 << 10]),
            receive_buffer_bytes: *rng.pick(&[300, 4 << 10, 64 << 10]),
            stall,
            reset,
            refuse,
            syn_loss,
            black_hole,
            no_files,
            no_buffers,
            ..fair
        }
    }

    /// Delay of one segment.
    pub(super) fn delay(&self, rng: &mut Rng, injected: &mut Injected) -> Duration {
        let (low, high) = self.latency_us;
        let mut delay_us = rng.range(low, high);
        if rng.chance(self.stall) {
            injected.stalls += 1;
            delay_us += rng.range(200_000, 1_000_000);
        }
        Duration::from_micros(delay_us)
    }
}

/// Troubles the weather really caused: what an application's failures must be explained by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Connections reset by a middlebox.
    pub resets: u64,
    /// Connects refused although somebody listened.
    pub refused: u64,
    /// SYNs that were lost and sent again.
    pub syns_lost: u64,
    /// Connects none of whose SYNs arrive.
    pub black_holes: u64,
    /// EMFILE from connect or accept.
    pub no_files: u64,
    /// Buffers refused.
    pub no_buffers: u64,
    /// Segments that came late.
    pub stalls: u64,
}

impl Injected {
    /// Troubles that can make a request fail. Late segments and lost SYNs can where time-outs are short.
    pub fn harmful(&self) -> u64 {
        let late = self.syns_lost + self.black_holes + self.stalls;
        self.resets + self.refused + self.no_files + self.no_buffers + late
    }
}
