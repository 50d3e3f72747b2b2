//! `$apr1$`, Apache's own: a thousand rounds of MD5. Old, and still what many files hold.

use md5::{Digest, Md5};
use std::hint::black_box;

const MAGIC: &[u8] = b"$apr1$";
const SALT_BYTES_MAX: usize = 8;
const ROUNDS: usize = 1000;
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Is it this one?
pub(super) fn matches(password: &[u8], hash: &str) -> bool {
    let parts = hash.strip_prefix("$apr1$").and_then(|rest| rest.split_once('$'));
    let Some((salt, sum)) = parts else { return false };
    let made = written(digest(password, &salt.as_bytes()[..salt.len().min(SALT_BYTES_MAX)]));
    // Every byte is looked at, wherever the first difference is.
    let differs = made.iter().zip(sum.as_bytes()).fold(0, |differs, (one, other)| black_box(differs | (one ^ other)));
    sum.len() == made.len() && differs == 0
}

fn digest(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
    let mut first = Md5::new().chain_update(password).chain_update(MAGIC).chain_update(salt);
    for at in (0..password.len()).step_by(inner.len()) {
        first.update(&inner[..inner.len().min(password.len() - at)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    (0..ROUNDS).fold(first.finalize().into(), |sum, round| one_round(password, salt, &sum, round))
}

fn one_round(password: &[u8], salt: &[u8], sum: &[u8; 16], round: usize) -> [u8; 16] {
    let odd = round % 2 == 1;
    let (first, last): (&[u8], &[u8]) = if odd { (password, sum) } else { (sum, password) };
    let mut next = Md5::new().chain_update(first);
    if !round.is_multiple_of(3) {
        next.update(salt);
    }
    if !round.is_multiple_of(7) {
        next.update(password);
    }
    next.chain_update(last).finalize().into()
}

/// In 22 digits of six bits, three bytes at a time, in an order of its own.
fn written(sum: [u8; 16]) -> [u8; 22] {
    let triples = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)];
    let words = triples
        .map(|(high, middle, low)| u32::from(sum[high]) << 16 | u32::from(sum[middle]) << 8 | u32::from(sum[low]));
    let digit = |word: u32, at: usize| DIGITS[(word >> (6 * at)) as usize & 63];
    std::array::from_fn(|at| match at {
        0..20 => digit(words[at / 4], at % 4),
        _ => digit(u32::from(sum[11]), at - 20),
    })
}
