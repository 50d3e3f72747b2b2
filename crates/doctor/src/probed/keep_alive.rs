//! How many requests one connection carries.

use super::answer;
use super::line::From;
use super::prober::Prober;
use doctor_core::target::{KeepAlive, Response};

/// Requests on one connection: enough to tell keep-alive from none, few enough to be polite.
const REQUESTS: u32 = 8;

/// Sends up to [`REQUESTS`] requests, one after another.
pub(super) fn probe(prober: &mut Prober<'_>) -> KeepAlive {
    let mut seen = KeepAlive { asked: REQUESTS, ..KeepAlive::default() };
    let Ok(mut line) = prober.open(From::Anywhere) else { return KeepAlive::default() };
    // HTTP/1.1 keeps connections unasked, but Apache announces its limits only to those who ask.
    let request = prober.request("1.1", "Connection: keep-alive\r\n");
    let patience = prober.patience().response;
    while seen.served < REQUESTS {
        line.write(&request, patience);
        let answer = answer::read(&mut line, patience);
        if answer.given_up {
            // A body too long to read: how many requests it would serve is not known.
            return KeepAlive { asked: seen.served, ..seen };
        }
        if answer.response != Response::Whole {
            break;
        }
        seen.served += 1;
        seen.announced = answer.announced.or(seen.announced);
        if !answer.keep_alive || answer.end.is_some() {
            break;
        }
    }
    seen
}
