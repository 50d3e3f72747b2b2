//! What is done to requests and responses on their way: keys that listeners and routes share.

use super::fields::read_headers;
use super::files::Folder;
use super::rate;
use super::{auth, compression};
use balancer_core::{Access, Networks, Treatment, parse_network};
use config_file::{Mistake, Section, Value, value, wrong_type};

/// The largest bound of a body: 1 TiB.
pub(super) const BODY_BYTES_MAX: usize = 1 << 40;
/// Networks of one list.
pub(super) const NETWORKS_MAX: usize = 10_000;
const EXAMPLE: &str = "such as [\"10.0.0.0/8\", \"192.0.2.7\"]";

pub(super) fn read(section: &mut Section<'_, '_>, folder: &Folder<'_>, mistakes: &mut Vec<Mistake>) -> Treatment {
    let headers = read_headers(section, mistakes);
    let mut networks = |key| section.take(key).map(|list| read_networks(list, EXAMPLE, mistakes)).unwrap_or_default();
    let access = Access { allow: networks("allow"), deny: networks("deny") };
    let body = section.number("body_bytes_max", 0, BODY_BYTES_MAX, mistakes);
    let rate = section.table("rate_limit", mistakes).and_then(|table| rate::read(table, folder.zones, mistakes));
    Treatment {
        headers,
        access: (!access.is_open()).then_some(access).into_iter().collect(),
        rates: rate.into_iter().collect(),
        auth: auth::read(section, folder.path, mistakes),
        body_bytes_max: body.map(|bytes| bytes as u64),
        compression: compression::read(section, mistakes),
    }
}

pub(super) fn read_networks(list: &Value<'_>, example: &str, mistakes: &mut Vec<Mistake>) -> Networks {
    let Some(array) = list.get_ref().as_array() else {
        mistakes.push(wrong_type(list, "an array of networks").help(example));
        return Networks::default();
    };
    if array.is_empty() || array.len() > NETWORKS_MAX {
        let title = format!("{} networks: there must be 1 to {NETWORKS_MAX}", array.len());
        mistakes.push(Mistake::new(list.span(), title, "here").help(example));
        return Networks::default();
    }
    let read = |value: &Value<'_>| match parse_network(value::text(value, mistakes)?) {
        Ok(network) => Some(network),
        Err(error) => {
            mistakes.push(Mistake::new(value.span(), error.to_string(), "not a network"));
            None
        }
    };
    array.iter().filter_map(read).collect()
}
