//! Hosts that redirects lead to beside the target: each is looked up once, by a thread of its own, so that nobody waits for a
//! resolver who does not want to go there.

use super::targets::Targets;
use crate::resolve::addresses_of;
use http::url::Url;
use ports::{Address, Sources, Target};
use reactor::ProfileId;
use secure::{ClientProfile, Profile, Profiles};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use stress_core::Astray;
use stress_core::plan::{Place, Plan};

/// Hosts beside the target that one thread goes to.
const PLACES_MAX: usize = 64;
/// The number of the target.
pub(super) const HOME: u16 = 0;

/// How whoever redirects lead to is secured.
#[derive(Clone, Default)]
pub(crate) struct Elsewhere {
    /// Where a host's profile is added.
    pub(crate) profiles: Profiles,
    /// What is asked of its certificate; the name is its own.
    pub(crate) profile: Option<ClientProfile>,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Places {
    pub(super) elsewhere: Elsewhere,
    all: Vec<OtherHost>,
}

struct OtherHost {
    url: Url,
    found: Found,
}

enum Found {
    Looking(Arc<OnceLock<Vec<Address>>>),
    At(Targets, Option<ProfileId>),
    Nowhere,
}

/// Can connections go there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    NotYet,
    Never,
}

impl Places {
    /// The number of the place that `url` is at.
    pub(super) fn of(&mut self, url: &Url, plan: &Plan) -> Result<u16, Astray> {
        match &plan.reach.proxy {
            Some(_) if url.is_of_origin(&plan.url) => return Ok(HOME),
            Some(_) if url.is_secure() || plan.reach.tunnels => return Err(Astray::NoTunnel),
            Some(_) => return Ok(HOME),
            None if url.is_of_origin(&plan.url) => return Ok(HOME),
            None => {}
        }
        if let Some(at) = self.all.iter().position(|one| one.url.is_of_origin(url)) {
            return Ok(at as u16 + 1);
        }
        if self.all.len() == PLACES_MAX {
            return Err(Astray::TooManyHosts);
        }
        self.all.push(OtherHost { url: url.clone(), found: look_up(plan.reach.place(url), plan.sources.clone()) });
        Ok(self.all.len() as u16)
    }

    /// Is it known by now where that is?
    pub(super) fn look(&mut self, place: u16, sources: &mut Sources) -> Known {
        let Some(one) = usize::from(place).checked_sub(1).and_then(|at| self.all.get_mut(at)) else {
            return Known::Yes;
        };
        if let Found::Looking(answer) = &one.found {
            let Some(addresses) = answer.get() else { return Known::NotYet };
            one.found = found(addresses, &one.url, &self.elsewhere, sources);
        }
        if matches!(one.found, Found::Nowhere) { Known::Never } else { Known::Yes }
    }

    /// Where the next connection to that place goes, and how it is secured.
    pub(super) fn take(&mut self, place: u16) -> Option<(Target, Option<ProfileId>)> {
        match &mut self.all.get_mut(usize::from(place).checked_sub(1)?)?.found {
            Found::At(targets, profile) => Some((targets.take(), *profile)),
            Found::Looking(_) | Found::Nowhere => None,
        }
    }
}

/// What is an address by itself is known at once.
fn look_up(place: Place, of_sources: Vec<IpAddr>) -> Found {
    let answer = Arc::new(OnceLock::new());
    let is_address = match &place {
        Place::Name(host, _) => host.parse::<IpAddr>().is_ok(),
        Place::Addresses(_) | Place::Socket(_) => true,
    };
    let said = Arc::clone(&answer);
    let look = move || {
        // Nobody else answers.
        let _first = said.set(addresses_of(place, &of_sources).map(|found| found.targets).unwrap_or_default());
    };
    match is_address {
        true => look(),
        false if std::thread::Builder::new().name("look-up".to_owned()).spawn(look).is_err() => return Found::Nowhere,
        false => {}
    }
    Found::Looking(answer)
}

fn found(addresses: &[Address], url: &Url, elsewhere: &Elsewhere, sources: &mut Sources) -> Found {
    let secured = || {
        let profile = elsewhere.profile.as_ref()?.for_name(url.host()).ok()?;
        Some(elsewhere.profiles.add(Profile::Client(profile)))
    };
    let profile = if url.is_secure() { secured() } else { None };
    match Targets::try_new(addresses, sources) {
        Some(targets) if profile.is_some() || !url.is_secure() => Found::At(targets, profile),
        _ => Found::Nowhere,
    }
}
