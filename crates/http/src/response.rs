//! What a response head means.

use httparse::Header;

use crate::body::BodyKind;
use crate::status::is_interim;
use crate::version::Version;

/// A complete response head, borrowed from the received bytes (`'b`) and the slots its fields were read into (`'s`).
///
/// Whoever fills it has checked it, as with [`crate::RequestHead`].
#[derive(Clone, Debug)]
pub struct ResponseHead<'s, 'b> {
    /// The version of the server.
    pub version: Version,
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase; empty when it is missing or not ASCII (RFC 9112 4: nobody may depend on it).
    pub reason: &'b str,
    /// All fields, in the order they were received.
    pub headers: &'s [Header<'b>],
    /// How the body that follows is framed.
    pub body: BodyKind,
    /// The length of the body, or of the one a HEAD or 304 leaves out, if the head says it.
    pub content_length: Option<u64>,
    /// The value of `Upgrade` when `Connection: upgrade` goes with it, in HTTP/1.1.
    pub upgrade: Option<&'b [u8]>,
    /// How many fields `Connection` names as meant for one hop, those with a rule of their own aside.
    pub hop_fields: usize,
    /// Whether it says when it was made (`Date`).
    pub dated: bool,
    /// Whether a value holds line ends (RFC 9112 5.2): spaces stand in their place when it is passed on.
    pub folded: bool,
}

impl ResponseHead<'_, '_> {
    /// Whether another response to the same request follows: 1xx other than 101 (RFC 9110 15.2).
    pub fn is_interim(&self) -> bool {
        is_interim(self.status)
    }
}
