//! What rustls does not tell of a certificate: until when it is valid, for which names, whose it is. Just enough of DER for
//! X.509 (RFC 5280 section 4.1); it never panics, and what it does not understand it leaves out.

use std::time::Duration;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// A name of the DNS among the subject's alternative names.
const DNS_NAME: u8 = 0x82;
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 1000;
/// Length of a subject as it is handed on.
const SUBJECT_BYTES_MAX: usize = 1024;
const SECONDS_PER_DAY: i64 = 86_400;

/// Parts of names, as people write them (RFC 4514 section 3, and what OpenSSL adds).
const ATTRIBUTES: [(&[u8], &str); 11] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Since 1970.
    pub not_before: Duration,
    /// Since 1970.
    pub not_after: Duration,
    /// Names of the DNS it is for, in lower case; `*.` at the front stands for one label.
    pub names: Vec<String>,
    /// Whose it is: `CN=alice,O=Example` (RFC 4514), in printable ASCII.
    pub subject: String,
}

impl Facts {
    /// Reads a certificate in DER; `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut tbs = Der(Der(Der(der).take(SEQUENCE)?).take(SEQUENCE)?);
        tbs.take_if(VERSION);
        tbs.take(INTEGER)?;
        tbs.take(SEQUENCE)?; // the signature's algorithm
        tbs.take(SEQUENCE)?; // the issuer
        let mut validity = Der(tbs.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = subject(tbs.take(SEQUENCE)?);
        tbs.take(SEQUENCE)?; // the public key
        let mut names = Vec::new();
        while let Some((tag, body)) = tbs.next() {
            if tag == EXTENSIONS {
                names = alternative_names(body).unwrap_or_default();
            }
        }
        Some(Self { not_before, not_after, names, subject })
    }
}

/// Elements that are left.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: its tag, and what is in it.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, short], rest) = self.0.split_first_chunk()?;
        let (len, rest) = match short {
            0..=0x7f => (usize::from(short), rest),
            0x81..=0x83 => {
                let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
                (long.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, body))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, body)| body)
    }

    fn take_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.take(tag) } else { None }
    }

    fn time(&mut self) -> Option<Duration> {
        let (tag, text) = self.next()?;
        let (year, rest) = match tag {
            // Two digits mean 1950 to 2049 (RFC 5280 section 4.1.2.5.1).
            UTC_TIME => text
                .split_at_checked(2)
                .and_then(|(year, rest)| Some((number(year)?, rest)))
                .map(|(year, rest)| (if year < 50 { 2000 + year } else { 1900 + year }, rest))?,
            GENERALIZED_TIME => text.split_at_checked(4).and_then(|(year, rest)| Some((number(year)?, rest)))?,
            _ => return None,
        };
        let digits = rest.strip_suffix(b"Z").filter(|digits| digits.len() == 10)?;
        let mut parts = digits.chunks(2).map(number);
        let mut part = || parts.next().flatten();
        let (month, day, hour, minute, second) = (part()?, part()?, part()?, part()?, part()?);
        let seconds = days_since_1970(year, month, day)? * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        // Before 1970 is long ago.
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let all = digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// By the calendar of today, from a year that begins in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The last part first, as directories are read from the leaf (RFC 4514 section 2.1).
fn subject(body: &[u8]) -> String {
    let (mut sets, mut parts) = (Der(body), Vec::new());
    while let Some(set) = sets.take_if(SET) {
        parts.extend(attribute(set));
    }
    parts.reverse();
    let mut text = parts.join(",");
    text.truncate(SUBJECT_BYTES_MAX);
    text
}

fn attribute(set: &[u8]) -> Option<String> {
    let mut pair = Der(Der(set).take(SEQUENCE)?);
    let oid = pair.take(OID)?;
    let (_, name) = ATTRIBUTES.iter().find(|(known, _)| *known == oid)?;
    let (_, value) = pair.next()?;
    Some(format!("{name}={}", escaped(value)))
}

/// What has a meaning in such a text, or cannot be shown, stands behind a backslash (RFC 4514 section 2.4).
fn escaped(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' | b'=' => text.extend(['\\', char::from(*byte)]),
            b' ' | b'#' if at == 0 => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => text += &format!("\\{other:02X}"),
        }
    }
    text
}

fn alternative_names(body: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Der(Der(body).take(SEQUENCE)?);
    while let Some(extension) = extensions.take_if(SEQUENCE) {
        let mut parts = Der(extension);
        if parts.take(OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        parts.take_if(BOOLEAN);
        let mut names = Der(Der(parts.take(OCTETS)?).take(SEQUENCE)?);
        let each = std::iter::from_fn(|| names.next()).take(NAMES_MAX);
        let of_dns = each.filter(|(tag, _)| *tag == DNS_NAME).filter_map(|(_, name)| std::str::from_utf8(name).ok());
        return Some(of_dns.map(str::to_ascii_lowercase).collect());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let tag = if text.len() == 13 { UTC_TIME } else { GENERALIZED_TIME };
        let der = [&[tag, text.len() as u8], text.as_bytes()].concat();
        Der(&der).time().map(|time| time.as_secs())
    }

    #[test]
    fn times_are_seconds_since_1970() {
        for (text, expect) in [
            ("700101000000Z", Some(0)),
            ("20240229120000Z", Some(1_709_208_000)),
            ("491231235959Z", Some(2_524_607_999)),
            ("99991231235959Z", Some(253_402_300_799)),
            ("500101000000Z", Some(0)),
            ("20241301000000Z", None),
            ("2024022912000Z", None),
            ("20240229120000", None),
        ] {
            assert_eq!(seconds(text), expect, "{text}");
        }
    }

    fn certificate() -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["A.example".to_owned(), "*.b.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 2);
        params.not_after = rcgen::date_time_ymd(2051, 3, 4);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Quintet, Inc.");
        params.distinguished_name.push(rcgen::DnType::CommonName, "alice \u{e9}");
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_for_how_long() {
        let facts = Facts::read(&certificate()).expect("a certificate");
        assert_eq!(facts.not_before.as_secs(), 1_577_923_200);
        assert_eq!(facts.not_after.as_secs(), 2_561_500_800);
        assert_eq!(facts.names, ["a.example", "*.b.example"]);
        assert_eq!(facts.subject, "CN=alice \\C3\\A9,O=Quintet\\, Inc.");
    }

    #[test]
    fn what_is_cut_off_or_spoilt_is_no_certificate_but_no_harm_either() {
        let whole = certificate();
        for len in 0..whole.len() {
            assert_eq!(Facts::read(&whole[..len]), None, "{len} bytes");
        }
        for at in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut spoilt = whole.clone();
                spoilt[at] ^= bit;
                let _no_panic = Facts::read(&spoilt);
            }
        }
    }
}
