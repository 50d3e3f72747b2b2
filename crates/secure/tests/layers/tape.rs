//! A layer that changes nothing and remembers what passed: on top of another it shows what the application saw, below
//! one what was sealed.

use ports::Fault;
use reactor::{
    After, App, Buf, Completion, ConnId, ConnMap, ConnectPlan, Outgoing, Questions, Reactor, Received, SessionInfo,
};
use std::time::Duration;

/// `app`, and everything it received and sent.
pub(crate) struct Taped<A> {
    /// The application.
    pub(crate) app: A,
    /// What passed.
    pub(crate) tape: Tape,
}

/// What passed on all connections.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// Every stream, in the order of their beginnings.
    pub(crate) streams: Vec<Stream>,
    now: ConnMap<Passing>,
}

/// What passed on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    /// What the application was told that both sides agreed on.
    pub(crate) session: Option<SessionInfo>,
    /// What came.
    pub(crate) received: Vec<u8>,
    /// What went, send by send.
    pub(crate) sends: Vec<(Vec<u8>, After)>,
    /// Did it end as it should?
    pub(crate) end: Option<Result<(), Fault>>,
}

#[derive(Debug)]
struct Passing {
    stream: usize,
    /// Bytes that the present recv was given: they were counted before.
    partial_len: usize,
}

impl<A> Taped<A> {
    /// Records from now on.
    pub(crate) fn new(app: A) -> Self {
        Self { app, tape: Tape::default() }
    }

    /// Lets somebody act as the application would, between two turns.
    pub(crate) fn act<R: Reactor, T>(&mut self, io: &mut R, act: impl FnOnce(&mut A, &mut TapeView<'_, R>) -> T) -> T {
        let (app, mut view) = self.view(io);
        act(app, &mut view)
    }

    fn view<'a, R>(&'a mut self, io: &'a mut R) -> (&'a mut A, TapeView<'a, R>) {
        (&mut self.app, TapeView { io, tape: &mut self.tape })
    }
}

impl Tape {
    fn begin(&mut self, id: ConnId) -> &mut Stream {
        self.now.insert(id, Passing { stream: self.streams.len(), partial_len: 0 });
        self.streams.push(Stream::default());
        self.streams.last_mut().expect("just pushed")
    }

    fn stream(&mut self, id: ConnId) -> Option<(&mut Stream, &mut usize)> {
        let passing = self.now.get_mut(id)?;
        Some((&mut self.streams[passing.stream], &mut passing.partial_len))
    }

    fn note_received(&mut self, id: ConnId, result: &Result<Received, Fault>) {
        let Some((stream, partial_len)) = self.stream(id) else { return };
        match result {
            Ok(Received::Data(buf)) => stream.received.extend_from_slice(&buf[*partial_len..]),
            Ok(Received::Piped(_) | Received::Dropped(_)) => unreachable!("nobody asks for it"),
            Ok(Received::Eof(_)) => stream.end = Some(Ok(())),
            Err(fault) => stream.end = Some(Err(*fault)),
        }
        *partial_len = 0;
    }

    fn note_send(&mut self, id: ConnId, out: &Outgoing) {
        if let Some((stream, _)) = self.stream(id)
            && !(out.is_empty() && out.after == After::Keep)
        {
            let runs = [&out.head, &out.body].map(|run| run.as_deref().unwrap_or_default());
            stream.sends.push((runs.concat(), out.after));
        }
    }
}

/// The reactor below, listened to.
pub(crate) struct TapeView<'a, R> {
    io: &'a mut R,
    tape: &'a mut Tape,
}

impl<R: Reactor> Questions for TapeView<'_, R> {
    reactor::forward!(io: now, wall_clock, listener_address, waiting, local_address, probe, is_receiving, session);
    reactor::forward!(io: unacknowledged_bytes, timestamps);
    reactor::forward!(io: buffers_are_scarce, shortages);
}

impl<R: Reactor> Reactor for TapeView<'_, R> {
    reactor::forward!(io: listen, adopt_listener, secure_listener, take_handshakes, set_accepting, close_listener, shut_listener, watch_peer, shutdown_write, close, take_buf, turn);

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        let bytes = [&first.head, &first.body].map(|run| run.as_deref().unwrap_or_default()).concat();
        let after = first.after;
        let id = self.io.connect(plan, first)?;
        self.tape.begin(id).sends.extend((!bytes.is_empty()).then_some((bytes, after)));
        Ok(id)
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        if let Some((_, partial_len)) = self.tape.stream(conn) {
            *partial_len = partial.as_deref().map_or(0, <[u8]>::len);
        }
        self.io.recv(conn, partial);
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        self.tape.note_send(conn, &out);
        self.io.send(conn, out);
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        self.io.poll_completion()
    }
}

impl<R: Reactor, A: for<'a> App<TapeView<'a, R>>> App<R> for Taped<A> {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let (app, mut view) = self.view(io);
        app.start(&mut view)
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        match &completion {
            Completion::Accepted { conn, .. } => drop(self.tape.begin(*conn)),
            Completion::Received { conn, result } => self.tape.note_received(*conn, result),
            _ => {}
        }
        if let Completion::Accepted { conn, .. } | Completion::Connected { conn, result: Ok(()) } = &completion
            && let Some((stream, _)) = self.tape.stream(*conn)
        {
            stream.session = io.session(*conn).cloned();
        }
        let (app, mut view) = self.view(io);
        app.handle_completion(completion, &mut view);
    }

    fn handle_time(&mut self, io: &mut R) {
        let (app, mut view) = self.view(io);
        app.handle_time(&mut view);
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.app.poll_deadline()
    }

    fn is_done(&self) -> bool {
        self.app.is_done()
    }
}
