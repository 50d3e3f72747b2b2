//! Why handshakes fail, as rustls tells it: for counters, and in words for people.

use ports::HandshakeFailure;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// What people call the settings that a failure is a matter of: keys of a configuration, or flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// Whom to trust.
    pub authorities: &'static str,
    /// Our own certificate.
    pub certificate: &'static str,
    /// Whom to ask for.
    pub server_name: &'static str,
}

impl Default for Hints {
    /// Those of a backend set.
    fn default() -> Self {
        Self { authorities: "`ca`", certificate: "`certificate` and `key`", server_name: "`server_name`" }
    }
}

/// What an error of rustls comes to.
pub(crate) fn of(error: &Error) -> HandshakeFailure {
    match error {
        Error::PeerIncompatible(why) => of_incompatible(why),
        Error::NoApplicationProtocol => HandshakeFailure::NoCommonProtocol,
        Error::NoCertificatesPresented => HandshakeFailure::NoCertificate,
        Error::InvalidCertificate(why) => of_certificate(why),
        Error::AlertReceived(AlertDescription::ProtocolVersion) => HandshakeFailure::NoCommonVersion,
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            HandshakeFailure::NoCommonSuite
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => HandshakeFailure::NoCertificate,
        Error::AlertReceived(_) => HandshakeFailure::PeerAlert,
        Error::General(why) if why.starts_with("no server certificate chain resolved") => HandshakeFailure::UnknownName,
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            HandshakeFailure::NotTls
        }
        _ => HandshakeFailure::Malformed,
    }
}

fn of_incompatible(why: &PeerIncompatible) -> HandshakeFailure {
    match why {
        PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        // Clients of TLS 1.1 and before have none.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => HandshakeFailure::NoCommonVersion,
        _ => HandshakeFailure::NoCommonSuite,
    }
}

fn of_certificate(why: &CertificateError) -> HandshakeFailure {
    match why {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => HandshakeFailure::CertificateTime,
        _ => HandshakeFailure::BadCertificate,
    }
}

/// Names of a certificate that are told.
const NAMES_TOLD_MAX: usize = 3;
/// Bytes of what a certificate of somebody else says of itself.
const TOLD_BYTES_MAX: usize = 200;

/// The same of a server, for people.
pub(crate) fn in_words(error: &Error, hints: &Hints) -> String {
    match error {
        Error::InvalidCertificate(why) => of_certificate_in_words(why, hints),
        Error::AlertReceived(alert) => of_alert((*alert).into(), hints),
        other => match of(other) {
            HandshakeFailure::Malformed => printable(&format!("it breaks the protocol of TLS: {other}")),
            failure => in_general(failure).to_owned(),
        },
    }
}

/// What a failure says of a server where nothing more is known.
pub(crate) fn in_general(failure: HandshakeFailure) -> &'static str {
    match failure {
        HandshakeFailure::NotTls => "it speaks no TLS",
        HandshakeFailure::PlainHttp => "it speaks plain HTTP, no TLS",
        HandshakeFailure::NoCommonVersion => "it speaks no version of TLS that is allowed here",
        HandshakeFailure::NoCommonSuite => "it knows no cipher suite that is spoken here",
        HandshakeFailure::NoCommonProtocol => "it does not speak HTTP/1.1 over TLS (ALPN)",
        HandshakeFailure::UnknownName => "it does not know the name it was asked for",
        HandshakeFailure::NoCertificate => "it shows no certificate",
        HandshakeFailure::BadCertificate => "its certificate is not to be trusted",
        HandshakeFailure::CertificateTime => "its certificate is not valid at this time",
        HandshakeFailure::PeerAlert => "it has given up the handshake of TLS",
        HandshakeFailure::Malformed => "it breaks the protocol of TLS",
        HandshakeFailure::TooLong => "its handshake of TLS is too long",
        HandshakeFailure::TimedOut => "its handshake of TLS took too long",
        HandshakeFailure::PeerLeft => "it left within the handshake of TLS",
        HandshakeFailure::Crowded | HandshakeFailure::Shortage => "a shortage here ended the handshake of TLS",
    }
}

/// A server has given up by this alert.
pub(crate) fn of_alert(alert: u8, hints: &Hints) -> String {
    let alert = AlertDescription::from(alert);
    let wants = match alert {
        AlertDescription::CertificateRequired => format!("; name one in {}", hints.certificate),
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "; it may not like our certificate".to_owned()
        }
        AlertDescription::UnrecognisedName => format!("; {} says whom to ask for", hints.server_name),
        _ => String::new(),
    };
    format!("it has given up by an alert of TLS ({}){wants}", apart(&format!("{alert:?}")))
}

fn of_certificate_in_words(why: &CertificateError, hints: &Hints) -> String {
    match why {
        CertificateError::NotValidForNameContext { expected, presented } => {
            let named = names(presented);
            format!("its certificate is for {named}, not for {}", printable(&expected.to_str()))
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("no authority that is trusted here ({}) has signed its certificate", hints.authorities)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        other => printable(&format!("its certificate is not accepted: {other}")),
    }
}

/// rustls shows names with their kinds, such as `DnsName("a.example")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        printable(inner.trim_matches('"'))
    };
    match presented.len() {
        0 => "nobody by name".to_owned(),
        count => {
            let told: Vec<String> = presented.iter().take(NAMES_TOLD_MAX).map(bare).collect();
            let more = count.saturating_sub(NAMES_TOLD_MAX);
            told.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
        }
    }
}

/// As much of it as fits into a line, and nothing that does more than show.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' })
        .take(TOLD_BYTES_MAX)
        .collect()
}

/// `CertificateRequired` as words.
fn apart(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && words.ends_with(|before: char| before.is_ascii_lowercase()) {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_against_a_server_is_said_in_words() {
        let named = |presented: &[&str]| {
            let presented = presented.iter().map(|name| format!("DnsName({name:?})")).collect();
            let expected = "app.internal".try_into().expect("a name");
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented })
        };
        for (error, expect) in [
            (named(&["other.example"]), "its certificate is for other.example, not for app.internal"),
            (named(&[]), "its certificate is for nobody by name, not for app.internal"),
            (
                named(&["a", "b", "c\u{7}", "d", "e"]),
                "its certificate is for a, b, c\\u{7} and 2 more, not for app.internal",
            ),
            (Error::InvalidCertificate(CertificateError::Expired), "its certificate has expired"),
            (
                Error::InvalidCertificate(CertificateError::UnknownIssuer),
                "no authority that is trusted here (`ca`) has signed its certificate",
            ),
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "it has given up by an alert of TLS (certificate required); name one in `certificate` and `key`",
            ),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "it speaks no TLS"),
        ] {
            assert_eq!(in_words(&error, &Hints::default()), expect);
        }
        assert_eq!(printable("a\u{1b}[31m\n\u{e9}"), "a?[31m??");
        assert_eq!(printable(&"x".repeat(1000)).len(), TOLD_BYTES_MAX);
    }
}
