//! A name system of one name, whose address is another one every few seconds.

use super::at_work::AtWork;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) const ADDRESS: &str = "127.0.0.1:5353";
/// All of them are of this host.
const LEADS_TO: [Ipv4Addr; 3] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3), Ipv4Addr::new(127, 0, 0, 4)];
const ANOTHER_EVERY: Duration = Duration::from_secs(2);
const HEADER_BYTES: usize = 12;
/// Type and class of a question, behind its name.
const A_IN: [u8; 4] = [0, 1, 0, 1];

/// Counts how often another address was told.
pub(super) fn start() -> anyhow::Result<AtWork> {
    let socket = UdpSocket::bind(ADDRESS)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(AtWork::start(move |ends, changes| serve(&socket, ends, changes)))
}

fn serve(socket: &UdpSocket, ends: &AtomicBool, changes: &AtomicU64) {
    let (start, mut buffer, mut told) = (Instant::now(), [0; 1500], 0);
    while !ends.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let turn = (start.elapsed().as_secs() / ANOTHER_EVERY.as_secs()) as usize;
        changes.fetch_add(u64::from(turn != told), Ordering::Relaxed);
        told = turn;
        if let Some(answer) = answer(&buffer[..length], LEADS_TO[turn % LEADS_TO.len()]) {
            let _gone = send_back(socket, &answer, from);
        }
    }
}

fn send_back(socket: &UdpSocket, answer: &[u8], from: SocketAddr) -> std::io::Result<usize> {
    socket.send_to(answer, from)
}

/// RFC 1035, section 4: the question again, and a record where an address of IPv4 is asked for.
fn answer(question: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let name = question.get(HEADER_BYTES..)?;
    let end = HEADER_BYTES + name.iter().position(|byte| *byte == 0)? + 1;
    let asked = question.get(end..end + A_IN.len())?;
    let has_answer = asked == A_IN;
    let mut said = question[..2].to_vec();
    // A response, of who looks further; one question, and perhaps one answer.
    said.extend([0x81, 0x80, 0, 1, 0, u8::from(has_answer), 0, 0, 0, 0]);
    said.extend(&question[HEADER_BYTES..end + A_IN.len()]);
    if has_answer {
        // The name is that of the question; good for a second.
        said.extend([0xc0, HEADER_BYTES as u8, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        said.extend(address.octets());
    }
    Some(said)
}
