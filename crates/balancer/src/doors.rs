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
use reactor::epoll::{Bound, FileOwner};
use reactor::{FileRights, ListenPlan, Listening};
use std::net::SocketAddr;

/// One place of a listener, open.
struct Door {
    name: String,
    /// As the configuration says; the port may be 0.
    asked: Address,
    address: Address,
    /// How one more socket is opened.
    plan: ListenPlan,
    /// As a rule one for each worker: where there were more workers before, some have several, because what waits at a socket
    /// is lost with it; where there were less, and none could be added, some share one.
    sockets: Vec<Listening>,
    /// Whoever had it before may have called it otherwise.
    is_inherited: bool,
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

struct Opening<'a> {
    plan: ListenPlan,
    place: Place<'a>,
}

enum Place<'a> {
    Open(&'a Door),
    Bound(Box<Bound>),
}

/// Sockets that listen already, all of them at one place: a process before this one had them, or a service manager made
/// them.
#[derive(Clone, Debug)]
pub struct Inherited {
    /// Of the listener; what is at the same address is found whatever it is called.
    pub name: String,
    /// As its configuration said, where that is known: the port may be 0.
    pub asked: Option<Address>,
    /// At least one, all at one address.
    pub sockets: Vec<Listening>,
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
        let places = |listener: &ListenerSettings| {
            listener.addresses().map(|address| (listener.name.clone(), address)).collect::<Vec<_>>()
        };
        let stay: Vec<(String, Address)> = settings.listeners.iter().flat_map(places).collect();
        let mut openings: Vec<(String, Address, Opening<'_>)> = Vec::with_capacity(all.len());
        for listener in &mut settings.listeners {
            for bind in &mut listener.binds {
                let asked = bind.address;
                // Several may have left their ports to the kernel.
                let is_free = |door: &Door| !openings.iter().any(|(_, _, other)| other.address() == door.address);
                let only_v6 = shares_port(asked, &all);
                let plan = plan_of(bind, only_v6);
                let place = match before.find(&listener.name, asked, &stay, is_free) {
                    Some(door) => Place::Open(door),
                    None => Place::bind(&listener.name, &plan, workers)?,
                };
                let opening = Opening { plan, place };
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

    /// A socket of each place for each worker. From now on clients may wait there: whoever has these must have somebody accept
    /// from all of them.
    pub(crate) fn grow(&mut self, workers: usize) {
        self.doors.iter_mut().for_each(|door| door.grow(workers));
    }

    /// What was opened beside the sockets of places that stay: somebody may wait there already.
    pub(crate) fn keep_what_grew(&mut self, others: &Self) {
        for door in &mut self.doors {
            let grown = others.doors.iter().find(|other| other.address == door.address);
            door.sockets = grown.map_or_else(|| door.sockets.clone(), |other| other.sockets.clone());
        }
    }

    /// Those that listen already.
    pub(crate) fn inherited(all: Vec<Inherited>) -> Self {
        let door = |inherited: Inherited| {
            let Inherited { name, asked, sockets } = inherited;
            let address = sockets.first()?.address();
            let plan = ListenPlan::new(address);
            Some(Door { name, asked: asked.unwrap_or(address), address, plan, sockets, is_inherited: true })
        };
        Self { doors: all.into_iter().filter_map(door).collect(), ..Self::default() }
    }

    /// For whoever comes after this process.
    pub(crate) fn to_inherit(&self) -> Vec<Inherited> {
        let of_door = |door: &Door| Inherited {
            name: door.name.clone(),
            asked: Some(door.asked),
            sockets: door.distinct().to_vec(),
        };
        self.doors.iter().map(of_door).collect()
    }

    /// Whoever comes after this process has them: socket files stay.
    pub(crate) fn leave_files(&self) {
        let sockets = self.doors.iter().flat_map(|door| &door.sockets);
        sockets.for_each(|socket| reactor::epoll::set_file_owner(socket, FileOwner::Maker));
    }

    /// The places of `self` that these do not have.
    pub(crate) fn missing_in(&self, others: &Self) -> Vec<Address> {
        let known = |door: &&Door| !others.doors.iter().any(|other| other.address == door.address);
        self.doors.iter().filter(known).map(|door| door.address).collect()
    }

    /// The place of a listener that is open already: its own, or that of one which is called otherwise by now, or is
    /// elsewhere, as `stay` tells: the places there are, by name.
    fn find(
        &self,
        name: &str,
        asked: Address,
        stay: &[(String, Address)],
        is_free: impl Fn(&Door) -> bool,
    ) -> Option<&Door> {
        let here = |door: &&Door| door.name == name && [door.asked, door.address].contains(&asked) && is_free(door);
        let stays = |door: &Door, (name, address): &(String, Address)| {
            *name == door.name && [door.asked, door.address].contains(address)
        };
        let is_left = |door: &Door| door.is_inherited || !stay.iter().any(|place| stays(door, place));
        let elsewhere = |door: &&Door| is_left(door) && door.address == asked && is_free(door);
        self.doors.iter().find(here).or_else(|| self.doors.iter().find(elsewhere))
    }

    /// Tries the rules on the running listeners; answers with the wishes that did not come true.
    pub(crate) fn verify(&mut self) -> Result<Vec<Unfulfilled>, Unfulfilled> {
        self.timestamps.verify()?;
        Ok(std::mem::take(&mut self.timestamps.unfulfilled))
    }

    /// The sockets of one worker of so many, by the names of their listeners.
    pub(crate) fn of_worker(&self, index: usize, workers: usize) -> Vec<(String, Listening)> {
        let of_door = |door: &Door| {
            let sockets = places_of(index, workers, door.distinct().len());
            sockets.map(|at| (door.name.clone(), door.sockets[at].clone())).collect::<Vec<_>>()
        };
        self.doors.iter().flat_map(of_door).collect()
    }

    /// Lets the sockets go; they close when no worker holds them any more.
    pub(crate) fn close(&mut self) {
        self.doors.iter_mut().for_each(|door| door.sockets.clear());
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Door {
    /// As many sockets as there are workers, where they can be had; else some share those there are.
    fn grow(&mut self, workers: usize) {
        while let Some(first) = self.sockets.first().filter(|_| self.sockets.len() < workers) {
            match reactor::epoll::beside(&self.plan, first) {
                Ok(one) => self.sockets.push(one),
                Err(_) => return,
            }
        }
    }

    /// Of a file there is one, however often it stands here.
    fn distinct(&self) -> &[Listening] {
        &self.sockets[..if self.address.ip().is_some() { self.sockets.len() } else { self.sockets.len().min(1) }]
    }
}

/// Which of so many sockets are those of a worker: each socket has a worker, and each worker a socket.
fn places_of(worker: usize, workers: usize, sockets: usize) -> impl Iterator<Item = usize> {
    let own = (worker..sockets).step_by(workers.max(1));
    own.chain((worker >= sockets && sockets > 0).then(|| worker % sockets))
}

impl<'a> Place<'a> {
    fn bind(name: &str, plan: &ListenPlan, workers: usize) -> Result<Self, StartError> {
        reactor::epoll::bind(plan, workers)
            .map(|bound| Place::Bound(Box::new(bound)))
            .map_err(|error| StartError::Listen { name: name.to_owned(), error })
    }
}

impl Opening<'_> {
    fn address(&self) -> Address {
        match &self.place {
            Place::Open(door) => door.address,
            Place::Bound(bound) => bound.address(),
        }
    }

    fn listen(self, name: String, asked: Address) -> Result<Door, StartError> {
        let address = self.address();
        let sockets = match self.place {
            Place::Open(door) => door.sockets.clone(),
            Place::Bound(bound) => bound.listen().map_err(|error| StartError::Listen { name: name.clone(), error })?,
        };
        Ok(Door { name, asked, address, plan: self.plan, sockets, is_inherited: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_a_worker_and_every_worker_a_socket() {
        for (workers, sockets, expect) in [
            (2, 2, vec![vec![0], vec![1]]),
            (2, 5, vec![vec![0, 2, 4], vec![1, 3]]),
            (4, 1, vec![vec![0]; 4]),
            (3, 2, vec![vec![0], vec![1], vec![0]]),
            (1, 0, vec![vec![]]),
        ] {
            let found: Vec<Vec<usize>> =
                (0..workers).map(|worker| places_of(worker, workers, sockets).collect()).collect();
            assert_eq!(found, expect, "{workers} workers, {sockets} sockets");
        }
    }

    #[test]
    fn all_of_ipv6_leaves_ipv4_to_whoever_binds_that() {
        let at = |text: &str| Address::from(text.parse::<SocketAddr>().expect("an address"));
        let all = ["0.0.0.0:80", "[::]:80", "[::]:81", "127.0.0.1:81", "0.0.0.0:0", "[::]:0"].map(at);
        let alone: Vec<bool> = all.iter().map(|address| shares_port(*address, &all)).collect();
        assert_eq!(alone, [false, true, false, false, false, false]);
    }
}
