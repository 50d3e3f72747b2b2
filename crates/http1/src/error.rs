//! What can be wrong with a message, each with the section of the RFC it breaks and the status that answers it.

use http::TargetError;

/// Why a message was refused. The connection it came on cannot be used any further: where the next message starts
/// is unknown or in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request line is not `method SP target SP version`.
    #[error("RFC 9112 3: malformed request line")]
    RequestLine,
    /// The status line is not `version SP 3DIGIT SP [reason]`.
    #[error("RFC 9112 4: malformed status line")]
    StatusLine,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    #[error("RFC 9110 2.5: HTTP version is neither 1.0 nor 1.1")]
    VersionUnsupported,
    /// The target holds a byte no URI may hold, or a fragment.
    #[error("RFC 9112 3.2: the request target holds a byte that is not allowed there")]
    Target,
    /// The target is in none of the forms its method allows.
    #[error("RFC 9112 3.2: the request target is in a form its method does not allow")]
    TargetForm,
    /// The request line alone is longer than a head may be.
    #[error("RFC 9112 3: the request line is longer than the limit on heads")]
    UriTooLong,
    /// CONNECT, which this implementation does not offer.
    #[error("RFC 9110 9.3.6: CONNECT is not offered here")]
    ConnectUnsupported,
    /// The head is longer than [`http::Limits::head_bytes_max`].
    #[error("RFC 9112 3: the head is longer than the limit")]
    HeadTooLong,
    /// The head has more fields than [`http::Limits::headers_max`].
    #[error("RFC 9110 5.4: the head has more header fields than the limit")]
    TooManyHeaders,
    /// `Connection` names more options than anybody needs.
    #[error("RFC 9110 7.6.1: Connection names too many options")]
    TooManyConnectionOptions,
    /// More than one empty line before the request line, or any before a status line.
    #[error("RFC 9112 2.2: too many empty lines before the message")]
    LeadingEmptyLines,
    /// A line of the head ends in LF alone.
    #[error("RFC 9112 2.2: a line ends in LF without CR")]
    BareLf,
    /// A CR that no LF follows.
    #[error("RFC 9112 2.2: a CR without LF")]
    BareCr,
    /// A field name that is empty or not a token.
    #[error("RFC 9110 5.1: malformed header field name")]
    HeaderName,
    /// Whitespace inside a field name or between it and the colon.
    #[error("RFC 9112 5.1: whitespace before the colon of a header field")]
    SpaceInHeaderName,
    /// A field line that continues the line before it.
    #[error("RFC 9112 5.2: folded header line")]
    ObsFold,
    /// A control byte in a field value.
    #[error("RFC 9110 5.5: control byte in a header field value")]
    HeaderValue,
    /// An HTTP/1.1 request without Host.
    #[error("RFC 9112 3.2: HTTP/1.1 request without Host")]
    HostMissing,
    /// More than one Host.
    #[error("RFC 9112 3.2: more than one Host")]
    HostRepeated,
    /// A Host (or the authority of the target) that is not `host[:port]`.
    #[error("RFC 9112 3.2: Host is empty or not host[:port]")]
    HostInvalid,
    /// Content-Length is not one plain decimal number below 2^64.
    #[error("RFC 9112 6.3: Content-Length is not one decimal number")]
    ContentLengthInvalid,
    /// Content-Length appears more than once.
    #[error("RFC 9112 6.3: Content-Length appears more than once")]
    ContentLengthRepeated,
    /// Content-Length and Transfer-Encoding in one message.
    #[error("RFC 9112 6.1: both Content-Length and Transfer-Encoding")]
    LengthAndTransferEncoding,
    /// Transfer-Encoding is not exactly one `chunked`.
    #[error("RFC 9112 6.1: Transfer-Encoding is not exactly one final chunked")]
    TransferEncodingInvalid,
    /// A well-formed Transfer-Encoding that asks for codings besides chunked.
    #[error("RFC 9112 6.1: only the transfer coding chunked is understood")]
    TransferEncodingUnsupported,
    /// Transfer-Encoding in an HTTP/1.0 message.
    #[error("RFC 9112 6.1: Transfer-Encoding in an HTTP/1.0 message")]
    TransferEncodingInHttp10,
    /// A chunk size that is empty, not hexadecimal, or longer than 16 digits.
    #[error("RFC 9112 7.1: malformed chunk size")]
    ChunkSize,
    /// A control byte in a chunk extension.
    #[error("RFC 9112 7.1.1: control byte in a chunk extension")]
    ChunkExtension,
    /// A chunk line longer than [`http::Limits::chunk_line_bytes_max`].
    #[error("RFC 9112 7.1.1: chunk size line longer than the limit")]
    ChunkLineTooLong,
    /// The data of a chunk is not followed by CRLF.
    #[error("RFC 9112 7.1: chunk data not followed by CRLF")]
    ChunkEnd,
    /// A trailer line that is not `name: value` CRLF.
    #[error("RFC 9112 7.1.2: malformed trailer field")]
    Trailer,
    /// A trailer that would change framing, routing or the connection.
    #[error("RFC 9110 6.5.1: trailer field that carries framing or routing")]
    TrailerForbidden,
    /// Trailers longer than [`http::Limits::trailer_bytes_max`].
    #[error("RFC 9112 7.1.2: trailers longer than the limit")]
    TrailersTooLong,
    /// The connection ended before the body did.
    #[error("RFC 9112 8: the connection closed before the body was complete")]
    BodyCutShort,
}

impl Error {
    /// The status that answers a request refused for this. A *response* refused for the same reason is the upstream's
    /// fault: whoever relayed the request answers 502.
    pub fn status(self) -> u16 {
        match self {
            Error::UriTooLong => 414,
            Error::HeadTooLong | Error::TooManyHeaders | Error::TooManyConnectionOptions => 431,
            Error::ConnectUnsupported | Error::TransferEncodingUnsupported => 501,
            Error::VersionUnsupported => 505,
            _ => 400,
        }
    }
}

impl From<TargetError> for Error {
    fn from(fault: TargetError) -> Self {
        match fault {
            TargetError::Byte => Self::Target,
            TargetError::Form => Self::TargetForm,
            TargetError::Host => Self::HostInvalid,
        }
    }
}
