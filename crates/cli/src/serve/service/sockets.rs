//! Sockets that a service manager made for this process (sd_listen_fds(3)): each belongs to a listener, by name or by
//! address. One without a listener is a mistake, and so is one that does not listen.

use anyhow::{anyhow, bail};
use balancer::{Config, Inheritance, Inherited};
use balancer_core::ListenerSettings;
use control::Heritage;
use ports::Address;
use reactor::Listening;
use reactor::epoll::FileOwner;

/// What stands for the admin listener among the names (`FileDescriptorName=`).
const ADMIN: &str = "admin";

/// Those there are, and the admin listener's; `None`: no manager made any.
pub(in crate::serve) fn take(config: &Config) -> anyhow::Result<Option<(Heritage, Option<Listening>)>> {
    let of = |name| std::env::var(name).unwrap_or_default();
    let count: usize = match of("LISTEN_PID") == std::process::id().to_string() {
        true => of("LISTEN_FDS").parse().map_err(|_| anyhow!("LISTEN_FDS={}: no number", of("LISTEN_FDS")))?,
        false => return Ok(None),
    };
    let names = of("LISTEN_FDNAMES");
    let mut names = names.split(':').map(str::to_owned);
    let (mut doors, mut admin) = (Vec::new(), None);
    for (number, socket) in sys::hand::passed_files(count)?.into_iter().enumerate() {
        let name = names.next().unwrap_or_default();
        let listening = reactor::epoll::listening_from(socket, FileOwner::Maker).map_err(|errno| {
            anyhow!("socket {number} of the service manager ({name}) is no listening socket: {errno}")
        })?;
        match is_admin(config, &name, listening.address()) {
            true if admin.is_some() => bail!("the service manager made two sockets for [admin]: one is enough"),
            true => admin = Some(listening),
            false => add(config, name, listening, &mut doors),
        }
    }
    if admin.is_some() && config.admin.is_none() {
        bail!(
            "the service manager made a socket named \"{ADMIN}\", and there is no [admin]: add it, or remove the socket unit"
        );
    }
    Ok(Some((
        Heritage { sockets: Inheritance { doors, is_ordered: true, ..Inheritance::default() }, ..Heritage::default() },
        admin,
    )))
}

fn is_admin(config: &Config, name: &str, at: Address) -> bool {
    let names_listener = config.settings.listeners.iter().any(|listener| listener.name == name);
    config.admin.as_ref().is_some_and(|admin| admin.bind.address == at) || name == ADMIN && !names_listener
}

/// Several may share an address (`ReusePort=`).
fn add(config: &Config, name: String, listening: Listening, doors: &mut Vec<Inherited>) {
    let address = listening.address();
    if let Some(door) = doors.iter_mut().find(|door| door.sockets[0].address() == address) {
        return door.sockets.push(listening);
    }
    let named = config.settings.listeners.iter().find(|listener| listener.name == name);
    let asked = named.and_then(|listener| place_of(listener, address));
    doors.push(Inherited { name, asked, sockets: vec![listening] });
}

/// The place of a listener that a socket of its name is for, wherever that is: the only one, or the one of that address.
fn place_of(listener: &ListenerSettings, at: Address) -> Option<Address> {
    let mut places = listener.addresses();
    match (places.next(), places.next()) {
        (Some(only), None) => Some(only),
        _ => listener.addresses().find(|place| *place == at),
    }
}
