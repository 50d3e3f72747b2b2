//! The application around the application.

use crate::layer::Layer;
use crate::view::View;
use ports::{Announcements, Fault};
use reactor::{App, Completion, ListenerId, Reactor};
use std::time::Duration;

/// `app` with clients that proxies announce, at the listeners of which it says so ([`Reactor::announce_listener`]).
pub struct Announced<A> {
    /// The application; it knows nothing of this.
    pub app: A,
    layer: Layer,
}

impl<A> Announced<A> {
    /// Puts `app` on a layer.
    pub fn new(app: A) -> Self {
        Self { app, layer: Layer::default() }
    }

    /// What was counted at a listener since the last time.
    pub fn take_announcements(&mut self, listener: Option<ListenerId>) -> Announcements {
        self.layer.take_counts(listener)
    }

    /// Lets somebody act as the application would, between two turns; what comes of it is told.
    pub fn act<R: Reactor, T>(&mut self, io: &mut R, act: impl FnOnce(&mut A, &mut View<'_, R>) -> T) -> T
    where
        A: for<'a> App<View<'a, R>>,
    {
        let (app, mut view) = self.view(io);
        let outcome = act(app, &mut view);
        self.deliver(io);
        outcome
    }

    #[inline]
    fn view<'a, R>(&'a mut self, io: &'a mut R) -> (&'a mut A, View<'a, R>) {
        (&mut self.app, View { io, layer: &mut self.layer })
    }

    /// Tells the application what it is to hear, until there is nothing.
    #[inline]
    fn deliver<R: Reactor>(&mut self, io: &mut R)
    where
        A: for<'a> App<View<'a, R>>,
    {
        let (app, mut view) = self.view(io);
        while let Some(completion) = view.poll_completion() {
            app.handle_completion(completion, &mut view);
        }
    }
}

impl<R: Reactor, A: for<'a> App<View<'a, R>>> App<R> for Announced<A> {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let (app, mut view) = self.view(io);
        app.start(&mut view)?;
        self.deliver(io);
        Ok(())
    }

    #[inline]
    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        let (app, mut view) = self.view(io);
        if let Some(completion) = view.handle_below(completion) {
            app.handle_completion(completion, &mut view);
        }
        self.deliver(io);
    }

    fn handle_time(&mut self, io: &mut R) {
        let (app, mut view) = self.view(io);
        view.expire();
        app.handle_time(&mut view);
        self.deliver(io);
        let (app, mut view) = self.view(io);
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
