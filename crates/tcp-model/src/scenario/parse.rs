//! Reads a scenario file: head first, then the timeline.

use super::WITHIN_DEFAULT;
use super::error::{ScenarioError, Wrong};
use super::parse_calls::{host_call, setting};
use super::shapes;
use super::types::{Action, Expected, FlowKey, Pattern, PeerSegment, Role, Scenario, Step, TimeWaitState, Value};
use super::words::{self, Words};
use crate::counter::Counter;
use crate::segment::Flags;
use crate::version::VersionRange;
use core::time::Duration;

/// Steps of one scenario, shorthands written out.
pub(super) const STEPS_MAX: usize = 500;

impl Scenario {
    /// Reads the text of `file`, whose name without ending becomes the scenario's.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let mut scenario = Self::empty(file);
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                scenario.read_line(line, text).map_err(|wrong| wrong.at(file, line))?;
            }
        }
        scenario.check_whole().map_err(|wrong| wrong.at(file, 1))?;
        Ok(scenario)
    }

    fn empty(file: &str) -> Self {
        let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".scn").to_owned();
        Self {
            name,
            purpose: String::new(),
            source: String::new(),
            role: Role::Server,
            kernels: Vec::new(),
            model_only: None,
            sysctls: Vec::new(),
            backlog: 16,
            steps: Vec::new(),
        }
    }

    fn read_line(&mut self, line: u32, text: &str) -> Result<(), Wrong> {
        if self.steps.is_empty() && self.read_head(text)? {
            return Ok(());
        }
        let mut words = Words::new(text);
        let kernels = guard(&mut words)?;
        let after = match words.peek() {
            Some(word) if word.starts_with('+') => words::offset(words.next().unwrap_or_default())?,
            _ => Duration::ZERO,
        };
        let actions = actions(&mut words)?;
        words.end()?;
        let waits = core::iter::once(after).chain(core::iter::repeat(Duration::ZERO));
        self.steps.extend(actions.into_iter().zip(waits).map(|(action, after)| Step { line, after, kernels, action }));
        match self.steps.len() {
            0..=STEPS_MAX => Ok(()),
            _ => Err(Wrong::new(format!("more than {STEPS_MAX} steps"), "split the scenario")),
        }
    }

    /// Takes a line of the head; `false` when it is none.
    fn read_head(&mut self, text: &str) -> Result<bool, Wrong> {
        let (key, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match key {
            "purpose" => self.purpose = rest.to_owned(),
            "source" => self.source = rest.to_owned(),
            "role" => self.role = role(rest)?,
            "kernels" => self.kernels = ranges(rest)?,
            "model-only" => self.model_only = Some(reason(rest)?),
            "sysctl" => self.sysctls.push(setting(rest)?),
            "backlog" => self.backlog = Words::new(rest).number("a backlog")?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn check_whole(&self) -> Result<(), Wrong> {
        let missing = |what: &str, example: &str| {
            Err(Wrong::new(format!("there is no {what}"), format!("add a line such as: {example}")))
        };
        match self {
            _ if self.purpose.is_empty() => missing("purpose", "purpose  What this shows, in a sentence"),
            _ if self.source.is_empty() => missing("source", "source  tcp_timewait_state_process"),
            _ if self.kernels.is_empty() => missing("list of kernels", "kernels all"),
            _ if self.steps.is_empty() => missing("timeline", "peer syn seq 1000"),
            _ if !self.steps.iter().any(Step::can_fail) => missing("check", "expect syn-ack ack 1001"),
            _ => Ok(()),
        }
    }
}

impl Step {
    fn can_fail(&self) -> bool {
        !matches!(self.action, Action::Peer(_) | Action::Let(..))
    }
}

fn role(text: &str) -> Result<Role, Wrong> {
    let unknown = || Wrong::new(format!("{text:?} is not a role"), "the host under test is a server or a client");
    Role::from_name(text).ok_or_else(unknown)
}

fn reason(text: &str) -> Result<String, Wrong> {
    if text.is_empty() {
        Err(Wrong::new("model-only without a reason", "say why a running kernel cannot do it"))
    } else {
        Ok(text.to_owned())
    }
}

fn ranges(text: &str) -> Result<Vec<VersionRange>, Wrong> {
    text.split(',').map(|part| range(part.trim())).collect()
}

fn range(text: &str) -> Result<VersionRange, Wrong> {
    text.parse()
        .map_err(|error| Wrong::new(format!("{error}"), "name kernels like all, 6.18, 6.16.., ..4.11 or 3.17..4.11"))
}

/// `[6.16..]` before a step.
fn guard(words: &mut Words<'_>) -> Result<Option<VersionRange>, Wrong> {
    match words.peek().and_then(|word| word.strip_prefix('[')) {
        None => Ok(None),
        Some(inner) => {
            words.next();
            let inner = inner
                .strip_suffix(']')
                .ok_or_else(|| Wrong::new("the bracket is not closed", "write it like [6.16..] without spaces"))?;
            range(inner).map(Some)
        }
    }
}

/// The actions of one line: one, or what its shorthand stands for.
fn actions(words: &mut Words<'_>) -> Result<Vec<Action>, Wrong> {
    let one = |action| Ok(vec![action]);
    match words.need("a step")? {
        "peer" if words.take("closes") => shapes::peer_closes_first(words),
        "peer" => one(Action::Peer(peer_segment(words)?)),
        "expect" if words.take("silence") => one(Action::Silence(words.duration()?)),
        "expect" => one(Action::Expect(expected(words)?)),
        "host" if words.take("closes") => shapes::host_closes_first(words),
        "host" => one(Action::Host(host_call(words)?)),
        "handshake" => shapes::handshake(words),
        "connects" => shapes::connects(words),
        "counter" => one(counter(words)?),
        "time-wait" => one(time_wait(words)?),
        "let" => one(keep(words)?),
        word => Err(Wrong::new(
            format!("{word:?} is not a step"),
            "a step begins with peer, expect, host, handshake, connects, counter, time-wait or let",
        )),
    }
}

fn flags(words: &mut Words<'_>) -> Result<Flags, Wrong> {
    let word = words.need("a segment such as syn or fin-ack")?;
    let known = Flags::NAMED.iter().find(|(name, _)| *name == word).map(|(_, flags)| *flags);
    known.ok_or_else(|| {
        Wrong::new(format!("{word:?} is not a segment"), "write syn, syn-ack, ack, fin-ack, fin, rst or rst-ack")
    })
}

/// Takes one word pair that says on which flow; `false` when the next word is about something else.
pub(super) fn flow_word(words: &mut Words<'_>, flow: &mut FlowKey) -> Result<bool, Wrong> {
    match words.peek() {
        Some("port") => {
            words.next();
            flow.port = words.number("a port")?;
        }
        Some("address") => {
            words.next();
            flow.address = words.number("a number of the peer's address")?;
        }
        Some("to") => {
            words.next();
            flow.to = words.number("a port")?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn peer_segment(words: &mut Words<'_>) -> Result<PeerSegment, Wrong> {
    let mut segment = shapes::peer(FlowKey::default(), flags(words)?);
    let (mut tsval, mut tsecr) = (None, None);
    loop {
        if flow_word(words, &mut segment.flow)? {
            continue;
        }
        match words.peek() {
            Some("seq") => segment.seq = named(words)?,
            Some("ack") => segment.ack = named(words)?,
            Some("tsval") => tsval = Some(named(words)?),
            Some("tsecr") => tsecr = Some(named(words)?),
            Some("len") => segment.len = numbered(words, "a length in bytes")?,
            Some("win") => segment.window = numbered(words, "a window below 65536")?,
            _ => break,
        }
    }
    segment.timestamp = shapes::timestamp(segment.flags, tsval, tsecr)?;
    Ok(segment)
}

fn named(words: &mut Words<'_>) -> Result<Value, Wrong> {
    words.next();
    words.value()
}

fn numbered(words: &mut Words<'_>, what: &str) -> Result<u16, Wrong> {
    words.next();
    words.number(what)
}

fn expected(words: &mut Words<'_>) -> Result<Expected, Wrong> {
    let mut expected = shapes::expect(FlowKey::default(), flags(words)?);
    loop {
        if flow_word(words, &mut expected.flow)? {
            continue;
        }
        match words.peek() {
            Some("seq") => expected.seq = pattern(words)?,
            Some("ack") => expected.ack = pattern(words)?,
            Some("tsval") => expected.tsval = pattern(words)?,
            Some("tsecr") => expected.tsecr = pattern(words)?,
            Some("len") => expected.len = Some(numbered(words, "a length in bytes")?),
            Some("ts") => expected.stamped = Some(stamped(words)?),
            Some("after") => expected.not_before = timed(words)?,
            Some("within") => expected.within = timed(words)?,
            _ => break,
        }
    }
    if expected.not_before > expected.within {
        return Err(Wrong::new(
            "the segment is expected after its limit",
            format!("add `within`; it is {WITHIN_DEFAULT:?} if not named"),
        ));
    }
    Ok(expected)
}

fn pattern(words: &mut Words<'_>) -> Result<Pattern, Wrong> {
    words.next();
    words.pattern()
}

fn timed(words: &mut Words<'_>) -> Result<Duration, Wrong> {
    words.next();
    words.duration()
}

/// `ts none` or `ts any`.
fn stamped(words: &mut Words<'_>) -> Result<bool, Wrong> {
    words.next();
    match words.need("none or some")? {
        "none" => Ok(false),
        "some" => Ok(true),
        word => {
            Err(Wrong::new(format!("{word:?} says nothing about a timestamp option"), "write `ts none` or `ts some`"))
        }
    }
}

fn counter(words: &mut Words<'_>) -> Result<Action, Wrong> {
    let name = words.need("a counter's name")?;
    let counter = Counter::from_name(name).ok_or_else(|| {
        Wrong::new(
            format!("no decision bumps a counter {name:?}"),
            format!("the known ones are {}", Counter::ALL.map(Counter::name).join(", ")),
        )
    })?;
    let by = words.need("how much it grew, like +1")?;
    let by = by.strip_prefix('+').and_then(|by| by.parse().ok());
    Ok(Action::Counter(counter, by.ok_or_else(|| Wrong::new("a counter needs how much it grew", "write it like +1"))?))
}

fn time_wait(words: &mut Words<'_>) -> Result<Action, Wrong> {
    let mut flow = FlowKey::default();
    while flow_word(words, &mut flow)? {}
    let state = match words.need("remaining, some, none or fin-wait-2")? {
        "none" => TimeWaitState::None,
        "some" => TimeWaitState::TimeWait(None),
        "remaining" => TimeWaitState::TimeWait(Some(words.duration()?)),
        "fin-wait-2" if words.take("remaining") => TimeWaitState::FinWait2(Some(words.duration()?)),
        "fin-wait-2" => TimeWaitState::FinWait2(None),
        word => {
            return Err(Wrong::new(
                format!("{word:?} is not a state"),
                "write `remaining 60s`, `some`, `none` or `fin-wait-2`",
            ));
        }
    };
    Ok(Action::TimeWait(flow, state))
}

fn keep(words: &mut Words<'_>) -> Result<Action, Wrong> {
    let name = words.need("a name")?;
    let mut flow = FlowKey::default();
    if !words::is_name(name) || !words.take("=") {
        return Err(Wrong::new("this keeps nothing", "write it like: let before = host.nxt"));
    }
    let value = words.value()?;
    while flow_word(words, &mut flow)? {}
    Ok(Action::Let(name.to_owned(), flow, value))
}
