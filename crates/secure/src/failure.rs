//! Why handshakes fail, as rustls tells it.

use ports::HandshakeFailure;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

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
