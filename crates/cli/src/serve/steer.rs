//! `quintet serve` while it runs: what signals and the watched file ask for, until one asks for the end, or another process
//! has taken over.

use super::events::{Events, Lookout};
use super::hand_over::{self, Giving};
use super::ports::Ports;
use super::service::{Manager, Watchdog};
use super::watch::Watch;
use crate::failure::SAME_WISH;
use crate::output::Output;
use crate::terminal;
use admin::Admin;
use balancer::Glance;
use balancer_core::events::Level;
use balancer_core::{Counters, Failure, Report};
use control::{By, Control, Event, Reloaded, Reloading, Remote};
use present::Present;
use present::serve::Totals;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sys::signal::{Signal, Signals};
use units::counted;

/// How often it is looked for what should be warned of.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often a drain, a reload or a hand-over is looked at.
const TICK: Duration = Duration::from_millis(20);
/// How long workers may take to cut what they have, where that was asked for.
const CUT_PATIENCE: Duration = Duration::from_secs(5);

/// A balancer at work, and whoever steers it.
pub(super) struct Helm<'a> {
    pub(super) signals: &'a Signals,
    pub(super) output: &'a Output,
    pub(super) events: Events,
    pub(super) control: Control,
    pub(super) admin: Admin,
    pub(super) manager: Arc<Manager>,
    pub(super) watchdog: Option<Watchdog>,
    pub(super) watch: Watch,
}

/// What is under way.
struct Doings {
    ports: Ports,
    lookout: Lookout,
    look: Instant,
    giving: Option<Giving>,
    reloading: Option<Reloading>,
    /// Somebody asked for a reload while there was one, or a hand-over.
    once_more: Option<By>,
    /// Somebody asked for a hand-over while there was a reload: what is handed over must not change meanwhile.
    then_hand_over: bool,
}

impl Doings {
    fn new(ports: Ports, look: Instant) -> Self {
        let lookout = Lookout::new();
        Self { ports, lookout, look, giving: None, reloading: None, once_more: None, then_hand_over: false }
    }

    fn is_busy(&self) -> bool {
        self.giving.is_some() || self.reloading.is_some()
    }
}

/// Why it ends.
enum End {
    /// It was told to.
    Drain,
    /// This process has taken over.
    Left(u32),
}

impl Helm<'_> {
    /// Does what it is asked for until the end, and drains; what was counted in the end.
    pub(super) fn run(self) -> Counters {
        let ports = Ports::of(&self.control);
        let look = Instant::now() + LOOK_EVERY;
        let (signals, output, events) = (self.signals, self.output, self.events);
        let (mut helm, mut doings) = (self, Doings::new(ports, look));
        let end = helm.serve(&mut doings);
        if let End::Left(next) = end
            && doings.once_more.is_some()
        {
            // It may have read the file before.
            let _has_ended = sys::signal::send(next, Signal::Hangup);
        }
        // A process that was to take over ends with this.
        drop(doings.giving.take());
        let said = drain_in_words(&helm.control, &end);
        // First of all: whoever reads what we say may take his time.
        match end {
            End::Drain => helm.manager.stopping(&said),
            End::Left(next) => helm.manager.handed_over(next),
        }
        helm.tell_counts(&mut doings.ports, false);
        events.say(output, "draining", &said);
        let Self { control, admin, watchdog, .. } = helm;
        let remote = control.remote();
        let hurry = Hurry { signals, output, events, remote: &remote };
        match end {
            // The admin listener and the watchdog go on to the end.
            End::Drain => hurry.watch(|| control.drain(), (admin, watchdog)),
            End::Left(_) => {
                drop(watchdog);
                admin.leave();
                hurry.watch(|| control.leave(), ())
            }
        }
    }

    fn serve(&mut self, doings: &mut Doings) -> End {
        loop {
            let signal = self.signals.wait(self.patience(doings));
            if let Some(Signal::Interrupt | Signal::Terminate | Signal::Quit) = signal {
                return End::Drain;
            }
            self.take_up(signal, doings);
            if let Some(next) = self.poll_hand_over(doings) {
                return End::Left(next);
            }
            self.poll_reload(doings);
            if Instant::now() >= doings.look {
                doings.look = Instant::now() + LOOK_EVERY;
                doings.ports.warn(&self.control, self.events);
                doings.lookout.look(&self.control, self.events);
            }
        }
    }

    fn patience(&self, doings: &Doings) -> Duration {
        if doings.is_busy() {
            return TICK;
        }
        let watch = self.watch.due(self.control.remote().config().watch);
        watch.map_or(doings.look, |due| due.min(doings.look)).saturating_duration_since(Instant::now())
    }

    fn take_up(&mut self, signal: Option<Signal>, doings: &mut Doings) {
        match signal {
            Some(Signal::Hangup) => self.begin_reload(doings, By::Signal { signal: "SIGHUP" }),
            Some(Signal::User1) => {
                self.reopen_log();
                self.tell_counts(&mut doings.ports, true);
            }
            Some(Signal::User2) if doings.giving.is_some() => {
                self.events.warn_all(&self.control, Level::Warning, "hand-over", "a hand-over is under way already")
            }
            Some(Signal::User2) => doings.then_hand_over = true,
            _ => {}
        }
        let remote = self.control.remote();
        if self.watch.poll_change(remote.config().watch, remote.file_read()) {
            self.begin_reload(doings, By::Watch);
        }
    }

    /// What comes of it is news.
    fn begin_reload(&self, doings: &mut Doings, by: By) {
        if doings.is_busy() {
            doings.once_more = Some(by);
            return;
        }
        self.manager.reloading();
        doings.reloading = Some(self.control.remote().acting_for(by).reload_file());
    }

    fn poll_reload(&self, doings: &mut Doings) {
        if let Some(outcome) = doings.reloading.as_ref().and_then(Reloading::poll) {
            doings.reloading = None;
            self.manager.ready(&reload_in_words(&outcome));
        }
        if doings.is_busy() {
            return;
        }
        if std::mem::take(&mut doings.then_hand_over) {
            doings.giving = self.begin_hand_over();
        } else if let Some(by) = doings.once_more.take() {
            self.begin_reload(doings, by);
        }
    }

    fn begin_hand_over(&self) -> Option<Giving> {
        match hand_over::begin(&self.control, &self.admin) {
            Ok(giving) => {
                let event = Event::HandingOver { process: giving.next() };
                self.events.say(self.output, "hand-over", &event.to_string());
                self.control.remote().show(event);
                Some(giving)
            }
            Err(why) => {
                self.note_not_handed_over(why);
                None
            }
        }
    }

    /// Whom it went to, once that one serves.
    fn poll_hand_over(&self, doings: &mut Doings) -> Option<u32> {
        match doings.giving.as_mut().and_then(Giving::poll)? {
            Ok(next) => Some(next),
            Err(why) => {
                self.note_not_handed_over(why);
                doings.giving = None;
                None
            }
        }
    }

    fn note_not_handed_over(&self, why: String) {
        let remote = self.control.remote();
        remote.note_not_handed_over();
        let event = Event::NotHandedOver { why };
        self.events.warn(event.level(), "not-handed-over", &event.to_string());
        remote.show(event);
    }

    fn reopen_log(&self) {
        if let Err(error) = self.control.reopen_log() {
            self.events.warn_all(&self.control, Level::Error, "access-log", &format!("SIGUSR1: {error}"));
        }
    }

    /// With all totals, or only what is spent and what was refused.
    fn tell_counts(&self, ports: &mut Ports, totals: bool) {
        let report = self.control.report();
        if totals {
            self.output.say_or_complain(Totals(&report.total()).text(terminal::width()));
        }
        ports.tell(&self.control, &report, self.output);
        tell_refused(&report, self.output);
    }
}

