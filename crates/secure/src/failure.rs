//! Why handshakes fail, in as many kinds as somebody would look for apart.

use named::named;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

named! {
    /// Why a handshake failed.
    pub enum HandshakeFailure {
        /// Its first bytes are no TLS.
        NotTls = "not_tls",
        /// Its first bytes are a request of plain HTTP.
        PlainHttp = "plain_http",
        /// No version of TLS that both sides allow.
        NoCommonVersion = "no_common_version",
        /// No cipher suite, group or signature that both sides know.
        NoCommonSuite = "no_common_suite",
        /// No protocol (ALPN) that both sides speak.
        NoCommonProtocol = "no_common_protocol",
        /// The client asks for a host that no certificate is for.
        UnknownName = "unknown_name",
        /// The client has to show a certificate and shows none.
        NoCertificate = "no_certificate",
        /// The peer's certificate is not to be trusted: of an authority we do not know, for another name or purpose.
        BadCertificate = "bad_certificate",
        /// The peer's certificate has expired, or is not valid yet.
        CertificateTime = "certificate_time",
        /// The peer gave up by an alert: it does not like our certificate, most likely.
        PeerAlert = "peer_alert",
        /// Messages that break the protocol.
        Malformed = "malformed",
        /// More bytes than a handshake may have.
        TooLong = "too_long",
        /// It took too long.
        TimedOut = "timed_out",
        /// The peer left.
        PeerLeft = "peer_left",
        /// The oldest of too many.
        Crowded = "crowded",
        /// No buffer was left, or the listener closed.
        Shortage = "shortage",
    }
}

impl HandshakeFailure {
    /// What an error of rustls comes to.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::PeerIncompatible(why) => Self::of_incompatible(why),
            Error::NoApplicationProtocol => Self::NoCommonProtocol,
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidCertificate(why) => Self::of_certificate(why),
            Error::AlertReceived(AlertDescription::ProtocolVersion) => Self::NoCommonVersion,
            Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
                Self::NoCommonSuite
            }
            Error::AlertReceived(AlertDescription::CertificateRequired) => Self::NoCertificate,
            Error::AlertReceived(_) => Self::PeerAlert,
            Error::General(why) if why.starts_with("no server certificate chain resolved") => Self::UnknownName,
            Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                Self::NotTls
            }
            _ => Self::Malformed,
        }
    }

    fn of_incompatible(why: &PeerIncompatible) -> Self {
        match why {
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => Self::NoCommonVersion,
            _ => Self::NoCommonSuite,
        }
    }

    fn of_certificate(why: &CertificateError) -> Self {
        match why {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::CertificateTime,
            _ => Self::BadCertificate,
        }
    }

    /// Does it speak against the certificate the peer has shown?
    pub(crate) fn is_of_certificate(self) -> bool {
        matches!(self, Self::BadCertificate | Self::CertificateTime | Self::NoCertificate)
    }
}
