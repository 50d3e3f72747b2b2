//! A client stays with its server: a cookie names the server by an id that says nothing of its address, and is the same at
//! every balancer with the same configuration.

use super::cookie;
use core::fmt::Write;
use core::time::Duration;
use http::Header;
use named::named;

named! {
    /// Which requests from other sites carry the cookie (`same_site = "..."`).
    pub enum SameSite {
        /// None.
        Strict = "strict",
        /// Those that lead the user here.
        Lax = "lax",
        /// All; browsers ask for `secure` with it.
        None = "none",
    }
}

/// How the cookie is called and what is said of it (`sticky = { ... }` of a backend set).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Its name.
    pub cookie: String,
    /// Where it is sent back to.
    pub path: String,
    /// Over TLS only.
    pub secure: bool,
    /// Out of reach of scripts.
    pub http_only: bool,
    /// From other sites.
    pub same_site: Option<SameSite>,
    /// How long it is kept; `None`: as long as the browser likes.
    pub max_age: Option<Duration>,
    /// What ids are made with: who does not know it learns nothing from them. May be empty.
    pub key: String,
    /// Servers see it, too.
    pub pass: bool,
}

/// One server's id and the cookie that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The server's id.
    pub id: u64,
    /// The value of `Set-Cookie`.
    pub cookie: String,
}

impl Sticky {
    /// One with the usual rest.
    pub fn new(cookie: &str) -> Self {
        Self {
            cookie: cookie.to_owned(),
            path: "/".to_owned(),
            secure: false,
            http_only: true,
            same_site: None,
            max_age: None,
            key: String::new(),
            pass: false,
        }
    }

    /// That of the server that is called so for good.
    pub fn mark(&self, server: &str) -> Mark {
        let key = self.key.as_bytes();
        let id = siphash([siphash([0, 1], key), siphash([2, 3], key)], server.as_bytes());
        let mut cookie = format!("{}={id:016x}; Path={}", self.cookie, self.path);
        if let Some(age) = self.max_age {
            let _into_memory = write!(cookie, "; Max-Age={}", age.as_secs());
        }
        cookie += if self.secure { "; Secure" } else { "" };
        cookie += if self.http_only { "; HttpOnly" } else { "" };
        cookie += match self.same_site {
            None => "",
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::None) => "; SameSite=None",
        };
        Mark { id, cookie }
    }

    /// Whom the client asks for; `None` where it has no such cookie, or one that names nobody.
    pub fn asked(&self, headers: &[Header<'_>]) -> Option<u64> {
        cookie::values(headers, &self.cookie).find_map(read_id)
    }
}

/// Sixteen digits, as they were written.
fn read_id(value: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = core::str::from_utf8(value).ok().filter(|_| value.len() == 16 && value.iter().all(digit))?;
    u64::from_str_radix(text, 16).ok()
}

/// SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, SipHash: a fast short-input PRF, 2012).
fn siphash(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let mut take = |word: u64| {
        v[3] ^= word;
        (0..2).for_each(|_| round(&mut v));
        v[0] ^= word;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| take(u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    take(u64::from_le_bytes(last));
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siphash_is_the_published_one() {
        let bytes: Vec<u8> = (0..15).collect();
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash(key, &bytes), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn the_cookie_says_what_was_asked_for() {
        let plain = Sticky::new("Q").mark("10.0.0.1:80");
        assert_eq!(plain.cookie, format!("Q={:016x}; Path=/; HttpOnly", plain.id));
        let all = Sticky {
            path: "/app".to_owned(),
            secure: true,
            http_only: false,
            same_site: Some(SameSite::Lax),
            max_age: Some(Duration::from_secs(90)),
            ..Sticky::new("Q")
        };
        let (mark, id) = (all.mark("10.0.0.1:80"), plain.id);
        assert_eq!(mark.cookie, format!("Q={id:016x}; Path=/app; Max-Age=90; Secure; SameSite=Lax"));
    }

    #[test]
    fn an_id_is_a_servers_and_a_keys() {
        let (sticky, keyed) = (Sticky::new("Q"), Sticky { key: "secret".to_owned(), ..Sticky::new("Q") });
        let id = |sticky: &Sticky, server: &str| sticky.mark(server).id;
        assert_eq!(id(&sticky, "10.0.0.1:80"), id(&Sticky { secure: true, ..sticky.clone() }, "10.0.0.1:80"));
        assert_ne!(id(&sticky, "10.0.0.1:80"), id(&sticky, "10.0.0.2:80"));
        assert_ne!(id(&sticky, "10.0.0.1:80"), id(&keyed, "10.0.0.1:80"));
    }

    #[test]
    fn what_names_nobody_is_passed_over() {
        let sticky = Sticky::new("Q");
        let asked = |value: &str| sticky.asked(&[Header { name: "cookie", value: value.as_bytes() }]);
        assert_eq!(asked("a=b; Q=00000000000000ff"), Some(255));
        assert_eq!(asked("Q=gone; Q=00000000000000ff"), Some(255));
        for nobody in ["", "Q=", "Q=ff", "Q=+0000000000000ff", "Q=00000000000000FF", "q=00000000000000ff"] {
            assert_eq!(asked(nobody), None, "{nobody:?}");
        }
    }
}
