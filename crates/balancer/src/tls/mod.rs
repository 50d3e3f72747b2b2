//! Certificates and keys: read from their files and made into what a layer goes by, before a worker exists and again with
//! every change of the configuration. Files that are renewed in place are taken up then.
//!
//! ```text
//! files.rs  the files, and what tells whether they have changed
//! shown.rs  what is to be said of certificates that are no reason not to start
//! ```

mod files;
mod shown;

use crate::errors::Warning;
use crate::shelf::Shelf;
use aws_lc_rs::digest;
use balancer_core::{BackendSetSettings, ClientCertificate, ListenerSettings, ListenerTls, ServerTls, Settings};
pub(crate) use files::{Stamp, TlsError, authorities, certificate, files, stamp, system_bundle};
use reactor::ProfileId;
use secure::{
    Certificate, Certificates, ClientProfile, ClientRules, Facts, Profile, ProfileError, Profiles, ServerProfile,
    ServerRules, TicketKey, Tickets,
};
pub use shown::certificate_warnings;
use shown::{Shown, about_hosts, since_1970};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What clients may ask for (ALPN), the dearest first; and what servers are asked for.
const CLIENT_PROTOCOLS: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];
const SERVER_PROTOCOL: &[u8] = b"http/1.1";

/// Whose tickets are good for whom: a client that was let in by one rule must not come back by another.
#[derive(Clone, PartialEq, Eq)]
struct Admission {
    client_certificate: ClientCertificate,
    authorities: Vec<Vec<u8>>,
}

impl Admission {
    /// What names it to another process.
    fn label(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(self.client_certificate.name().as_bytes());
        for authority in &self.authorities {
            hash.update(&(authority.len() as u64).to_be_bytes());
            hash.update(authority);
        }
        hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a profile was made for.
#[derive(Clone, PartialEq, Eq)]
enum Purpose {
    Listener(ListenerTls),
    /// Servers that are known by this name, or by their addresses.
    Servers(ServerTls, Option<Arc<str>>),
}

/// A profile as long as nothing changes.
#[derive(Clone)]
struct Made {
    purpose: Purpose,
    stamps: Vec<Stamp>,
    id: ProfileId,
    /// What its certificates say, in their order.
    facts: Vec<Facts>,
    /// Whose tickets it takes.
    admission: Option<Admission>,
}

/// What the layers of all workers go by.
#[derive(Clone, Default)]
pub(crate) struct Secured {
    pub(crate) profiles: Profiles,
    made: Vec<Made>,
    /// Keys of tickets outlive a change of the configuration.
    tickets: Vec<(Admission, Tickets)>,
    /// Those of a process before this one, until the first profiles are made.
    handed: Vec<TicketKeys>,
}

/// Keys of tickets, as a process hands them to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketKeys {
    /// Whose tickets they are: by which rules clients were let in.
    pub admission: String,
    /// The newest first.
    pub keys: Vec<TicketKey>,
}

fn stamps_of_servers(tls: &ServerTls) -> Vec<Stamp> {
    let files = tls.certificate.iter().flat_map(|files| [&files.certificate, &files.key]);
    files.chain(&tls.ca).map(|path| stamp(path)).collect()
}

impl Secured {
    /// Goes on with what a process before this one had, as far as it is configured alike.
    pub(crate) fn take_over(&mut self, handed: Vec<TicketKeys>) {
        self.handed = handed;
    }

    /// What is handed to a process that comes after this one.
    pub(crate) fn ticket_keys(&self) -> Vec<TicketKeys> {
        let keys = |(of, tickets): &(Admission, Tickets)| TicketKeys { admission: of.label(), keys: tickets.keys() };
        self.tickets.iter().map(keys).collect()
    }

