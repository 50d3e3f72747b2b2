//! `userlist` sections: who may come in.

use super::lex::Line;
use super::section::Section;
use crate::Hash;
use crate::notes::Notes;
use std::collections::BTreeMap;

/// All lists of a file, by name.
#[derive(Debug, Default)]
pub(crate) struct Userlists(BTreeMap<String, Vec<User>>);

#[derive(Debug)]
struct User {
    name: String,
    hash: String,
    groups: Vec<String>,
}

impl Userlists {
    pub(crate) fn of(sections: &[Section], hash: Hash<'_>, notes: &mut Notes) -> Self {
        let lists = sections.iter().filter(|section| section.kind == "userlist");
        Self(lists.map(|section| (section.name.clone(), users(section, hash, notes))).collect())
    }

    /// Names and hashes of a list: all, or those of some groups.
    pub(crate) fn some(&self, list: &str, groups: Option<&[&str]>) -> Result<Vec<(String, String)>, String> {
        let users = self.0.get(list).ok_or_else(|| format!("there is no userlist {list}"))?;
        let is_meant =
            |user: &&User| groups.is_none_or(|groups| user.groups.iter().any(|one| groups.contains(&&**one)));
        let found: Vec<_> = users.iter().filter(is_meant).map(|user| (user.name.clone(), user.hash.clone())).collect();
        match found.is_empty() {
            true => Err(format!("userlist {list} has nobody whose password can be compared")),
            false => Ok(found),
        }
    }
}

fn users(section: &Section, hash: Hash<'_>, notes: &mut Notes) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    for line in section.own() {
        match line.word(0) {
            "group" => {}
            "user" => match user(line, hash) {
                // A password is not repeated in a note.
                Err(why) => notes.missing(line.number, format!("user {}", line.word(1)), why),
                Ok(user) if users.iter().any(|known| known.name == user.name) => {
                    notes.missing(line.number, format!("user {}", line.word(1)), "this user is in the list already");
                }
                Ok(user) => {
                    if line.word(2) == "insecure-password" {
                        notes.detail(
                            line.number,
                            format!("user {}", user.name),
                            "in the place of the password stands its hash",
                        );
                    }
                    users.push(user);
                }
            },
            _ => notes.missing(line.number, line.text(), "no counterpart"),
        }
    }
    for line in section.own().iter().filter(|line| line.word(0) == "group") {
        for member in listed(line, "users") {
            users
                .iter_mut()
                .filter(|user| user.name == member)
                .for_each(|user| user.groups.push(line.word(1).to_owned()));
        }
    }
    users
}

/// `user alice password $6$... groups a,b`
fn user(line: &Line, hash: Hash<'_>) -> Result<User, String> {
    let name = line.word(1).to_owned();
    if name.is_empty() || name.contains([':', '"', '\\']) || name.contains(char::is_control) {
        return Err("this is no name of a user".to_owned());
    }
    let hash = match line.word(2) {
        "password" if is_comparable(line.word(3)) => line.word(3).to_owned(),
        "password" => {
            return Err("a hash of this kind is not compared with: `htpasswd -nB NAME` makes another one".to_owned());
        }
        "insecure-password" => hash(line.word(3)).ok_or("this password is too long to be compared with")?,
        _ => return Err("it has no password".to_owned()),
    };
    Ok(User { name, hash, groups: listed(line, "groups").map(str::to_owned).collect() })
}

/// What stands behind a word, at commas.
fn listed<'l>(line: &'l Line, word: &str) -> impl Iterator<Item = &'l str> {
    let at = line.words.iter().skip(2).position(|known| known == word).map(|at| at + 3);
    at.map_or("", |at| line.word(at)).split(',').filter(|one| !one.is_empty())
}

/// Hashes as crypt(3) makes them, of the kinds that are still good.
fn is_comparable(hash: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
    let parts: Vec<&str> = hash.split('$').collect();
    let sum = |len: usize, sum: &str| sum.len() == len && sum.bytes().all(is_digit);
    let is_salt = |salt: &str| (1..=16).contains(&salt.len()) && salt.bytes().all(is_digit);
    let are_rounds = |rounds: &str| {
        rounds
            .strip_prefix("rounds=")
            .and_then(|rounds| rounds.parse::<u32>().ok())
            .is_some_and(|count| count <= 500_000)
    };
    match parts.as_slice() {
        ["", kind @ ("5" | "6"), rest @ .., last] => {
            let len = if *kind == "5" { 43 } else { 86 };
            let begins_well = match rest {
                [salt] => is_salt(salt),
                [rounds, salt] => are_rounds(rounds) && is_salt(salt),
                _ => false,
            };
            begins_well && sum(len, last)
        }
        ["", "2a" | "2b" | "2y", cost, rest] => {
            cost.parse::<u32>().is_ok_and(|cost| (4..=14).contains(&cost)) && cost.len() == 2 && sum(53, rest)
        }
        ["", "apr1", salt, rest] => is_salt(salt) && sum(22, rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_can_be_compared_with() {
        for (hash, expect) in [
            ("$5$saltsalt$ajilCybiF3oQBEfeTHO1rkbsmz9HcJplt.gHWXkRfD4", true),
            ("$5$rounds=5000$saltsalt$ajilCybiF3oQBEfeTHO1rkbsmz9HcJplt.gHWXkRfD4", true),
            ("$5$rounds=999999999$saltsalt$ajilCybiF3oQBEfeTHO1rkbsmz9HcJplt.gHWXkRfD4", false),
            ("$2y$05$qgoRo98xnbelXPIXPCqrF.Exn9KVItpAaHsmpDhLzCjIc/WsrvqNi", true),
            ("$apr1$jxRJDjSG$bFWPFp6Kstb6E5Wx.O8Cd0", true),
            ("$1$abc$def", false),
            ("secret", false),
            ("", false),
        ] {
            assert_eq!(is_comparable(hash), expect, "{hash}");
        }
    }
}
