//! Rules about fields: removed, set, added. Made once from a configuration; followed without allocating.
//!
//! ```text
//!   received fields, ours    a name that a rule removes or sets is left out
//!   set, add                 follow in their order
//! ```
//! Rules stand in layers (a listener's with its route's, a backend set's): what a later layer removes or sets, an earlier
//! one does not write.

use crate::name::{Name, reads_as};
use crate::sink::{FieldSink, TooLong};
use crate::template::{Template, TemplateError, Values, Variable};
use crate::text::{is_field_value, is_host, is_token};

/// What one place of a configuration does to the fields of requests, or of responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRules {
    /// Names that are removed or replaced.
    dropped: Vec<Box<str>>,
    /// A bit for the length of each: most fields are passed by without a look at a letter.
    lengths: u64,
    /// Fields to write, in their order.
    written: Vec<(Box<str>, Template)>,
    /// What becomes of `Host`.
    host: Option<HostRule>,
    /// A value asks for something of the request's head.
    asks: bool,
    /// A value asks for the request's id.
    asks_id: bool,
    /// A value has a variable.
    varies: bool,
}

/// What a server reads as `Host`: what it is, or where it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostRule {
    Name(Box<str>),
    /// As it came.
    Received,
    /// As it came, without the port.
    ReceivedName,
    /// The server's own.
    Server,
}

/// Layers of rules, the first first.
pub type Layers<'e> = [&'e FieldRules; 2];

/// Rules that do nothing.
pub static NO_RULES: FieldRules = FieldRules::NONE;

/// Whose fields a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Those of requests.
    Request,
    /// Those of responses.
    Response,
}

/// Why a rule cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not a name.
    #[error("{0:?} is not the name of a field: letters, digits and dashes")]
    Name(String),
    /// One that tells where a message ends.
    #[error("{0} tells where a message ends, which only whoever frames it knows: leave it out")]
    Framing(String),
    /// One that is for one hop.
    #[error("{0} is between this balancer and its neighbour, and written anew for each: leave it out")]
    Hop(String),
    /// Servers would take it for another.
    #[error("{0} is taken for another field by CGI, WSGI and PHP: write it with dashes")]
    Twin(String),
    /// `Host` can be set, and nothing else.
    #[error("a request has one Host: it can be set, neither added nor removed")]
    Host,
    /// A value that no `Host` can have.
    #[error("{0:?} is no host: write a name with or without a port, {{host}}, {{host_port}} or {{server}}")]
    HostValue(String),
    /// A value that no field can have.
    #[error("a value holds a line end or another control character")]
    Value,
    /// Its braces.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A response is not sent to anybody's host.
    #[error("{0} is a field of requests")]
    OfRequests(String),
    /// A name is both removed and set.
    #[error("{0} is removed and set: `set` alone replaces whatever came")]
    Twice(String),
}

impl FieldRules {
    /// They do nothing.
    pub const NONE: Self = Self {
        dropped: Vec::new(),
        lengths: 0,
        written: Vec::new(),
        host: None,
        asks: false,
        asks_id: false,
        varies: false,
    };

