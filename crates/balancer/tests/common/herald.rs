//! A proxy in front of the house: whoever connects says first, by the header of the PROXY protocol, that he is somebody else.

use super::tls::Over;
use balancer_core::ProxyHeader;
use ports::{Fault, Handshakes};
use reactor::{
    App, Buf, Close, CloseOutcome, Completion, ConnId, ConnectPlan, ListenerId, Outgoing, Questions, Reactor,
};
use reactor_sim::SimReactor;
use secure::Secure;
use std::net::SocketAddr;
use std::time::Duration;
use stress::Tester;

/// An application whose connections begin with a header.
pub(crate) struct Herald<A> {
    app: A,
    header: Vec<u8>,
    /// Connections that begin with nothing but it: of that, nobody is told that it was sent.
    alone: Vec<ConnId>,
}

/// The reactor of such an application.
pub(crate) struct HeraldView<'a> {
    io: &'a mut SimReactor,
    header: &'a [u8],
    alone: &'a mut Vec<ConnId>,
}

impl Questions for HeraldView<'_> {
    reactor::forward!(io: now, wall_clock, listener_address, waiting, local_address, probe, is_receiving, session);
    reactor::forward!(io: unacknowledged_bytes, timestamps, buffers_are_scarce, connect_cost, shortages);
}

impl Reactor for HeraldView<'_> {
    reactor::forward!(io: listen, adopt_listener, set_accepting, close_listener, shut_listener, watch_peer, shutdown_write);
    reactor::forward!(io: take_buf, turn);

    fn take_handshakes(&mut self, listener: Option<ListenerId>) -> Handshakes {
        self.io.take_handshakes(listener)
    }

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        let is_alone = first.is_empty();
        let id = self.io.connect_behind(self.header, plan, first)?;
        self.alone.extend(is_alone.then_some(id));
        Ok(id)
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        self.io.recv(conn, partial);
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        self.io.send(conn, out);
    }

    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        self.alone.retain(|id| *id != conn);
        self.io.close(conn, how)
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        self.io.poll_completion()
    }
}

impl<A> Herald<A> {
    fn new(app: A, version: ProxyHeader) -> Self {
        let at = |text: &str| -> SocketAddr { text.parse().expect("an address") };
        let header = version.write(at("192.0.2.7:40000"), Some(at("203.0.113.9:443")));
        Self { app, header: header.as_slice().to_vec(), alone: Vec::new() }
    }

    fn view<'a>(&'a mut self, io: &'a mut SimReactor) -> (&'a mut A, HeraldView<'a>) {
        (&mut self.app, HeraldView { io, header: &self.header, alone: &mut self.alone })
    }
}

impl<A: for<'a> App<HeraldView<'a>>> App<SimReactor> for Herald<A> {
    fn start(&mut self, io: &mut SimReactor) -> Result<(), Fault> {
        let (app, mut view) = self.view(io);
        app.start(&mut view)
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut SimReactor) {
        if let Completion::Sent { conn, .. } = completion
            && let Some(place) = self.alone.iter().position(|id| *id == conn)
        {
            self.alone.swap_remove(place);
            return;
        }
        let (app, mut view) = self.view(io);
        app.handle_completion(completion, &mut view);
    }

    fn handle_time(&mut self, io: &mut SimReactor) {
        let (app, mut view) = self.view(io);
        app.handle_time(&mut view);
    }

    fn poll_deadline(&self) -> Option<Duration> {
        App::<HeraldView<'_>>::poll_deadline(&self.app)
    }

    fn is_done(&self) -> bool {
        App::<HeraldView<'_>>::is_done(&self.app)
    }
}

/// The tester as it comes to the balancer.
pub(crate) enum Guest {
    Itself(Box<Over<Tester>>),
    Announced(Box<Herald<Tester>>),
    AnnouncedSecured(Box<Herald<Secure<Tester>>>),
}

impl Guest {
    /// Announced by this header, or not.
    pub(crate) fn new(tester: Over<Tester>, header: Option<ProxyHeader>) -> Self {
        match (header, tester) {
            (None, tester) => Self::Itself(Box::new(tester)),
            (Some(header), Over::Plain(tester)) => Self::Announced(Box::new(Herald::new(tester, header))),
            (Some(header), Over::Secured(secure)) => Self::AnnouncedSecured(Box::new(Herald::new(*secure, header))),
        }
    }

    pub(crate) fn as_app(&mut self) -> &mut dyn App<SimReactor> {
        match self {
            Self::Itself(over) => over.as_app(),
            Self::Announced(herald) => herald.as_mut(),
            Self::AnnouncedSecured(herald) => herald.as_mut(),
        }
    }

    pub(crate) fn into_tester(self) -> Tester {
        match self {
            Self::Itself(over) => over.into_app(),
            Self::Announced(herald) => herald.app,
            Self::AnnouncedSecured(herald) => herald.app.app,
        }
    }
}
