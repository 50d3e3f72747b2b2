//! Listening sockets of the kernel, bound before there is an event loop; and the files of those that have one.

use super::fault;
use crate::face::ListenPlan;
use crate::listening::{ListenError, Listening};
use ports::{Address, Fault, UnixPath};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sys::{Errno, socket, sockopt, unix};

/// Sockets that share one address and do not listen yet: SYNs are refused. Who listens first has the address.
#[derive(Debug)]
pub struct Bound {
    plan: ListenPlan,
    sockets: Vec<OwnedFd>,
    file: Option<SocketFile>,
    count: usize,
}

/// What a [`Listening`] of the kernel holds: with the last who holds it the socket closes, and its file goes.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) fd: OwnedFd,
    file: Option<SocketFile>,
}

/// A socket file that we made. Dropped, it is removed, unless another process has put its own there meanwhile.
#[derive(Debug)]
struct SocketFile {
    path: UnixPath,
    id: unix::FileId,
    /// Until another process has it.
    is_ours: AtomicBool,
}

impl SocketFile {
    fn at(path: UnixPath, is_ours: bool) -> Option<Self> {
        unix::file_id(path.as_str()).map(|id| Self { path, id, is_ours: AtomicBool::new(is_ours) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if *self.is_ours.get_mut() {
            let _left_behind_then = unix::remove(self.path.as_str(), self.id);
        }
    }
}

impl Door {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd, file: None }
    }

    /// Refuses who comes; the port stays ours. `inet_shutdown` (net/ipv4/af_inet.c) takes a listening socket back to one
    /// that is bound. Somebody else may have shut it already.
    pub(super) fn shut(&self, address: SocketAddr) {
        let _is_shut = socket::stop_listening(&self.fd);
        self.hold_port(address);
    }

    /// A port that the kernel chose is let go with that, one that was asked for is not: EINVAL then.
    fn hold_port(&self, address: SocketAddr) {
        let _is_held = socket::bind_exact(&self.fd, &address);
    }

    /// Listens, where it was shut.
    pub(super) fn open(&self, address: Address) -> Result<(), Fault> {
        let Some(ip) = address.ip() else { return Ok(()) };
        if sockopt::is_listening(&self.fd).map_err(fault)? {
            return Ok(());
        }
        self.hold_port(ip);
        socket::start_listening(&self.fd, ListenPlan::new(address).backlog).map_err(fault)
    }
}

/// Binds `count` sockets to the address of `plan`, one for each event loop; with more than one, or where the plan asks
/// for it, the kernel spreads connections over them (SO_REUSEPORT). An address that anybody listens on already is
/// refused, however that socket was made.
pub fn bind(plan: &ListenPlan, count: usize) -> Result<Bound, ListenError> {
    let failed = |errno: Errno| ListenError::new(plan, fault(errno));
    match plan.address {
        Address::Ip(address) => bind_all(plan, address, count).map_err(failed),
        Address::Unix(path) => bind_file(plan, path, count).map_err(failed),
    }
}

fn bind_all(plan: &ListenPlan, address: SocketAddr, count: usize) -> Result<Bound, Errno> {
    let shared = plan.reuse_port || count > 1;
    let first = bind_first(plan, address, shared)?;
    let address = socket::local_address(&first)?;
    let plan = ListenPlan { address: address.into(), ..plan.clone() };
    let mut bound = Bound { plan, sockets: vec![first], file: None, count };
    for _ in 1..count {
        bound.sockets.push(bind_another(&bound.plan, address)?);
    }
    Ok(bound)
}

/// A file has one socket, from which all event loops accept. One that was left behind by a process that is no more makes
/// way; one that somebody listens at, or that is no socket, stays.
fn bind_file(plan: &ListenPlan, path: UnixPath, count: usize) -> Result<Bound, Errno> {
    let fd = unix::stream()?;
    let mut made = unix::bind(&fd, path.as_str());
    if made == Err(Errno::ADDRINUSE) {
        made = make_way(&fd, path.as_str());
    }
    made?;
    let file = SocketFile::at(path, true);
    // Before anybody can connect: that takes listen(2).
    let rights = plan.rights;
    unix::set_rights(path.as_str(), rights.mode, rights.user, rights.group)?;
    Ok(Bound { plan: plan.clone(), sockets: vec![fd], file, count })
}

/// Binds where there is a file already. EADDRINUSE: somebody listens there; ENOTSOCK: it is no socket.
fn make_way(fd: &OwnedFd, path: &str) -> Result<(), Errno> {
    let there = unix::file_id(path);
    if there.is_none() && std::fs::symlink_metadata(path).is_ok() {
        return Err(Errno::NOTSOCK);
    }
    if let Some(left) = there.filter(|_| unix::is_left_behind(path))
        && let Err(error) = unix::remove(path, left)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::ACCESS));
    }
    unix::bind(fd, path)
}

/// Binds as [`bind`] does, and listens.
pub fn listen(plan: &ListenPlan, count: usize) -> Result<Vec<Listening>, ListenError> {
    bind(plan, count)?.listen()
}

/// Who removes the file of a socket file that was made elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOwner {
    /// It is ours from now on.
    Us,
    /// Whoever made it, such as a service manager, or the process that hands it over and may yet keep it.
    Maker,
}

