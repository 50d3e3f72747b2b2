//! What must hold of whatever a configuration file holds. Shared with the fuzz target.

use balancer::Config;
use config_file::ConfigError;
use std::ops::Range;

/// It is read, or every mistake in it is told, with places in it, in a window of any width.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let Err(error) = Config::parse("any", text) else { return Ok(()) };
    for width in [1, 40, 100] {
        if error.render(width, false).is_empty() {
            return Err(format!("nothing is said of\n{text}"));
        }
    }
    let ConfigError::Mistakes { mistakes, .. } = error else { return Ok(()) };
    let spans = mistakes.iter().flat_map(|mistake| {
        let other = mistake.other.as_ref().map(|(span, _)| span.clone());
        [Some(mistake.span.clone()), other].into_iter().flatten()
    });
    let is_inside = |span: &Range<usize>| span.start <= span.end && text.get(span.clone()).is_some();
    match spans.into_iter().find(|span| !is_inside(span)) {
        Some(span) => Err(format!("{span:?} is not in\n{text}")),
        None if mistakes.is_empty() => Err(format!("refused without a mistake:\n{text}")),
        None => Ok(()),
    }
}
