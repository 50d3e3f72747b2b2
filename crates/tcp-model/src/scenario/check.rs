//! Does a segment fit what a step expects? Also how an expectation is shown beside what was seen.

use super::flow::Names;
use super::types::{Expected, FlowKey, Pattern, Value};
use crate::segment::Segment;
use core::fmt;

impl Expected {
    /// How `segment`, seen on `flow`, differs; `None` when it fits.
    pub fn mismatch(&self, names: &Names, flow: FlowKey, segment: &Segment) -> Option<String> {
        if flow != self.flow {
            return Some(format!("it belongs to {flow}, not to {}", self.flow));
        }
        if segment.flags != self.flags {
            return Some(format!("it is {}, not {}", segment.flags, self.flags));
        }
        let stamp = segment.timestamp;
        self.field(names, "seq", &self.seq, Some(segment.seq))
            .or_else(|| self.field(names, "ack", &self.ack, segment.flags.ack.then_some(segment.ack)))
            .or_else(|| self.length(segment.len))
            .or_else(|| self.option(stamp.is_some()))
            .or_else(|| self.field(names, "tsval", &self.tsval, stamp.map(|ts| ts.val)))
            .or_else(|| self.field(names, "tsecr", &self.tsecr, stamp.map(|ts| ts.ecr)))
    }

    fn field(&self, names: &Names, name: &str, pattern: &Pattern, seen: Option<u32>) -> Option<String> {
        let Pattern::Is(value) = pattern else { return None };
        let Some(wanted) = names.value(self.flow, value) else {
            return Some(format!("{value} is not set yet"));
        };
        match seen {
            Some(seen) if seen == wanted => None,
            Some(seen) => Some(format!("its {name} is {seen}, not {wanted} ({value})")),
            None => Some(format!("it has no {name}, but {wanted} ({value}) is expected")),
        }
    }

    fn length(&self, seen: u16) -> Option<String> {
        self.len.filter(|wanted| *wanted != seen).map(|wanted| format!("it carries {seen} bytes, not {wanted}"))
    }

    fn option(&self, seen: bool) -> Option<String> {
        self.stamped.filter(|wanted| *wanted != seen).map(|wanted| {
            let words = ["no timestamp option", "a timestamp option"];
            format!("it carries {}, but {} is expected", words[usize::from(seen)], words[usize::from(wanted)])
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.flags)?;
        for (name, pattern) in [("seq", &self.seq), ("ack", &self.ack), ("tsval", &self.tsval), ("tsecr", &self.tsecr)]
        {
            if let Pattern::Is(value) = pattern {
                write!(f, " {name} {value}")?;
            }
        }
        match self.len {
            Some(len) => write!(f, " len {len}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address {} port {} to {}", self.address, self.port, self.to)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Named(name, 0) => f.write_str(name),
            Self::Named(name, offset) => write!(f, "{name}{offset:+}"),
        }
    }
}