    /// Writes the number of a profile into each section about TLS. One is made where there is none yet, or where a file of
    /// it has changed. Nothing that goes by others is touched until [`Secured::forget_all_but`].
    pub(crate) fn install(&mut self, settings: &mut Settings, shelf: &Shelf) -> Result<(), SecureError> {
        for listener in &mut settings.listeners {
            listener.tls_profile = match &listener.tls {
                None => None,
                Some(tls) => {
                    let failed = |error| SecureError { section: "listener", name: listener.name.clone(), error };
                    Some(self.of_listener(tls, shelf).map_err(failed)?.0)
                }
            };
        }
        for set in &mut settings.backend_sets {
            let failed = |error| SecureError { section: "backend set", name: set.name.clone(), error };
            let Some(tls) = &set.tls else {
                set.tls_profile = None;
                set.servers.iter_mut().for_each(|server| server.tls_profile = None);
                continue;
            };
            let stamps = stamps_of_servers(tls);
            set.tls_profile = Some(self.of_servers(tls, None, &stamps, shelf).map_err(failed)?.0);
            for server in &mut set.servers {
                server.tls_profile = match &server.host {
                    // What is said in the section stands above the name of a server.
                    Some(host) if tls.server_name.is_none() => {
                        Some(self.of_servers(tls, Some(host), &stamps, shelf).map_err(failed)?.0)
                    }
                    _ => set.tls_profile,
                };
            }
        }
        Ok(())
    }

    /// Lets go of the profiles that `settings` does not name.
    pub(crate) fn forget_all_but(&mut self, settings: &Settings) {
        let of_listeners = settings.listeners.iter().filter_map(|listener| listener.tls_profile);
        let of_sets = settings.backend_sets.iter().filter_map(|set| set.tls_profile);
        let servers = settings.backend_sets.iter().flat_map(|set| &set.servers);
        let of_servers = servers.filter_map(|server| server.tls_profile);
        let kept: HashSet<ProfileId> = of_listeners.chain(of_sets).chain(of_servers).map(ProfileId).collect();
        self.made.retain(|made| kept.contains(&made.id));
        self.tickets.retain(|(of, _)| self.made.iter().any(|made| made.admission.as_ref() == Some(of)));
        self.profiles.keep_only(&kept);
    }

    fn of_listener(&mut self, tls: &ListenerTls, shelf: &Shelf) -> Result<ProfileId, TlsError> {
        let files = tls.certificates.iter().flat_map(|files| [&files.certificate, &files.key]);
        let stamps: Vec<Stamp> = files.chain(&tls.client_ca).map(|path| stamp(path)).collect();
        let purpose = Purpose::Listener(tls.clone());
        match self.known(&purpose, &stamps) {
            Some(id) => Ok(id),
            None => {
                let all: Vec<Certificate> =
                    tls.certificates.iter().map(|files| shelf.certificate(files)).collect::<Result<_, _>>()?;
                let facts = all.iter().map(|one| one.facts().clone()).collect();
                let (profile, admission) = self.server_profile(tls, all, shelf)?;
                let profile = Profile::Server(profile);
                Ok(self.remember(profile, Made { purpose, stamps, id: ProfileId(0), facts, admission }))
            }
        }
    }

    fn of_servers(
        &mut self,
        tls: &ServerTls,
        host: Option<&Arc<str>>,
        stamps: &[Stamp],
        shelf: &Shelf,
    ) -> Result<ProfileId, TlsError> {
        let purpose = Purpose::Servers(tls.clone(), host.cloned());
        if let Some(id) = self.known(&purpose, stamps) {
            return Ok(id);
        }
        let (profile, facts) = match host {
            None => client_profile(tls, shelf)?,
            Some(host) => {
                let all = self.of_servers(tls, None, stamps, shelf)?;
                // They share what is trusted, and the sessions.
                let profile =
                    self.profiles.client(all).map_or_else(|| client_profile(tls, shelf).map(|(made, _)| made), Ok)?;
                (profile.for_name(host)?, Vec::new())
            }
        };
        let made = Made { purpose, stamps: stamps.to_vec(), id: ProfileId(0), facts, admission: None };
        Ok(self.remember(Profile::Client(profile), made))
    }

    fn known(&self, purpose: &Purpose, stamps: &[Stamp]) -> Option<ProfileId> {
        let same = |made: &&Made| made.purpose == *purpose && made.stamps == *stamps;
        self.made.iter().find(same).map(|made| made.id)
    }

    fn remember(&mut self, profile: Profile, made: Made) -> ProfileId {
        let id = self.profiles.add(profile);
        self.made.push(Made { id, ..made });
        id
    }

