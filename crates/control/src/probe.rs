//! One check of one server. Each has a connection of its own: whether the server takes one is part of the question.
//!
//! It ends with a reset once it has its answer, as those of other balancers do: nothing is unacknowledged then, neither side
//! keeps a TIME_WAIT, and the checks of a thousand servers take no port from requests.

use crate::wire::{Trouble, Wire};
use balancer_core::ProxyHeader;
use balancer_core::checks::{CheckKind, CheckMethod, HttpCheck, Outcome, Target};
use http::{Limits, Method, Reading};
use http1::{BodyDecoder, HeadSlots, parse_response};
use ports::Address;
use secure::ClientProfile;
use std::net::SocketAddr;

/// Bytes of a body in which something is looked for.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Interim responses before the one that counts.
const INTERIM_MAX: usize = 8;

/// Asks, within the time there is for it. `tls`: how the connection is secured; an error says why it cannot be.
pub(crate) async fn check(target: Target, tls: Option<Result<ClientProfile, String>>) -> Outcome {
    let timeout = target.rules.timeout;
    match tokio::time::timeout(timeout, ask(&target, tls)).await {
        Ok(Ok(())) => Outcome::Good,
        Ok(Err(Trouble::Theirs(why))) => Outcome::Bad(why),
        Ok(Err(Trouble::Ours(why))) => Outcome::Ours(why),
        Err(_) => Outcome::Bad(format!("check got no answer within {} s", timeout.as_secs_f64())),
    }
}

async fn ask(target: &Target, tls: Option<Result<ClientProfile, String>>) -> Result<(), Trouble> {
    let address = address_of(target);
    let tls = tls.transpose().map_err(Trouble::Ours)?;
    let mut wire = Wire::connect(address, &target.sources).await?;
    if let Some(header) = target.proxy {
        wire.send(of_nobody(header)).await?;
    }
    if let Some(profile) = &tls {
        wire.secure(profile, address.ip().map(|at| at.ip())).await?;
    }
    match &target.rules.kind {
        CheckKind::Tcp => Ok(()),
        CheckKind::Http(check) => converse(&mut wire, check, target).await,
    }
}

/// The PROXY header of a connection that is nobody's but ours.
fn of_nobody(header: ProxyHeader) -> &'static [u8] {
    match header {
        ProxyHeader::V1 => b"PROXY UNKNOWN\r\n",
        // Version 2, LOCAL, no family, no addresses.
        ProxyHeader::V2 => b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    }
}

/// The port of the checks stands above that of the server.
fn address_of(target: &Target) -> Address {
    match (target.server.address, target.rules.port) {
        (Address::Ip(at), Some(port)) => SocketAddr::new(at.ip(), port).into(),
        (address, _) => address,
    }
}

async fn converse(wire: &mut Wire, check: &HttpCheck, target: &Target) -> Result<(), Trouble> {
    wire.send(request(check, target).as_bytes()).await?;
    let mut bytes = Vec::new();
    for _ in 0..INTERIM_MAX {
        let head = head(wire, &mut bytes, check.method).await?;
        if (100..200).contains(&head.status) {
            continue;
        }
        if !check.takes(head.status) {
            return Err(Trouble::theirs(format!("check got {}", head.status)));
        }
        return match &check.body {
            None => Ok(()),
            Some(wanted) => find(wire, bytes, head.body, wanted).await,
        };
    }
    Err(Trouble::theirs("check got no final answer"))
}

fn request(check: &HttpCheck, target: &Target) -> String {
    let named = || target.server.host.as_ref().map(|host| host.trim_end_matches('.').to_owned());
    let address = || match target.server.address {
        Address::Ip(at) => at.to_string(),
        Address::Unix(_) => "localhost".to_owned(),
    };
    let host = check.host.clone().or_else(named).unwrap_or_else(address);
    let method = check.method.name();
    format!(
        "{method} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: quintet (health check)\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        check.path
    )
}

struct Head {
    status: u16,
    body: http::BodyKind,
}

/// The next head; what is behind it stays in `bytes`.
async fn head(wire: &mut Wire, bytes: &mut Vec<u8>, method: CheckMethod) -> Result<Head, Trouble> {
    loop {
        if let Some((head, len)) = parse(bytes, method)? {
            bytes.drain(..len);
            return Ok(head);
        }
        if wire.receive(bytes).await? == 0 {
            return Err(Trouble::theirs("the server closed before it answered the check"));
        }
    }
}

fn parse(bytes: &[u8], method: CheckMethod) -> Result<Option<(Head, usize)>, Trouble> {
    let limits = Limits { reading: Reading::Lenient, ..Limits::default() };
    let method = match method {
        CheckMethod::Get => Method::Get,
        CheckMethod::Head => Method::Head,
        CheckMethod::Options => Method::Options,
    };
    let mut slots = HeadSlots::new();
    let parsed = parse_response(bytes, &limits, &mut slots, method);
    let parsed = parsed.map_err(|error| Trouble::theirs(format!("check got no HTTP: {error}")))?;
    Ok(parsed.map(|parsed| (Head { status: parsed.head.status, body: parsed.head.body }, parsed.len)))
}

/// Reads on until it is found, or no more comes.
async fn find(wire: &mut Wire, mut bytes: Vec<u8>, body: http::BodyKind, wanted: &str) -> Result<(), Trouble> {
    let (mut decoder, mut content) = (BodyDecoder::new(body, &Limits::default()), Vec::new());
    loop {
        while !bytes.is_empty() && !decoder.is_done() {
            let failed = |error| Trouble::theirs(format!("check got a body that is none: {error}"));
            let piece = decoder.decode(&bytes).map_err(failed)?;
            content.extend_from_slice(&bytes[piece.data.clone()]);
            if piece.consumed == 0 {
                break;
            }
            bytes.drain(..piece.consumed);
        }
        if content.windows(wanted.len()).any(|part| part == wanted.as_bytes()) {
            return Ok(());
        }
        if decoder.is_done() || content.len() >= BODY_BYTES_MAX || wire.receive(&mut bytes).await? == 0 {
            return Err(Trouble::theirs(format!("check did not find {wanted:?} in the body")));
        }
    }
}
