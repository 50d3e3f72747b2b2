//! Two messages: the client's hello and the server's. Both are sealed with a key that everybody knows.

use crate::record::{Cipher, Damaged, HEADER_BYTES, Header, Kind, mix};
use reactor::Buf;

/// Key of the hellos.
const INITIAL: u64 = 0;

/// What one side says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Never the same twice.
    pub nonce: u64,
    /// Whom the client wants to talk to; empty in the server's.
    pub server_name: String,
    /// What it wants to talk, or what was chosen.
    pub alpn: Vec<u8>,
}

impl Hello {
    /// Appends the hello as a record.
    pub fn seal(&self, buf: &mut Buf) {
        let name = self.server_name.as_bytes();
        let parts = [&self.nonce.to_be_bytes()[..], &[name.len() as u8], name, &self.alpn];
        let bytes = parts.concat();
        Cipher::new(INITIAL).seal(Kind::Handshake, bytes.len(), buf, |room| room.copy_from_slice(&bytes));
    }

    /// The hello at the start of `buf`, which is taken off; `None` while it is not all there.
    ///
    /// # Errors
    /// Anything but a hello.
    pub fn open(buf: &mut Buf) -> Result<Option<Self>, Damaged> {
        let Some(header) = Header::parse(buf)? else { return Ok(None) };
        if header.kind != Kind::Handshake {
            return Err(Damaged::Header);
        }
        let len = header.record_len();
        let Some(body) = buf.unique_mut().and_then(|bytes| bytes.get_mut(HEADER_BYTES..len)) else { return Ok(None) };
        Cipher::new(INITIAL).open(Kind::Handshake, body)?;
        let hello = Self::parse(&body[..header.payload_len]).ok_or(Damaged::Header)?;
        buf.advance(len);
        Ok(Some(hello))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (name_len, rest) = rest.split_first()?;
        let (name, alpn) = rest.split_at_checked(usize::from(*name_len))?;
        let server_name = std::str::from_utf8(name).ok()?.to_owned();
        Some(Self { nonce: u64::from_be_bytes(*nonce), server_name, alpn: alpn.to_vec() })
    }
}

/// Both directions' keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Of what the client sends.
    pub client: Cipher,
    /// Of what the server sends.
    pub server: Cipher,
}

impl Keys {
    /// From both nonces.
    pub fn agree(client_nonce: u64, server_nonce: u64) -> Self {
        let shared = mix(mix(client_nonce) ^ server_nonce);
        Self { client: Cipher::new(mix(shared ^ 1)), server: Cipher::new(mix(shared ^ 2)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reactor::BufPool;

    #[test]
    fn a_hello_is_read_once_it_is_whole() {
        let hello = Hello { nonce: 9, server_name: "a.example".to_owned(), alpn: b"http/1.1".to_vec() };
        let pool = BufPool::new(2);
        let mut whole = pool.take().expect("the first");
        hello.seal(&mut whole);
        for len in 0..whole.len() {
            let mut part = pool.take().expect("the second");
            part.append(&whole[..len]).expect("it fits");
            assert_eq!(Hello::open(&mut part), Ok(None), "{len} bytes");
        }
        assert_eq!(Hello::open(&mut whole), Ok(Some(hello)));
        assert!(whole.is_empty());
    }

    #[test]
    fn what_is_no_hello_is_refused() {
        let mut buf = BufPool::new(1).take().expect("the first");
        buf.append(b"GET / HTTP/1.1\r\n\r\n").expect("it fits");
        assert_eq!(Hello::open(&mut buf), Err(Damaged::Header));
    }
}
