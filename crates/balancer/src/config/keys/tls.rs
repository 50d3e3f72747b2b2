//! `[listener.tls]` and `[backend_set.tls]`.

use super::super::tls::CERTIFICATES_MAX;
use super::words;
use balancer_core::{ClientCertificate, TlsVersion};
use config_file::{Key, Kind, Table};

const FILE: Kind = Kind::Text("path");
const VERSION: Kind = Kind::choice::<TlsVersion>();
const VERSIONS: Key =
    Key::new("versions", Kind::List { of: &VERSION, min: 1, max: 2 }, "versions of TLS that are spoken")
        .words(words::VERSIONS)
        .known_as(&["ssl_protocols", "protocols", "min_version", "ssl_min_ver", "version"])
        .or("[\"1.2\", \"1.3\"]");
const KEY: Key = Key::new("key", FILE, "its private key, in PEM, without a passphrase")
    .known_as(&["ssl_certificate_key", "private_key", "certificate_key"])
    .or_words("in the certificate's file");

/// One of `certificates`.
pub(in super::super) static CERTIFICATE: Table = Table {
    name: "listener.tls.certificates",
    heading: "in `certificates`",
    keys: &[Key::new("certificate", FILE, "chain, the leaf first, in PEM").required("\"b.pem\""), KEY],
};

pub(super) static LISTENER_TLS: Table = Table {
    name: "listener.tls",
    heading: "[listener.tls]",
    keys: &[
        Key::new(
            "certificate",
            FILE,
            "chain, the leaf first, in PEM; paths are relative to the configuration file. It is shown to clients that ask \
             for no name, or for one that no certificate is for",
        ).known_as(&["cert", "crt", "ssl_certificate", "pem"])
        .example("\"site.pem\""),
        KEY.example("\"site.key\""),
        Key::new(
            "certificates",
            Kind::List { of: &Kind::Table(&CERTIFICATE), min: 1, max: CERTIFICATES_MAX },
            "more, each for the names in it (`*.example.org` stands for one label); of several for one name the first whose \
             key the client can check (ECDSA before RSA, say). Without `certificate` the first is shown to everybody else",
        ).known_as(&["certs", "crt_list"])
        .example("[{ certificate = \"b.pem\", key = \"b.key\" }]"),
        Key::new("strict_sni", Kind::Switch, "turns away who asks for no name, or for one that no certificate is for")
            .known_as(&["sni_strict"])
            .or("false"),
        VERSIONS,
        Key::new(
            "tickets",
            Kind::Switch,
            "clients come back by a shorter handshake, at any worker; the keys change every six hours, and end with the \
             process",
        ).known_as(&["ssl_session_tickets"])
        .or("true"),
        Key::new(
            "client_certificate",
            Kind::choice::<ClientCertificate>(),
            "whether clients have to show one (mTLS); with `\"optional\"` who has none comes in all the same, and who has a \
             wrong one does not",
        ).words(words::CLIENT_CERTIFICATE).known_as(&["verify", "ssl_verify_client", "client_auth"])
        .or("\"none\""),
        Key::new("client_ca", FILE, "authorities that may sign them, in PEM")
            .known_as(&["ca", "ca_file", "ssl_client_certificate", "trust_pool"])
            .example("\"clients-ca.pem\""),
        Key::new(
            "client_subject_header",
            Kind::Text("field"),
            "says in requests whose certificate was shown, such as `CN=alice,O=Example` (RFC 4514); what clients send in it is \
             never passed on",
        )
        .example("\"X-Client-Subject\""),
    ],
};

pub(super) static SERVER_TLS: Table = Table {
    name: "backend_set.tls",
    heading: "[backend_set.tls]",
    keys: &[
        Key::new(
            "verify",
            Kind::Switch,
            "servers prove who they are; with `false` what is sent is secret, but nobody knows whom it goes to",
        )
        .known_as(&["tls_insecure_skip_verify", "insecure_skip_verify", "proxy_ssl_verify"])
        .or("true"),
        Key::new("ca", FILE, "authorities that may sign their certificates, in PEM")
            .known_as(&["ca_file", "cafile", "trusted_certificate", "proxy_ssl_trusted_certificate"])
            .or_words("those of the system")
            .example("\"ca.pem\""),
        Key::new(
            "server_name",
            Kind::Text("name or address"),
            "whom to ask for (SNI), and whom the certificate has to be of",
        )
        .known_as(&["sni", "proxy_ssl_name", "verifyhost", "tls_server_name"])
        .or_words("the server as it is named in `servers`")
        .example("\"app.internal\""),
        Key::new("certificate", FILE, "what is shown to servers that ask, in PEM").example("\"client.pem\""),
        KEY.example("\"client.key\""),
        VERSIONS,
    ],
};