    /// Fields of this name are not passed on.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&mut self, name: &str, of: Message) -> Result<(), RuleError> {
        check_name(name, of)?;
        if name.eq_ignore_ascii_case("host") {
            return Err(RuleError::Host);
        }
        if self.writes(name) {
            return Err(RuleError::Twice(name.to_owned()));
        }
        self.drop_name(name);
        Ok(())
    }

    /// There is one field of this name, with this value.
    ///
    /// # Errors
    /// It cannot be set, or not to that.
    pub fn set(&mut self, name: &str, value: &str, of: Message) -> Result<(), RuleError> {
        if name.eq_ignore_ascii_case("host") {
            check_name(name, of)?;
            self.host = Some(HostRule::parse(value)?);
            return Ok(());
        }
        let value = checked(name, value, of)?;
        if self.drops(name) {
            return Err(RuleError::Twice(name.to_owned()));
        }
        self.drop_name(name);
        self.write(name, value);
        Ok(())
    }

    /// There is another field of this name, with this value.
    ///
    /// # Errors
    /// It cannot be added, or not with that.
    pub fn add(&mut self, name: &str, value: &str, of: Message) -> Result<(), RuleError> {
        let value = checked(name, value, of)?;
        if name.eq_ignore_ascii_case("host") {
            return Err(RuleError::Host);
        }
        self.write(name, value);
        Ok(())
    }

    fn write(&mut self, name: &str, value: Template) {
        self.asks |= value.asks();
        self.varies |= value.variables().next().is_some();
        self.asks_id |= value.variables().any(|one| *one == Variable::RequestId);
        self.written.push((name.into(), value));
    }

    fn drop_name(&mut self, name: &str) {
        self.lengths |= bit_of(name);
        self.dropped.push(name.into());
    }

    fn writes(&self, name: &str) -> bool {
        self.written.iter().any(|(written, _)| written.eq_ignore_ascii_case(name))
    }

    /// These rules and then `later` ones, as one.
    #[must_use]
    pub fn then(&self, later: &Self) -> Self {
        let stays = |(name, _): &&(Box<str>, Template)| !later.drops(name);
        let mut all =
            Self { written: Vec::new(), host: later.host.clone().or_else(|| self.host.clone()), ..self.clone() };
        self.written
            .iter()
            .filter(stays)
            .chain(&later.written)
            .for_each(|(name, value)| all.write(name, value.clone()));
        later.dropped.iter().filter(|name| !self.drops(name)).for_each(|name| all.drop_name(name));
        all
    }

    /// Is any field left out that came?
    pub fn drops_any(&self) -> bool {
        self.lengths != 0
    }

    /// Do they do nothing?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lengths == 0 && self.written.is_empty() && self.host.is_none()
    }

    /// Are fields of this name left out?
    #[inline]
    pub fn drops(&self, name: &str) -> bool {
        self.lengths & bit_of(name) != 0 && self.names(name)
    }

    /// Are received fields of this name left out? With their twins: servers that fold names would take those for ours.
    #[inline]
    pub(super) fn drops_received(&self, name: &str, keep_twins: bool) -> bool {
        let with_twins = || self.dropped.iter().any(|dropped| reads_as(name, dropped));
        self.lengths & bit_of(name) != 0 && if keep_twins { self.names(name) } else { with_twins() }
    }

    fn names(&self, name: &str) -> bool {
        self.dropped.iter().any(|dropped| dropped.eq_ignore_ascii_case(name))
    }

    /// Has a value a variable? Else nobody needs to know what they stand for.
    #[inline]
    pub fn vary(&self) -> bool {
        self.varies
    }

    /// A bit for each length of a name that is left out.
    #[inline]
    pub(super) fn lengths(&self) -> u64 {
        self.lengths
    }

    /// Do their values ask for something of the request's head?
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Do their values ask for the request's id?
    pub fn asks_id(&self) -> bool {
        self.asks_id
    }
}

impl HostRule {
    fn parse(value: &str) -> Result<Self, RuleError> {
        match value {
            "{host_port}" => Ok(Self::Received),
            "{host}" => Ok(Self::ReceivedName),
            "{server}" => Ok(Self::Server),
            name if is_host(name.as_bytes()) => Ok(Self::Name(name.into())),
            other => Err(RuleError::HostValue(other.to_owned())),
        }
    }
}

/// The bit that stands for names as long as this one.
#[inline]
pub(super) fn bit_of(name: &str) -> u64 {
    1 << name.len().min(63)
}

/// Are fields of this name left out, by any layer?
#[inline]
pub(super) fn drops(layers: Layers<'_>, name: &str) -> bool {
    layers.iter().any(|rules| rules.drops(name))
}

/// What `Host` is to be, by the last layer that says so.
pub(super) fn host<'e>(layers: Layers<'e>) -> Option<&'e HostRule> {
    layers.iter().rev().find_map(|rules| rules.host.as_ref())
}

/// Writes what is set and added. What is filled in to nothing is left out.
pub fn write(layers: Layers<'_>, values: &Values<'_>, out: &mut impl FieldSink) -> Result<(), TooLong> {
    let [first, second] = layers;
    for (name, value) in first.written.iter().filter(|(name, _)| !second.drops(name)) {
        write_one(name, value, values, out)?;
    }
    second.written.iter().try_for_each(|(name, value)| write_one(name, value, values, out))
}

