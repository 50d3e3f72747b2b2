//! The process that comes.

use super::{Message, PATIENCE, SaidRow, SocketRow, TicketRow, VARIABLE, VERSION, receive, send};
use anyhow::{Context, anyhow, bail};
use balancer::{AdminSettings, Inherited, TicketKey, TicketKeys};
use balancer_core::{Override, Overrides};
use control::Heritage;
use ports::{Address, UnixPath};
use reactor::Listening;
use reactor::epoll::FileOwner;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;
use sys::hand;

/// What the process before leaves to this one.
pub(in crate::serve) struct Taken {
    heritage: Heritage,
    /// The admin listener's socket, and how it was asked for.
    admin: Option<(Address, Listening)>,
    /// Socket files: they are ours once this process serves.
    files: Vec<Listening>,
    /// So many have led here.
    hand_overs: u64,
    wire: OwnedFd,
}

/// Is there a process that waits to hand over to this one? One that did so long ago is not meant.
pub(in crate::serve) fn is_awaited() -> bool {
    let parent = std::os::unix::process::parent_id().to_string();
    std::env::var(VARIABLE).ok() == Some(parent)
}

/// Takes it, where there is a process that hands over.
pub(in crate::serve) fn take() -> anyhow::Result<Option<Taken>> {
    if !is_awaited() {
        return Ok(None);
    }
    read_all().context("taking over").map(Some)
}

fn read_all() -> anyhow::Result<Taken> {
    let wire = hand::take_stdin()?;
    if !hand::is_wire(&wire) {
        bail!("standard input is no wire to the process that hands over: is {VARIABLE} set by hand?");
    }
    hand::set_patience(&wire, PATIENCE)?;
    let (mut said, mut drained) = (Overrides::default(), Vec::new());
    let mut doors: BTreeMap<usize, Inherited> = BTreeMap::new();
    let (mut admin, mut files, mut hand_overs, mut tickets) = (None, Vec::new(), 1, Vec::new());
    loop {
        let (message, parcel) = receive(&wire)?.ok_or_else(|| anyhow!("the process before has gone"))?;
        match message {
            Message::Hello { version: VERSION, hand_overs: before, tickets: rows } => {
                hand_overs = before + 1;
                tickets.extend(rows.into_iter().map(keys_of));
            }
            Message::Hello { version, .. } => bail!("the process before speaks version {version}, this one {VERSION}"),
            Message::Said(rows) => rows.into_iter().for_each(|row| remember(&mut said, row)),
            Message::Drained(rows) => {
                drained.extend(rows.into_iter().map(|row| (row.listener, Duration::from_millis(row.for_ms))));
            }
            Message::Sockets(rows) => {
                for (row, socket) in rows.into_iter().zip(parcel.files) {
                    // That of a listener that is drained may be shut.
                    let listening = reactor::epoll::handed_from(socket, FileOwner::Maker)?;
                    files.extend(row.is_own_file.then(|| listening.clone()));
                    add(row, listening, &mut doors, &mut admin);
                }
            }
            Message::Whole => break,
            Message::Ready => bail!("that was for the process before"),
        }
    }
    let sockets = balancer::Inheritance { doors: doors.into_values().collect(), tickets, ..Default::default() };
    Ok(Taken { heritage: Heritage { sockets, said, drained }, admin, files, hand_overs, wire })
}

/// A key that is none is left out: then there is a full handshake more.
fn keys_of(row: TicketRow) -> TicketKeys {
    let keys = row.keys.iter().filter_map(|bytes| TicketKey::from_bytes(bytes)).collect();
    TicketKeys { admission: row.admission, keys }
}

fn remember(said: &mut Overrides, row: SaidRow) {
    said.remember(&row.set, &row.server, Override { drained: row.drained, disabled: row.disabled, weight: row.weight });
}

fn add(
    row: SocketRow,
    listening: Listening,
    doors: &mut BTreeMap<usize, Inherited>,
    admin: &mut Option<(Address, Listening)>,
) {
    let asked = address_of(&row.asked);
    match row.listener {
        None => *admin = Some((asked.unwrap_or(listening.address()), listening)),
        Some(name) => {
            let door = doors.entry(row.place).or_insert(Inherited { name, asked, sockets: Vec::new() });
            door.sockets.push(listening);
        }
    }
}

fn address_of(text: &str) -> Option<Address> {
    match text.strip_prefix(Address::UNIX) {
        Some(path) => UnixPath::new(path).ok().map(Address::from),
        None => text.parse::<std::net::SocketAddr>().ok().map(Address::from),
    }
}

impl Taken {
    /// Sockets, and what was said of servers.
    pub(in crate::serve) fn take_heritage(&mut self) -> Heritage {
        std::mem::take(&mut self.heritage)
    }

    /// The socket of the admin listener, where it is to be at the same place.
    pub(in crate::serve) fn take_admin(&mut self, settings: Option<&AdminSettings>) -> Option<Listening> {
        let (asked, listening) = self.admin.take()?;
        let wanted = settings?.bind.address;
        [asked, listening.address()].contains(&wanted).then_some(listening)
    }

    /// So many hand-overs have led here.
    pub(in crate::serve) fn hand_overs(&self) -> u64 {
        self.hand_overs
    }

    /// This process serves: the one before may end. Answers whether it heard that.
    pub(in crate::serve) fn say_ready(self) -> bool {
        self.files.iter().for_each(|file| reactor::epoll::set_file_owner(file, FileOwner::Us));
        send(&self.wire, &Message::Ready, &[]).is_ok()
    }
}
