//! Is a server to be asked? What became of the requests it was asked decides, over all workers: failures in a row set it
//! aside for a pause; then one request goes through before the rest; each pause is twice as long as the one before.
//!
//! ```text
//!   well -- failures in a row, or unreachable --> aside -- pause over --> due -- one request claims it --> aside
//!    ^                                                                                                      |
//!    '---------------------------------------- any answer --------------------------------------------------'
//! ```
//!
//! All of it is one word ([`Health::to_bits`]), so that workers can share it without a lock.

use crate::cause::Cause;
use core::time::Duration;

/// When a server is set aside, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRules {
    /// Failures in a row that set a server aside; 0: never. One that cannot be reached is set aside at once.
    pub failures_max: u32,
    /// The first pause.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// Answers 500 to 599 count as failures.
    pub server_errors: bool,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            failures_max: 3,
            pause: Duration::from_secs(1),
            pause_max: Duration::from_secs(30),
            server_errors: false,
        }
    }
}

/// What an attempt says of its server. A shortage of ours says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered.
    Answered,
    /// It did not answer in time, broke off before an answer, or talked nonsense.
    Failed(Cause),
    /// It does not take connections.
    Unreachable(Cause),
}

impl Verdict {
    /// What failed.
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Answered => None,
            Self::Failed(cause) | Self::Unreachable(cause) => Some(cause),
        }
    }
}

/// How the servers of a set stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetStanding {
    /// One is well.
    Served,
    /// None is, but so many are only set aside: requests go on, to each of these in turn.
    InNeed(usize),
    /// None is asked: all are down by their checks, or there is none.
    Down,
}

impl SetStanding {
    /// Of a set with these servers.
    pub fn of(servers: impl IntoIterator<Item = Health>) -> Self {
        let mut aside = 0;
        for server in servers.into_iter().filter(|server| !server.is_down()) {
            if !server.is_aside() {
                return Self::Served;
            }
            aside += 1;
        }
        if aside > 0 { Self::InNeed(aside) } else { Self::Down }
    }

    /// Is that another word than the one before? How many are aside is not.
    pub fn is_news_after(self, before: Self) -> bool {
        core::mem::discriminant(&self) != core::mem::discriminant(&before)
    }
}

/// How a server stands, as its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Well,
    /// Its pause is over: whoever [claims](Health::claim) it may ask.
    Due,
    /// Only where nobody else is left.
    Aside,
    /// It is well, but has as many connections as it may have: requests wait for a place.
    Full,
    /// There is no port left here towards it; not its fault, and of no use to ask.
    Portless,
    /// Its checks say that it is down: it is not asked, whoever else is left.
    Down,
}

impl Standing {
    /// Is it to be asked? What is due after a pause has to be [claimed](Health::claim) for that.
    #[inline]
    pub fn is_asked(self) -> bool {
        matches!(self, Self::Well | Self::Due)
    }

    /// The same where it has as many connections as it may have.
    pub fn when_full(self) -> Self {
        if self.is_asked() { Self::Full } else { self }
    }
}

/// What is known of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Failures in a row, while it is well.
    failures: u8,
    /// Pauses in a row; 0: well.
    pauses: u8,
    /// Its checks say that it is down ([`crate::checks`]).
    down: bool,
    /// Milliseconds of the workers' common clock, in 47 bits: when the pause is over.
    until: u64,
}

const UNTIL_BITS: u32 = 47;
const UNTIL_MAX: u64 = (1 << UNTIL_BITS) - 1;
const DOWN: u64 = 1 << UNTIL_BITS;
const PAUSES_AT: u32 = UNTIL_BITS + 1;
const FAILURES_AT: u32 = PAUSES_AT + 8;

impl Health {
    /// As one word; 0 is a server that is well.
    pub fn to_bits(self) -> u64 {
        let down = if self.down { DOWN } else { 0 };
        u64::from(self.failures) << FAILURES_AT | u64::from(self.pauses) << PAUSES_AT | down | self.until
    }

    /// From the word of [`Health::to_bits`].
    pub fn from_bits(bits: u64) -> Self {
        let (failures, pauses) = ((bits >> FAILURES_AT) as u8, (bits >> PAUSES_AT) as u8);
        Self { failures, pauses, down: bits & DOWN != 0, until: bits & UNTIL_MAX }
    }

