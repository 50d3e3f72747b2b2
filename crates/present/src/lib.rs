//! How results look: every command's text, terminal chart, page and JSON shape, in one style. Pure: results in, strings
//! out; the caller knows the terminal and prints.
//!
//! ```text
//! number, text, table, bars, curves     the few forms all text is made of
//! page                                  one self-contained HTML file: cards, bars, curves, tables
//! lab, serve, ctl, stress, doctor, simulate, origin     what each command shows, by these forms
//! ```
//! The JSON shapes are a promise to scripts: keys are added behind the others, never changed; what was not measured is
//! `null`, never a made-up zero; what did not happen is there as zero.

mod bars;
mod counts;
pub mod ctl;
mod curves;
pub mod doctor;
pub mod lab;
mod made;
mod number;
pub mod origin;
mod page;
pub mod screen;
pub mod serve;
pub mod simulate;
pub mod stress;
mod table;
mod text;

pub use made::Made;

/// The result of a command.
pub trait Present {
    /// For people: whole lines, tables and paragraphs at most `columns` wide.
    fn text(&self, columns: usize) -> String;

    /// As [`Present::text`], for a terminal that shows colours; they only repeat what the words say.
    fn coloured(&self, columns: usize) -> String {
        self.text(columns)
    }

    /// For programs: the documented shape.
    fn json(&self) -> serde_json::Value;
}

/// A result with a page of its own.
pub trait Page: Present {
    /// One self-contained HTML file: no script, no font, nothing to fetch; light and dark, wide and narrow.
    fn page(&self, made: &Made) -> String;
}
