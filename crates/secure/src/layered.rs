//! The application around the application.

use crate::conn::{Layer, Settings};
use crate::view::View;
use ports::{Fault, Handshakes};
use reactor::{App, Completion, ListenerId, Reactor, TurnedAway, deliver};
use std::time::Duration;

/// `app` on connections that are secured where its listeners and plans say so.
pub struct Secure<A> {
    /// The application; it knows nothing of this.
    pub app: A,
    layer: Layer,
}

impl<A> Secure<A> {
    /// Puts `app` on a layer.
    pub fn new(app: A, settings: Settings) -> Self {
        Self { app, layer: Layer::new(settings) }
    }

    /// What was counted at a listener since the last time; `None`: of the connections that the application opened.
    pub fn take_handshakes(&mut self, listener: Option<ListenerId>) -> Handshakes {
        self.layer.take_counts(listener)
    }

    /// Those that could not be let in since the last time.
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
        self.deliver(io);
        outcome
    }

    fn view<'a, R>(&'a mut self, io: &'a mut R) -> (&'a mut A, View<'a, R>) {
        (&mut self.app, View { io, layer: &mut self.layer })
    }

    /// Tells the application what it is to hear; with it the handshakes end.
    fn deliver<R: Reactor>(&mut self, io: &mut R)
    where
        A: for<'a> App<View<'a, R>>,
    {
        let (app, mut view) = self.view(io);
        deliver(app, &mut view);
        if app.is_done() {
            view.end_handshakes(None);
        }
    }
}

impl<R: Reactor, A: for<'a> App<View<'a, R>>> App<R> for Secure<A> {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let (app, mut view) = self.view(io);
        app.start(&mut view)?;
        self.deliver(io);
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        self.view(io).1.handle_below(completion);
        self.deliver(io);
    }

    fn handle_time(&mut self, io: &mut R) {
        while self.view(io).1.expire_one() {
            self.deliver(io);
        }
        self.view(io).1.retry_starved();
        self.deliver(io);
        let (app, mut view) = self.view(io);
        app.handle_time(&mut view);
        self.deliver(io);
    }

    fn poll_deadline(&self) -> Option<Duration> {
        [self.app.poll_deadline(), self.layer.poll_deadline()].into_iter().flatten().min()
    }

    /// Also its last close-notify is out.
    fn is_done(&self) -> bool {
        self.app.is_done() && self.layer.conns.is_empty()
    }
}