#[inline]
fn write_one(name: &str, value: &Template, values: &Values<'_>, out: &mut impl FieldSink) -> Result<(), TooLong> {
    if let Some(text) = value.as_text() {
        return if text.is_empty() { Ok(()) } else { out.field(name, text.as_bytes()) };
    }
    match value.filled(values).any(|piece| !piece.is_empty()) {
        true => out.pieces(name, value.filled(values)),
        false => Ok(()),
    }
}

fn checked(name: &str, value: &str, of: Message) -> Result<Template, RuleError> {
    check_name(name, of)?;
    let template = Template::parse(value)?;
    if Name::of(name) == Name::Twin {
        return Err(RuleError::Twin(name.to_owned()));
    }
    let is_clean = template.texts().all(|text| is_field_value(text.as_bytes()));
    if is_clean { Ok(template) } else { Err(RuleError::Value) }
}

/// Names that say where a message ends, or speak for one hop, are nobody's to change.
fn check_name(name: &str, of: Message) -> Result<(), RuleError> {
    if !is_token(name.as_bytes()) {
        return Err(RuleError::Name(name.to_owned()));
    }
    match (Name::of(name), of) {
        (Name::ContentLength | Name::TransferEncoding, _) => Err(RuleError::Framing(name.to_owned())),
        (Name::Trailer | Name::Expect, Message::Request) | (Name::Trailer, _) => {
            Err(RuleError::Framing(name.to_owned()))
        }
        (Name::Connection | Name::KeepAlive | Name::ProxyConnection | Name::Te, _) => {
            Err(RuleError::Hop(name.to_owned()))
        }
        (Name::Upgrade | Name::Http2Settings | Name::MaxForwards, _) => Err(RuleError::Hop(name.to_owned())),
        (Name::Host, Message::Response) => Err(RuleError::OfRequests(name.to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frames_or_is_for_one_hop_is_nobodys_to_change() {
        let names = ["Content-Length", "transfer-encoding", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade"];
        for name in names.into_iter().chain(["Proxy-Connection", "HTTP2-Settings", "Expect", "Max-Forwards", "a b", ""])
        {
            let mut rules = FieldRules::NONE;
            assert!(rules.set(name, "x", Message::Request).is_err(), "{name}");
            assert!(rules.add(name, "x", Message::Request).is_err(), "{name}");
            assert!(rules.remove(name, Message::Request).is_err(), "{name}");
            assert!(rules.is_empty(), "{name}");
        }
        let mut rules = FieldRules::NONE;
        assert_eq!(rules.add("host", "a", Message::Request), Err(RuleError::Host));
        assert_eq!(rules.remove("Host", Message::Request), Err(RuleError::Host));
        assert!(rules.set("Host", "a", Message::Response).is_err());
        assert!(rules.set("X_Forwarded_For", "a", Message::Request).is_err());
        assert!(rules.is_empty() && rules.set("Host", "a", Message::Request).is_ok() && !rules.is_empty());
    }

    #[test]
    fn no_value_ends_its_line() {
        for value in ["a\r\nb: c", "a\nb", "\0", "{client}\r"] {
            assert_eq!(FieldRules::NONE.clone().set("A", value, Message::Response), Err(RuleError::Value), "{value:?}");
        }
    }

    #[test]
    fn later_rules_stand_above_earlier_ones() {
        let mut first = FieldRules::NONE;
        first.set("A", "1", Message::Request).unwrap();
        first.add("B", "1", Message::Request).unwrap();
        first.set("Host", "one", Message::Request).unwrap();
        assert_eq!(first.remove("a", Message::Request), Err(RuleError::Twice("a".to_owned())));
        let mut later = FieldRules::NONE;
        later.set("a", "2", Message::Request).unwrap();
        later.add("B", "2", Message::Request).unwrap();
        let all = first.then(&later);
        let names: Vec<_> =
            all.written.iter().map(|(name, value)| (&**name, value.texts().collect::<String>())).collect();
        assert_eq!(names, [("B", "1".to_owned()), ("a", "2".to_owned()), ("B", "2".to_owned())]);
        assert!(all.drops("A") && !all.drops("B") && all.host == first.host);
        assert_eq!(FieldRules::NONE.then(&FieldRules::NONE), FieldRules::NONE);
    }
}