    /// How it stands now.
    pub fn standing(self, now: Duration) -> Standing {
        match self.pauses {
            _ if self.down => Standing::Down,
            0 => Standing::Well,
            _ if millis(now) >= self.until => Standing::Due,
            _ => Standing::Aside,
        }
    }

    /// The one request that goes through after a pause. The next pause begins with it, longer: if it comes to nothing,
    /// or to no end, the next one goes after that.
    pub fn claim(self, now: Duration, rules: &HealthRules) -> Option<Self> {
        (self.standing(now) == Standing::Due).then(|| self.paused(self.pauses.saturating_add(1), now, rules))
    }

    /// After an attempt.
    pub fn after(self, verdict: Verdict, now: Duration, rules: &HealthRules) -> Self {
        if verdict == Verdict::Answered || rules.failures_max == 0 {
            return Self { down: self.down, ..Self::default() };
        }
        if self.pauses > 0 {
            // What was under way when it was set aside, or the one request: the pause counts from here.
            return self.paused(self.pauses, now, rules);
        }
        let failures = self.failures.saturating_add(1);
        match matches!(verdict, Verdict::Unreachable(_)) || u32::from(failures) >= rules.failures_max {
            true => self.paused(1, now, rules),
            false => Self { failures, ..self },
        }
    }

    /// What its checks say. Once it is up again, what requests had found out before is forgotten.
    pub fn checked(self, down: bool) -> Self {
        match (self.down, down) {
            (true, false) => Self::default(),
            _ => Self { down, ..self },
        }
    }

    /// The same where nobody checks it.
    #[must_use]
    pub fn unchecked(self) -> Self {
        Self { down: false, ..self }
    }

    /// When its pause is over, where nothing else speaks against it.
    pub fn due_at(self) -> Option<Duration> {
        (self.pauses > 0 && !self.down).then(|| Duration::from_millis(self.until))
    }

    /// Is it set aside for a while by what became of requests?
    pub fn is_aside(self) -> bool {
        self.pauses > 0
    }

    /// Do its checks say that it is down?
    pub fn is_down(self) -> bool {
        self.down
    }

