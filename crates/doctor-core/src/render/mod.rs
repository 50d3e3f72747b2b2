//! A diagnosis for people: a terminal's text, and one self-contained HTML file.

mod html;
mod svg;
mod text;

pub use html::render_html;
pub use text::render_text;
