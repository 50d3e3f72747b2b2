//! The house with TLS between its parts: the same applications, secured or not.

use balancer_core::{BackendSetSettings, ListenerTls, Protocol, ServerTls, Settings};
use reactor::{App, ProfileId};
use reactor_sim::SimReactor;
use secure::{
    Certificate, Certificates, ClientCertificate, ClientProfile, ClientRules, Profile, Profiles, Secure, ServerProfile,
    ServerRules, Tickets, Version, View,
};
use std::sync::OnceLock;
use testkit::{Authority, KeyKind, Signed};

/// Whose certificate it is.
pub(crate) const NAME: &str = "house.example";

/// Which stretches are secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Between tester and balancer.
    pub(crate) front: bool,
    /// Between balancer and origins.
    pub(crate) back: bool,
}

/// An authority, and a certificate of it.
fn certificate() -> &'static (Vec<u8>, Certificate) {
    static MADE: OnceLock<(Vec<u8>, Certificate)> = OnceLock::new();
    MADE.get_or_init(|| {
        let authority = Authority::new(KeyKind::Ed25519, "authority");
        let Signed { certificate, key } = authority.sign(NAME, &[NAME], 2999);
        (authority.der, Certificate::new(certificate.as_bytes(), key.as_bytes()).expect("a pair"))
    })
}

/// Of one run, so that nobody remembers the sessions of another: how who comes in is secured, and who is connected to.
pub(crate) struct Profiled {
    pub(crate) table: Profiles,
    accepts: ProfileId,
    connects: ProfileId,
}

impl Profiled {
    pub(crate) fn new(version: Version) -> Self {
        let (authority, certificate) = certificate();
        let server = ServerProfile::new(ServerRules {
            certificates: Certificates::new(vec![certificate.clone()], false).expect("one"),
            versions: vec![version],
            protocols: vec![b"http/1.1".to_vec()],
            tickets: Tickets::new().expect("random numbers"),
            client_certificate: ClientCertificate::None,
            client_authorities: Vec::new(),
        });
        let client = ClientProfile::new(ClientRules {
            versions: vec![version],
            protocols: vec![b"http/1.1".to_vec()],
            authorities: Some(vec![authority.clone()]),
            certificate: None,
        });
        let table = Profiles::default();
        let accepts = table.add(Profile::Server(server.expect("rules that go together")));
        let client = client.and_then(|client| client.for_name(NAME)).expect("rules that go together");
        let connects = table.add(Profile::Client(client));
        Self { table, accepts, connects }
    }

    /// What the balancer is told of it.
    pub(crate) fn write(&self, seal: Seal, settings: &mut Settings) {
        for listener in settings.listeners.iter_mut().filter(|_| seal.front) {
            listener.protocol = Protocol::Https;
            listener.tls = Some(ListenerTls::new(Vec::new()));
            listener.tls_profile = Some(self.accepts.0);
        }
        let secure = |set: &mut BackendSetSettings| {
            set.tls = Some(ServerTls::default());
            set.tls_profile = Some(self.connects.0);
            set.servers.iter_mut().for_each(|server| server.tls_profile = set.tls_profile);
        };
        settings.backend_sets.iter_mut().filter(|_| seal.back).for_each(secure);
    }

    /// A client or a server that knows nothing of it.
    pub(crate) fn over<A>(&self, app: A, is_secured: bool) -> Over<A> {
        if !is_secured {
            return Over::Plain(app);
        }
        let settings = secure::Settings {
            profiles: self.table.clone(),
            accepted: Some(self.accepts),
            connected: Some(self.connects),
            ..secure::Settings::default()
        };
        Over::Secured(Box::new(Secure::new(app, settings)))
    }
}

/// An application on TLS or not.
pub(crate) enum Over<A> {
    Plain(A),
    Secured(Box<Secure<A>>),
}

impl<A> Over<A> {
    pub(crate) fn app(&self) -> &A {
        match self {
            Self::Plain(app) => app,
            Self::Secured(secure) => &secure.app,
        }
    }

    pub(crate) fn into_app(self) -> A {
        match self {
            Self::Plain(app) => app,
            Self::Secured(secure) => secure.app,
        }
    }

    pub(crate) fn as_app(&mut self) -> &mut dyn App<SimReactor>
    where
        A: App<SimReactor> + for<'v> App<View<'v, SimReactor>>,
    {
        match self {
            Self::Plain(app) => app,
            Self::Secured(secure) => secure.as_mut(),
        }
    }
}
