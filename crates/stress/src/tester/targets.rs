//! Which of the target's addresses a connection goes to: each in turn.

use ports::{Address, Sources, Target};

/// See the module's head.
pub(super) struct Targets {
    all: Vec<Target>,
    next: usize,
}

impl Targets {
    /// `addresses` as destinations of `sources`.
    ///
    /// # Panics
    /// Without any.
    pub(super) fn new(addresses: &[Address], sources: &mut Sources) -> Self {
        assert!(!addresses.is_empty(), "a run goes somewhere");
        let target = |address: &Address| sources.target(*address).expect("there is room for the few of one name");
        Self { all: addresses.iter().map(target).collect(), next: 0 }
    }

    /// The same where there may be none, or no room for them any more.
    pub(super) fn try_new(addresses: &[Address], sources: &mut Sources) -> Option<Self> {
        let all: Vec<Target> = addresses.iter().map_while(|address| sources.target(*address).ok()).collect();
        (!all.is_empty()).then_some(Self { all, next: 0 })
    }

    /// The next one.
    pub(super) fn take(&mut self) -> Target {
        let target = self.all[self.next];
        self.next = (self.next + 1) % self.all.len();
        target
    }
}