/// A listening socket made elsewhere: handed over by another process, or by a service manager.
///
/// Errors: EINVAL when it does not listen, EAFNOSUPPORT when it has neither an address of the Internet's families nor a
/// file, ENOTSOCK.
pub fn listening_from(socket: OwnedFd, owner: FileOwner) -> Result<Listening, Errno> {
    if !sockopt::is_listening(&socket)? {
        return Err(Errno::INVAL);
    }
    handed_from(socket, owner)
}

/// The same of a process that may have shut it: it listens as soon as an event loop adopts it.
///
/// Errors: as by [`listening_from`], but for EINVAL.
pub fn handed_from(socket: OwnedFd, owner: FileOwner) -> Result<Listening, Errno> {
    socket::make_ours(&socket)?;
    if let Some(path) = unix::path(&socket) {
        let path = UnixPath::new(&path).map_err(|_| Errno::AFNOSUPPORT)?;
        let file = SocketFile::at(path, owner == FileOwner::Us);
        return Ok(Listening::new(path, Arc::new(Door { fd: socket, file })));
    }
    socket::prepare_accepted(&socket)?;
    let address = socket::local_address(&socket)?;
    Ok(Listening::new(address, Arc::new(Door::new(socket))))
}

/// Whose the file of a socket file is.
pub fn file_owner(listening: &Listening) -> FileOwner {
    let door = listening.clone().socket::<Door>();
    let file = door.as_ref().and_then(|door| door.file.as_ref());
    match file.is_some_and(|file| file.is_ours.load(Ordering::Acquire)) {
        true => FileOwner::Us,
        false => FileOwner::Maker,
    }
}

/// Whose the file of a socket file is from now on: with the last `Listening` of its owner it goes.
pub fn set_file_owner(listening: &Listening, owner: FileOwner) {
    let door = listening.clone().socket::<Door>();
    if let Some(file) = door.as_ref().and_then(|door| door.file.as_ref()) {
        file.is_ours.store(owner == FileOwner::Us, Ordering::Release);
    }
}

/// One more socket at the place of `first`, for one more event loop. Of a file there is one: that same.
///
/// # Errors
/// It cannot be had: the first was made by another user, who alone may share its address, or this process may no longer
/// bind it. Event loops can share a socket then.
pub fn beside(plan: &ListenPlan, first: &Listening) -> Result<Listening, ListenError> {
    let Address::Ip(address) = first.address() else { return Ok(first.clone()) };
    let plan = ListenPlan { address: address.into(), ..plan.clone() };
    let another = || {
        let door = first.clone().socket::<Door>().ok_or(Errno::BADF)?;
        sockopt::set_reuse_port(&door.fd, true)?;
        let fd = bind_another(&plan, address)?;
        socket::start_listening(&fd, plan.backlog)?;
        Ok(Listening::new(address, Arc::new(Door::new(fd))))
    };
    another().map_err(|errno: Errno| ListenError::new(&plan, fault(errno)))
}

/// The socket of a [`Listening`] of the kernel, for an event loop of another kind: non-blocking, as it is here. The file
/// of a socket file goes with the `Listening`, so keep that.
///
/// Errors: EBADF where it is none of the kernel's.
pub fn duplicate(listening: &Listening) -> Result<OwnedFd, Errno> {
    let door = listening.clone().socket::<Door>().ok_or(Errno::BADF)?;
    door.fd.try_clone().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::BADF))
}

impl Bound {
    /// The address, its port chosen where the plan said 0.
    pub fn address(&self) -> Address {
        self.plan.address
    }

    /// Connections are queued from here on.
    pub fn listen(self) -> Result<Vec<Listening>, ListenError> {
        let Self { plan, sockets, mut file, count } = self;
        let listen = |socket: OwnedFd| {
            let listening = match file {
                Some(_) => socket::listen_bound(&socket, plan.backlog),
                None => socket::start_listening(&socket, plan.backlog),
            };
            listening.map_err(|errno| ListenError::new(&plan, fault(errno)))?;
            Ok(Listening::new(plan.address, Arc::new(Door { fd: socket, file: file.take() })))
        };
        let mut all = sockets.into_iter().map(listen).collect::<Result<Vec<_>, _>>()?;
        // Of a file there is one.
        let last = all.last().cloned();
        all.extend(std::iter::repeat_n(last, count.saturating_sub(all.len())).flatten());
        Ok(all)
    }
}

fn socket_for(plan: &ListenPlan, address: SocketAddr) -> Result<OwnedFd, Errno> {
    let fd = socket::tcp_for(&address)?;
    if plan.only_v6 && address.is_ipv6() {
        sockopt::set_only_v6(&fd, true)?;
    }
    Ok(fd)
}

/// SO_REUSEPORT at bind would let us share the address with a stranger's socket; set afterwards it only lets our next
/// ones in (`inet_bind_conflict` looks at it anew for each).
fn bind_first(plan: &ListenPlan, address: SocketAddr, shared: bool) -> Result<OwnedFd, Errno> {
    let fd = socket_for(plan, address)?;
    socket::bind_exact(&fd, &address)?;
    if shared {
        sockopt::set_reuse_port(&fd, true)?;
    }
    Ok(fd)
}

fn bind_another(plan: &ListenPlan, address: SocketAddr) -> Result<OwnedFd, Errno> {
    let fd = socket_for(plan, address)?;
    sockopt::set_reuse_port(&fd, true)?;
    socket::bind_exact(&fd, &address)?;
    Ok(fd)
}
