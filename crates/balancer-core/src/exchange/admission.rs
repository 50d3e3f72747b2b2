//! Requests that wait until it is known whether their credentials are right: that is computed elsewhere, and takes a while.

use super::step::{AttemptOrder, Reply, Step};
use super::{Attempt, Exchange, Opening, Scene, Wait};
use crate::Failure;
use crate::reason::CloseReason;
use core::time::Duration;

/// How long a request waits for that before it is answered 503.
const ADMISSION_WAIT: Duration = Duration::from_secs(10);

/// What becomes of a request that is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A server is asked.
    Asks,
    /// It is answered here; as for [`Exchange::reply`].
    Answered {
        /// With what.
        reply: Reply,
        /// The rest of its body may be thrown away.
        rest_is_small: bool,
    },
}

impl Exchange {
    /// A request was understood, and whether it is let in is being found out; [`Fact::Admission`](super::Fact) follows.
    pub fn hold(request: Opening, then: Admitted, scene: &Scene<'_>) -> (Self, Step) {
        let mut exchange = Self::new(request, scene);
        let mut step = Step::default();
        if request.eof && !request.whole {
            exchange.abort(CloseReason::PeerAborted, &mut step);
            return (exchange, step);
        }
        exchange.up.attempt = Attempt::Held(then);
        exchange.wait = Wait::Admission;
        exchange.deadline = scene.now.saturating_add(ADMISSION_WAIT).min(exchange.request_until(scene));
        exchange.watch_client(&mut step);
        (exchange, step)
    }

    /// It was found out, or could not be.
    pub(super) fn handle_admission(&mut self, verdict: Result<(), Failure>, scene: &Scene<'_>, step: &mut Step) {
        let Attempt::Held(then) = self.up.attempt else { return debug_assert!(false, "nobody has asked") };
        self.up.attempt = Attempt::Parted;
        match (verdict, then) {
            (Err(failure), _) => self.fail(failure, scene, step),
            (Ok(()), Admitted::Asks) => self.order_attempt(AttemptOrder::Pick { not: None }, step),
            (Ok(()), Admitted::Answered { reply, rest_is_small }) => {
                self.answer_in_stead(reply, rest_is_small, scene, step);
            }
        }
    }

    /// Is it still to be found out whether it is let in?
    pub fn is_held(&self) -> bool {
        matches!(self.up.attempt, Attempt::Held(_))
    }
}
