//! Two clients behind a gateway, in front of balancer and server.
//!
//! ```text
//!   client A 10.77.3.2 --- 10.77.3.1 +---------+
//!                                    | gateway | 10.77.1.2 --- 10.77.1.1 balancer --- server
//!   client B 10.77.4.2 --- 10.77.4.1 +---------+
//! ```
//! The gateway is our own, in front of a kernel that has no address there and forwards nothing; or it is that
//! kernel.

use super::record::Recorder;
use super::scene::Gate;
use crate::error::LabError;
use crate::gateway::{self, Handle, Interfaces};
use crate::stage::{FIRST_PORT, Stage};
use crate::topology::{BALANCER, CLIENT, Plug, Role, Topology};
use gateway_core::{Capture, Link, Record, Settings};
use packet::Mac;
use std::net::Ipv4Addr;
use sys::netns::Namespace;
use sys::nft::Masquerade;
use sys::packet::PacketSocket;
use sys::{offload, sysctl};

/// The gateway's public address: where the only client is in the other scenes.
const PUBLIC: Ipv4Addr = CLIENT;
pub(super) const CLIENTS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 3, 2), Ipv4Addr::new(10, 77, 4, 2)];
const GATES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 3, 1), Ipv4Addr::new(10, 77, 4, 1)];

const INSIDE: [&str; 2] = ["to-client-a", "to-client-b"];
const OUTSIDE: &str = "to-balancer";
const CLIENT_LINK: &str = "to-gateway";
const BALANCER_LINK: &str = "to-gateway";

/// What the kernel's NAT needs: to forward, and to forget a connection after its shortest time, 1 s.
const KERNEL_NAT: [(&str, &str); 2] =
    [("net.ipv4.ip_forward", "1"), ("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "1")];

/// The scene, once seen from each client.
#[derive(Debug)]
pub(crate) struct Place {
    /// With the first client.
    pub(crate) first: Stage,
    /// With the second client.
    pub(crate) second: Stage,
    gateway: Namespace,
}

impl Place {
    /// Builds it, with the kernel's default sysctls.
    ///
    /// # Errors
    /// Namespaces are forbidden, the kernel has no veth, or a link keeps its offloads.
    pub(crate) fn build() -> Result<Self, LabError> {
        let first = Topology::without_client_cable()?;
        let second = first.with_client(Namespace::new().map_err(LabError::Forbidden)?)?;
        let gateway = Namespace::new().map_err(LabError::Forbidden)?;
        for (at, topology) in [&first, &second].into_iter().enumerate() {
            let client = Plug { namespace: topology.namespace(Role::Client), link: CLIENT_LINK };
            client.connect(Plug { namespace: &gateway, link: INSIDE[at] })?;
            client.give_address(CLIENTS[at])?;
            client.route_by(GATES[at])?;
            send_whole_frames(client)?;
        }
        let balancer = Plug { namespace: first.namespace(Role::Balancer), link: BALANCER_LINK };
        balancer.connect(Plug { namespace: &gateway, link: OUTSIDE })?;
        balancer.give_address(BALANCER)?;
        send_whole_frames(balancer)?;
        Ok(Self { first: Stage::Private(first), second: Stage::Private(second), gateway })
    }

    /// Links for a gateway's settings.
    pub(crate) fn settings() -> Settings {
        let inside = |at: usize| Link { mac: Mac::local(1 + at as u8), address: GATES[at], neighbour: CLIENTS[at] };
        Settings::new(vec![inside(0), inside(1)], Link { mac: Mac::local(9), address: PUBLIC, neighbour: BALANCER })
    }

    /// Starts the gateway; `settings` are those of ours.
    ///
    /// # Errors
    /// Its own words.
    pub(crate) fn start_gateway(&self, gate: Gate, settings: &Settings, capture: bool) -> Result<Running, LabError> {
        match gate {
            Gate::Ours => self.start_ours(settings, capture).map(Running::Ours),
            Gate::Kernel => self.start_kernel(settings),
        }
    }

    fn start_ours(&self, settings: &Settings, capture: bool) -> Result<Handle, LabError> {
        let interfaces = Interfaces { inside: &INSIDE, outside: OUTSIDE };
        self.in_gateway(|| gateway::start(settings, interfaces, capture))?.map_err(|reason| part(&reason))
    }

    /// The clients get as many ports as the settings have public ones: the kernel keeps a port that is free.
    fn start_kernel(&self, settings: &Settings) -> Result<Running, LabError> {
        let range = format!("{FIRST_PORT} {}", FIRST_PORT + (settings.ports.1 - settings.ports.0));
        for client in [&self.first, &self.second] {
            let set = || sysctl::write("net.ipv4.ip_local_port_range", &range);
            client.run(Role::Client, set)?.map_err(LabError::Sysctl)?;
        }
        for (at, link) in INSIDE.into_iter().enumerate() {
            Plug { namespace: &self.gateway, link }.give_address(GATES[at])?;
        }
        Plug { namespace: &self.gateway, link: OUTSIDE }.give_address(PUBLIC)?;
        let nat = self.in_gateway(|| Masquerade::install(OUTSIDE))?.map_err(|reason| part(&reason))?;
        let set = || KERNEL_NAT.iter().try_for_each(|(name, value)| sysctl::write(name, value));
        self.in_gateway(set)?.map_err(LabError::Sysctl)?;
        let ears = self.first.run(Role::Balancer, || PacketSocket::open_both_ways(BALANCER_LINK))?;
        let ears = ears.map_err(|reason| part(&reason))?;
        Ok(Running::Kernel { _nat: nat, recorder: Recorder::start(ears)? })
    }

    fn in_gateway<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.gateway.run(work).map_err(|reason| LabError::Thread { role: "gateway", reason })
    }
}

/// A gateway at work. It ends with this.
#[derive(Debug)]
pub(crate) enum Running {
    Ours(Handle),
    Kernel { _nat: Masquerade, recorder: Recorder },
}

impl Running {
    /// From now on the second client connects.
    pub(crate) fn second_turn(&self) {
        if let Self::Kernel { recorder, .. } = self {
            recorder.second_turn();
        }
    }

    /// Every segment that was seen, and the capture where one was asked for.
    pub(crate) fn finish(self) -> Result<(Vec<Record>, Option<Capture>), LabError> {
        match self {
            Self::Ours(handle) => {
                let finished = handle.finish();
                Ok((finished.journal.records().to_vec(), finished.capture))
            }
            Self::Kernel { recorder, .. } => Ok((recorder.finish()?, None)),
        }
    }
}

fn part(reason: &dyn std::fmt::Display) -> LabError {
    LabError::Part { role: "gateway", reason: reason.to_string() }
}

/// As on a wire: the gateway cannot finish checksums and cut segments that the sender left to others.
fn send_whole_frames(plug: Plug<'_>) -> Result<(), LabError> {
    let off = plug.namespace.run(|| offload::turn_off(plug.link));
    let off = off.map_err(|reason| LabError::Thread { role: "cables", reason })?;
    off.map_err(|reason| part(&reason))
}
