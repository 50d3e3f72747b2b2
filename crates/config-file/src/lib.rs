//! Configuration files: TOML in, checked values out, or every mistake with its place. What the keys mean is the
//! caller's business.
//!
//! ```text
//! file -> text -> spanned tables -> sections (unknown keys, types, ranges) -> the caller's type
//! ```
//! A file is read to its end whatever is wrong in it, so that one run shows all mistakes.

mod advice;
mod declare;
mod mistake;
mod schema;
mod section;
mod shown;
mod told;
pub mod value;

pub use declare::{Key, Kind, Preset, Table};
pub use mistake::{ConfigError, Mistake};
pub use named::nearest;
pub use section::{Placed, Section, Value, wrong_type};
use std::ops::Range;
use std::path::Path;
use std::string::FromUtf8Error;
use toml::de::DeTable;
pub use value::parse_duration;

/// Bytes a configuration file may have.
pub const FILE_BYTES_MAX: usize = 8 << 20;

/// The text of a file, or of a pipe.
///
/// # Errors
/// It cannot be read, is no text, or is larger than [`FILE_BYTES_MAX`].
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |why: String| ConfigError::Unreadable { path: path.display().to_string(), why };
    let bytes = sys::file::read(path, FILE_BYTES_MAX + 1).map_err(|error| match path.as_os_str() == "-" {
        true => unreadable(format!("{error}; standard input is /dev/stdin")),
        false => unreadable(error.to_string()),
    })?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| unreadable(no_text(&error)))
}

/// Where a file stops being text.
fn no_text(error: &FromUtf8Error) -> String {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("this is not text in UTF-8: see byte {} of it, in line {line}", good.len() + 1)
}

/// Reads `text` as TOML and hands its top table to `read`, which gives `None` only where it noted mistakes. `name` is
/// how messages call the file, `what` how they call its top table.
///
/// # Errors
/// Every mistake.
pub fn parse<T>(
    name: &str,
    what: &'static str,
    text: &str,
    read: impl FnOnce(Section<'_, '_>, &mut Vec<Mistake>) -> Option<T>,
) -> Result<T, ConfigError> {
    parse_top(name, text, |table, span| Section::new(what, table, span), read)
}

/// As [`parse`], of a file whose keys are declared.
///
/// # Errors
/// Every mistake.
pub fn parse_declared<T>(
    name: &str,
    what: &'static str,
    keys: &'static Table,
    text: &str,
    read: impl FnOnce(Section<'_, '_>, &mut Vec<Mistake>) -> Option<T>,
) -> Result<T, ConfigError> {
    parse_top(name, text, |table, span| Section::top(what, keys, table, span), read)
}

/// Reads only a part of a file, whatever is wrong with the rest: where there is no such part and no mistake, `None`.
///
/// # Errors
/// The mistakes of the part; where it is not found, those of the syntax.
pub fn parse_part<T>(
    name: &str,
    what: &'static str,
    keys: &'static Table,
    text: &str,
    read: impl FnOnce(Section<'_, '_>, &mut Vec<Mistake>) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut mistakes = Vec::new();
    let part = read(Section::of(what, keys, table.get_ref(), 0..text.len().min(1)), &mut mistakes);
    if part.is_none() {
        mistakes.extend(errors.iter().map(|error| Mistake::of_syntax(error, text.len())));
    }
    if mistakes.is_empty() { Ok(part) } else { Err(ConfigError::new(name, text, mistakes)) }
}

fn parse_top<T>(
    name: &str,
    text: &str,
    top: impl for<'a, 'i> FnOnce(&'a DeTable<'i>, Range<usize>) -> Section<'a, 'i>,
    read: impl FnOnce(Section<'_, '_>, &mut Vec<Mistake>) -> Option<T>,
) -> Result<T, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<Mistake> = errors.iter().map(|error| Mistake::of_syntax(error, text.len())).collect();
    let top = top(table.get_ref(), 0..text.len().min(1));
    let value = if mistakes.is_empty() { read(top, &mut mistakes) } else { None };
    match value {
        Some(value) if mistakes.is_empty() => Ok(value),
        _ => Err(ConfigError::new(name, text, mistakes)),
    }
}
