//! How connections are secured: certificates and rules, made once by the owner of the configuration, shared by all threads.

use crate::certificate::Certificates;
use crate::tickets::Tickets;
pub use ports::{ClientCertificate, TlsVersion as Version};
use reactor::ProfileId;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// Where systems keep the authorities they trust, in PEM: Debian, Fedora, Alpine, openSUSE.
pub const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];
/// Sessions towards servers that are remembered, each with a few tickets.
const SESSIONS_MAX: usize = 1024;
/// Tickets for each client of TLS 1.3: a browser opens some connections at once.
const TICKETS_PER_CLIENT: usize = 2;

/// Why a profile cannot be made of what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProfileError(pub(crate) String);

impl ProfileError {
    pub(crate) fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// What is wanted of connections that come in.
pub struct ServerRules {
    /// The first is for clients that ask for no name, or for one that none is for.
    pub certificates: Certificates,
    /// At least one.
    pub versions: Vec<Version>,
    /// Protocols (ALPN), the dearest first; empty: not asked.
    pub protocols: Vec<Vec<u8>>,
    /// Makes and reads tickets; the same for all profiles whose clients may come back to any of them.
    pub tickets: Tickets,
    /// Must clients show who they are?
    pub client_certificate: ClientCertificate,
    /// Authorities of clients' certificates, in DER.
    pub client_authorities: Vec<Vec<u8>>,
}

/// How connections that come in are secured.
#[derive(Clone)]
pub struct ServerProfile {
    pub(crate) config: Arc<ServerConfig>,
}

/// What is wanted of connections to servers.
pub struct ClientRules {
    /// At least one.
    pub versions: Vec<Version>,
    /// Protocols (ALPN); empty: none is asked for.
    pub protocols: Vec<Vec<u8>>,
    /// Authorities of servers' certificates, in DER; `None`: whatever a server shows is taken.
    pub authorities: Option<Vec<Vec<u8>>>,
    /// What we show when we are asked who we are.
    pub certificate: Option<crate::certificate::Certificate>,
}

/// How connections to servers are secured.
#[derive(Clone)]
pub struct ClientProfile {
    pub(crate) config: Arc<ClientConfig>,
    /// The server's name, to be asked for and to be proven; `None`: its address.
    pub(crate) server_name: Option<ServerName<'static>>,
}

impl std::fmt::Debug for ClientProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientProfile").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn versions(of: &[Version]) -> Vec<&'static SupportedProtocolVersion> {
    let of = of.iter().map(|version| match version {
        Version::Tls12 => &rustls::version::TLS12,
        Version::Tls13 => &rustls::version::TLS13,
    });
    of.collect()
}

fn roots(authorities: &[Vec<u8>]) -> Result<RootCertStore, ProfileError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().map(|authority| CertificateDer::from(authority.as_slice())));
    match roots.is_empty() {
        true => Err(ProfileError::new("none of the authorities can be used")),
        false => Ok(roots),
    }
}

impl ServerProfile {
    /// # Errors
    /// What the rules ask for does not go together.
    pub fn new(rules: ServerRules) -> Result<Self, ProfileError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(&rules.versions))
            .map_err(ProfileError::new)?;
        let builder = match rules.client_certificate {
            ClientCertificate::None => builder.with_no_client_auth(),
            asked => {
                let roots = Arc::new(roots(&rules.client_authorities)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match asked {
                    ClientCertificate::Optional => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                builder.with_client_cert_verifier(verifier.build().map_err(ProfileError::new)?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(rules.certificates));
        config.alpn_protocols = rules.protocols;
        config.ticketer = rules.tickets.producer();
        // Tickets hold everything: nothing is remembered here.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = TICKETS_PER_CLIENT;
        config.enable_secret_extraction = true;
        Ok(Self { config: Arc::new(config) })
    }
}

impl ClientProfile {
    /// For servers that are known by their addresses.
    ///
    /// # Errors
    /// What the rules ask for does not go together.
    pub fn new(rules: ClientRules) -> Result<Self, ProfileError> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(&rules.versions))
            .map_err(ProfileError::new)?;
        let builder = match &rules.authorities {
            Some(authorities) => builder.with_root_certificates(roots(authorities)?),
            None => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(crate::unverified::Anybody(provider)))
            }
        };
        let mut config = match rules.certificate {
            Some(certificate) => builder.with_client_cert_resolver(Arc::new(certificate)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = rules.protocols;
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        config.enable_secret_extraction = true;
        Ok(Self { config: Arc::new(config), server_name: None })
    }

    /// The same with sessions of its own: those of others are nobody it knows. Or with none, so that every handshake is a full
    /// one.
    #[must_use]
    pub fn with_own_sessions(&self, remembers: bool) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption =
            if remembers { Resumption::in_memory_sessions(SESSIONS_MAX) } else { Resumption::disabled() };
        Self { config: Arc::new(config), server_name: self.server_name.clone() }
    }

    /// By which name a server is asked for, and has to prove itself: that of the rules, or its address.
    pub(crate) fn name(&self, address: IpAddr) -> ServerName<'static> {
        self.server_name.clone().unwrap_or_else(|| ServerName::IpAddress(address.into()))
    }

    /// The same for a server by this name: its certificate must be for it.
    ///
    /// # Errors
    /// It is no name.
    pub fn for_name(&self, name: &str) -> Result<Self, ProfileError> {
        Ok(Self { config: Arc::clone(&self.config), server_name: Some(server_name(name)?) })
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, ProfileError> {
    let wrong = |_| ProfileError(format!("`{name}` is neither a name nor an address: such as \"app.example.org\""));
    // The root of the DNS may end a name, but no certificate is for it.
    ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(wrong)
}

/// Can a server be asked for by this name?
///
/// # Errors
/// It is no name.
pub fn check_name(name: &str) -> Result<(), ProfileError> {
    server_name(name).map(|_| ())
}

/// One entry of [`Profiles`].
#[derive(Clone)]
pub enum Profile {
    /// Of what comes in.
    Server(ServerProfile),
    /// Of what we open.
    Client(ClientProfile),
}

/// All profiles, by [`ProfileId`]. Clones are the same table: the owner of the configuration changes it, and every handshake
/// that begins from then on goes by what stands there.
#[derive(Clone, Default)]
pub struct Profiles(Arc<RwLock<Vec<Option<Profile>>>>);

impl Profiles {
    /// Adds one.
    pub fn add(&self, profile: Profile) -> ProfileId {
        let mut profiles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let free = profiles.iter().position(Option::is_none).unwrap_or(profiles.len());
        let len = profiles.len().max(free + 1);
        profiles.resize(len, None);
        profiles[free] = Some(profile);
        ProfileId(free as u32)
    }

    /// Lets go of all others, once nobody begins anything by them any more.
    pub fn keep_only(&self, kept: &HashSet<ProfileId>) {
        let mut profiles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (at, place) in profiles.iter_mut().enumerate() {
            if !kept.contains(&ProfileId(at as u32)) {
                *place = None;
            }
        }
    }

    /// One of those for servers.
    pub fn client(&self, id: ProfileId) -> Option<ClientProfile> {
        match self.get(id)? {
            Profile::Client(profile) => Some(profile),
            Profile::Server(_) => None,
        }
    }

    pub(crate) fn get(&self, id: ProfileId) -> Option<Profile> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id.0 as usize).cloned().flatten()
    }
}
