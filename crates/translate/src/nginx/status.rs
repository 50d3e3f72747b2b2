//! `stub_status`: where nginx is asked how it does.

use super::server::address;
use super::tree::Directive;
use crate::document::Table;
use crate::notes::Notes;
use crate::status::{APART as WHY, admin};

/// Why a location of a listener cannot tell it.
pub(super) const APART: &str = WHY;

/// Is the server there for that, and for nothing else?
pub(super) fn is_for_it(server: &Directive) -> bool {
    const WORKS: [&str; 4] = ["proxy_pass", "return", "root", "fastcgi_pass"];
    let mut found = Vec::new();
    names(server, &mut found);
    found.contains(&"stub_status") && !WORKS.iter().any(|work| found.contains(work))
}

fn names<'t>(block: &'t Directive, found: &mut Vec<&'t str>) {
    for one in block.inner() {
        found.push(&one.name);
        names(one, found);
    }
}

/// The admin listener in its place; one is all there can be.
pub(super) fn write(server: &Directive, known: &mut Option<Table>, notes: &mut Notes) {
    let listen = server.inner().iter().find(|one| one.name == "listen");
    let (line, at) = listen.map_or((server.line, "80"), |one| (one.line, one.arg(0)));
    match address(at) {
        Ok((at, _)) => admin(line, "server with stub_status", &at, known, notes),
        Err(why) => notes.missing(line, at, why),
    }
}
