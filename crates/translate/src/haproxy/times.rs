//! `timeout` lines.

use super::lex::Line;
use crate::document::Table;
use crate::notes::Notes;
use crate::time;

/// Our time-outs that cannot be off.
const NEVER_OFF: [&str; 3] = ["timeouts.head", "timeouts.connect", "limits.queue_timeout"];

/// Says the time of a line (its third word) under each of these keys.
pub(crate) fn put_time(line: &Line, keys: &[&str], table: &mut Table, notes: &mut Notes) {
    let Some(time) = time::of_haproxy(line.word(2)) else {
        notes.missing(line.number, line.text(), "this is no time");
        return;
    };
    if time::is_too_long(time) {
        notes.detail(line.number, line.text(), "the longest time is a day");
    }
    for key in keys {
        if time.is_zero() && NEVER_OFF.contains(key) {
            notes.detail(line.number, line.text(), "this time-out cannot be off: the default holds");
        } else {
            table.put(key, time::ours(time));
        }
    }
}
