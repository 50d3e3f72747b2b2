//! How connections to an `https` target are secured, as it was asked for and as it is done.

use http::url::Url;
use named::named;
use ports::TlsVersion;
use serde::Serialize;
use std::path::PathBuf;

/// What is asked for (ALPN) where nobody says otherwise.
const PROTOCOL: &str = "http/1.1";
/// Protocols that may be asked for.
const PROTOCOLS_MAX: usize = 16;

named! {
    /// Whether handshakes take up earlier sessions.
    #[derive(Default)]
    pub enum TlsSessions {
        /// Where the target hands out tickets, as browsers and most clients do.
        #[default]
        Resume = "resume",
        /// Never: every connection has a full handshake.
        Full = "full",
    }
}

/// As given by a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsDraft {
    /// Take whatever certificate is shown.
    pub insecure: bool,
    /// File of the authorities to trust, instead of the system's.
    pub authorities: Option<PathBuf>,
    /// File of our certificate, and its key where there is no other file for it.
    pub certificate: Option<PathBuf>,
    /// File of our private key.
    pub key: Option<PathBuf>,
    /// Whom to ask for, and whose certificate it has to be; `None`: the host of the URL.
    pub server_name: Option<String>,
    /// Whether earlier sessions are taken up.
    pub sessions: Option<TlsSessions>,
    /// Oldest version to speak.
    pub version_min: Option<TlsVersion>,
    /// Newest version to speak.
    pub version_max: Option<TlsVersion>,
    /// Protocols to ask for (ALPN), the dearest first; empty: none. `None`: HTTP/1.1.
    pub protocols: Option<Vec<String>>,
}

/// Checked. Serialises to `plan.tls` of `stress --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// The target has to prove who it is.
    pub verify: bool,
    /// File of the authorities to trust; `None`: the system's.
    pub authorities: Option<PathBuf>,
    /// Files of our certificate and its key, which may be the same.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whom to ask for, and whose certificate it has to be.
    pub server_name: String,
    /// Whether earlier sessions are taken up.
    pub sessions: TlsSessions,
    /// Versions to speak; at least one.
    pub versions: Vec<TlsVersion>,
    /// Protocols to ask for (ALPN).
    pub protocols: Vec<String>,
}

/// What does not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsMistake {
    /// A target without TLS.
    #[error("{0} is about TLS, and an http:// URL is asked in the clear: write https://, or leave it out")]
    Clear(&'static str),
    /// Trust whom?
    #[error("--insecure takes whatever certificate is shown, --cacert does not: choose one")]
    Trust,
    /// A key for nothing.
    #[error("--key has a meaning beside --cert only: name the certificate too, or leave it out")]
    KeyAlone,
    /// No version is left.
    #[error("--tls-min {} is above --tls-max {}: no version is left", .0.name(), .1.name())]
    Versions(TlsVersion, TlsVersion),
    /// Of the newer kind.
    #[error("--alpn {0}: HTTP/2 and HTTP/3 are not spoken, only HTTP/1: write http/1.1, http/1.0 or none")]
    Protocol(String),
    /// Longer than one may be, or empty, or too many.
    #[error("--alpn: up to {PROTOCOLS_MAX} names of 1 to 255 bytes, with commas between them; or none")]
    Protocols,
}

impl TlsDraft {
    /// Checks it against the target: only `https` has any of it.
    ///
    /// # Errors
    /// Something that cannot be meant.
    pub fn check(self, url: &Url) -> Result<Option<Tls>, TlsMistake> {
        match url.is_secure() {
            false => self.asked().map_or(Ok(None), |flag| Err(TlsMistake::Clear(flag))),
            true => self.secured(url).map(Some),
        }
    }

    /// The same where redirects may lead from an `http` target to an `https` one: for the target, and for whoever it leads to.
    pub(crate) fn check_led(self, url: &Url) -> Result<(Option<Tls>, Option<Tls>), TlsMistake> {
        let tls = self.secured(url)?;
        Ok((url.is_secure().then(|| tls.clone()), Some(tls)))
    }

    fn secured(self, url: &Url) -> Result<Tls, TlsMistake> {
        if self.insecure && self.authorities.is_some() {
            return Err(TlsMistake::Trust);
        }
        let certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(both), None) => Some((both.clone(), both)),
            (None, Some(_)) => return Err(TlsMistake::KeyAlone),
            (None, None) => None,
        };
        Ok(Tls {
            verify: !self.insecure,
            authorities: self.authorities,
            certificate,
            server_name: self.server_name.unwrap_or_else(|| url.host().to_owned()),
            sessions: self.sessions.unwrap_or_default(),
            versions: versions(self.version_min, self.version_max)?,
            protocols: protocols(self.protocols)?,
        })
    }

    /// The first flag that has no meaning without TLS. Scripts say `--insecure` whatever the URL is: it asks for nothing then.
    fn asked(&self) -> Option<&'static str> {
        let asked = [
            (self.authorities.is_some(), "--cacert"),
            (self.certificate.is_some(), "--cert"),
            (self.key.is_some(), "--key"),
            (self.server_name.is_some(), "--sni"),
            (self.sessions == Some(TlsSessions::Resume), "--tls-resume"),
            (self.sessions == Some(TlsSessions::Full), "--tls-full"),
            (self.version_min.is_some(), "--tls-min"),
            (self.version_max.is_some(), "--tls-max"),
            (self.protocols.is_some(), "--alpn"),
        ];
        asked.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

