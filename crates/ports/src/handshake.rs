//! What a layer (TLS) is told of the handshakes it does before a connection is of use, what it counts of them, and why they
//! fail.

use named::named;

named! {
    /// Versions of TLS (`versions = [...]`).
    pub enum TlsVersion {
        /// RFC 5246, with ephemeral keys and AEAD only.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

named! {
    /// Whether clients have to show a certificate (`client_certificate = "..."`).
    #[derive(Default)]
    pub enum ClientCertificate {
        /// They are not asked.
        #[default]
        None = "none",
        /// They are asked; who has none comes in all the same.
        Optional = "optional",
        /// Who has none is turned away.
        Required = "required",
    }
}

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
    /// Does it speak against the certificate the peer has shown?
    pub fn is_of_certificate(self) -> bool {
        matches!(self, Self::BadCertificate | Self::CertificateTime | Self::NoCertificate)
    }
}

named! {
    /// Why a connection at a listener that takes the header of the PROXY protocol is closed before anybody has heard of it.
    pub enum Unannounced {
        /// It comes from none of the proxies that are trusted to speak for others.
        NotTrusted = "not_trusted",
        /// Its first bytes are no such header.
        NoHeader = "no_header",
        /// A header that breaks the protocol.
        Malformed = "malformed",
        /// A header longer than one may be.
        TooLong = "too_long",
        /// The header did not come in time.
        TimedOut = "timed_out",
        /// The proxy left in the middle of it.
        PeerLeft = "peer_left",
        /// The oldest of too many that have not said who they are.
        Crowded = "crowded",
        /// The listener closed.
        Closing = "closing",
    }
}

/// How connections went that begin with the header of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcements {
    /// Those whose proxy said whom it speaks for.
    pub done: u64,
    /// Those of proxies that spoke for themselves, or for nobody whose address they know.
    pub own: u64,
    /// Those that proxies ended without a byte, as checks do: no failure.
    pub silent: u64,
    /// Those that were closed, by [`Unannounced`].
    pub refused: [u64; Unannounced::ALL.len()],
}

/// How handshakes and the connections behind them went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// Those that went well, resumed ones included.
    pub done: u64,
    /// Those that took up an earlier session.
    pub resumed: u64,
    /// Those that a client ended without a byte, as checks do: no failure.
    pub silent: u64,
    /// Those that failed, by [`HandshakeFailure`].
    pub failed: [u64; HandshakeFailure::ALL.len()],
    /// Streams that ended without the layer's own end: a bare FIN.
    pub cut_off: u64,
    /// Streams with something that the peer cannot have sealed, or that breaks the protocol.
    pub damaged: u64,
    /// Streams that we ended because their key had sealed as much as one may, where no other can follow (TLS 1.2).
    pub spent: u64,
    /// What came before them.
    pub announced: Announcements,
}

impl Handshakes {
    /// Those that failed for one reason.
    pub fn failed_by(&self, why: HandshakeFailure) -> u64 {
        self.failed[why as usize]
    }
}
