//! Our end of one link: answers ARP, asks for its neighbour, keeps frames until it knows it.

use crate::drops::DropReason;
use crate::settings::Link;
use core::time::Duration;
use packet::{Arp, Mac, Operation, Route, rewrite_ethernet};

/// Frames kept for a neighbour that has not answered.
const WAITING_FRAMES_MAX: usize = 256;
/// How often a neighbour is asked for.
const ASK_EVERY: Duration = Duration::from_millis(100);

pub(crate) struct Station {
    link: Link,
    neighbour: Option<Mac>,
    waiting: Vec<Vec<u8>>,
    asked_at: Option<Duration>,
}

impl Station {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, neighbour: None, waiting: Vec::new(), asked_at: None }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Takes an ARP packet; returns the frames it sets free, the answer to it first.
    pub(crate) fn handle_arp(&mut self, arp: &Arp) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if arp.operation == Operation::Request && arp.target.1 == self.link.address {
            out.push(arp.reply(self.link.mac).to_frame());
        }
        if arp.sender.1 == self.link.neighbour && arp.sender.0 != self.link.mac {
            self.neighbour = Some(arp.sender.0);
            let route = Route { source: self.link.mac, destination: arp.sender.0 };
            for mut frame in self.waiting.drain(..) {
                rewrite_ethernet(&mut frame, route);
                out.push(frame);
            }
        }
        out
    }

    /// Addresses a frame to the neighbour, or keeps it and asks who that is.
    pub(crate) fn send(&mut self, now: Duration, mut frame: Vec<u8>) -> Result<Option<Vec<u8>>, DropReason> {
        if let Some(destination) = self.neighbour {
            rewrite_ethernet(&mut frame, Route { source: self.link.mac, destination });
            return Ok(Some(frame));
        }
        if self.waiting.len() >= WAITING_FRAMES_MAX {
            return Err(DropReason::NeighbourUnknown);
        }
        self.waiting.push(frame);
        Ok(self.ask(now))
    }

    /// "Who has my neighbour's address?", not too often.
    pub(crate) fn ask(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.neighbour.is_some() || self.asked_at.is_some_and(|asked| now < asked + ASK_EVERY) {
            return None;
        }
        self.asked_at = Some(now);
        Some(Arp::request((self.link.mac, self.link.address), self.link.neighbour).to_frame())
    }

    /// When to call [`Self::ask`] again.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let silent = self.neighbour.is_none() && !self.waiting.is_empty();
        silent.then(|| self.asked_at.map_or(Duration::ZERO, |asked| asked + ASK_EVERY))
    }
}