    /// The certificates that are gone by, whatever their files hold by now.
    pub(crate) fn certificates(&self, settings: &Settings) -> Arc<[InUse]> {
        let facts_of = |id: Option<u32>| self.made.iter().find(|made| Some(made.id.0) == id).map(|made| &made.facts);
        let of = |id, shown: Vec<Shown<'_>>| {
            let facts = facts_of(id).map_or(&[][..], Vec::as_slice).iter();
            let in_use = |(shown, facts): (Shown<'_>, &Facts)| InUse {
                path: shown.files.certificate.clone(),
                not_after: facts.not_after,
            };
            shown.into_iter().zip(facts).map(in_use).collect::<Vec<_>>()
        };
        let listeners = settings.listeners.iter().map(|one| of(one.tls_profile, Shown::of_listener(one).collect()));
        let sets = settings.backend_sets.iter().map(|one| of(one.tls_profile, Shown::of_set(one).collect()));
        let mut all: Vec<InUse> = listeners.chain(sets).flatten().collect();
        all.sort();
        // One file in two places may have been read at two times: the end that comes first counts.
        all.dedup_by(|one, before| one.path == before.path);
        all.into()
    }

    /// The same as [`certificate_warnings`], of certificates that were read already.
    pub(crate) fn warnings(&self, settings: &Settings) -> Vec<Warning> {
        let facts_of = |id: Option<u32>| {
            let made = self.made.iter().find(|made| Some(made.id.0) == id);
            made.map_or(&[][..], |made| &made.facts)
        };
        let listener = |listener: &ListenerSettings| facts_of(listener.tls_profile);
        let set = |set: &BackendSetSettings| facts_of(set.tls_profile);
        let hosts = settings.listeners.iter().flat_map(|one| about_hosts(one, listener(one)));
        let listeners = settings.listeners.iter().flat_map(|one| Shown::of_listener(one).zip(listener(one)));
        let sets = settings.backend_sets.iter().flat_map(|one| Shown::of_set(one).zip(set(one)));
        let now = since_1970();
        let shown = listeners.chain(sets).flat_map(|(shown, facts)| shown.warnings(Some(facts), now));
        shown.chain(hosts).collect()
    }

    /// With whose tickets it takes, where it takes any.
    fn server_profile(
        &mut self,
        tls: &ListenerTls,
        all: Vec<Certificate>,
        shelf: &Shelf,
    ) -> Result<(ServerProfile, Option<Admission>), TlsError> {
        let client_authorities =
            tls.client_ca.as_deref().map(|ca| shelf.authorities(ca)).transpose()?.unwrap_or_default();
        let (client_certificate, authorities) = (tls.client_certificate, client_authorities.clone());
        let admission = tls.tickets.then_some(Admission { client_certificate, authorities });
        let rules = ServerRules {
            certificates: Certificates::new(all, tls.strict_sni)?,
            versions: tls.versions.clone(),
            protocols: CLIENT_PROTOCOLS.map(<[u8]>::to_vec).to_vec(),
            tickets: admission.as_ref().map_or_else(|| Ok(Tickets::off()), |admission| self.tickets(admission))?,
            client_certificate,
            client_authorities,
        };
        Ok((ServerProfile::new(rules)?, admission))
    }

    fn tickets(&mut self, admission: &Admission) -> Result<Tickets, ProfileError> {
        if let Some((_, tickets)) = self.tickets.iter().find(|(of, _)| of == admission) {
            return Ok(tickets.clone());
        }
        let label = admission.label();
        let handed = self.handed.iter().find(|handed| handed.admission == label);
        let tickets = Tickets::with(handed.map(|handed| handed.keys.clone()).unwrap_or_default())?;
        self.tickets.push((admission.clone(), tickets.clone()));
        Ok(tickets)
    }
}

