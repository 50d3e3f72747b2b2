//! A handshake: rustls decides, bytes go in and out. Records are fed to it one by one, so that what comes behind the last of
//! the handshake stays sealed for us.

use crate::failure::{self, Hints};
use crate::keys::Keys;
use crate::plain;
use crate::profile::{ClientProfile, ServerProfile};
use crate::record::{Header, Protection};
use ports::HandshakeFailure;
use reactor::Buf;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{CommonState, Error, ExtractedSecrets, HandshakeKind, ProtocolVersion};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Bytes that one peer may send before its handshake is over: a chain of certificates for a client that has one.
pub const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;
/// What a record of a handshake may be longer than TLS 1.3 allows (RFC 5246 section 6.2.3).
const RECORD_BODY_BYTES_MAX: usize = (1 << 14) + 2048;

enum Tls {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

const FATAL: u8 = 2;
const HANDSHAKE_FAILURE: u8 = 40;
const ACCESS_DENIED: u8 = 49;
const PROTOCOL_VERSION: u8 = 70;
const UNRECOGNIZED_NAME: u8 = 112;

/// See the module's head.
pub(crate) struct Handshake {
    tls: Tls,
    raw: Option<Buf>,
    /// Bytes of `raw` that rustls has seen and still needs.
    fed: usize,
    /// What looked like no record was fed all the same, for rustls to say so; and what it was.
    strange: Option<HandshakeFailure>,
    /// Bytes of the peer so far.
    received: usize,
    hints: Hints,
}

/// How far it is.
pub(crate) enum Progress {
    /// More has to come.
    More,
    /// It is over: see [`Handshake::finish`].
    Done,
    /// It has failed; what was written out ends with an alert, where there is one.
    Failed(Refusal),
}

/// Why a handshake has failed.
pub(crate) struct Refusal {
    pub(crate) failure: HandshakeFailure,
    /// For people, where it was a server that failed.
    pub(crate) words: Option<String>,
}

/// What both sides have agreed on.
pub(crate) struct Agreed {
    pub(crate) ours: Protection,
    pub(crate) theirs: Protection,
    pub(crate) keys: Keys,
    pub(crate) resumed: bool,
    /// What rustls has written at the end may wait for the first of the application's bytes: tickets of TLS 1.3.
    pub(crate) last_may_wait: bool,
    pub(crate) suite: Option<(&'static str, &'static str)>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) peer_certificate: Option<Vec<u8>>,
    /// What came behind the handshake, sealed.
    pub(crate) rest: Option<Buf>,
}

enum Next {
    Again,
    Blocked,
    Failed(Error),
}

impl Handshake {
    /// Of a connection that came in.
    pub(crate) fn accept(profile: &ServerProfile) -> Result<Self, Error> {
        UnbufferedServerConnection::new(Arc::clone(&profile.config)).map(|tls| Self::new(Tls::Server(tls)))
    }

    /// Of one that we open, to a server by that name, or by its address where it has none.
    pub(crate) fn connect(profile: &ClientProfile, to: Option<IpAddr>, hints: Hints) -> Result<Self, Error> {
        // Who is reached by a socket file is of this host.
        let to = to.unwrap_or(Ipv4Addr::LOCALHOST.into());
        UnbufferedClientConnection::new(Arc::clone(&profile.config), profile.name(to))
            .map(|tls| Self { hints, ..Self::new(Tls::Client(tls)) })
    }

    fn new(tls: Tls) -> Self {
        Self { tls, raw: None, fed: 0, strange: None, received: 0, hints: Hints::default() }
    }

    /// Bytes of the peer that wait for more of their kind: they go into the next recv.
    pub(crate) fn take_raw(&mut self) -> Option<Buf> {
        self.received -= self.raw.as_deref().map_or(0, <[u8]>::len);
        self.raw.take()
    }

    /// More came, behind what [`Handshake::take_raw`] gave.
    pub(crate) fn handle_received(&mut self, raw: Buf, out: &mut Vec<u8>) -> Progress {
        self.received += raw.len();
        self.raw = Some(raw);
        if self.received > HANDSHAKE_BYTES_MAX {
            return Progress::Failed(self.refusal(HandshakeFailure::TooLong, None));
        }
        self.advance(out)
    }

    /// Goes on with what is there; what is to be sent is appended to `out`.
    pub(crate) fn advance(&mut self, out: &mut Vec<u8>) -> Progress {
        loop {
            match self.step(out) {
                Next::Again => {}
                Next::Failed(error) => {
                    self.say_why(out);
                    let refusal = match self.strange {
                        Some(failure) => self.refusal(failure, None),
                        None => self.refusal(failure::of(&error), Some(&error)),
                    };
                    call_by_name(refusal.failure, out);
                    return Progress::Failed(refusal);
                }
                Next::Blocked if !self.common().is_handshaking() => {
                    // A message that reaches beyond the handshake's end was begun under another key.
                    let torn = self.fed > 0;
                    return match torn {
                        true => Progress::Failed(self.refusal(HandshakeFailure::Malformed, None)),
                        false => Progress::Done,
                    };
                }
                Next::Blocked => {
                    if let Some(failure) = self.strange {
                        return Progress::Failed(self.refusal(failure, None));
                    }
                    if !self.feed() {
                        return Progress::More;
                    }
                }
            }
        }
    }

