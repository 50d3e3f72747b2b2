//! Passwords as htpasswd and crypt(3) keep them: which forms are good, and whether a password is the one.

use super::apr1;
use aws_lc_rs::rand::{self, SystemRandom};
use bcrypt::Version;
use sha_crypt::{PasswordVerifier, ShaCrypt};

/// Work beyond these takes whole seconds for each new client.
const BCRYPT_COST_MAX: u32 = 14;
const SHA_ROUNDS_MAX: u32 = 500_000;

/// Work for those that are made here: a tenth of a second.
const MADE_COST: u32 = 10;

/// Why a text is no hash that can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HashError {
    /// Whoever reads the file may come in.
    #[error("this is no hash of a password: `htpasswd -nB NAME` makes one, which begins with \"$2y$\"")]
    Plain,
    /// It is guessed in no time.
    #[error("a bare SHA-1 is guessed as fast as it is read: `htpasswd -nB NAME` makes a better one")]
    Sha1,
    /// It is damaged.
    #[error("this hash is damaged: copy it whole, or make another one by `htpasswd -nB NAME`")]
    Damaged,
    /// It takes too long.
    #[error("comparing with this takes seconds: a cost of {BCRYPT_COST_MAX}, or {SHA_ROUNDS_MAX} rounds, is the most")]
    Dear,
}

/// Can a password be compared with this?
pub(crate) fn check(hash: &str) -> Result<(), HashError> {
    let mut parts = hash.split('$');
    let form = (parts.next(), parts.next());
    let damaged = |whole: bool| if whole { Ok(()) } else { Err(HashError::Damaged) };
    match form {
        (Some(""), Some("2a" | "2b" | "2y")) => {
            let cost = parts.next().filter(|cost| cost.len() == 2).and_then(|cost| cost.parse::<u32>().ok());
            match (cost, parts.next()) {
                (Some(cost), _) if cost > BCRYPT_COST_MAX => Err(HashError::Dear),
                (Some(4..), Some(rest)) => damaged(rest.len() == 53 && parts.next().is_none()),
                _ => Err(HashError::Damaged),
            }
        }
        (Some(""), Some(form @ ("5" | "6"))) => {
            let rounds = hash[3..].strip_prefix("rounds=").and_then(|rest| rest.split('$').next());
            if rounds.is_some_and(|rounds| rounds.parse::<u32>().is_ok_and(|rounds| rounds > SHA_ROUNDS_MAX)) {
                return Err(HashError::Dear);
            }
            let last = hash.rsplit('$').next().unwrap_or_default().len();
            damaged(last == if form == "5" { 43 } else { 86 })
        }
        (Some(""), Some("apr1")) => damaged(
            parts.next().is_some_and(|salt| !salt.is_empty()) && parts.next().is_some_and(|sum| sum.len() == 22),
        ),
        _ if hash.starts_with("{SHA}") => Err(HashError::Sha1),
        _ => Err(HashError::Plain),
    }
}

/// The hash of a password, with a salt of its own; `None`: it is longer than what is compared.
pub fn hash_password(password: &str) -> Option<String> {
    let salt: [u8; 16] = rand::generate(&SystemRandom::new()).ok()?.expose();
    let parts = bcrypt::non_truncating_hash_with_salt(password, MADE_COST, salt).ok()?;
    Some(parts.format_for_version(Version::TwoY))
}

/// Is it this one? Takes long, by design.
pub(crate) fn matches(password: &[u8], hash: &str) -> bool {
    match hash.get(..3) {
        Some("$2a" | "$2b" | "$2y") => bcrypt::verify(password, hash).unwrap_or(false),
        Some("$5$" | "$6$") => ShaCrypt::default().verify_password(password, hash).is_ok(),
        _ => apr1::matches(password, hash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `htpasswd` and `openssl passwd` have made them of "secret".
    const MADE: [&str; 4] = [
        "$2y$05$qgoRo98xnbelXPIXPCqrF.Exn9KVItpAaHsmpDhLzCjIc/WsrvqNi",
        "$apr1$jxRJDjSG$bFWPFp6Kstb6E5Wx.O8Cd0",
        "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
        "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
    ];

    #[test]
    fn what_is_made_here_is_understood() {
        let hashes = ["secret", "secret"].map(|password| hash_password(password).expect("short enough"));
        assert_ne!(hashes[0], hashes[1], "each has a salt of its own");
        assert!(hashes.iter().all(|hash| check(hash).is_ok() && matches(b"secret", hash) && !matches(b"guess", hash)));
        assert_eq!(hash_password(&"x".repeat(100)), None);
    }

    #[test]
    fn what_tools_make_is_understood() {
        for hash in MADE {
            assert_eq!(check(hash), Ok(()), "{hash}");
            assert!(matches(b"secret", hash) && !matches(b"Secret", hash) && !matches(b"", hash), "{hash}");
        }
    }

    #[test]
    fn what_is_no_good_is_refused_with_the_reason() {
        let check = |hash: &str, why| assert_eq!(super::check(hash), Err(why), "{hash}");
        check("secret", HashError::Plain);
        check("rl3LpeQGPIeDI", HashError::Plain);
        check("$1$salt$x", HashError::Plain);
        check("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", HashError::Sha1);
        check(&MADE[0][..50], HashError::Damaged);
        check("$2y$xx$", HashError::Damaged);
        check(&MADE[0].replacen("$05$", "$20$", 1), HashError::Dear);
        check("$6$rounds=9999999$salt$x", HashError::Dear);
        check(&MADE[3][..60], HashError::Damaged);
        check("$apr1$salt", HashError::Damaged);
    }
}
