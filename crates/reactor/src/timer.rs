//! Time-outs: a bounded wheel with lazy re-arming. (being built)
//!
/// Names a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId(pub u32);
/// Timers.
#[derive(Debug, Default)]
pub struct TimerWheel;
