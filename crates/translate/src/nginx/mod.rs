//! `nginx.conf`, or a part of it with `server` blocks.

mod errors;
mod limits;
mod location;
mod place;
mod process;
mod question;
mod redirect;
mod remarks;
mod scope;
mod server;
mod shared;
mod status;
mod stream;
mod target;
mod tree;
mod upstream;
mod variables;

use crate::TranslateError;
use crate::document::Document;
use crate::notes::Notes;
use scope::Scope;
use server::{Server, groups};
use tree::Directive;
use upstream::Sets;

/// Is this a directive that something is known of?
pub(crate) fn is_known(word: &str) -> bool {
    remarks::is_known(word)
}

/// The whole file.
pub(crate) fn translate(text: &str) -> Result<(Document, Notes), TranslateError> {
    let tree = tree::parse(text)?;
    let mut notes = Notes::default();
    let mut document = Document::default();
    let found = |name: &str| tree.iter().find(|one| one.name == name);
    // A file of conf.d/ is what stands in `http`.
    let http = found("http").map_or(tree.as_slice(), Directive::inner);
    web(http, &mut document, &mut notes)?;
    if let Some(stream) = found("stream") {
        let mut sets = Sets::new(upstreams(stream.inner()), std::mem::take(&mut document.sets));
        document.listeners.extend(stream::listeners(stream, &mut sets, &mut notes));
        document.sets = sets.made;
    }
    process::write(&tree, http, &mut document.global, &mut notes);
    remarks::remark(&tree, &mut notes);
    match document.listeners.is_empty() {
        true => Err(TranslateError::Empty("server that listens")),
        false => Ok((document, notes)),
    }
}

fn web(http: &[Directive], document: &mut Document, notes: &mut Notes) -> Result<(), TranslateError> {
    let around = Scope::new(http);
    let (for_it, blocks): (Vec<&Directive>, Vec<&Directive>) =
        http.iter().filter(|one| one.name == "server").partition(|server| status::is_for_it(server));
    for_it.iter().for_each(|server| status::write(server, &mut document.admin, notes));
    let blocks = blocks.into_iter();
    let servers: Vec<Server<'_>> = blocks.map(|block| Server::parse(block, &around, notes)).collect();
    let mut sets = Sets::new(upstreams(http), Vec::new());
    let groups = groups(&servers);
    for group in &groups {
        let name = group.name(groups.len() == 1);
        let alike = document.listeners.iter().filter(|known| known.name().starts_with(&name)).count();
        let name = if alike == 0 { name } else { format!("{name}-{}", alike + 1) };
        document.listeners.extend(group.listener(name, &servers, &mut sets, notes)?);
    }
    document.sets.extend(sets.made);
    Ok(())
}

fn upstreams(block: &[Directive]) -> Vec<&Directive> {
    block.iter().filter(|one| one.name == "upstream").collect()
}
