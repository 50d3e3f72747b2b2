//! Listening sockets of the kernel, bound before there is an event loop.

use super::fault;
use crate::face::ListenPlan;
use crate::listening::{ListenError, Listening};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use sys::{Errno, socket, sockopt};

/// Sockets that share one address and do not listen yet: SYNs are refused. Who listens first has the address.
#[derive(Debug)]
pub struct Bound {
    plan: ListenPlan,
    sockets: Vec<OwnedFd>,
}

/// Binds `count` sockets to the address of `plan`, one for each event loop; with more than one, or where the plan asks
/// for it, the kernel spreads connections over them (SO_REUSEPORT). An address that anybody listens on already is
/// refused, however that socket was made.
pub fn bind(plan: &ListenPlan, count: usize) -> Result<Bound, ListenError> {
    let failed = |errno: Errno| ListenError::new(plan, fault(errno));
    let shared = plan.reuse_port || count > 1;
    let first = bind_first(plan.address, shared).map_err(failed)?;
    let address = socket::local_address(&first).map_err(failed)?;
    let mut bound = Bound { plan: ListenPlan { address, ..plan.clone() }, sockets: vec![first] };
    for _ in 1..count {
        bound.sockets.push(bind_another(address).map_err(failed)?);
    }
    Ok(bound)
}

/// Binds as [`bind`] does, and listens.
pub fn listen(plan: &ListenPlan, count: usize) -> Result<Vec<Listening>, ListenError> {
    bind(plan, count)?.listen()
}

/// A listening socket made elsewhere: handed over by another process, or by a service manager.
///
/// Errors: EINVAL when it does not listen, EAFNOSUPPORT when it has no address of the Internet's families, ENOTSOCK.
pub fn listening_from(socket: OwnedFd) -> Result<Listening, Errno> {
    if !sockopt::is_listening(&socket)? {
        return Err(Errno::INVAL);
    }
    socket::make_ours(&socket)?;
    socket::prepare_accepted(&socket)?;
    let address = socket::local_address(&socket)?;
    Ok(Listening::new(address, Arc::new(socket)))
}

impl Bound {
    /// The address, its port chosen where the plan said 0.
    pub fn address(&self) -> SocketAddr {
        self.plan.address
    }

    /// Connections are queued from here on.
    pub fn listen(self) -> Result<Vec<Listening>, ListenError> {
        let Self { plan, sockets } = self;
        let listen = |socket: OwnedFd| {
            socket::start_listening(&socket, plan.backlog).map_err(|errno| ListenError::new(&plan, fault(errno)))?;
            Ok(Listening::new(plan.address, Arc::new(socket)))
        };
        sockets.into_iter().map(listen).collect()
    }
}

/// SO_REUSEPORT at bind would let us share the address with a stranger's socket; set afterwards it only lets our next
/// ones in (`inet_bind_conflict` looks at it anew for each).
fn bind_first(address: SocketAddr, shared: bool) -> Result<OwnedFd, Errno> {
    let fd = socket::tcp_for(&address)?;
    socket::bind_exact(&fd, &address)?;
    if shared {
        sockopt::set_reuse_port(&fd, true)?;
    }
    Ok(fd)
}

fn bind_another(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let fd = socket::tcp_for(&address)?;
    sockopt::set_reuse_port(&fd, true)?;
    socket::bind_exact(&fd, &address)?;
    Ok(fd)
}
