//! A worker with layers beneath it (TLS, and below that the PROXY protocol), or without: who asks for neither pays nothing for
//! them. A change of the configuration may bring the first.

use crate::worker::Worker;
use announced::Announced;
use balancer_core::Report;
use ports::{Fault, Handshakes};
use reactor::{App, Completion, Reactor, Shortages};
use secure::{Profiles, Secure, Settings};
use std::time::Duration;

/// See the module's head.
pub struct Stand {
    /// Taken only while the worker moves.
    app: Option<Kind>,
    layers: Layers,
}

/// What layers go by.
#[derive(Clone)]
pub struct Layers {
    /// Certificates and rules.
    pub profiles: Profiles,
    /// Connections of one worker that may not have said yet whom they speak for.
    pub strangers_max: usize,
}

/// Both layers stand together: one that nobody asks for costs a look at an empty table, another copy of the whole worker
/// would cost more.
type Layered = Announced<Secure<Worker>>;

enum Kind {
    Plain(Box<Worker>),
    Layered(Box<Layered>),
}

/// Calls the application, whichever it is.
macro_rules! on_app {
    ($stand:expr, $app:ident => $what:expr) => {
        match $stand {
            Some(Kind::Plain($app)) => $what,
            Some(Kind::Layered($app)) => $what,
            None => unreachable!("a worker is on its way only within `handle_woken`"),
        }
    };
}

impl Stand {
    /// A worker that has not started.
    pub fn new(worker: Worker, layers: Layers) -> Self {
        let app = if worker.wants_layers() {
            Kind::Layered(Box::new(layered(worker, &layers)))
        } else {
            Kind::Plain(Box::new(worker))
        };
        Self { app: Some(app), layers }
    }

    /// What is left to be told in the end.
    pub fn into_report(mut self, shortages: Shortages) -> Report {
        match self.app.take() {
            Some(Kind::Plain(worker)) => worker.report(shortages),
            Some(Kind::Layered(mut layered)) => {
                for of in layered.app.app.handshake_sources() {
                    let announced = layered.take_announcements(of);
                    let counts = Handshakes { announced, ..layered.app.take_handshakes(of) };
                    layered.app.app.note_handshakes(of, &counts);
                }
                let unsecured = layered.app.take_turned_away();
                for one in unsecured.chain(layered.take_turned_away()) {
                    layered.app.app.note_turned_away(&one);
                }
                layered.app.app.report(shortages)
            }
            None => Report::default(),
        }
    }

    /// Orders came. The configuration may ask for a layer, and did not before; nobody was accepted yet at what is new.
    #[cold]
    fn handle_woken<R: Reactor>(&mut self, io: &mut R) {
        if let Some(Kind::Plain(worker)) = self.app.take_if(|app| matches!(app, Kind::Plain(one) if one.wants_layers()))
        {
            let mut layered = Box::new(layered(*worker, &self.layers));
            layered.act(io, |secure, io| secure.act(io, |worker, io| worker.brief_layers(io)));
            self.app = Some(Kind::Layered(layered));
        }
    }
}

fn layered(worker: Worker, layers: &Layers) -> Layered {
    let settings = Settings { profiles: layers.profiles.clone(), ..Settings::default() };
    Announced::new(Secure::new(worker, settings), layers.strangers_max)
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
