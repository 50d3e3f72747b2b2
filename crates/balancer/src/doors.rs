//! The listeners as their owner holds them: bound before a worker exists, kept while the configuration names them,
//! handed to workers as sockets.
//!
//! ```text
//!   bind (port 0 is chosen) -> rules that must stand before the first SYN -> listen -> workers adopt -> rules verified
//! ```

use crate::errors::StartError;
use crate::timestamps::{TimestampRules, Unfulfilled};
use balancer_core::{Bind, ListenerSettings, Settings};
use ports::Address;
use reactor::epoll::Bound;
use reactor::{FileRights, ListenPlan, Listening};
use std::net::SocketAddr;

/// One place of a listener, open.
struct Door {
    name: String,
    /// As the configuration says; the port may be 0.
    asked: Address,
    address: Address,
    /// One for each worker.
    sockets: Vec<Listening>,
}

/// All places of all listeners of a configuration, in its order. Dropped, they close.
#[derive(Default)]
pub(crate) struct Doors {
    doors: Vec<Door>,
    /// Those of the Internet's families.
    addresses: Vec<SocketAddr>,
    /// Dropped last: the rules stay as long as a listener does.
    timestamps: TimestampRules,
}

enum Opening<'a> {
    Open(&'a Door),
    Bound(Box<Bound>),
}

/// How a place is listened at. Where the same port is bound for all of IPv4 as well, `[::]` leaves that to it.
pub(crate) fn plan_of(bind: &Bind, only_v6: bool) -> ListenPlan {
    let rights = FileRights { mode: bind.mode, user: bind.user, group: bind.group };
    ListenPlan { rights, only_v6, ..ListenPlan::new(bind.address) }
}

/// Is `address` all of IPv6, and is there a place among `all` for the same port and all of IPv4?
fn shares_port(address: Address, all: &[Address]) -> bool {
    let port_of = |address: Address, v6| {
        address.ip().filter(|ip| ip.ip().is_unspecified() && ip.is_ipv6() == v6 && ip.port() != 0).map(|ip| ip.port())
    };
    port_of(address, true).is_some_and(|port| all.iter().any(|other| port_of(*other, false) == Some(port)))
}

impl Doors {
    /// Opens what `settings` names and `before` has not open yet, for so many workers. Ports that were left to the
    /// kernel are written into the settings. Nothing stays open after an error but what was before.
    pub(crate) fn open(settings: &mut Settings, workers: usize, before: &Self) -> Result<Self, StartError> {
        let all: Vec<Address> = settings.listeners.iter().flat_map(ListenerSettings::addresses).collect();
        let mut openings: Vec<(String, Address, Opening<'_>)> = Vec::with_capacity(all.len());
        for listener in &mut settings.listeners {
            for bind in &mut listener.binds {
                let asked = bind.address;
                // Several may have left their ports to the kernel.
                let is_free = |door: &Door| !openings.iter().any(|(_, _, other)| other.address() == door.address);
                let opening = match before.find(&listener.name, asked, is_free) {
                    Some(door) => Opening::Open(door),
                    None => Opening::bind(&listener.name, bind, shares_port(asked, &all), workers)?,
                };
                bind.address = opening.address();
                openings.push((listener.name.clone(), asked, opening));
            }
        }
        // Before the first SYN can come in.
        let timestamps = TimestampRules::install(settings)?;
        let mut doors = Vec::with_capacity(openings.len());
        for (name, asked, opening) in openings {
            doors.push(opening.listen(name, asked)?);
        }
        let addresses = doors.iter().filter_map(|door| door.address.ip()).collect();
        Ok(Self { doors, addresses, timestamps })
    }

    /// The place of a listener that is open already.
    fn find(&self, name: &str, asked: Address, is_free: impl Fn(&Door) -> bool) -> Option<&Door> {
        let here = |door: &&Door| door.name == name && [door.asked, door.address].contains(&asked) && is_free(door);
        self.doors.iter().find(here)
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
    fn bind(name: &str, bind: &Bind, only_v6: bool, workers: usize) -> Result<Self, StartError> {
        reactor::epoll::bind(&plan_of(bind, only_v6), workers)
            .map(|bound| Opening::Bound(Box::new(bound)))
            .map_err(|error| StartError::Listen { name: name.to_owned(), error })
    }

    fn address(&self) -> Address {
        match self {
            Self::Open(door) => door.address,
            Self::Bound(bound) => bound.address(),
        }
    }

    fn listen(self, name: String, asked: Address) -> Result<Door, StartError> {
        let address = self.address();
        let sockets = match self {
            Self::Open(door) => door.sockets.clone(),
            Self::Bound(bound) => bound.listen().map_err(|error| StartError::Listen { name: name.clone(), error })?,
        };
        Ok(Door { name, asked, address, sockets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_ipv6_leaves_ipv4_to_whoever_binds_that() {
        let at = |text: &str| Address::from(text.parse::<SocketAddr>().expect("an address"));
        let all = ["0.0.0.0:80", "[::]:80", "[::]:81", "127.0.0.1:81", "0.0.0.0:0", "[::]:0"].map(at);
        let alone: Vec<bool> = all.iter().map(|address| shares_port(*address, &all)).collect();
        assert_eq!(alone, [false, true, false, false, false, false]);
    }
}
