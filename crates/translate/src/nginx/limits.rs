//! `limit_req` and `limit_conn`: how often, and how much at once.

use super::scope::Scope;
use super::tree::Directive;
use super::variables::field_name;
use crate::document::Table;
use crate::edit::Edit;
use crate::notes::Notes;
use crate::zones;

/// `limit_req zone=perip burst=20 nodelay;` with `limit_req_zone $binary_remote_addr zone=perip:10m rate=10r/s;`
pub(super) fn rate(scope: &Scope<'_>, notes: &mut Notes) -> Option<Edit> {
    let limits = scope.all("limit_req");
    let (limit, more) = limits.split_first()?;
    let why = "a route has one rate: of several the first is here";
    more.iter().for_each(|one| notes.missing(one.line, one.text(), why));
    let parameter = |name: &str| limit.args.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let name = format!("zone={}:", parameter("zone")?);
    let zone = scope.find(|one| one.name == "limit_req_zone" && one.args.iter().any(|word| word.starts_with(&name)));
    let rate = zone.and_then(|zone| zone.args.iter().find_map(|word| word.strip_prefix("rate=")));
    let by = match zone.map(|zone| zone.arg(0)) {
        Some("$binary_remote_addr" | "$remote_addr") => Some("client".to_owned()),
        Some("$server_name" | "$host") => Some("route".to_owned()),
        Some(key) => key.strip_prefix("$http_").map(|name| format!("header:{}", field_name(name))),
        None => None,
    };
    let (Some(rate), Some(by)) = (rate.map(|rate| rate.replace("r/", "/")), by) else {
        notes.missing(limit.line, limit.text(), "requests are counted by address, route or field only");
        return None;
    };
    if scope.arg("limit_req_status").unwrap_or("503") != "429" {
        notes.detail(limit.line, limit.text(), "who asks too often gets a 429");
    }
    if !limit.args.iter().any(|word| word == "nodelay") {
        notes.detail(limit.line, limit.text(), "nobody is delayed: who asks too often is refused");
    }
    let burst = parameter("burst").and_then(|burst| burst.parse::<u64>().ok()).unwrap_or(0) + 1;
    Some(zones::limit(rate, burst, &by, parameter("zone")?))
}

/// `limit_conn perip 10;` with `limit_conn_zone $binary_remote_addr zone=perip:10m;`, of HTTP or of a stream.
pub(super) fn connections(scope: &Scope<'_>, listener: &mut Table, notes: &mut Notes) {
    for limit in scope.all("limit_conn") {
        let by_address = matches!(zone_key(scope, limit), Some("$binary_remote_addr" | "$remote_addr"));
        match limit.arg(1).parse::<u64>().ok().filter(|most| by_address && *most > 0) {
            Some(most) => {
                listener.put("limits.connections_per_client_max", most);
                notes.detail(limit.line, limit.text(), "idle connections count, too; one more is reset as it comes in");
            }
            None => notes.missing(limit.line, limit.text(), "connections are counted by address only"),
        }
    }
}

/// By what a zone counts.
fn zone_key<'t>(scope: &Scope<'t>, limit: &Directive) -> Option<&'t str> {
    let name = format!("zone={}:", limit.arg(0));
    let is_it = |one: &Directive| one.name == "limit_conn_zone" && one.args.iter().any(|word| word.starts_with(&name));
    scope.find(is_it).map(|zone| zone.arg(0))
}