    /// Words are made for servers only: clients that come in badly are many.
    fn refusal(&self, failure: HandshakeFailure, error: Option<&Error>) -> Refusal {
        let words = || {
            error.map_or_else(|| failure::in_general(failure).to_owned(), |error| failure::in_words(error, &self.hints))
        };
        Refusal { failure, words: matches!(self.tls, Tls::Client(_)).then(words) }
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Next {
        let fed = match &mut self.raw {
            Some(raw) => &mut raw.unique_mut().expect("what was received is nobody else's")[..self.fed],
            None => &mut [],
        };
        let (discard, next) = match &mut self.tls {
            Tls::Server(tls) => step(tls.process_tls_records(fed), out),
            Tls::Client(tls) => step(tls.process_tls_records(fed), out),
        };
        self.fed -= discard;
        if let Some(raw) = &mut self.raw {
            raw.advance(discard);
        }
        self.raw = self.raw.take().filter(|raw| !raw.is_empty());
        next
    }

    /// One more whole record for rustls, if there is one.
    fn feed(&mut self) -> bool {
        let Some(raw) = &self.raw else { return false };
        let rest = &raw[self.fed..];
        match Header::parse(rest, RECORD_BODY_BYTES_MAX).map(|header| header.map(|header| header.record_len())) {
            Ok(Some(len)) if len <= rest.len() => self.fed += len,
            Ok(_) => return false,
            Err(_) => {
                self.strange = Some(plain::what_else(raw, self.received == raw.len()));
                self.fed = raw.len();
            }
        }
        true
    }

    /// After a failure rustls has an alert to write, perhaps. Who has asked in plain HTTP would not understand it.
    fn say_why(&mut self, out: &mut Vec<u8>) {
        (self.fed, self.raw) = (0, None);
        if let (Some(HandshakeFailure::PlainHttp), Tls::Server(_)) = (self.strange, &self.tls) {
            return out.extend(plain::ANSWER.as_bytes());
        }
        // As long as it writes it does not read: after a failure it must not look for what it was fed before.
        while self.common().wants_write() {
            self.step(out);
        }
    }

    fn common(&self) -> &CommonState {
        match &self.tls {
            Tls::Server(tls) => tls,
            Tls::Client(tls) => tls,
        }
    }

    /// Takes over from rustls, which keeps only what later keys need.
    pub(crate) fn finish(self) -> Result<Agreed, HandshakeFailure> {
        let common = self.common();
        let is_13 = common.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let resumed = common.handshake_kind() == Some(HandshakeKind::Resumed);
        let (alpn, suite) = (common.alpn_protocol().map(<[u8]>::to_vec), suite_of(common));
        let peer_certificate = common.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec());
        let version = common.protocol_version().ok_or(HandshakeFailure::Malformed)?;
        let (secrets, keys, last_may_wait) = match self.tls {
            Tls::Server(tls) => {
                let (secrets, kernel) = tls.dangerous_into_kernel_connection().map_err(|error| failure::of(&error))?;
                (secrets, Keys::of_server(kernel), is_13)
            }
            Tls::Client(tls) => {
                let (secrets, kernel) = tls.dangerous_into_kernel_connection().map_err(|error| failure::of(&error))?;
                (secrets, Keys::of_client(kernel), false)
            }
        };
        let ExtractedSecrets { tx, rx } = secrets;
        let of =
            |(sequence, secrets)| Protection::new(version, sequence, &secrets).ok_or(HandshakeFailure::NoCommonSuite);
        let (ours, theirs) = (of(tx)?, of(rx)?);
        Ok(Agreed { ours, theirs, keys, resumed, last_may_wait, suite, alpn, peer_certificate, rest: self.raw })
    }
}

/// Version and cipher suite, as people call them.
fn suite_of(common: &CommonState) -> Option<(&'static str, &'static str)> {
    let version = match common.protocol_version()? {
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => return None,
    };
    Some((version, common.negotiated_cipher_suite()?.suite().as_str()?))
}

/// rustls tells a client of an old version that something is missing in its hello. It is the version (RFC 8446 section
/// 4.2.1: protocol_version), and people who look for it look for that. So it is with a name that no certificate is for (RFC 6066
/// section 3: unrecognized_name).
fn call_by_name(failure: HandshakeFailure, out: &mut [u8]) {
    const ALERT: u8 = 21;
    let [ALERT, _, _, 0, 2, FATAL, why] = out else { return };
    match (failure, *why) {
        (HandshakeFailure::NoCommonVersion, HANDSHAKE_FAILURE) => *why = PROTOCOL_VERSION,
        (HandshakeFailure::UnknownName, ACCESS_DENIED) => *why = UNRECOGNIZED_NAME,
        _ => {}
    }
}

fn step<Data>(status: UnbufferedStatus<'_, '_, Data>, out: &mut Vec<u8>) -> (usize, Next) {
    let UnbufferedStatus { discard, state } = status;
    let next = match state {
        Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Next::Again
        }
        Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => Next::Blocked,
        // Data and ends have no place in a handshake, and none is fed behind it.
        Ok(_) => Next::Failed(Error::General("bytes of the application within a handshake".to_owned())),
        Err(error) => Next::Failed(error),
    };
    (discard, next)
}

/// Appends what rustls has to say. How much it is, it tells when there is no room.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, out: &mut Vec<u8>) -> Next {
    let start = out.len();
    if let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) {
        out.resize(start + needed.required_size, 0);
        if data.encode(&mut out[start..]).is_err() {
            out.truncate(start);
        }
    }
    Next::Again
}