fn versions(min: Option<TlsVersion>, max: Option<TlsVersion>) -> Result<Vec<TlsVersion>, TlsMistake> {
    let place = |of: TlsVersion| TlsVersion::ALL.iter().position(|known| *known == of);
    let (low, high) = (min.and_then(place), max.and_then(place));
    let is_in = |at: usize| low.is_none_or(|low| low <= at) && high.is_none_or(|high| at <= high);
    let kept: Vec<_> = TlsVersion::ALL.into_iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, of)| of).collect();
    match (min, max) {
        (Some(min), Some(max)) if kept.is_empty() => Err(TlsMistake::Versions(min, max)),
        _ => Ok(kept),
    }
}

fn protocols(asked: Option<Vec<String>>) -> Result<Vec<String>, TlsMistake> {
    let Some(names) = asked else { return Ok(vec![PROTOCOL.to_owned()]) };
    if let Some(newer) = names.iter().find(|name| ["h2", "h2c", "h3"].contains(&name.as_str())) {
        return Err(TlsMistake::Protocol(newer.clone()));
    }
    match names.len() <= PROTOCOLS_MAX && names.iter().all(|name| (1..=255).contains(&name.len())) {
        true => Ok(names),
        false => Err(TlsMistake::Protocols),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(draft: TlsDraft) -> Result<Option<Tls>, String> {
        let url = Url::parse("https://app.example:8443/").expect("a URL");
        draft.check(&url).map_err(|why| why.to_string())
    }

    #[test]
    fn the_host_of_the_url_is_asked_for_and_has_to_prove_itself() {
        let tls = check(TlsDraft::default()).expect("nothing wrong").expect("https");
        assert_eq!((tls.verify, tls.server_name.as_str(), tls.sessions), (true, "app.example", TlsSessions::Resume));
        assert_eq!((tls.versions.as_slice(), tls.protocols), (&TlsVersion::ALL[..], vec!["http/1.1".to_owned()]));
        let path = || Some(PathBuf::from("me.pem"));
        let draft = TlsDraft { certificate: path(), server_name: Some("b".into()), ..TlsDraft::default() };
        let tls = check(draft).expect("nothing wrong").expect("https");
        assert_eq!((tls.certificate, tls.server_name.as_str()), (path().zip(path()), "b"));
    }

    #[test]
    fn versions_are_those_between_the_bounds() {
        use TlsVersion::{Tls12, Tls13};
        for (min, max, expect) in [
            (None, None, &[Tls12, Tls13][..]),
            (Some(Tls13), None, &[Tls13]),
            (None, Some(Tls12), &[Tls12]),
            (Some(Tls12), Some(Tls13), &[Tls12, Tls13]),
        ] {
            let draft = TlsDraft { version_min: min, version_max: max, ..TlsDraft::default() };
            assert_eq!(check(draft).expect("good").expect("https").versions, expect, "{min:?} {max:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let with = |draft: TlsDraft, words: &str| {
            let why = check(draft).expect_err(words);
            assert!(why.contains(words), "{why}");
        };
        let path = || Some(PathBuf::from("x.pem"));
        with(TlsDraft { insecure: true, authorities: path(), ..TlsDraft::default() }, "choose one");
        with(TlsDraft { key: path(), ..TlsDraft::default() }, "--cert");
        let (version_min, version_max) = (Some(TlsVersion::Tls13), Some(TlsVersion::Tls12));
        with(TlsDraft { version_min, version_max, ..TlsDraft::default() }, "--tls-min 1.3 is above --tls-max 1.2");
        let alpn = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        with(TlsDraft { protocols: alpn(&["http/1.1", "h2"]), ..TlsDraft::default() }, "HTTP/2");
        with(TlsDraft { protocols: alpn(&[""]), ..TlsDraft::default() }, "1 to 255 bytes");
        assert_eq!(
            check(TlsDraft { protocols: alpn(&[]), ..TlsDraft::default() }).map(|tls| tls.map(|tls| tls.protocols)),
            Ok(Some(vec![]))
        );
    }

    #[test]
    fn in_the_clear_only_insecure_is_taken() {
        let url = Url::parse("http://app.example/").expect("a URL");
        assert_eq!(TlsDraft { insecure: true, ..TlsDraft::default() }.check(&url), Ok(None));
        let draft = TlsDraft { server_name: Some("a".into()), ..TlsDraft::default() };
        assert_eq!(draft.check(&url), Err(TlsMistake::Clear("--sni")));
    }
}
