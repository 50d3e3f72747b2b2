//! A deadline that moves often, over a timer that seldom does.
//!
//! ```text
//! deadline moves on:      timer |----------> fires early, is set anew     deadline -->|
//! deadline comes nearer:  timer is moved at once; it never fires after the deadline
//! ```
//! With one time-out for all requests of a connection the timer then costs nothing per request: it fires once per
//! time-out and finds that the deadline has moved on.

use crate::timer::{TimerId, TimerWheel};
use std::time::Duration;

/// When something is to happen at the latest. See the module's head.
#[derive(Debug)]
pub struct Deadline {
    at: Duration,
    /// The timer, and when it fires.
    timer: Option<(TimerId, Duration)>,
}

/// What the firing of a [`Deadline`]'s timer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fired {
    /// The deadline is here. No timer is set any more.
    Due,
    /// The deadline is later; the timer is set for it.
    Early,
}

impl Default for Deadline {
    fn default() -> Self {
        Self { at: Duration::MAX, timer: None }
    }
}

impl Deadline {
    /// Moves the deadline; [`Duration::MAX`] is none. The wheel is touched only when the timer would fire too late.
    pub fn set<K: Copy>(&mut self, at: Duration, key: K, wheel: &mut TimerWheel<K>) {
        self.at = at;
        self.fire_by(at, key, wheel);
    }

    /// Makes the timer fire by `at`, though the deadline may be later: [`Fired::Early`] is then the time to look.
    pub fn fire_by<K: Copy>(&mut self, at: Duration, key: K, wheel: &mut TimerWheel<K>) {
        match self.timer {
            Some((_, fires_at)) if fires_at <= at => return,
            None if at == Duration::MAX => return,
            Some((timer, _)) => {
                wheel.cancel(timer);
            }
            None => {}
        }
        self.timer = Some((wheel.set(at, key), at));
    }

    /// The wheel handed out `key`: is it time? Otherwise the timer is set anew.
    pub fn handle_timer<K: Copy>(&mut self, now: Duration, key: K, wheel: &mut TimerWheel<K>) -> Fired {
        self.timer = None;
        if now >= self.at {
            return Fired::Due;
        }
        self.fire_by(self.at, key, wheel);
        Fired::Early
    }

    /// There is no deadline any more.
    pub fn cancel<K: Copy>(&mut self, wheel: &mut TimerWheel<K>) {
        self.at = Duration::MAX;
        if let Some((timer, _)) = self.timer.take() {
            wheel.cancel(timer);
        }
    }

    /// When it is; [`Duration::MAX`] where there is none.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// When the timer fires, at the deadline or before; [`Duration::MAX`] where none is set.
    pub fn fires_by(&self) -> Duration {
        self.timer.map_or(Duration::MAX, |(_, fires_at)| fires_at)
    }

    /// Is a timer set that fires no later than the deadline? What must hold wherever something waits.
    pub fn is_kept(&self) -> bool {
        self.timer.is_some_and(|(_, fires_at)| fires_at <= self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timer::TICK_MS;
    use seed::Rng;
    use testkit::{Replay, sweep};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Lets the wheel's time pass up to `until`; when the deadline was due, and how often its timer fired before.
    fn run(deadline: &mut Deadline, wheel: &mut TimerWheel<u8>, until: Duration) -> (Option<Duration>, u32) {
        let mut early = 0;
        while let Some(at) = wheel.poll_deadline().filter(|at| *at <= until) {
            let Some(key) = wheel.pop_due(at) else { continue };
            match deadline.handle_timer(at, key, wheel) {
                Fired::Due => return (Some(at), early),
                Fired::Early => early += 1,
            }
        }
        (None, early)
    }

    #[test]
    fn a_deadline_that_moves_on_leaves_the_timer_alone() {
        let (mut deadline, mut wheel) = (Deadline::default(), TimerWheel::new());
        for request in 0..1000 {
            deadline.set(ms(16_000 + request), 1, &mut wheel);
        }
        assert_eq!((wheel.len(), deadline.is_kept()), (1, true));
        assert_eq!(run(&mut deadline, &mut wheel, ms(60_000)), (Some(ms(17_008)), 1));
        assert!(wheel.is_empty() && !deadline.is_kept());
    }

    #[test]
    fn a_deadline_that_comes_nearer_is_met() {
        let (mut deadline, mut wheel) = (Deadline::default(), TimerWheel::new());
        deadline.set(ms(16_000), 1, &mut wheel);
        deadline.set(ms(160), 1, &mut wheel);
        assert_eq!((wheel.len(), deadline.at()), (1, ms(160)));
        assert_eq!(run(&mut deadline, &mut wheel, ms(60_000)), (Some(ms(160)), 0));
    }

    #[test]
    fn one_can_look_before_the_deadline() {
        let (mut deadline, mut wheel) = (Deadline::default(), TimerWheel::new());
        deadline.set(ms(16_000), 1, &mut wheel);
        deadline.fire_by(ms(96), 1, &mut wheel);
        assert_eq!((run(&mut deadline, &mut wheel, ms(1000)), deadline.at()), ((None, 1), ms(16_000)));
        assert!(deadline.is_kept());
        assert_eq!(run(&mut deadline, &mut wheel, ms(60_000)), (Some(ms(16_000)), 0));
    }

    #[test]
    fn what_is_cancelled_never_fires() {
        let (mut deadline, mut wheel) = (Deadline::default(), TimerWheel::new());
        deadline.set(ms(160), 1, &mut wheel);
        deadline.cancel(&mut wheel);
        assert!(wheel.is_empty() && deadline.at() == Duration::MAX && !deadline.is_kept());
        deadline.cancel(&mut wheel);
        assert_eq!(Deadline::default().at(), Duration::MAX);
    }

    /// A deadline moved at random is due once, at its time, less than a tick late.
    fn moves(seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        let (mut deadline, mut wheel, mut now) = (Deadline::default(), TimerWheel::new(), Duration::ZERO);
        for step in 0..200 {
            let at = now + ms(rng.range(0, 3000));
            deadline.set(at, 1, &mut wheel);
            if rng.chance(0.2) {
                deadline.fire_by(now + ms(rng.range(0, 3000)), 1, &mut wheel);
            }
            if !deadline.is_kept() || wheel.len() != 1 {
                return Err(format!("step {step}: {deadline:?}, {} timers", wheel.len()));
            }
            let until = now + ms(rng.range(0, 1000));
            let due = run(&mut deadline, &mut wheel, until).0;
            if due.is_some_and(|due| due < at || due >= at + ms(TICK_MS)) || due.is_none() && until >= at + ms(TICK_MS)
            {
                return Err(format!("step {step}: due at {due:?}, was {at:?}, looked until {until:?}"));
            }
            now = due.unwrap_or(until);
        }
        Ok(())
    }

    #[test]
    fn however_it_moves_it_is_due_once_and_in_time() {
        let test = "however_it_moves_it_is_due_once_and_in_time";
        sweep(Replay { package: "reactor", target: "--lib", test }, 200, moves);
    }
}
