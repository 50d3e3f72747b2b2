//! Where a balancer is asked how it does: pages of statistics of others are the admin listener of ours.

use crate::document::Table;
use crate::notes::Notes;

/// Why no listener tells it beside its own work.
pub(crate) const APART: &str =
    "metrics and state are asked at an address of their own: write `[admin]` with `bind = \"127.0.0.1:9080\"`";

/// The admin listener at `address`; one is all there can be.
pub(crate) fn admin(line: usize, what: &str, address: &str, known: &mut Option<Table>, notes: &mut Notes) {
    if known.is_some() {
        return notes.missing(line, what, "there is one admin listener: the first one is it");
    }
    let port = address.rsplit(':').next().unwrap_or_default();
    let is_here = address.starts_with("unix:") || address.starts_with("127.") || address.starts_with("[::1]");
    let why = match is_here {
        true => "metrics (/metrics), state and a page are asked there: see docs/admin.md",
        false => {
            "metrics (/metrics), state and a page are asked there, from this host only: another address takes a `token_file`"
        }
    };
    notes.detail(line, what, why);
    let mut admin = Table::at(line);
    admin.put("bind", if is_here { address.to_owned() } else { format!("127.0.0.1:{port}") });
    *known = Some(admin);
}
