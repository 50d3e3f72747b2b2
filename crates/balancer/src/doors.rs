//! The listeners as their owner holds them: bound before a worker exists, kept while the configuration names them,
//! handed to workers as sockets.
//!
//! ```text
//!   bind (port 0 is chosen) -> rules that must stand before the first SYN -> listen -> workers adopt -> rules verified
//! ```

use crate::errors::StartError;
use crate::timestamps::{TimestampRules, Unfulfilled};
use balancer_core::{ListenerSettings, Settings};
use reactor::epoll::{Bound, bind};
use reactor::{ListenPlan, Listening};
use std::net::SocketAddr;

/// One listener, open.
struct Door {
    name: String,
    /// As the configuration says; the port may be 0.
    asked: SocketAddr,
    address: SocketAddr,
    /// One for each worker.
    sockets: Vec<Listening>,
}

/// All listeners of a configuration, in its order. Dropped, they close.
#[derive(Default)]
pub(crate) struct Doors {
    doors: Vec<Door>,
    addresses: Vec<SocketAddr>,
    /// Dropped last: the rules stay as long as a listener does.
    timestamps: TimestampRules,
}

enum Opening<'a> {
    Open(&'a Door),
    Bound(Box<Bound>),
}

impl Doors {
    /// Opens what `settings` names and `before` has not open yet, for so many workers. Ports that were left to the
    /// kernel are written into the settings. Nothing stays open after an error but what was before.
    pub(crate) fn open(settings: &mut Settings, workers: usize, before: &Self) -> Result<Self, StartError> {
        let mut asked = Vec::with_capacity(settings.listeners.len());
        let mut openings = Vec::with_capacity(settings.listeners.len());
        for listener in &mut settings.listeners {
            asked.push(listener.bind);
            let opening = before.opening(listener, workers)?;
            listener.bind = opening.address();
            openings.push(opening);
        }
        // Before the first SYN can come in.
        let timestamps = TimestampRules::install(settings)?;
        let mut doors = Vec::with_capacity(openings.len());
        for ((listener, asked), opening) in settings.listeners.iter().zip(asked).zip(openings) {
            doors.push(opening.listen(listener, asked)?);
        }
        let addresses = doors.iter().map(|door| door.address).collect();
        Ok(Self { doors, addresses, timestamps })
    }

    fn opening(&self, listener: &ListenerSettings, workers: usize) -> Result<Opening<'_>, StartError> {
        let here = |door: &&Door| door.name == listener.name && [door.asked, door.address].contains(&listener.bind);
        match self.doors.iter().find(here) {
            Some(door) => Ok(Opening::Open(door)),
            None => bind(&ListenPlan::new(listener.bind), workers)
                .map(|bound| Opening::Bound(Box::new(bound)))
                .map_err(|error| StartError::Listen { name: listener.name.clone(), error }),
        }
    }

    /// Tries the rules on the running listeners; answers with the wishes that did not come true.
    pub(crate) fn verify(&mut self) -> Result<Vec<Unfulfilled>, Unfulfilled> {
        self.timestamps.verify()?;
        Ok(std::mem::take(&mut self.timestamps.unfulfilled))
    }

    /// The sockets of one worker, by the names of their listeners.
    pub(crate) fn of_worker(&self, index: usize) -> Vec<(String, Listening)> {
        self.doors.iter().map(|door| (door.name.clone(), door.sockets[index].clone())).collect()
    }

    /// Lets the sockets go; they close when no worker holds them any more.
    pub(crate) fn close(&mut self) {
        self.doors.iter_mut().for_each(|door| door.sockets.clear());
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Opening<'_> {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Open(door) => door.address,
            Self::Bound(bound) => bound.address().ip().expect("it was asked for"),
        }
    }

    fn listen(self, listener: &ListenerSettings, asked: SocketAddr) -> Result<Door, StartError> {
        let (name, address) = (listener.name.clone(), self.address());
        let sockets = match self {
            Self::Open(door) => door.sockets.clone(),
            Self::Bound(bound) => bound.listen().map_err(|error| StartError::Listen { name: name.clone(), error })?,
        };
        Ok(Door { name, asked, address, sockets })
    }
}
