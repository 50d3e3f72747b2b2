//! ARP for IPv4 over Ethernet (RFC 826).

use crate::ethernet::{Ethernet, Kind, Mac};
use crate::malformed::Malformed;
use core::net::Ipv4Addr;

/// Hardware Ethernet, protocol IPv4, their lengths.
const IPV4_OVER_ETHERNET: [u8; 6] = [0, 1, 8, 0, 6, 4];
const LEN: usize = 28;

/// Question or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target's address?
    Request,
    /// The sender has it.
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Question or answer.
    pub operation: Operation,
    /// Who speaks.
    pub sender: (Mac, Ipv4Addr),
    /// Who is meant; the link-layer address is unknown in a request.
    pub target: (Mac, Ipv4Addr),
}

impl Arp {
    /// "Who has `wanted`?"
    pub fn request(sender: (Mac, Ipv4Addr), wanted: Ipv4Addr) -> Self {
        Self { operation: Operation::Request, sender, target: (Mac([0; 6]), wanted) }
    }

    /// The answer of `mac` to a request that asked for its address.
    pub fn reply(&self, mac: Mac) -> Self {
        Self { operation: Operation::Reply, sender: (mac, self.target.1), target: self.sender }
    }

    /// Reads a whole frame whose Ethernet header says ARP.
    ///
    /// # Errors
    /// Too short, or not about IPv4 over Ethernet.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let body = frame.get(Ethernet::LEN..Ethernet::LEN + LEN).ok_or(Malformed::Truncated("ARP"))?;
        let operation = match (body[..6] == IPV4_OVER_ETHERNET, &body[6..8]) {
            (true, [0, 1]) => Operation::Request,
            (true, [0, 2]) => Operation::Reply,
            _ => return Err(Malformed::ForeignArp),
        };
        Ok(Self { operation, sender: party(&body[8..18]), target: party(&body[18..28]) })
    }

    /// The whole frame: a request to everyone, a reply to its target.
    pub fn to_frame(&self) -> Vec<u8> {
        let destination = match self.operation {
            Operation::Request => Mac::BROADCAST,
            Operation::Reply => self.target.0,
        };
        let mut frame = Vec::with_capacity(Ethernet::LEN + LEN);
        Ethernet { destination, source: self.sender.0, kind: Kind::Arp }.write(&mut frame);
        frame.extend_from_slice(&IPV4_OVER_ETHERNET);
        frame.extend_from_slice(&[0, if self.operation == Operation::Request { 1 } else { 2 }]);
        for (mac, address) in [self.sender, self.target] {
            frame.extend_from_slice(&mac.0);
            frame.extend_from_slice(&address.octets());
        }
        frame
    }
}

fn party(bytes: &[u8]) -> (Mac, Ipv4Addr) {
    let (mut mac, mut address) = ([0; 6], [0; 4]);
    mac.copy_from_slice(&bytes[..6]);
    address.copy_from_slice(&bytes[6..10]);
    (Mac(mac), Ipv4Addr::from(address))
}
