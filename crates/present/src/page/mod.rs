//! One self-contained HTML file and the parts it is made of. Whatever is put in is escaped by its type.

mod figure;

use crate::Made;
pub(crate) use figure::{Axes, Bar, Colour, Part, Series, Upwards, bars, curves, curves_on, time_axis};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The file; at its end where, when and by what it was made.
pub(crate) fn document(title: &str, body: &Markup, made: &Made) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) footer.faint { (made) } }
        }
    };
    page.into_string() + "\n"
}

/// Figures that are seen first.
pub(crate) fn cards(cards: &[(String, &str)]) -> Markup {
    html! {
        div.cards {
            @for (value, name) in cards {
                div { b { (value) } span { (name) } }
            }
        }
    }
}

/// A titled list.
pub(crate) fn list(title: &str, items: &[String]) -> Markup {
    html! {
        h2 { (title) }
        ul { @for item in items { li { (item) } } }
    }
}

/// Lines one below the other, in the background.
pub(crate) fn faint_lines(text: &str) -> Markup {
    html! {
        p.faint { @for (at, line) in text.lines().enumerate() { @if at > 0 { br; } (line) } }
    }
}

/// Something to type, broken between its words only, as long as they fit.
pub(crate) fn command(text: &str) -> Markup {
    html! {
        code.command { @for (at, word) in text.split(' ').enumerate() { @if at > 0 { " " } span.word { (word) } } }
    }
}

/// Words in which what is to be typed stands between backticks.
pub(crate) fn prose(text: &str) -> Markup {
    html! { @for (at, part) in text.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// A long name that may be broken behind its underscores.
pub(crate) fn breakable(name: &str) -> Markup {
    html! { @for part in name.split_inclusive('_') { (part) wbr; } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_text() {
        let body = html! { (list("a < b", &["<script>".to_owned()])) (faint_lines("one & two\nthree")) };
        let made = Made { host: "a<b".to_owned(), unix_s: 1_764_115_200, version: "1.2.3" };
        let page = document("\"title\"", &body, &made);
        for escaped in [
            "a &lt; b",
            "&lt;script&gt;",
            "one &amp; two<br>three",
            "<title>&quot;title&quot;</title>",
            "on a&lt;b, 2025-11-26 00:00 UTC",
        ] {
            assert!(page.contains(escaped), "{escaped} in {page}");
        }
        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(prose("try `ip -s link`, then").into_string(), "try <code>ip -s link</code>, then");
    }
}
