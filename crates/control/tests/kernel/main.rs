//! The control plane beside a real balancer, on the kernel's sockets: a name server of our own, origins, clients.

mod dns;
mod names;
mod stage;
