//! The control plane beside a real balancer, on the kernel's sockets: a name server of our own, origins, clients.

mod dns;
mod health;
mod names;
mod reload;
mod server;
mod stage;
