//! A worker with TLS beneath it, or without: who has no section about TLS pays nothing for it. A change of the configuration
//! may bring the first.

use crate::worker::Worker;
use balancer_core::Report;
use ports::Fault;
use reactor::{App, Completion, Reactor, Shortages};
use secure::{Profiles, Secure, Settings};
use std::time::Duration;

/// See the module's head.
pub struct Stand {
    /// Taken only while the worker moves.
    app: Option<Kind>,
    profiles: Profiles,
}

enum Kind {
    Plain(Box<Worker>),
    Secured(Box<Secure<Worker>>),
}

/// Calls the application, whichever it is.
macro_rules! on_app {
    ($stand:expr, $app:ident => $what:expr) => {
        match $stand {
            Some(Kind::Plain($app)) => $what,
            Some(Kind::Secured($app)) => $what,
            None => unreachable!("a worker is on its way only within `handle_woken`"),
        }
    };
}

impl Stand {
    /// A worker that has not started.
    pub fn new(worker: Worker, profiles: Profiles) -> Self {
        let app = if worker.wants_layer() {
            Kind::Secured(Box::new(secured(worker, &profiles)))
        } else {
            Kind::Plain(Box::new(worker))
        };
        Self { app: Some(app), profiles }
    }

    /// What is left to be told in the end.
    pub fn into_report(mut self, shortages: Shortages) -> Report {
        match self.app.take() {
            Some(Kind::Plain(worker)) => worker.report(shortages),
            Some(Kind::Secured(mut secure)) => {
                let counted = secure.app.handshake_sources().into_iter().map(|of| (of, secure.take_handshakes(of)));
                let counted: Vec<_> = counted.collect();
                counted.into_iter().for_each(|(of, counts)| secure.app.note_handshakes(of, &counts));
                secure.app.report(shortages)
            }
            None => Report::default(),
        }
    }

    /// Orders came. The configuration may have a section about TLS, and had none before; nobody was accepted yet at what is new.
    #[cold]
    fn handle_woken<R: Reactor>(&mut self, io: &mut R) {
        if let Some(Kind::Plain(worker)) = self.app.take_if(|app| matches!(app, Kind::Plain(one) if one.wants_layer()))
        {
            let mut secure = Box::new(secured(*worker, &self.profiles));
            secure.act(io, |worker, io| worker.secure_listeners(io));
            self.app = Some(Kind::Secured(secure));
        }
    }
}

fn secured(worker: Worker, profiles: &Profiles) -> Secure<Worker> {
    Secure::new(worker, Settings { profiles: profiles.clone(), ..Settings::default() })
}

impl<R: Reactor> App<R> for Stand {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        on_app!(&mut self.app, app => app.start(io))
    }

    #[inline]
    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        let woken = matches!(completion, Completion::Woken);
        on_app!(&mut self.app, app => app.handle_completion(completion, io));
        if woken {
            self.handle_woken(io);
        }
    }

    fn handle_time(&mut self, io: &mut R) {
        on_app!(&mut self.app, app => app.handle_time(io));
    }

    fn poll_deadline(&self) -> Option<Duration> {
        on_app!(&self.app, app => App::<R>::poll_deadline(&**app))
    }

    fn is_done(&self) -> bool {
        on_app!(&self.app, app => App::<R>::is_done(&**app))
    }
}
