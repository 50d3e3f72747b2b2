//! What answers leave for the next requests of a scenario.

use super::Tester;
use serde_json::Value;
use stress_core::{Oddity, Step};

impl Tester {
    /// Bytes of an answer of which something may be kept.
    pub(super) fn read_for_captures(&mut self, index: u32, bytes: &[u8]) -> Step {
        let exchange = &mut self.slots[index as usize].exchange;
        let captures = self.plan.script.requests()[exchange.which as usize].captures();
        match captures {
            [] => exchange.life.handle_data(bytes, &self.rules),
            _ => exchange.life.handle_data_for(bytes, &self.rules, &mut (&mut exchange.kept, captures)),
        }
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
