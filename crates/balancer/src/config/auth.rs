//! `auth`: who has to say who he is. Passwords are kept as hashes, here or in a file that `htpasswd` makes.

use super::files;
use crate::passwords;
use balancer_core::{AuthRule, BasicAuth};
use config_file::{Mistake, Section};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Of a file of users: 1 MiB.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Users of one place.
const USERS_MAX: usize = 10_000;
const EXAMPLE: &str = "such as `users_file = \"htpasswd\"`, which `htpasswd -cB htpasswd NAME` makes, or `users = { NAME = \
                       \"$2y$...\" }`";

/// What is read, with the first place of each name.
struct Users<'m> {
    known: BTreeMap<String, String>,
    mistakes: &'m mut Vec<Mistake>,
}

pub(super) fn read(section: &mut Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<AuthRule> {
    let mut table = section.table("auth", mistakes)?;
    let (span, before) = (table.span(), mistakes.len());
    let required = table.switch("required", mistakes).unwrap_or(true);
    let realm = table.text_if_any("realm", "\"Members\"", mistakes);
    let pass = table.switch("pass", mistakes).unwrap_or(false);
    let pairs = table.pairs("users", mistakes);
    let file = table.take("users_file");
    let mut users = Users { known: BTreeMap::new(), mistakes };
    pairs.into_iter().for_each(|(name, hash)| users.note(&name.value, &hash.value, hash.span, None));
    if let Some((place, bytes)) =
        file.and_then(|file| Some((file.span(), files::read(file, folder, FILE_BYTES_MAX, users.mistakes)?)))
    {
        users.read_file(&bytes, &place);
    }
    let known = users.known;
    if let Some(realm) =
        realm.as_ref().filter(|realm| realm.value.contains(['"', '\\']) || realm.value.contains(char::is_control))
    {
        mistakes.push(Mistake::new(realm.span.clone(), "a realm has no quotes, backslashes or controls", "this realm"));
    }
    let says_more = !known.is_empty() || realm.is_some();
    if !required && says_more {
        let title = "nobody is asked, so that nothing else has a meaning here";
        mistakes.push(Mistake::new(span.clone(), title, "`required = false`").help("leave the other keys out"));
    } else if required && known.is_empty() && mistakes.len() == before {
        mistakes.push(Mistake::new(span, "nobody could come in: there are no users", "here").help(EXAMPLE));
    }
    table.finish(mistakes);
    if mistakes.len() > before {
        return None;
    }
    let realm = realm.map_or("restricted", |realm| realm.value);
    Some(BasicAuth::new(realm, known, pass).map_or(AuthRule::Off, |basic| AuthRule::Basic(Arc::new(basic))))
}

impl Users<'_> {
    /// Each line of a file is `name:hash`; those that begin with `#` say nothing.
    fn read_file(&mut self, bytes: &[u8], place: &Range<usize>) {
        let text = String::from_utf8_lossy(bytes);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':') {
                Some((name, rest)) => {
                    // Some files have more, such as a real name.
                    let hash = rest.split(':').next().unwrap_or_default();
                    self.note(name, hash, place.clone(), Some(number + 1));
                }
                None => self.complain(place.clone(), Some(number + 1), "no colon between a name and a hash"),
            }
        }
    }

    fn note(&mut self, name: &str, hash: &str, place: Range<usize>, line: Option<usize>) {
        if name.is_empty() || name.contains(':') || name.contains(char::is_control) {
            return self.complain(place, line, "a name must not be empty, nor hold a colon or controls");
        }
        if let Err(why) = passwords::check(hash) {
            return self.complain(place, line, &format!("\"{name}\": {why}"));
        }
        if self.known.len() >= USERS_MAX {
            return self.complain(place, line, "too many users: there may be 10000");
        }
        if self.known.insert(name.to_owned(), hash.to_owned()).is_some() {
            self.complain(place, line, &format!("\"{name}\" is named twice"));
        }
    }

    fn complain(&mut self, place: Range<usize>, line: Option<usize>, what: &str) {
        let title = line.map_or(what.to_owned(), |line| format!("line {line}: {what}"));
        let label = if line.is_some() { "in this file" } else { "here" };
        self.mistakes.push(Mistake::new(place, title, label));
    }
}
