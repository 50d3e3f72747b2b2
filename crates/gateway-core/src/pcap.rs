//! A capture of what went over the outside link, as a pcap file with nanoseconds.

use core::time::Duration;

/// Bytes a capture may have; later frames are only counted.
pub(crate) const CAPTURE_BYTES_MAX: usize = 64 << 20;

/// Magic number of the variant with nanoseconds, in the writer's byte order.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET: u32 = 1;
const SNAP_LEN: u32 = 65_535;

/// A pcap file in memory.
#[derive(Clone, Debug)]
pub struct Capture {
    bytes: Vec<u8>,
    /// Added to every time, so that readers can show the time of day.
    epoch: Duration,
    /// Frames in the file.
    pub frames: u64,
    /// Frames that found no room.
    pub left_out: u64,
}

impl Capture {
    /// An empty one; `epoch` is the time of day (since 1970) at which the gateway's time was zero.
    pub fn new(epoch: Duration) -> Self {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC_NANOSECONDS.to_le_bytes());
        bytes.extend_from_slice(&[2, 0, 4, 0]); // version 2.4
        bytes.extend_from_slice(&[0; 8]); // time zone and accuracy, by convention 0
        bytes.extend_from_slice(&SNAP_LEN.to_le_bytes());
        bytes.extend_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
        Self { bytes, epoch, frames: 0, left_out: 0 }
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn push(&mut self, now: Duration, frame: &[u8]) {
        if self.bytes.len() + frame.len() > CAPTURE_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        let (at, len) = (self.epoch + now, frame.len() as u32);
        for field in [at.as_secs() as u32, at.subsec_nanos(), len, len] {
            self.bytes.extend_from_slice(&field.to_le_bytes());
        }
        self.bytes.extend_from_slice(frame);
        self.frames += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_header_and_records() {
        let mut capture = Capture::new(Duration::from_secs(100));
        capture.push(Duration::new(1, 5), &[0xaa; 60]);
        let bytes = capture.bytes();
        assert_eq!(bytes.len(), 24 + 16 + 60);
        assert_eq!(bytes[..8], [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!(bytes[24..40], [101, 0, 0, 0, 5, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0]);
        assert_eq!((capture.frames, capture.left_out), (1, 0));
    }
}
