//! `[admin]`: where the running balancer is asked, and told what to do.

use super::{bind, files};
use balancer_core::{Bind, Ready};
use config_file::{Mistake, Section, Value, wrong_type};
use ports::Address;
use std::fmt;
use std::path::Path;

/// Of a file with a token.
const TOKEN_FILE_BYTES_MAX: usize = 4096;
/// Fewer letters can be guessed.
const TOKEN_MIN: usize = 16;
/// Who may connect to a socket file where nothing is said: its owner, because whoever connects may change things.
const MODE_DEFAULT: u32 = 0o600;

/// Where the running balancer is asked, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// The one place.
    pub bind: Bind,
    /// What those have to show who change things, or come from another host.
    pub token: Option<Token>,
    /// When `/readyz` says so.
    pub ready: Ready,
}

/// A secret: it is compared, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<[u8]>);

impl Token {
    /// Its bytes, to be compared in constant time.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<AdminSettings> {
    let place = section.need("bind", "\"127.0.0.1:9080\"", mistakes);
    let token_file = section.take("token_file");
    let ready = section.named("ready", mistakes).unwrap_or_default();
    section.finish(mistakes);
    let token = token_file.and_then(|file| read_token(file, folder, mistakes));
    let place = place?;
    if place.get_ref().is_array() {
        mistakes.push(wrong_type(place, "a string or a table").help("one place: such as \"127.0.0.1:9080\""));
        return None;
    }
    let mut bind = bind::read_one(place, mistakes)?;
    if matches!(bind.address, Address::Unix(_)) {
        bind.mode = bind.mode.or(Some(MODE_DEFAULT));
    }
    if token_file.is_none() && bind.address.ip().is_some_and(|at| !at.ip().is_loopback()) {
        let title = format!("whoever reaches {} may ask everything: there is no `token_file`", bind.address);
        let help = "bind to \"127.0.0.1:9080\" or \"unix:/run/quintet/admin.sock\", or name a file with a token";
        mistakes.push(Mistake::new(place.span(), title, "this can be reached from other hosts").help(help));
    }
    Some(AdminSettings { bind, token, ready })
}

fn read_token(file: &Value<'_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<Token> {
    let bytes = files::read(file, folder, TOKEN_FILE_BYTES_MAX, mistakes)?;
    let token = bytes.trim_ascii();
    if token.len() >= TOKEN_MIN && token.iter().all(u8::is_ascii_graphic) {
        return Some(Token(token.into()));
    }
    let title = format!("a token has {TOKEN_MIN} printable letters or more, without a space: this one has not");
    let help = "`openssl rand -hex 32 > admin.token; chmod 600 admin.token` makes one";
    mistakes.push(Mistake::new(file.span(), title, "this file").help(help));
    None
}
