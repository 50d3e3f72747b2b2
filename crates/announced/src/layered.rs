//! The application around the application.

use crate::layer::Layer;
use crate::view::View;
use ports::{Announcements, Fault};
use reactor::{App, Completion, ListenerId, Reactor, TurnedAway, deliver};
use std::time::Duration;

/// `app` with clients that proxies announce, at the listeners of which it says so ([`Reactor::announce_listener`]).
pub struct Announced<A> {
    /// The application; it knows nothing of this.
    pub app: A,
    layer: Layer,
}

impl<A> Announced<A> {
    /// Puts `app` on a layer; so many connections may not have said yet whose they are, and the oldest goes for a new one.
    pub fn new(app: A, strangers_max: usize) -> Self {
        Self { app, layer: Layer::new(strangers_max) }
    }

    /// What was counted at a listener since the last time.
    pub fn take_announcements(&mut self, listener: Option<ListenerId>) -> Announcements {
        self.layer.take_counts(listener)
    }

    /// Those turned away since the last time.
    pub fn take_turned_away(&mut self) -> impl Iterator<Item = TurnedAway> + use<A> {
        std::mem::take(&mut self.layer.turned_away).into_iter()
    }

    /// Lets somebody act as the application would, between two turns; what comes of it is told.
    pub fn act<R: Reactor, T>(&mut self, io: &mut R, act: impl FnOnce(&mut A, &mut View<'_, R>) -> T) -> T
    where
        A: for<'a> App<View<'a, R>>,
    {
        let (app, mut view) = self.view(io);
        let outcome = act(app, &mut view);
        deliver(app, &mut view);
        outcome
    }

    #[inline]
    fn view<'a, R>(&'a mut self, io: &'a mut R) -> (&'a mut A, View<'a, R>) {
        (&mut self.app, View { io, layer: &mut self.layer })
    }
}

impl<R: Reactor, A: for<'a> App<View<'a, R>>> App<R> for Announced<A> {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let (app, mut view) = self.view(io);
        app.start(&mut view)?;
        deliver(app, &mut view);
        Ok(())
    }

    #[inline]
    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        let (app, mut view) = self.view(io);
        if let Some(completion) = view.handle_below(completion) {
            app.handle_completion(completion, &mut view);
        }
        deliver(app, &mut view);
    }

    fn handle_time(&mut self, io: &mut R) {
        let (app, mut view) = self.view(io);
        view.expire();
        app.handle_time(&mut view);
        deliver(app, &mut view);
        if app.is_done() {
            view.turn_all_away(None);
        }
    }

    fn poll_deadline(&self) -> Option<Duration> {
        [self.app.poll_deadline(), self.layer.timers.poll_deadline()].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.app.is_done()
    }
}