    fn paused(self, pauses: u8, now: Duration, rules: &HealthRules) -> Self {
        let doublings = u32::from(pauses).saturating_sub(1).min(20);
        let pause = rules.pause.saturating_mul(1 << doublings).min(rules.pause_max.max(rules.pause));
        let until = (millis(now) + millis(pause).max(1)).min(UNTIL_MAX);
        Self { failures: 0, pauses, down: self.down, until: until.max(self.until) }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(UNTIL_MAX).min(UNTIL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::*;
    use Verdict::Answered;
    use ports::FaultKind;

    const FAILED: Verdict = Verdict::Failed(Cause::Silent);
    const UNREACHABLE: Verdict = Verdict::Unreachable(Cause::Connect(FaultKind::Refused));

    const RULES: HealthRules = HealthRules {
        failures_max: 3,
        pause: Duration::from_secs(1),
        pause_max: Duration::from_secs(30),
        server_errors: false,
    };

    /// What happens at a tenth of a second, and how the server stands then.
    #[derive(Clone, Copy)]
    enum Step {
        Is(Standing),
        Comes(Verdict),
        Claims(bool),
        Checked(bool),
    }
    use Step::*;

    fn check(rules: HealthRules, timeline: &[(u64, Step)]) {
        let mut health = Health::default();
        for (line, (tenths, step)) in timeline.iter().enumerate() {
            let now = Duration::from_millis(tenths * 100);
            match *step {
                Is(standing) => assert_eq!(health.standing(now), standing, "line {line}"),
                Comes(verdict) => health = health.after(verdict, now, &rules),
                Checked(down) => health = health.checked(down),
                Claims(yes) => {
                    let claimed = health.claim(now, &rules);
                    assert_eq!(claimed.is_some(), yes, "line {line}");
                    health = claimed.unwrap_or(health);
                }
            }
            assert_eq!(Health::from_bits(health.to_bits()), health, "line {line}");
        }
    }

    #[test]
    fn failures_in_a_row_set_a_server_aside() {
        check(RULES, &[(0, Comes(FAILED)), (1, Comes(FAILED)), (2, Is(Well)), (3, Comes(FAILED)), (3, Is(Aside))]);
        let mixed = [(0, Comes(FAILED)), (1, Comes(FAILED)), (2, Comes(Answered)), (3, Comes(FAILED)), (4, Is(Well))];
        check(RULES, &mixed);
    }

    #[test]
    fn one_that_cannot_be_reached_is_set_aside_at_once() {
        check(RULES, &[(0, Comes(UNREACHABLE)), (9, Is(Aside)), (10, Is(Due))]);
    }

    #[test]
    fn after_the_pause_one_request_goes_through_before_the_rest() {
        let down =
            [(0, Comes(UNREACHABLE)), (9, Claims(false)), (10, Claims(true)), (10, Claims(false)), (10, Is(Aside))];
        check(RULES, &[&down[..], &[(11, Comes(Answered)), (11, Is(Well))]].concat());
        // It comes to no end: the next pause is over after twice the time.
        check(RULES, &[&down[..], &[(29, Is(Aside)), (30, Claims(true)), (69, Is(Aside)), (70, Is(Due))]].concat());
    }

    #[test]
    fn pauses_grow_to_their_bound_and_start_anew_after_an_answer() {
        let mut health = Health::default().after(UNREACHABLE, Duration::ZERO, &RULES);
        let mut now = Duration::ZERO;
        for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
            let due = now + Duration::from_secs(seconds);
            assert_eq!((health.due_at(), health.checked(true).due_at()), (Some(due), None));
            assert_eq!(health.standing(due - Duration::from_millis(1)), Aside, "{seconds} s");
            health = health.claim(due, &RULES).expect("due").after(FAILED, due, &RULES);
            now = due;
        }
        health = health.after(Answered, now, &RULES).after(UNREACHABLE, now, &RULES);
        assert_eq!(health.standing(now + Duration::from_secs(1)), Due);
    }

    #[test]
    fn a_late_failure_begins_the_pause_anew_but_does_not_lengthen_it() {
        check(
            RULES,
            &[(0, Comes(UNREACHABLE)), (8, Comes(FAILED)), (8, Comes(FAILED)), (17, Is(Aside)), (18, Is(Due))],
        );
    }

    /// Each alone keeps requests away; one that comes up starts anew.
    #[test]
    fn checks_count_beside_what_becomes_of_requests() {
        let down = [(0, Is(Well)), (0, Checked(true)), (0, Is(Down)), (1, Comes(Answered)), (1, Is(Down))];
        check(
            RULES,
            &[&down[..], &[(2, Checked(true)), (99, Claims(false)), (99, Checked(false)), (99, Is(Well))]].concat(),
        );
        // A good check does not end a pause.
        check(RULES, &[(0, Comes(UNREACHABLE)), (1, Checked(false)), (1, Is(Aside)), (10, Is(Due))]);
        // Down, and up again: the pause is forgotten.
        let both = [(0, Comes(UNREACHABLE)), (1, Checked(true)), (20, Is(Down)), (21, Comes(FAILED)), (21, Is(Down))];
        check(
            RULES,
            &[&both[..], &[(22, Checked(false)), (22, Is(Well)), (23, Comes(FAILED)), (23, Is(Well))]].concat(),
        );
    }

    /// Requests go on where servers are only set aside: such a set is not down.
    #[test]
    fn a_set_is_down_where_nobody_is_asked() {
        let well = Health::default();
        let aside = well.after(UNREACHABLE, Duration::ZERO, &RULES);
        let (down, both) = (well.checked(true), aside.checked(true));
        let of = |servers: &[Health]| SetStanding::of(servers.iter().copied());
        assert_eq!(of(&[aside, well, down]), SetStanding::Served);
        assert_eq!(of(&[aside, down, aside]), SetStanding::InNeed(2));
        assert_eq!([of(&[down, both]), of(&[])], [SetStanding::Down; 2]);
        assert!(of(&[aside]).is_news_after(of(&[down])) && !of(&[aside]).is_news_after(of(&[aside, aside])));
    }

    #[test]
    fn it_can_be_switched_off() {
        let off = HealthRules { failures_max: 0, ..RULES };
        check(off, &[(0, Comes(UNREACHABLE)), (0, Comes(FAILED)), (0, Comes(FAILED)), (0, Is(Well))]);
    }

    #[test]
    fn a_server_that_is_well_is_the_word_0() {
        assert_eq!(Health::default().to_bits(), 0);
        let far = Health { failures: 255, pauses: 255, down: true, until: UNTIL_MAX };
        assert_eq!(Health::from_bits(far.to_bits()), far);
    }
}
