//! What can be wrong with a message, each with its name, the status that answers it and the section of the RFC it breaks.

use http::TargetError;

macro_rules! errors {
    ($( $rule:ident = $name:literal, $status:literal, $text:literal; )+) => {
        /// Why a message was refused: the rule it breaks, or the limit it is over. The connection it came on cannot be
        /// used any further: where the next message starts is unknown or in doubt.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum Error {
            $( #[doc = $text] #[error($text)] $rule, )+
        }

        impl Error {
            /// Every rule, in the order of reports.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$rule),+];

            /// As counters and reports call the rule.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)+
                }
            }

            /// The status that answers a request refused for this. A *response* refused for the same reason is the
            /// upstream's fault: whoever relayed the request answers 502.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$rule => $status,)+
                }
            }

            /// What a client is told whose request was refused for this.
            pub const fn of_request(self) -> &'static str {
                match self {
                    $(Self::$rule => concat!("the request was refused: ", $text),)+
                }
            }

            /// What a client is told when the answer to its request was refused for this.
            pub const fn of_response(self) -> &'static str {
                match self {
                    $(Self::$rule => concat!("the server's answer was refused: ", $text),)+
                }
            }
        }
    };
}

errors! {
    TlsHello = "tls_hello", 400, "a TLS hello: plain HTTP is spoken here, no https";
    ProxyHeader = "proxy_header", 400, "a PROXY protocol header: it is not expected here";
    Http2Preface = "http2_preface", 505, "the preface of HTTP/2: only HTTP/1.0 and HTTP/1.1 are spoken here";
    RequestLine = "request_line", 400, "RFC 9112 3: malformed request line";
    StatusLine = "status_line", 400, "RFC 9112 4: malformed status line";
    VersionUnsupported = "version", 505, "RFC 9110 2.5: only HTTP/1.0 and HTTP/1.1 are spoken here";
    Target = "target_byte", 400, "RFC 9112 3.2: the request target holds a byte that is not allowed there";
    TargetForm = "target_form", 400, "RFC 9112 3.2: the request target is in a form its method does not allow";
    UriTooLong = "target_over_limit", 414, "the request target alone is over the limit on heads (head_bytes_max)";
    ConnectUnsupported = "connect", 501, "RFC 9110 9.3.6: the method CONNECT is not implemented here";
    HeadTooLong = "head_over_limit", 431, "the head is over the limit on its bytes (head_bytes_max)";
    TooManyHeaders = "fields_over_limit", 431, "the head is over the limit on its fields (headers_max)";
    TooManyConnectionOptions = "connection_options", 431, "the head is over the limit on options in Connection (RFC 9110 7.6.1)";
    LeadingEmptyLines = "empty_lines", 400, "RFC 9112 2.2: too many empty lines before the message";
    BareLf = "bare_lf", 400, "RFC 9112 2.2: a line ends in LF without CR";
    BareCr = "bare_cr", 400, "RFC 9112 2.2: a CR without LF";
    HeaderName = "field_name", 400, "RFC 9110 5.1: malformed header field name";
    SpaceInHeaderName = "space_in_field_name", 400, "RFC 9112 5.1: whitespace before the colon of a header field";
    ObsFold = "folded_line", 400, "RFC 9112 5.2: folded header line";
    HeaderValue = "field_value", 400, "RFC 9110 5.5: control byte in a header field value";
    HostMissing = "host_missing", 400, "RFC 9112 3.2: HTTP/1.1 request without Host";
    HostRepeated = "host_repeated", 400, "RFC 9112 3.2: more than one Host";
    HostInvalid = "host_invalid", 400, "RFC 9112 3.2: Host is not a host with or without a port, and without percent signs";
    ContentLengthInvalid = "length_invalid", 400, "RFC 9112 6.3: Content-Length is not one decimal number";
    ContentLengthTooLarge = "length_over_limit", 400, "Content-Length is over the limit of 2^63 - 1 bytes";
    ContentLengthRepeated = "length_repeated", 400, "RFC 9112 6.3: Content-Length appears more than once";
    LengthAndTransferEncoding = "length_and_coding", 400, "RFC 9112 6.1: both Content-Length and Transfer-Encoding";
    TransferEncodingInvalid = "coding_invalid", 400, "RFC 9112 6.1: Transfer-Encoding is not exactly one final chunked";
    TransferEncodingUnsupported = "coding_unsupported", 501, "RFC 9112 6.1: transfer coding other than chunked is not implemented here";
    TransferEncodingInHttp10 = "coding_in_http10", 400, "RFC 9112 6.1: Transfer-Encoding in an HTTP/1.0 message";
    SwitchNotAsked = "switch_not_asked", 400, "RFC 9110 7.8: 101 to a protocol that was not asked for";
    ChunkSize = "chunk_size", 400, "RFC 9112 7.1: malformed chunk size";
    ChunkTooLarge = "chunk_over_limit", 400, "a chunk size is over the limit of 2^63 - 1 bytes";
    ChunkExtension = "chunk_extension", 400, "RFC 9112 7.1.1: control byte in a chunk extension";
    ChunkLineTooLong = "chunk_line_over_limit", 400, "a chunk size line is over its limit (RFC 9112 7.1.1)";
    ChunkEnd = "chunk_end", 400, "RFC 9112 7.1: chunk data not followed by CRLF";
    Trailer = "trailer", 400, "RFC 9112 7.1.2: malformed trailer field";
    TrailersTooLong = "trailers_over_limit", 400, "the trailers are over their limit (RFC 9112 7.1.2)";
    BodyCutShort = "body_cut_short", 400, "RFC 9112 8: the connection closed before the body was complete";
}

impl Error {
    /// Whether it is a limit that was hit: the message may be good HTTP all the same.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Self::UriTooLong
                | Self::HeadTooLong
                | Self::TooManyHeaders
                | Self::TooManyConnectionOptions
                | Self::ContentLengthTooLarge
                | Self::ChunkTooLarge
                | Self::ChunkLineTooLong
                | Self::TrailersTooLong
        )
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
