//! Reads the host's calls: what is called, on which socket, and what it must return.

use super::SERVICE_PORT;
use super::error::Wrong;
use super::types::{Call, CallResult, Errno, HostCall, Setting, SocketOption};
use super::words::{self, Words};

/// Sockets that one call with `times` makes.
const TIMES_MAX: u32 = 1000;

pub(super) fn host_call(words: &mut Words<'_>) -> Result<HostCall, Wrong> {
    let mut call = HostCall { socket: "s".to_owned(), call: call(words)?, times: 1, result: CallResult::Ok };
    loop {
        if words.take("as") {
            call.socket = words.need("a socket's name")?.to_owned();
        } else if words.take("times") {
            call.times = words.number("a number of sockets")?;
        } else if words.take("->") {
            call.result = result(words)?;
        } else {
            break;
        }
    }
    match call.times {
        1..=TIMES_MAX => Ok(call),
        _ => Err(Wrong::new("a call is made no times, or too often", format!("write 1 to {TIMES_MAX} after `times`"))),
    }
}

fn call(words: &mut Words<'_>) -> Result<Call, Wrong> {
    match words.need("a call")? {
        "accept" => Ok(Call::Accept),
        "unlisten" => Ok(Call::StopListening),
        "bind" => Ok(Call::Bind(words.number("a port")?)),
        "connect" => connect(words),
        "set" => Ok(Call::Set(option(words)?)),
        "send" => Ok(Call::Send(words.number("a length in bytes")?)),
        "close" => Ok(Call::Close),
        "shutdown" => Ok(Call::Shutdown),
        "reset" => Ok(Call::Reset),
        "connected" => Ok(Call::Connected),
        "sysctl" => Ok(Call::Sysctl(setting(words.need("a setting such as tcp_rfc1337=1")?)?)),
        word => Err(Wrong::new(
            format!("{word:?} is not a call"),
            "write accept, unlisten, bind, connect, connected, set, send, close, shutdown, reset or sysctl",
        )),
    }
}

fn connect(words: &mut Words<'_>) -> Result<Call, Wrong> {
    let (mut address, mut to) = (1, SERVICE_PORT);
    loop {
        if words.take("address") {
            address = words.number("a number of the peer's address")?;
        } else if words.take("to") {
            to = words.number("a port")?;
        } else {
            return Ok(Call::Connect { address, to });
        }
    }
}

fn option(words: &mut Words<'_>) -> Result<SocketOption, Wrong> {
    match words.need("a socket option")? {
        "reuseaddr" => Ok(SocketOption::ReuseAddress),
        "bind-no-port" => Ok(SocketOption::BindAddressNoPort),
        "port-range" => Ok(SocketOption::PortRange(words.number("a port")?, words.number("a port")?)),
        "linger2" => Ok(SocketOption::Linger2(words.number("seconds, or a negative number")?)),
        word => Err(Wrong::new(
            format!("{word:?} is not a socket option"),
            "write reuseaddr, bind-no-port, port-range or linger2",
        )),
    }
}

fn result(words: &mut Words<'_>) -> Result<CallResult, Wrong> {
    let word = words.need("ok or an error's name")?;
    if word == "ok" {
        return Ok(CallResult::Ok);
    }
    let unknown = || Wrong::new(format!("{word:?} is not a result"), format!("write ok, {}", Errno::list()));
    Errno::from_name(word).map(CallResult::Error).ok_or_else(unknown)
}

/// `name=value`.
pub(super) fn setting(text: &str) -> Result<Setting, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is not a setting"), "write it like tcp_rfc1337=1");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    if !words::is_name(name.trim()) {
        return Err(wrong());
    }
    Ok(Setting { name: name.trim().to_owned(), value: value.trim().to_owned() })
}