fn reload_in_words(outcome: &Reloaded) -> String {
    match outcome {
        Ok(change) => format!("reloaded: {change}"),
        Err(why) => format!("not reloaded, nothing was changed: {why}"),
    }
}

/// Whoever may be in a hurry while it drains.
struct Hurry<'a> {
    signals: &'a Signals,
    output: &'a Output,
    events: Events,
    remote: &'a Remote,
}

impl Hurry<'_> {
    /// A second signal cuts it short: who has no answer is told so, the rest is cut, and all else ends as it would have. Only where
    /// a worker hangs nobody waits for the end of it, but for `last` to be over.
    fn watch<T>(&self, drain: impl FnOnce() -> Counters + Send, last: T) -> Counters {
        std::thread::scope(|scope| {
            let draining = scope.spawn(drain);
            let (since, mut cut_at) = (Instant::now(), None);
            while !draining.is_finished() {
                let ends =
                    matches!(self.signals.wait(TICK), Some(Signal::Interrupt | Signal::Terminate | Signal::Quit));
                if ends && since.elapsed() > SAME_WISH && cut_at.is_none() {
                    self.events.say(self.output, "hurried", "ending at once: what is under way is cut off");
                    self.remote.ask(Glance::cut);
                    cut_at = Some(Instant::now());
                }
                if cut_at.is_some_and(|at| at.elapsed() > CUT_PATIENCE) {
                    drop(last);
                    self.give_up();
                }
            }
            let counters = draining.join().unwrap_or_default();
            drop(last);
            counters
        })
    }

    /// What was told last of the counts, and that there was more.
    fn give_up(&self) -> ! {
        if let Some(report) = self.remote.ask(Glance::report) {
            self.output.say_or_complain(Totals(&report.total()).text(terminal::width()));
        }
        self.events.say(self.output, "ended", "ended although a worker hangs: what it had under way was cut off");
        std::process::exit(1)
    }
}

/// What a drain cost, if anything: those who got a 503 because there was no more time, and those who got nothing.
pub(super) fn cut_in_words(counters: &Counters) -> Option<String> {
    let (told, cut) = (counters.failed(Failure::Draining), counters.drain_cut);
    let told_words = format!("{} got a 503 because there was no more time", counted(told, "request"));
    let cut_words = format!("cut off: {}", counted(cut, "exchange"));
    match (told, cut) {
        (0, 0) => None,
        (_, 0) => Some(told_words),
        (0, _) => Some(cut_words),
        _ => Some(format!("{told_words}; {cut_words}")),
    }
}

/// The last messages that were refused: of each worker so few are remembered that these lines cannot be too many.
fn tell_refused(report: &Report, output: &Output) {
    report.refused.iter().for_each(|refusal| output.say_or_complain(refusal.to_string()));
}

fn drain_in_words(control: &Control, end: &End) -> String {
    let config = control.remote().config();
    let before = match end {
        End::Left(next) => format!("handed over to process {next}; "),
        End::Drain if config.drain_grace.is_zero() => String::new(),
        End::Drain => format!("accepting for {} s more, then ", config.drain_grace.as_secs_f64()),
    };
    match config.drain {
        units::OFF => format!("{before}draining, for as long as requests in flight take"),
        time => format!("{before}draining, for {} s at most", time.as_secs_f64()),
    }
}
