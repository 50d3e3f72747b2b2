//! `bind` of a listener: one place or several, socket files with their rights.

use super::address;
use super::keys::BIND;
use balancer_core::Bind;
use config_file::{Mistake, Placed, Section, Value, value, wrong_type};
use ports::Address;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Places of one listener.
pub(super) const BINDS_MAX: usize = 64;
const EXAMPLE: &str = "such as \"127.0.0.1:8080\", [\"0.0.0.0:80\", \"[::]:80\"] or \"unix:/run/q.sock\"";

/// Where a listener listens.
pub(super) fn read(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Vec<Placed<Bind>> {
    let Some(array) = value.get_ref().as_array() else {
        return read_one(value, mistakes).map(|bind| Placed { value: bind, span: value.span() }).into_iter().collect();
    };
    if array.is_empty() || array.len() > BINDS_MAX {
        let title = format!("{} places to listen at: there must be 1 to {BINDS_MAX}", array.len());
        mistakes.push(Mistake::new(value.span(), title, "here").help(EXAMPLE));
        return Vec::new();
    }
    let one = |value: &Value<'_>| Some(Placed { value: read_one(value, mistakes)?, span: value.span() });
    array.iter().filter_map(one).collect()
}

/// One place.
pub(super) fn read_one(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Bind> {
    if let Some(table) = value.get_ref().as_table() {
        return read_table(Section::of("a place to listen at", &BIND, table, value.span()), mistakes);
    }
    if value.get_ref().as_str().is_none() {
        mistakes.push(wrong_type(value, "a string, a table, or an array of those").help(EXAMPLE));
        return None;
    }
    read_address(value, mistakes).map(Bind::from)
}

fn read_table(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Bind> {
    let address = section.need("address", "\"unix:/run/q.sock\"", mistakes);
    let address = address.and_then(|value| read_address(value, mistakes));
    let (mode, user, group) = (section.take("mode"), section.take("user"), section.take("group"));
    section.finish(mistakes);
    if let (Some(Address::Ip(ip)), Some(right)) = (address, mode.or(user).or(group)) {
        let title = format!("{ip} is no file: it has neither permissions nor an owner");
        mistakes.push(Mistake::new(right.span(), title, "this is for socket files").help("leave it out"));
    }
    let user = user.and_then(|value| read_id(value, "user", sys::unix::user_id, mistakes));
    let group = group.and_then(|value| read_id(value, "group", sys::unix::group_id, mistakes));
    let mode = mode.and_then(|value| read_mode(value, mistakes));
    Some(Bind { mode, user, group, ..Bind::from(address?) })
}

/// `*:443` and `:443` are every address of this host.
fn read_address(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Address> {
    let text = value.get_ref().as_str().unwrap_or_default();
    let port = text.strip_prefix('*').unwrap_or(text).strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
    match port {
        Some(port) => Some(everywhere(port)),
        None => address::read(value, mistakes),
    }
}

/// One socket for both families, where this host has both.
fn everywhere(port: u16) -> Address {
    match sys::socket::has_ipv6() {
        true => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into(),
        false => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into(),
    }
}

fn read_mode(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<u32> {
    let text = value::text(value, mistakes)?;
    let mode = u32::from_str_radix(text.trim_start_matches('0'), 8).ok().filter(|mode| (1..=0o777).contains(mode));
    if mode.is_none() {
        let title = format!("\"{text}\" is no permissions");
        let help = "three octal digits, such as \"660\": the owner and the group may connect";
        mistakes.push(Mistake::new(value.span(), title, "not in octal").help(help));
    }
    mode
}

pub(super) fn read_id(
    value: &Value<'_>,
    what: &str,
    look_up: fn(&str) -> std::io::Result<Option<u32>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<u32> {
    let text = value::text(value, mistakes)?;
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let found = look_up(text);
    if let Ok(Some(number)) = found {
        return Some(number);
    }
    let title = match found {
        Err(error) => format!("{what} \"{text}\" cannot be looked up: {error}"),
        Ok(_) => format!("this host knows no {what} \"{text}\""),
    };
    let help = format!("`getent {}` shows those there are", if what == "user" { "passwd" } else { "group" });
    mistakes.push(Mistake::new(value.span(), title, "not known here").help(help));
    None
}