/// With what our certificate says, where we have one.
fn client_profile(tls: &ServerTls, shelf: &Shelf) -> Result<(ClientProfile, Vec<Facts>), TlsError> {
    let trusted = match (tls.verify, &tls.ca) {
        (false, _) => None,
        (true, Some(ca)) => Some(shelf.authorities(ca)?),
        (true, None) => Some(shelf.system_authorities()?),
    };
    let certificate = tls.certificate.as_ref().map(|files| shelf.certificate(files)).transpose()?;
    let facts = certificate.iter().map(|one| one.facts().clone()).collect();
    let rules = ClientRules {
        versions: tls.versions.clone(),
        protocols: vec![SERVER_PROTOCOL.to_vec()],
        authorities: trusted,
        certificate,
    };
    let profile = ClientProfile::new(rules)?;
    match &tls.server_name {
        Some(name) => Ok((profile.for_name(name)?, facts)),
        None => Ok((profile, facts)),
    }
}

/// A certificate that is gone by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InUse {
    /// Where it was read.
    pub path: PathBuf,
    /// When it ends, since 1970.
    pub not_after: Duration,
}

/// Why a section cannot be secured as it asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{section} {name:?}: {error}")]
pub struct SecureError {
    section: &'static str,
    name: String,
    error: TlsError,
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::CertificateFiles;
    use std::net::SocketAddr;

    /// A certificate with its key, in a file of this test alone.
    struct File(PathBuf, #[expect(dead_code, reason = "it goes with the test")] testkit::Folder);

    impl File {
        fn new() -> Self {
            let folder = testkit::Folder::new();
            let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).expect("a certificate");
            let path = folder.write("a.pem", made.cert.pem() + &made.signing_key.serialize_pem());
            Self(path, folder)
        }

        fn listener(&self, client_certificate: ClientCertificate) -> ListenerSettings {
            let mut listener = ListenerSettings::new("web", SocketAddr::from(([127, 0, 0, 1], 0)), 0);
            let files = CertificateFiles { certificate: self.0.clone(), key: self.0.clone() };
            let client_ca = (client_certificate != ClientCertificate::None).then(|| self.0.clone());
            listener.tls = Some(ListenerTls { client_certificate, client_ca, ..ListenerTls::new(vec![files]) });
            listener
        }
    }

    #[test]
    fn the_certificate_that_is_in_use_is_told_whatever_its_file_holds() {
        let file = File::new();
        let mut secured = Secured::default();
        let of = |rule| file.listener(rule);
        let listeners = vec![of(ClientCertificate::None), of(ClientCertificate::Optional)];
        let mut settings = Settings { listeners, backend_sets: Vec::new() };
        secured.install(&mut settings, &Shelf::default()).expect("good files");
        std::fs::write(&file.0, "renewed, and damaged").expect("written");
        let told = secured.certificates(&settings);
        let [one] = &told[..] else { panic!("{told:?}") };
        assert_eq!((&one.path, one.not_after > since_1970()), (&file.0, true));
    }

    /// Profiles, and keys of tickets, are those of the configuration that is gone by.
    #[test]
    fn nothing_is_kept_of_what_a_configuration_leaves_out() {
        let file = File::new();
        let mut secured = Secured::default();
        let mut go_by = |listeners: Vec<ListenerSettings>, speaks_tls: bool| {
            let mut set = BackendSetSettings::new("app", Vec::new());
            set.tls = speaks_tls.then(|| ServerTls { verify: false, ..ServerTls::default() });
            let mut settings = Settings { listeners, backend_sets: vec![set] };
            secured.install(&mut settings, &Shelf::default()).expect("good files");
            secured.forget_all_but(&settings);
            let towards = settings.backend_sets[0].tls_profile.map(ProfileId);
            (secured.made.len(), secured.tickets.len(), towards.and_then(|id| secured.profiles.client(id)).is_some())
        };
        let of = |rule| file.listener(rule);
        use ClientCertificate::{None, Optional, Required};
        assert_eq!(go_by(vec![of(None)], true), (2, 1, true));
        assert_eq!(go_by(vec![of(None), of(Optional), of(Required)], false), (3, 3, false));
        assert_eq!(go_by(vec![of(Required)], false), (1, 1, false));
        assert_eq!(go_by(Vec::new(), false), (0, 0, false));
        for _ in 0..20 {
            assert_eq!(go_by(vec![of(Optional)], true), (2, 1, true));
            assert_eq!(go_by(vec![of(None)], false), (1, 1, false));
        }
    }
}
