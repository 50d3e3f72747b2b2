//! `[listener.tls]` and `[backend_set.tls]`. Files are read right here, so that what is wrong with one is shown beside its
//! name.

use super::files::Folder;
use balancer_core::{CertificateFiles, ClientCertificate, ListenerTls, Protocol, ServerTls, TlsVersion};
use config_file::{Mistake, Placed, Section, Value, value, wrong_type};
use http::forward::{FieldRules, Message};
use std::ops::Range;
use std::path::PathBuf;

/// Certificates of one listener.
pub(super) const CERTIFICATES_MAX: usize = 10_000;
const EXAMPLE: &str = "such as `certificate = \"site.pem\"` and `key = \"site.key\"`";

/// What a listener says of TLS, and what has to go with that.
pub(super) fn read_listener(
    section: &mut Section<'_, '_>,
    protocol: Protocol,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<ListenerTls> {
    let place = section.place_of("tls");
    let known = mistakes.len();
    let table = section.table("tls", mistakes);
    match (protocol, place, section.place_of("protocol")) {
        (Protocol::Https, None, Some(protocol)) => {
            let mistake =
                Mistake::new(protocol, "a listener that speaks https needs a certificate", "no `[listener.tls]`");
            mistakes.push(mistake.help(format!("add `[listener.tls]` with a certificate and its key, {EXAMPLE}")));
        }
        (Protocol::Http | Protocol::Tcp, Some(place), _) => {
            let title = "`tls` has no meaning here";
            let help = "write `protocol = \"https\"`; a tcp listener passes TLS on untouched";
            mistakes.push(Mistake::new(place, title, "this listener does not speak https").help(help));
        }
        _ => {}
    }
    let tls = table.and_then(|table| read_listener_table(table, folder, mistakes));
    tls.filter(|_| mistakes.len() == known)
}

fn read_listener_table(
    mut section: Section<'_, '_>,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<ListenerTls> {
    let span = section.span();
    let client_certificate = section.named::<ClientCertificate>("client_certificate", mistakes).unwrap_or_default();
    let mut certificates: Vec<_> = read_certificate(&mut section, folder, mistakes).into_iter().collect();
    if let Some(more) = section.take("certificates") {
        certificates.extend(read_certificates(more, folder, mistakes));
    } else if certificates.is_empty() && section.place_of("certificate").is_none() {
        mistakes.push(Mistake::new(span, "no certificate", "here").help(EXAMPLE));
    }
    let tls = ListenerTls {
        certificates,
        strict_sni: section.switch("strict_sni", mistakes).unwrap_or(false),
        versions: read_versions(&mut section, mistakes),
        tickets: section.switch("tickets", mistakes).unwrap_or(true),
        client_certificate,
        client_ca: read_client_ca(&mut section, client_certificate, folder, mistakes),
        client_subject_header: read_subject_header(&mut section, client_certificate, mistakes),
    };
    section.finish(mistakes);
    Some(tls)
}

/// Whom to trust goes with asking, and asking with whom to trust.
fn read_client_ca(
    section: &mut Section<'_, '_>,
    asked: ClientCertificate,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<PathBuf> {
    let ca = read_file(section, "client_ca", folder, mistakes);
    match (asked, &ca, section.place_of("client_certificate")) {
        (ClientCertificate::None, Some(ca), _) => {
            let title = "`client_ca` has no meaning here";
            let help = "write `client_certificate = \"required\"` (or \"optional\"), or leave `client_ca` out";
            mistakes.push(Mistake::new(ca.span.clone(), title, "clients are not asked for a certificate").help(help));
        }
        (ClientCertificate::Optional | ClientCertificate::Required, None, Some(asked))
            if section.place_of("client_ca").is_none() =>
        {
            let mistake = Mistake::new(asked, "clients are asked for certificates of nobody", "no `client_ca`");
            mistakes.push(mistake.help("name the authorities that may sign them: `client_ca = \"ca.pem\"`"));
        }
        _ => {}
    }
    ca.map(|ca| ca.value)
}

fn read_subject_header(
    section: &mut Section<'_, '_>,
    asked: ClientCertificate,
    mistakes: &mut Vec<Mistake>,
) -> Option<String> {
    let value = section.take("client_subject_header")?;
    let name = value::text(value, mistakes)?;
    if asked == ClientCertificate::None {
        let title = "`client_subject_header` has no meaning here";
        let mistake = Mistake::new(value.span(), title, "clients are not asked for a certificate");
        mistakes.push(mistake.help("write `client_certificate = \"required\"` (or \"optional\")"));
    }
    if let Err(error) = FieldRules::default().remove(name, Message::Request) {
        mistakes.push(Mistake::new(value.span(), error.to_string(), "here"));
    }
    Some(name.to_owned())
}

/// `[backend_set.tls]`.
pub(super) fn read_server(
    section: &mut Section<'_, '_>,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<ServerTls> {
    let mut section = section.table("tls", mistakes)?;
    let verify_place = section.place_of("verify");
    let verify = section.switch("verify", mistakes).unwrap_or(true);
    let ca = read_file(&mut section, "ca", folder, mistakes);
    check_authorities(ca.as_ref(), verify, verify_place, section.span(), folder, mistakes);
    let tls = ServerTls {
        verify,
        ca: ca.map(|ca| ca.value),
        server_name: read_server_name(&mut section, mistakes),
        certificate: read_certificate(&mut section, folder, mistakes),
        versions: read_versions(&mut section, mistakes),
    };
    section.finish(mistakes);
    Some(tls)
}

fn check_authorities(
    ca: Option<&Placed<PathBuf>>,
    verify: bool,
    verify_place: Option<Range<usize>>,
    section: Range<usize>,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) {
    match (verify, ca) {
        (false, Some(ca)) => {
            let mistake = Mistake::new(ca.span.clone(), "`ca` has no meaning here", "nobody is verified by it");
            let mistake = verify_place.into_iter().fold(mistake, |mistake, place| mistake.other(place, "by this"));
            mistakes.push(mistake.help("leave out `verify = false`, or `ca`"));
        }
        (true, None) => {
            if let Err(error) = folder.shelf.system_authorities() {
                mistakes.push(Mistake::new(section, error.to_string(), "servers are verified here"));
            }
        }
        _ => {}
    }
}

fn read_server_name(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let value = section.take("server_name")?;
    let name = value::text(value, mistakes)?;
    if let Err(error) = secure::profile::check_name(name) {
        mistakes.push(Mistake::new(value.span(), error.to_string(), "here"));
    }
    Some(name.to_owned())
}

fn read_versions(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Vec<TlsVersion> {
    let Some(list) = section.take("versions") else { return TlsVersion::ALL.to_vec() };
    let example = "such as `versions = [\"1.2\", \"1.3\"]`";
    let Some(array) = list.get_ref().as_array() else {
        mistakes.push(wrong_type(list, "an array of versions").help(example));
        return TlsVersion::ALL.to_vec();
    };
    if array.is_empty() {
        mistakes.push(Mistake::new(list.span(), "no version is left to speak", "here").help(example));
    }
    let names = TlsVersion::ALL.map(|version| (version.name(), version));
    array.iter().filter_map(|version| value::choice("versions", version, &names, mistakes)).collect()
}

/// A path, and what is there has to be certificates.
fn read_file(
    section: &mut Section<'_, '_>,
    key: &'static str,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Placed<PathBuf>> {
    let value = section.take(key)?;
    let path = folder.path.join(value::text(value, mistakes)?);
    if let Err(error) = folder.shelf.authorities(&path) {
        mistakes.push(Mistake::new(value.span(), error.to_string(), "this file"));
    }
    Some(Placed { value: path, span: value.span() })
}

/// `certificate` and `key` of a section, tried on each other. A key that is not named is in the certificate's file.
fn read_certificate(
    section: &mut Section<'_, '_>,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<CertificateFiles> {
    let key = section.take("key");
    let Some(certificate) = section.take("certificate") else {
        if let Some(key) = key {
            mistakes.push(Mistake::new(key.span(), "a key without a certificate", "the key of what?").help(EXAMPLE));
        }
        return None;
    };
    let path = |value: &Value<'_>, mistakes: &mut Vec<Mistake>| {
        value::text(value, mistakes).map(|text| folder.path.join(text))
    };
    let chain = path(certificate, mistakes)?;
    let key_path = match key {
        Some(key) => path(key, mistakes)?,
        None => chain.clone(),
    };
    let files = CertificateFiles { certificate: chain, key: key_path };
    if let Err(error) = folder.shelf.certificate(&files) {
        // Where it is about the key, the key's place is shown.
        let of_key = error.path() == Some(files.key.as_path()) && files.key != files.certificate;
        let span = key.filter(|_| of_key).unwrap_or(certificate).span();
        mistakes.push(Mistake::new(span, error.to_string(), "this file"));
    }
    Some(files)
}

fn read_certificates(list: &Value<'_>, folder: &Folder<'_>, mistakes: &mut Vec<Mistake>) -> Vec<CertificateFiles> {
    let example = "such as `certificates = [{ certificate = \"b.pem\", key = \"b.key\" }]`";
    let Some(array) = list.get_ref().as_array() else {
        mistakes.push(wrong_type(list, "an array of tables").help(example));
        return Vec::new();
    };
    if array.is_empty() || array.len() > CERTIFICATES_MAX {
        let title = format!("{} certificates: there must be 1 to {CERTIFICATES_MAX}", array.len());
        mistakes.push(Mistake::new(list.span(), title, "here").help(example));
    }
    let read = |value: &Value<'_>| {
        let Some(table) = value.get_ref().as_table() else {
            mistakes.push(wrong_type(value, "a table").help(example));
            return None;
        };
        let mut section = Section::of("a certificate", &super::keys::CERTIFICATE, table, value.span());
        if section.place_of("certificate").is_none() {
            mistakes.push(Mistake::new(value.span(), "no `certificate` in it", "here").help(example));
        }
        let files = read_certificate(&mut section, folder, mistakes);
        section.finish(mistakes);
        files
    };
    array.iter().take(CERTIFICATES_MAX).filter_map(read).collect()
}
