//! A line on its way: noted by a worker, handed on in batches.

use super::{Line, Part};

/// Where a text stands, from where the texts of its line begin.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    at: u16,
    len: u16,
    cut: bool,
}

type Spans = [Span; Part::ALL.len()];

/// What is known of a request so far. It keeps its room when it is cleared.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// Once the request is over.
    pub line: Option<Line>,
    /// It is told whatever comes of it.
    pub drawn: bool,
    spans: Spans,
    bytes: Vec<u8>,
}

impl Note {
    /// Nothing is known.
    pub fn clear(&mut self) {
        (self.line, self.drawn, self.spans) = (None, false, Spans::default());
        self.bytes.clear();
    }

    /// Keeps a text, or as much of it as [may be](Part::bytes_max). What was told first stands.
    pub fn tell(&mut self, part: Part, text: &[u8]) {
        let span = &mut self.spans[part as usize];
        if span.len > 0 || text.is_empty() {
            return;
        }
        let len = text.len().min(part.bytes_max());
        // All parts at their longest are far below 64 KiB.
        *span = Span { at: self.bytes.len() as u16, len: len as u16, cut: len < text.len() };
        self.bytes.extend_from_slice(&text[..len]);
    }

    /// What was kept of a text.
    pub fn part(&self, part: Part) -> &[u8] {
        text_of(&self.spans, &self.bytes, part)
    }
}

fn text_of<'t>(spans: &Spans, bytes: &'t [u8], part: Part) -> &'t [u8] {
    let Span { at, len, .. } = spans[part as usize];
    &bytes[usize::from(at)..][..usize::from(len)]
}

/// A line with its texts.
#[derive(Clone, Copy, Debug)]
pub struct Told<'t> {
    /// What it says beside them.
    pub line: &'t Line,
    spans: &'t Spans,
    bytes: &'t [u8],
}

impl<'t> Told<'t> {
    /// A text; empty where there is none.
    pub fn part(&self, part: Part) -> &'t [u8] {
        text_of(self.spans, self.bytes, part)
    }

    /// Was something longer than what is kept of it?
    pub(crate) fn is_cut(&self) -> bool {
        self.spans.iter().any(|span| span.cut)
    }
}

/// Lines with their texts, as many as there is room for.
#[derive(Debug, Default)]
pub struct Batch {
    lines: Vec<(Line, Spans, usize)>,
    bytes: Vec<u8>,
    lines_max: usize,
    bytes_max: usize,
}

impl Batch {
    /// Room for so many lines, and so many bytes of texts: taken at once.
    pub fn with_room(lines_max: usize, bytes_max: usize) -> Self {
        let (lines, bytes) = (Vec::with_capacity(lines_max), Vec::with_capacity(bytes_max));
        Self { lines, bytes, lines_max, bytes_max }
    }

    /// How many lines there is room for in all.
    pub fn room(&self) -> usize {
        self.lines_max
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Is more than half of the room taken?
    pub fn is_half_full(&self) -> bool {
        self.lines.len() * 2 > self.lines_max || self.bytes.len() * 2 > self.bytes_max
    }

    /// Adds a line that is whole; `false`: there is no room for it.
    pub fn push(&mut self, note: &Note) -> bool {
        let Some(line) = note.line.filter(|_| self.has_room(1, note.bytes.len())) else { return false };
        self.lines.push((line, note.spans, self.bytes.len()));
        self.bytes.extend_from_slice(&note.bytes);
        true
    }

    /// Takes over the lines of another, all or none.
    pub fn append(&mut self, other: &mut Self) -> bool {
        if !self.has_room(other.lines.len(), other.bytes.len()) {
            return false;
        }
        let before = self.bytes.len();
        self.lines.extend(other.lines.drain(..).map(|(line, spans, at)| (line, spans, before + at)));
        self.bytes.append(&mut other.bytes);
        true
    }

    fn has_room(&self, lines: usize, bytes: usize) -> bool {
        self.lines.len() + lines <= self.lines_max && self.bytes.len() + bytes <= self.bytes_max
    }

    /// The lines, in the order in which they came.
    pub fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.lines.iter().map(|(line, spans, at)| Told { line, spans, bytes: &self.bytes[*at..] })
    }

    /// Keeps nothing but the room.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::a_line;

    fn note(target: &[u8]) -> Note {
        let mut note = Note { line: Some(a_line()), ..Note::default() };
        note.tell(Part::Listener, b"web");
        note.tell(Part::Target, target);
        note
    }

    #[test]
    fn texts_are_those_that_were_told_first_and_not_longer_than_they_may_be() {
        let mut note = note(&[b'a'; 5000]);
        note.tell(Part::Listener, b"other");
        note.tell(Part::Sni, b"");
        assert_eq!((note.part(Part::Listener), note.part(Part::Sni)), (&b"web"[..], &b""[..]));
        assert_eq!(note.part(Part::Target).len(), Part::Target.bytes_max());
        let mut batch = Batch::with_room(1, 10_000);
        assert!(batch.push(&note) && batch.told().next().is_some_and(|told| told.is_cut()));
        note.clear();
        assert!(!batch.push(&note), "nothing is known");
        assert_eq!((note.part(Part::Target), note.part(Part::Listener)), (&b""[..], &b""[..]));
    }

    #[test]
    fn a_batch_takes_what_there_is_room_for_and_never_grows() {
        let mut batch = Batch::with_room(3, 16);
        let rooms = (batch.lines.capacity(), batch.bytes.capacity());
        let pushed = [b"/1".as_slice(), b"/2", b"/3", b"/4"].map(|target| batch.push(&note(target)));
        assert_eq!(pushed, [true, true, true, false], "three lines");
        let mut other = Batch::with_room(3, 16);
        assert!(other.push(&note(b"/12345678901")) && !other.push(&note(b"/")), "sixteen bytes");
        assert!(!batch.append(&mut other) && other.len() == 1, "all or none");
        let targets: Vec<_> = batch.told().map(|told| told.part(Part::Target)).collect();
        assert_eq!(targets, [b"/1", b"/2", b"/3"]);
        batch.clear();
        assert!(batch.push(&note(b"/9")) && batch.bytes.len() == 5);
        other.clear();
        assert!(other.push(&note(b"/10")) && batch.append(&mut other) && other.is_empty());
        let targets: Vec<_> = batch.told().map(|told| told.part(Part::Target)).collect();
        assert_eq!((targets, batch.is_half_full()), (vec![b"/9".as_slice(), b"/10"], true));
        assert_eq!((batch.lines.capacity(), batch.bytes.capacity()), rooms, "the room is that of the beginning");
    }
}
