//! `haproxy.cfg`.

mod acl;
mod asked;
mod back;
mod bind;
mod clause;
mod counted;
mod format;
mod front;
mod lex;
mod log;
mod process;
mod remarks;
mod rules;
mod section;
mod server;
mod times;
mod userlist;

use crate::document::{Document, Table};
use crate::notes::Notes;
use crate::{Hash, TranslateError};
use bind::TlsWords;
use clause::Known;
use front::Backs;
use section::{Section, sections};
use userlist::Userlists;

/// Does a section begin with this word?
pub(crate) fn begins_a_section(word: &str) -> bool {
    section::KINDS.contains(&word)
}

/// The whole file.
pub(crate) fn translate(text: &str, hash: Hash<'_>) -> Result<(Document, Notes), TranslateError> {
    let mut notes = Notes::default();
    let sections = sections(lex::lines(text)?);
    let is_proxy = |section: &&Section| ["frontend", "backend", "listen"].contains(&section.kind.as_str());
    let proxies: Vec<Section> = sections.iter().filter(is_proxy).cloned().collect();
    let global = sections.iter().find(|section| section.kind == "global");
    let known = Known {
        users: Userlists::of(&sections, hash, &mut notes),
        tables: counted::tables(&sections),
        tls: global.map(TlsWords::of_global).unwrap_or_default(),
    };
    let mut document = Document { sets: sets(&proxies, &known, &mut notes), ..Document::default() };
    let with_servers = |section: &&Section| document.sets.iter().any(|set| set.name() == section.name);
    let backs: Vec<Section> = proxies.iter().filter(with_servers).cloned().collect();
    process::write(&sections, &mut document, &mut notes);
    let most =
        global.and_then(|global| global.last("maxconn")).and_then(|line| Some((line, line.word(1).parse().ok()?)));
    let backs = Backs { sections: &backs, connections_max: most.map(|(_, most)| most), known: &known };
    for section in proxies.iter().filter(|section| section.kind != "backend" && !process::is_for_statistics(section)) {
        if section.own().iter().any(|line| line.words == ["disabled"]) {
            notes.detail(section.line, format!("{} {}", section.kind, section.name), "it is disabled: nobody listens");
            continue;
        }
        document.listeners.extend(front::listeners(section, &backs, &mut notes)?);
    }
    if let Some((line, _)) = most.filter(|_| document.listeners.len() > 1) {
        let why = "each listener may have as many clients: there is no bound for all listeners together";
        notes.detail(line.number, line.text(), why);
    }
    remarks::remark(&sections, &mut notes);
    if document.listeners.is_empty() {
        return Err(TranslateError::Empty("frontend or listen with an address"));
    }
    Ok((document, notes))
}

/// Of every section with servers, each name once.
fn sets(proxies: &[Section], known: &Known, notes: &mut Notes) -> Vec<Table> {
    let mut sets: Vec<Table> = Vec::new();
    for section in proxies {
        let Some(set) = back::set(section, known, notes).filter(|_| section.kind != "frontend") else { continue };
        match sets.iter().any(|known| known.name() == set.name()) {
            true => notes.missing(section.line, format!("{} {}", section.kind, section.name), "this name is taken"),
            false => sets.push(set),
        }
    }
    sets
}
