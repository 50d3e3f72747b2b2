//! Runs several programs over one simulated network, each on its own host, until a goal is reached.

use super::{SimNet, SimReactor};
use reactor::face::{App, Questions, Reactor};
use std::time::Duration;

/// A program and the host it runs on.
pub struct Player<'a> {
    /// For the dump of a failure.
    pub name: &'a str,
    /// The program.
    pub app: &'a mut dyn App<SimReactor>,
    /// Its reactor.
    pub io: &'a mut SimReactor,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Every program is done.
    AllDone,
    /// The program at this index is done.
    Done(usize),
    /// This much virtual time has passed since the network's start.
    Time(Duration),
}

/// Bounds of a run; reaching one is a failure.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Virtual time since the network's start.
    pub time: Duration,
    /// Looks at a program that had something to do.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(3600), steps: 2_000_000 }
    }
}

/// A run that did not come to its goal, or left something behind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n{state}")]
pub struct Disorder {
    what: String,
    state: String,
}

impl Disorder {
    /// `what` went wrong; `state`: who waits for what, and what the network holds.
    pub(crate) fn new(what: impl Into<String>, state: String) -> Self {
        Self { what: what.into(), state }
    }
}

/// Properties of seeded sweeps fail by a text.
impl From<Disorder> for String {
    fn from(disorder: Disorder) -> Self {
        disorder.to_string()
    }
}

/// Runs `players` until `goal`. May be called again with the same players to go on.
///
/// # Errors
/// A limit is hit, nothing can ever happen again, a program cannot start, or a program broke a rule of the face.
pub fn run_until(net: &SimNet, players: &mut [Player<'_>], limits: Limits, goal: Goal) -> Result<(), Disorder> {
    let mut run = Run { net, players, steps: 0 };
    run.start()?;
    while !run.reached(goal) {
        run.check(limits)?;
        if !run.step_all() {
            run.wait(goal)?;
        }
    }
    Ok(())
}

struct Run<'r, 'p> {
    net: &'r SimNet,
    players: &'r mut [Player<'p>],
    steps: u64,
}

impl Run<'_, '_> {
    fn start(&mut self) -> Result<(), Disorder> {
        for Player { name, app, io } in self.players.iter_mut() {
            if !std::mem::replace(&mut io.started, true) {
                app.start(io).map_err(|fault| Disorder::new(format!("{name} cannot start: {fault}"), String::new()))?;
            }
        }
        Ok(())
    }

    fn reached(&self, goal: Goal) -> bool {
        match goal {
            Goal::AllDone => self.players.iter().all(|player| player.app.is_done()),
            Goal::Done(index) => self.players[index].app.is_done(),
            Goal::Time(at) => self.net.now() >= at,
        }
    }

    fn check(&self, limits: Limits) -> Result<(), Disorder> {
        if self.steps > limits.steps {
            return Err(self.dump(&format!("more than {} steps", limits.steps)));
        }
        if self.net.now() > limits.time {
            return Err(self.dump(&format!("more than {:?} of virtual time", limits.time)));
        }
        let violations = self.net.0.borrow().violations.join("\n");
        if violations.is_empty() { Ok(()) } else { Err(self.dump(&violations)) }
    }

    /// Lets everybody who has something to do do it, in random order; false when nobody had.
    fn step_all(&mut self) -> bool {
        let mut order: Vec<usize> = (0..self.players.len()).collect();
        self.net.0.borrow_mut().rng.shuffle(&mut order);
        let before = self.steps;
        for index in order {
            let batch = 1 + self.net.0.borrow_mut().rng.index(32);
            self.steps += u64::from(step(&mut self.players[index], batch));
        }
        self.steps > before
    }

    /// Moves time to whatever comes next.
    fn wait(&mut self, goal: Goal) -> Result<(), Disorder> {
        let players = self.players.iter().filter(|player| !player.app.is_done());
        let timers = players.filter_map(|player| player.app.poll_deadline());
        let goal = if let Goal::Time(at) = goal { Some(at) } else { None };
        let event = self.net.0.borrow().next_event_at();
        let Some(at) = timers.chain(event).chain(goal).min() else {
            return Err(self.dump("nothing can ever happen again"));
        };
        self.net.0.borrow_mut().advance_to(at);
        Ok(())
    }

    fn dump(&self, why: &str) -> Disorder {
        let mut text = String::new();
        for Player { name, app, io } in self.players.iter() {
            let (done, deadline) = (app.is_done(), app.poll_deadline());
            let open = io.connections();
            text += &format!("host {} {name}: done {done}, next deadline {deadline:?}, {open} connections\n", io.host);
        }
        Disorder::new(why, text + &self.net.0.borrow().dump())
    }
}

/// What one turn of an event loop does, with at most `batch` completions.
fn step(player: &mut Player<'_>, batch: usize) -> bool {
    let Player { app, io, .. } = player;
    if app.is_done() {
        return false;
    }
    let due = app.poll_deadline().is_some_and(|at| at <= io.now());
    if !io.prepare() && !due {
        return false;
    }
    for _ in 0..batch {
        let Some(completion) = io.poll_completion() else {
            break;
        };
        app.handle_completion(completion, *io);
    }
    app.handle_time(*io);
    true
}
