//! `resolvers` of `[global]`: who is asked for names.

use config_file::{Mistake, Value, value, wrong_type};
use std::net::{IpAddr, SocketAddr};

/// So many are asked, one after the other.
pub(super) const RESOLVERS_MAX: usize = 8;
/// Of the name system.
const PORT: u16 = 53;
const HELP: &str = "such as `resolvers = [\"10.0.0.2\", \"127.0.0.1:5353\"]`";

pub(super) fn read(list: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Vec<SocketAddr> {
    let Some(array) = list.get_ref().as_array() else {
        mistakes.push(wrong_type(list, "an array of addresses").help(HELP));
        return Vec::new();
    };
    if array.is_empty() || array.len() > RESOLVERS_MAX {
        let title = format!("{} resolvers: there must be 1 to {RESOLVERS_MAX}", array.len());
        mistakes.push(Mistake::new(list.span(), title, "here").help(HELP));
    }
    array.iter().take(RESOLVERS_MAX).filter_map(|value| read_one(value, mistakes)).collect()
}

fn read_one(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<SocketAddr> {
    let text = value::text(value, mistakes)?;
    let address = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT))).ok();
    let address = address.filter(|address| address.port() != 0 && !address.ip().is_unspecified());
    if address.is_none() {
        let title = format!("\"{text}\" is not the address of a resolver");
        mistakes.push(Mistake::new(value.span(), title, "expected an IP address, with or without a port").help(HELP));
    }
    address
}
