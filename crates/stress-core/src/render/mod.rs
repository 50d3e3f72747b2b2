//! Reports for people, as text. Pure: the caller prints.

mod bars;
mod numbers;
mod plan;
mod progress;
mod text;

pub use plan::render_plan;
pub use progress::progress_line;
pub use text::render_text;
