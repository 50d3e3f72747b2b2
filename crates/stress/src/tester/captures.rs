//! What answers leave for the next requests of a scenario.

use super::Tester;
use super::client::Client;
use http::ResponseHead;
use serde_json::Value;
use std::time::Duration;
use stress_core::script::{Capture, Kept, Reader};
use stress_core::{Oddity, Step, Tally};

/// Whoever looks at an answer.
struct Onlookers<'a> {
    kept: Option<(&'a mut Kept, &'a [Capture])>,
    client: Option<&'a mut Client>,
    tally: &'a mut Tally,
    /// Since the start of 1970.
    now: Duration,
}

impl Reader for Onlookers<'_> {
    fn head(&mut self, head: &ResponseHead<'_, '_>) {
        if let Some(kept) = &mut self.kept {
            kept.head(head);
        }
        if let Some(client) = &mut self.client {
            client.handle_head(head, self.now, |taken| self.tally.record_cookie(taken));
        }
    }

    fn body(&mut self, piece: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.body(piece);
        }
    }
}

impl Tester {
    /// Bytes of an answer that somebody looks at: of which something may be kept, or that may lead on.
    pub(super) fn look_and_read(&mut self, index: u32, bytes: &[u8], now: Duration) -> Step {
        let slot = &mut self.slots[index as usize];
        let exchange = &mut slot.exchange;
        let captures = self.plan.script.requests()[exchange.which as usize].captures();
        let kept = (!captures.is_empty()).then_some((&mut exchange.kept, captures));
        let mut onlookers = Onlookers { kept, client: slot.client.as_deref_mut(), tally: &mut self.tally, now };
        exchange.life.handle_data_for(bytes, &self.rules, &mut onlookers)
    }

    /// The answer is complete: with what was to be kept of it the scenario goes on.
    pub(super) fn go_on_with_scenario(&mut self, index: u32) {
        let exchange = &mut self.slots[index as usize].exchange;
        let request = &self.plan.script.requests()[exchange.which as usize];
        let found = request.captures().is_empty() || exchange.kept.finish(request.captures(), json_value);
        exchange.goes_on = found && request.is_followed();
        if !found {
            self.tally.record_oddity(Oddity::CaptureMissed);
        }
    }
}

/// The value at `pointer` of a body that is JSON, behind `out`: a string as it is, all else as JSON has it.
fn json_value(body: &[u8], pointer: &str, out: &mut Vec<u8>) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
    match value.pointer(pointer) {
        None | Some(Value::Null) => return false,
        Some(Value::String(text)) => out.extend_from_slice(text.as_bytes()),
        Some(value) => out.extend_from_slice(value.to_string().as_bytes()),
    }
    true
}
