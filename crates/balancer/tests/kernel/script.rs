//! Timelines: who does what, and what the other end sees, in order.

use crate::stage::Stage;
use crate::wire::{End, Wire};
use balancer_core::{Counters, Settings};
use std::time::{Duration, Instant};

/// One step of a timeline. Texts are written with plain line ends for CRLF; `[path]` in what the origin sees stands
/// for the fields that record the way of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act<'a> {
    ClientSends(&'a str),
    ClientSees(&'a str),
    /// A whole answer of the balancer's own.
    ClientSeesStatus(u16),
    /// The same to the letter, but for its date.
    ClientSeesAnswer(&'a str),
    ClientSeesNothing,
    ClientSeesEnd(End),
    /// Sends this now and then until something comes back.
    ClientDrips(&'a str),
    ClientHalfCloses,
    ClientCloses,
    ClientResets,
    /// The next steps are those of a new client; the one before has gone.
    NewClient,
    OriginSees(&'a str),
    OriginSends(&'a str),
    OriginSeesNothing,
    OriginSeesEnd(End),
    /// The end, after this as often as it was dripped and got through.
    OriginSeesEndAfterAny(&'a str, End),
    OriginHalfCloses,
    OriginCloses,
    OriginResets,
    /// The balancer opens another connection; the next steps are on that one.
    NewServer,
    Pause(Duration),
    /// What was seen last came this long after what was done last, or later. A busy machine can only add to it.
    NoSoonerThan(Duration),
}

/// A time-out that some steps of a timeline have to be faster than: long enough for a busy machine.
pub(crate) const TIGHT: Duration = Duration::from_secs(1);

impl Act<'_> {
    /// Can it start a time-out of the balancer's?
    fn is_deed(&self) -> bool {
        use Act::*;
        matches!(self, ClientSends(_) | ClientHalfCloses | NewClient | OriginSends(_) | OriginHalfCloses | OriginCloses)
    }
}

/// What the balancer adds to every request.
pub(crate) const PATH: &str = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nVia: 1.1 quintet\n";

/// How long nothing must come where nothing is expected.
const QUIET: Duration = Duration::from_millis(60);

/// Plays a timeline with the default settings.
pub(crate) fn play(acts: &[Act<'_>]) -> Counters {
    play_with(|_| {}, acts)
}

/// Plays a timeline; returns the books after everything was closed.
pub(crate) fn play_with(change: impl FnOnce(&mut Settings), acts: &[Act<'_>]) -> Counters {
    let stage = Stage::new(change);
    let mut cast = Cast { client: None, server: None, done_last: Instant::now() };
    for (index, act) in acts.iter().enumerate() {
        let note = Note { index, act: format!("{act:?}").chars().take(100).collect() };
        cast.perform(&stage, act);
        drop(note);
    }
    stage.no_server();
    drop(cast);
    stage.counts("all clients are gone", |counters| counters.clients_open == 0);
    stage.end()
}

/// Names the step in which a test failed.
struct Note {
    index: usize,
    act: String,
}

impl Drop for Note {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in step {}: {}", self.index, self.act);
        }
    }
}

struct Cast {
    client: Option<Wire>,
    server: Option<Wire>,
    /// When the last step began that did something.
    done_last: Instant,
}

impl Cast {
    fn perform(&mut self, stage: &Stage, act: &Act<'_>) {
        if act.is_deed() {
            self.done_last = Instant::now();
        }
        match *act {
            Act::ClientSends(text) => self.client(stage).sends(text),
            Act::ClientSees(text) => self.client(stage).sees(text),
            Act::ClientSeesStatus(status) => self.client(stage).sees_status(status),
            Act::ClientSeesAnswer(text) => self.client(stage).sees_answer(text),
            Act::ClientSeesNothing => self.client(stage).sees_nothing(QUIET),
            Act::ClientSeesEnd(end) => self.client(stage).sees_end(end),
            Act::ClientDrips(text) => self.client(stage).drips(text),
            Act::ClientHalfCloses => self.client(stage).half_closes(),
            Act::ClientCloses => drop(self.client.take()),
            Act::ClientResets => self.client.take().expect("a client").resets(),
            Act::NewClient => self.client = Some(stage.client()),
            Act::OriginSees(text) => self.server(stage).sees(&text.replace("[path]\n", PATH)),
            Act::OriginSends(text) => self.server(stage).sends(text),
            Act::OriginSeesNothing => self.server(stage).sees_nothing(QUIET),
            Act::OriginSeesEnd(end) => self.server(stage).sees_end(end),
            Act::OriginSeesEndAfterAny(text, end) => self.server(stage).sees_end_after_any(text, end),
            Act::OriginHalfCloses => self.server(stage).half_closes(),
            Act::OriginCloses => drop(self.server.take()),
            Act::OriginResets => self.server.take().expect("a server connection").resets(),
            Act::NewServer => self.server = Some(stage.server()),
            Act::Pause(time) => std::thread::sleep(time),
            Act::NoSoonerThan(time) => {
                let after = self.done_last.elapsed();
                assert!(after >= time, "{after:?} after the last deed, sooner than {time:?}");
            }
        }
    }

    fn client(&mut self, stage: &Stage) -> &mut Wire {
        self.client.get_or_insert_with(|| stage.client())
    }

    /// The connection of the balancer, accepted when the origin first has to do with it.
    fn server(&mut self, stage: &Stage) -> &mut Wire {
        self.server.get_or_insert_with(|| stage.server())
    }
}
