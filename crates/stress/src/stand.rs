//! A tester on the layers its plan asks for: TLS, or nothing.

use crate::tester::{Elsewhere, Tester};
use crate::tunnel::Tunnelled;
use ports::Fault;
use reactor::{App, Completion, Reactor};
use secure::{ClientProfile, Hints, Profile, Profiles, Secure, Settings};
use std::time::Duration;
use stress_core::Tally;

/// What people call here what failures of TLS are a matter of.
const HINTS: Hints =
    Hints { authorities: "--cacert, or --insecure", certificate: "--cert and --key", server_name: "--sni" };

/// How connections are secured; `None`: not at all.
#[derive(Default)]
pub(crate) struct Security {
    /// Those to the target.
    pub(crate) target: Option<ClientProfile>,
    /// Those to whoever redirects lead to; the name is theirs.
    pub(crate) elsewhere: Option<ClientProfile>,
}

/// See the module's head.
pub(crate) enum Stand {
    Plain(Box<Tester>),
    Secured(Box<Secure<Tester>>),
    Tunnelled(Box<Tunnelled<Tester>>),
    SecuredInTunnel(Box<Tunnelled<Secure<Tester>>>),
}

impl Stand {
    /// Connections of `tester` are secured so; within a tunnel that a proxy is asked for by `tunnel`.
    pub(crate) fn new(mut tester: Tester, security: Security, tunnel: Option<Vec<u8>>) -> Self {
        if security.target.is_none() && security.elsewhere.is_none() {
            return match tunnel {
                None => Self::Plain(Box::new(tester)),
                Some(head) => Self::Tunnelled(Box::new(Tunnelled::new(tester, head))),
            };
        }
        let profiles = Profiles::default();
        let mut connected = security.target.map(|profile| profiles.add(Profile::Client(profile)));
        if let Some(profile) = security.elsewhere {
            // Not every connection is secured: each says so.
            let elsewhere = Elsewhere { profiles: profiles.clone(), profile: Some(profile) };
            tester.leading(connected.take(), elsewhere);
        }
        let settings = Settings { profiles, connected, hints: HINTS, ..Settings::default() };
        let secured = Secure::new(tester, settings);
        match tunnel {
            None => Self::Secured(Box::new(secured)),
            Some(head) => Self::SecuredInTunnel(Box::new(Tunnelled::new(secured, head))),
        }
    }

    /// What was counted, when it is over.
    pub(crate) fn into_tally(self) -> Tally {
        match self {
            Self::Plain(tester) => tester.into_tally(),
            Self::Secured(secured) => secured.app.into_tally(),
            Self::Tunnelled(tunnelled) => tunnelled.app.into_tally(),
            Self::SecuredInTunnel(tunnelled) => tunnelled.app.app.into_tally(),
        }
    }
}

/// Calls the application, whichever it is.
macro_rules! on_app {
    ($stand:expr, $app:ident => $what:expr) => {
        match $stand {
            Stand::Plain($app) => $what,
            Stand::Secured($app) => $what,
            Stand::Tunnelled($app) => $what,
            Stand::SecuredInTunnel($app) => $what,
        }
    };
}

impl<R: Reactor> App<R> for Stand {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        on_app!(self, app => app.start(io))
    }

    #[inline]
    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        on_app!(self, app => app.handle_completion(completion, io));
    }

    fn handle_time(&mut self, io: &mut R) {
        on_app!(self, app => app.handle_time(io));
    }

    fn poll_deadline(&self) -> Option<Duration> {
        on_app!(self, app => App::<R>::poll_deadline(&**app))
    }

    fn is_done(&self) -> bool {
        on_app!(self, app => App::<R>::is_done(&**app))
    }
}
