//! What people want to know of a certificate and rustls does not tell: until when it is valid, for which names, whose it is.

use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::AttributeTypeAndValue;

/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 1000;
/// Length of a subject as it is handed on.
const SUBJECT_BYTES_MAX: usize = 1024;

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
    /// It is for some name or address. A name in its subject is none: clients do not look there (RFC 9525 section 2).
    pub is_named: bool,
    /// Whose it is: `CN=alice,O=Example` (RFC 4514), in printable ASCII.
    pub subject: String,
}

impl Facts {
    /// Reads a certificate in DER; `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            not_before: since_1970(validity.not_before),
            not_after: since_1970(validity.not_after),
            names: alternative_names(&certificate),
            is_named: is_named(&certificate),
            subject: subject(&certificate),
        })
    }
}

/// Before 1970 is long ago.
fn since_1970(time: ASN1Time) -> Duration {
    Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = names.value.general_names.iter().take(NAMES_MAX);
    let of_dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.filter_map(of_dns).collect()
}

fn is_named(certificate: &X509Certificate<'_>) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
}

/// The last part first, as directories are read from the leaf (RFC 4514 section 2.1).
fn subject(certificate: &X509Certificate<'_>) -> String {
    let mut parts: Vec<String> = certificate.subject().iter_attributes().filter_map(attribute).collect();
    parts.reverse();
    let mut text = parts.join(",");
    text.truncate(SUBJECT_BYTES_MAX);
    text
}

fn attribute(pair: &AttributeTypeAndValue<'_>) -> Option<String> {
    let (_, name) = ATTRIBUTES.iter().find(|(oid, _)| *oid == pair.attr_type().as_bytes())?;
    Some(format!("{name}={}", escaped(pair.attr_value().data)))
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

#[cfg(test)]
mod tests {
    use super::*;

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
