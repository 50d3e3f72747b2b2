//! Where heads are written to: what every framing has to be able to say.

use crate::body::BodyKind;

/// A head does not fit into the buffer it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the head does not fit into the buffer")]
pub struct TooLong;

/// What a request head starts with.
#[derive(Clone, Copy, Debug)]
pub struct RequestStart<'a> {
    /// The method's name.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// `host[:port]`.
    pub authority: &'a [u8],
    /// Path and query, or `*`, in two parts (see [`crate::Target::origin_form`]).
    pub path: [&'a str; 2],
}

/// What a head says to the next hop alone. A framing says as much of it as it has words for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop<'a> {
    /// `close` or `keep-alive`, where that is not understood.
    pub persistence: Option<&'static str>,
    /// The protocols to switch to.
    pub upgrade: Option<&'a [u8]>,
    /// Trailers are welcome.
    pub takes_trailers: bool,
}

/// Takes one head: its start, its fields, [`FieldSink::end`]. Dispatch is static, so that a framing costs what its bytes
/// cost.
///
/// Names and values must be clean ([`crate::is_token`], [`crate::is_field_value`]); what has been parsed always is. After
/// [`TooLong`] what was written is of no use.
pub trait FieldSink {
    /// Starts a request head.
    fn request(&mut self, start: &RequestStart<'_>) -> Result<(), TooLong>;

    /// Starts a response head.
    fn response(&mut self, status: u16, reason: &str) -> Result<(), TooLong>;

    /// One field.
    fn field(&mut self, name: &str, value: &[u8]) -> Result<(), TooLong>;

    /// One field whose value is a list: all `received` values, and `last` at its end.
    fn list<'v>(
        &mut self,
        name: &str,
        received: impl Iterator<Item = &'v [u8]> + Clone,
        last: &[u8],
    ) -> Result<(), TooLong>;

    /// One field whose value came in several lines (RFC 9112 5.2): they are joined by spaces.
    fn lines<'v>(&mut self, name: &str, lines: impl Iterator<Item = &'v [u8]>) -> Result<(), TooLong>;

    /// One field whose value comes in pieces that belong one behind the other.
    fn pieces<'v>(&mut self, name: &str, value: impl Iterator<Item = &'v [u8]>) -> Result<(), TooLong>;

    /// What tells the end of this body, if that needs telling.
    fn framing(&mut self, body: BodyKind) -> Result<(), TooLong>;

    /// What the next hop alone shall know.
    fn hop(&mut self, hop: &Hop<'_>) -> Result<(), TooLong>;

    /// Ends the head. Returns the bytes of all of it.
    fn end(&mut self) -> Result<usize, TooLong>;

    /// One field whose value is a number.
    fn field_u64(&mut self, name: &str, value: u64) -> Result<(), TooLong> {
        let mut digits = [0; 20];
        self.field(name, decimal(value, &mut digits))
    }
}

/// `value` in decimal, at the end of `digits`.
#[inline]
pub fn decimal(value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let (mut at, mut rest) = (digits.len(), value);
    while rest >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&two_digits((rest % 100) as usize));
        rest /= 100;
    }
    let two = two_digits(rest as usize);
    if rest >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&two);
    } else {
        at -= 1;
        digits[at] = two[1];
    }
    &digits[at..]
}

/// Of a number below 100, a zero before the only one.
#[inline]
pub fn two_digits(number: usize) -> [u8; 2] {
    TWO_DIGITS[number % 100]
}

static TWO_DIGITS: [[u8; 2]; 100] = {
    let (mut table, mut number) = ([[0; 2]; 100], 0);
    while number < 100 {
        table[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_everybody_writes_them() {
        let powers = (0..20).flat_map(|power| [10u64.pow(power) - 1, 10u64.pow(power), 10u64.pow(power) + 1]);
        for number in powers.chain(0..1000).chain([u64::MAX]) {
            assert_eq!(String::from_utf8_lossy(decimal(number, &mut [0; 20])), number.to_string());
        }
        assert_eq!((two_digits(0), two_digits(7), two_digits(42)), (*b"00", *b"07", *b"42"));
    }
}
