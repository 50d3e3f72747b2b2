//! The gateway itself: a frame comes in, frames go out.

use crate::channel::Channel;
use crate::choose::Chooser;
use crate::drops::{Counters, DropReason};
use crate::flow::Tuple;
use crate::journal::{Fate, Journal, Record};
use crate::pcap::Capture;
use crate::settings::{Filter, SettingError, Settings, Side};
use crate::station::Station;
use crate::table::Table;
use core::net::SocketAddrV4;
use core::time::Duration;
use packet::{Arp, Changed, Ethernet, Kind, Segment, rewrite_tcp};
use seed::Rng;
use std::collections::VecDeque;

/// A frame to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// On which side.
    pub side: Side,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A NAT gateway.
pub struct Gateway {
    inside: Vec<Station>,
    outside: Station,
    filters: Vec<Filter>,
    table: Table,
    outward: Channel<Outgoing>,
    inward: Channel<Outgoing>,
    /// Frames for a link that go out at once; bounded by what one incoming frame sets free.
    ready: VecDeque<Outgoing>,
    counters: Counters,
    journal: Journal,
    capture: Option<Capture>,
}

impl Gateway {
    /// One that has heard nothing yet.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn new(settings: &Settings) -> Result<Self, SettingError> {
        settings.check()?;
        let mut rng = Rng::new(settings.seed);
        let chooser = Chooser::new(settings.ports.0..=settings.ports.1, rng.next_u64());
        Ok(Self {
            inside: settings.inside.iter().copied().map(Station::new).collect(),
            outside: Station::new(settings.outside),
            filters: settings.filters.clone(),
            table: Table::new(settings.policy, settings.timeouts, settings.flows_max, chooser),
            outward: Channel::new(settings.outward, rng.fork()),
            inward: Channel::new(settings.inward, rng.fork()),
            ready: VecDeque::new(),
            counters: Counters::default(),
            journal: Journal::default(),
            capture: None,
        })
    }

    /// From now on keeps a copy of every frame on the outside link. `epoch`: see [`Capture::new`].
    pub fn start_capture(&mut self, epoch: Duration) {
        self.capture = Some(Capture::new(epoch));
    }

    /// The capture, if one was started.
    pub fn capture(&self) -> Option<&Capture> {
        self.capture.as_ref()
    }

    /// What it did so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What it saw so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Flows in the table, expired ones that nobody asked for included.
    pub fn flows(&self) -> usize {
        self.table.len()
    }

    /// Takes a frame that arrived on `side`. Call [`Self::poll_frame`] afterwards until it is `None`.
    ///
    /// # Panics
    /// On a side that the settings do not have.
    pub fn handle_frame(&mut self, now: Duration, side: Side, frame: &[u8]) {
        let outcome = match Ethernet::parse(frame).map(|header| header.kind) {
            Ok(Kind::Arp) => self.handle_arp(side, frame),
            Ok(Kind::Ipv4) => self.handle_packet(now, side, frame),
            _ => Err(DropReason::NotTcp),
        };
        if let Err(reason) = outcome {
            self.counters.count_drop(reason);
        }
        if side == Side::Outside {
            self.note_outside(now, frame);
        }
    }

    /// The next frame that is to be sent now.
    pub fn poll_frame(&mut self, now: Duration) -> Option<Outgoing> {
        while let Some(outgoing) = self.outward.pop(now).or_else(|| self.inward.pop(now)) {
            let Outgoing { side, frame } = outgoing;
            match self.station(side).send(now, frame) {
                Ok(frame) => self.ready.extend(frame.map(|frame| Outgoing { side, frame })),
                Err(reason) => self.counters.count_drop(reason),
            }
        }
        self.ask_for_neighbours(now);
        let next = self.ready.pop_front()?;
        if next.side == Side::Outside {
            self.note_outside(now, &next.frame);
        }
        Some(next)
    }

    /// When to call [`Self::poll_frame`] next, if no frame comes in before.
    pub fn next_deadline(&self) -> Option<Duration> {
        let stations = self.inside.iter().chain([&self.outside]).filter_map(Station::next_deadline);
        let channels = [&self.outward, &self.inward].into_iter().filter_map(Channel::next_due);
        stations.chain(channels).min()
    }

    fn station(&mut self, side: Side) -> &mut Station {
        match side {
            Side::Inside(link) => &mut self.inside[link],
            Side::Outside => &mut self.outside,
        }
    }

    fn handle_arp(&mut self, side: Side, frame: &[u8]) -> Result<(), DropReason> {
        let arp = Arp::parse(frame).map_err(|_| DropReason::NotTcp)?;
        let out = self.station(side).handle_arp(&arp);
        self.ready.extend(out.into_iter().map(|frame| Outgoing { side, frame }));
        Ok(())
    }

    fn handle_packet(&mut self, now: Duration, side: Side, frame: &[u8]) -> Result<(), DropReason> {
        let segment = Segment::parse(frame).map_err(|_| DropReason::NotTcp)?;
        let tuple = match side {
            Side::Inside(link) => self.tuple_outward(now, link, &segment)?,
            Side::Outside => self.tuple_inward(now, &segment)?,
        };
        let sent = self.filter(side, &segment).and_then(|()| self.forward(now, side, tuple, frame));
        let fate = sent.map_or_else(Fate::Dropped, |()| Fate::Carried);
        self.journal.push(Record::new(now, side, tuple, fate, &segment));
        self.counters.carried += u64::from(sent.is_ok());
        sent
    }

    fn tuple_outward(&mut self, now: Duration, link: usize, segment: &Segment<'_>) -> Result<Tuple, DropReason> {
        let ours = |station: &Station| station.link().address == *segment.to.ip();
        if ours(&self.outside) || self.inside.iter().any(ours) {
            return Err(DropReason::NotForwarded);
        }
        if let Some(tuple) = self.table.outward(now, link, segment) {
            return Ok(tuple);
        }
        if !segment.flags.is_opening() {
            return Err(DropReason::NoFlow);
        }
        let opened = self.table.open(now, link, segment)?;
        self.counters.flows_made += 1;
        self.counters.flows_evicted += u64::from(opened.evicted);
        Ok(opened.tuple)
    }

    fn tuple_inward(&mut self, now: Duration, segment: &Segment<'_>) -> Result<Tuple, DropReason> {
        if *segment.to.ip() != self.outside.link().address {
            return Err(DropReason::NotForwarded);
        }
        self.table.inward(now, segment).ok_or(DropReason::NoFlow)
    }

    fn filter(&self, side: Side, segment: &Segment<'_>) -> Result<(), DropReason> {
        match self.filters.iter().any(|filter| filter.stops(side, segment.flags)) {
            true => Err(DropReason::Filtered),
            false => Ok(()),
        }
    }

    fn forward(&mut self, now: Duration, side: Side, tuple: Tuple, frame: &[u8]) -> Result<(), DropReason> {
        let public = SocketAddrV4::new(self.outside.link().address, tuple.public_port);
        let mut frame = frame.to_vec();
        let (to_side, changed) = match side {
            Side::Inside(_) => (Side::Outside, Changed { from: Some(public), to: None }),
            Side::Outside => (Side::Inside(tuple.link), Changed { from: None, to: Some(tuple.inside) }),
        };
        rewrite_tcp(&mut frame, changed, 1).map_err(|_| DropReason::NotTcp)?;
        let channel = if side == Side::Outside { &mut self.inward } else { &mut self.outward };
        channel.push(now, frame.len(), Outgoing { side: to_side, frame })
    }

    fn ask_for_neighbours(&mut self, now: Duration) {
        let sides = (0..self.inside.len()).map(Side::Inside).chain([Side::Outside]);
        for side in sides {
            let station = self.station(side);
            if station.next_deadline().is_some_and(|deadline| deadline <= now) {
                let asked = station.ask(now);
                self.ready.extend(asked.map(|frame| Outgoing { side, frame }));
            }
        }
    }

    fn note_outside(&mut self, now: Duration, frame: &[u8]) {
        if let Some(capture) = &mut self.capture {
            capture.push(now, frame);
        }
    }
}
