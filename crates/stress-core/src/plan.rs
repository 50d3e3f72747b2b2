//! What a run is asked to do: a draft as given on the command line, checked once into a [`Plan`].

mod announce;
mod expect;
mod reach;
mod recycle;
mod tls;
mod wire;

use crate::backoff::BACKOFF_FIRST;
use crate::client::{FOLLOW_MAX, Jar};
use crate::crowd::Crowd;
use crate::load::{Load, LoadDraft, LoadError};
use crate::pace::Pace;
use crate::script::{Script, ScriptDraft, ScriptError};
use crate::threshold::{THRESHOLDS_MAX, Threshold, ThresholdError};
pub use announce::{Announce, AnnounceDraft, AnnounceMistake, ProxyProtocol};
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
pub(crate) use expect::Needle;
pub use expect::{Expect, ExpectDraft, ExpectMistake};
use http::url::{Url, UrlError};
use http::{Method, is_field_value, is_token};
use named::named;
use ports::set::SOURCES_MAX;
use ports::{PortRange, SetError};
pub use reach::{Place, Reach, ReachDraft, ReachMistake};
pub use recycle::RecycleMistake;
pub use tls::{Tls, TlsDraft, TlsMistake, TlsSessions};
pub use wire::{Wire, WireDraft, WireMistake};

/// Connections one run may keep.
pub const CONNECTIONS_MAX: u32 = 1_000_000;
/// Threads one run may use.
pub(crate) const THREADS_MAX: u32 = 1024;
/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest request head, in bytes: it goes out of one buffer.
pub const HEAD_BYTES_MAX: usize = 15 * 1024;
/// Requests when neither a number nor a duration is asked for (as hey and oha do).
pub(crate) const REQUESTS_DEFAULT: u64 = 200;
/// Longest time-out or duration: a day.
pub const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

named! {
    /// Who ends a connection, and when.
    #[derive(Default)]
    pub enum ClosePolicy {
        /// Connections are kept alive; a server that asks for close is obeyed.
        #[default]
        Keep = "keep",
        /// One request per connection, with `Connection: close`; the server's FIN is waited for.
        Wait = "wait",
        /// One request per connection; we send FIN after the complete response.
        Fin = "fin",
        /// One request per connection; we reset after the complete response, once everything is acknowledged.
        Rst = "rst",
        /// One request per connection; our FIN follows the request at once, and the response is read all the same.
        Half = "half",
    }
}

impl ClosePolicy {
    /// Does our FIN come first, so that a port of ours is left in TIME_WAIT by every request?
    pub(crate) fn is_first(self) -> bool {
        matches!(self, Self::Fin | Self::Half)
    }
}

named! {
    /// Who chooses source ports.
    #[derive(Default)]
    pub enum PortMode {
        /// Whichever of the others asks least of this host and still lasts; nobody has decided yet.
        #[default]
        Auto = "auto",
        /// The kernel, in `connect()`.
        Kernel = "kernel",
        /// Our allocator: oldest port first, explicit bind + SO_REUSEADDR.
        Own = "own",
    }
}

/// Header fields: name and value.
type Fields = Vec<(String, String)>;

/// A run as given by a person. [`PlanDraft::check`] makes a [`Plan`] of it.
#[derive(Clone, Debug)]
pub struct PlanDraft {
    /// Target, `http[s]://HOST[:PORT][/PATH]`.
    pub url: String,
    /// Connections kept busy at the same time; in an open loop as many as there may be.
    pub connections: u32,
    /// What makes requests due.
    pub pace: Pace,
    /// End after this many requests, failed ones included.
    pub requests: Option<u64>,
    /// End after this time. With `requests` too: whichever comes first.
    pub duration: Option<Duration>,
    /// Request method; `None`: GET, or POST when there is a body.
    pub method: Option<String>,
    /// Header fields as `Name: value`. `Host` and the framing fields replace ours.
    pub headers: Vec<String>,
    /// Request body.
    pub body: Vec<u8>,
    /// Several requests in place of the one that is given above.
    pub script: ScriptDraft,
    /// How the rate goes, and a warm-up.
    pub load: LoadDraft,
    /// From when a request is due until its response is complete.
    pub timeout: Duration,
    /// Threads; `None`: the shell takes one per core, at most one per connection.
    pub threads: Option<u32>,
    /// Who ends a connection.
    pub close: ClosePolicy,
    /// Who chooses source ports.
    pub ports: PortMode,
    /// Source addresses to use in turn; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Source ports, both ends included; `None`: the kernel's range, or for our own choice ports outside of it.
    pub port_range: Option<(u16, u16)>,
    /// Use the sockets of connections that are over again.
    pub recycle: bool,
    /// Where connections go, when not to where the URL says.
    pub reach: ReachDraft,
    /// The header of the PROXY protocol that connections to the target begin with.
    pub announce: AnnounceDraft,
    /// Redirects that are followed for one request; `None`: a redirect is an answer like any other.
    pub follow: Option<u32>,
    /// Each connection's place is a client that keeps cookies, and begins with these.
    pub cookies: Option<Jar>,
    /// What responses have to be like.
    pub expect: ExpectDraft,
    /// How many requests a connection carries, and in which version.
    pub wire: WireDraft,
    /// How connections to an `https` target are secured.
    pub tls: TlsDraft,
    /// Longest pause of a connection that keeps failing.
    pub backoff_max: Duration,
    /// May a connection be spent on looking ahead, where something depends on what the target negotiates?
    pub looks_ahead: bool,
    /// How long requests in flight may take after the end of the run.
    pub drain: Duration,
    /// What the run has to keep.
    pub thresholds: Vec<Threshold>,
}

impl PlanDraft {
    /// A draft with the defaults of `quintet stress`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: 50,
            pace: Pace::Closed,
            requests: None,
            duration: None,
            method: None,
            headers: Vec::new(),
            body: Vec::new(),
            script: ScriptDraft::default(),
            load: LoadDraft::default(),
            timeout: Duration::from_secs(20),
            threads: None,
            close: ClosePolicy::default(),
            ports: PortMode::default(),
            sources: Vec::new(),
            port_range: None,
            recycle: false,
            reach: ReachDraft::default(),
            announce: AnnounceDraft::default(),
            follow: None,
            cookies: None,
            expect: ExpectDraft::default(),
            wire: WireDraft::default(),
            tls: TlsDraft::default(),
            backoff_max: Duration::from_millis(100),
            looks_ahead: true,
            drain: Duration::from_secs(5),
            thresholds: Vec::new(),
        }
    }

    /// Checks everything that can be checked without the machine it runs on.
    pub fn check(mut self) -> Result<Plan, PlanError> {
        self.settle_load()?;
        self.check_bounds()?;
        let (mut plan, script) = self.without_script()?;
        plan.take_script(&script)?;
        plan.check_pipeline()?;
        Ok(plan)
    }

    /// All but what it sends, and that.
    fn without_script(mut self) -> Result<(Plan, ScriptDraft), PlanError> {
        let ((url, target), (name, method)) = (self.url_and_target()?, method(self.method.as_deref(), &self.body)?);
        let (wire, close, headers) = self.check_wire()?;
        let (reach, (tls, tls_elsewhere)) = (self.check_reach(&url)?, self.check_tls(&url)?);
        let plan = Plan {
            recycle: self.recycle && recycle::check(close, self.ports, tls.is_some(), self.sources.len())?,
            reach,
            url,
            tls,
            announce: self.announce.check()?,
            follow: self.follow,
            cookies: self.cookies,
            tls_elsewhere,
            target,
            wire,
            expect: self.expect.check()?,
            connections: self.connections,
            pace: self.pace,
            requests: self.requests.or(self.duration.is_none().then_some(REQUESTS_DEFAULT)),
            duration: self.duration,
            method,
            method_name: name,
            headers,
            body: self.body,
            script: Script::default(),
            load: self.load.check(self.requests, self.duration)?,
            timeout: self.timeout,
            threads: self.threads.map(|threads| threads.min(self.connections)),
            close,
            ports: self.ports,
            ports_why: None,
            sources: self.sources,
            port_range: port_range(self.port_range)?,
            backoff_max: self.backoff_max.clamp(BACKOFF_FIRST, TIME_MAX),
            looks_ahead: self.looks_ahead,
            drain: self.drain.min(TIME_MAX),
            thresholds: self.thresholds,
        };
        Ok((plan, self.script))
    }

    /// What a course or a crowd says stands above what else was said of rate, connections and end.
    fn settle_load(&mut self) -> Result<(), PlanError> {
        self.pace = self.load.pace(self.pace)?;
        self.connections = self.load.crowd.as_ref().map_or(self.connections, Crowd::most);
        (self.duration, self.requests) = (self.load.duration(self.duration), self.load.requests(self.requests));
        Ok(())
    }

    fn url_and_target(&self) -> Result<(Url, String), PlanError> {
        let (host, target) = split_at_variables(&self.url, self.script.is_literal);
        let url = Url::parse(host).map_err(|why| PlanError::Url { url: self.url.clone(), why })?;
        let target = target.map_or_else(|| url.path().to_owned(), str::to_owned);
        Ok((url, target))
    }

    /// What goes over a connection, how it ends, and with which fields.
    fn check_wire(&self) -> Result<(Wire, ClosePolicy, Fields), PlanError> {
        let headers = self.headers.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
        let (wire, close) = self.wire.check(close_by_fields(self.close, &headers)?, &headers)?;
        Ok((wire, close, headers))
    }

    fn check_reach(&mut self, url: &Url) -> Result<Reach, PlanError> {
        let chooses_ports = self.ports == PortMode::Own || !self.sources.is_empty() || self.port_range.is_some();
        let reach = std::mem::take(&mut self.reach).check(url)?;
        match reach.unix_socket {
            Some(_) if chooses_ports => Err(PlanError::NoPorts),
            Some(_) if self.recycle => Err(RecycleMistake::SocketFile.into()),
            _ => Ok(reach),
        }
    }

    /// Of the target, and of those that redirects may lead to.
    fn check_tls(&mut self, url: &Url) -> Result<(Option<Tls>, Option<Tls>), TlsMistake> {
        let tls = std::mem::take(&mut self.tls);
        if self.follow.is_some() { tls.check_led(url) } else { tls.check(url).map(|tls| (tls, None)) }
    }

    fn check_bounds(&self) -> Result<(), PlanError> {
        in_range("connections", u64::from(self.connections), u64::from(CONNECTIONS_MAX))?;
        if let Some(threads) = self.threads {
            in_range("threads", u64::from(threads), u64::from(THREADS_MAX))?;
        }
        if let Some(requests) = self.requests {
            in_range("requests", requests, u64::MAX)?;
        }
        if let Some(redirects) = self.follow {
            in_range("redirects to follow", redirects.into(), FOLLOW_MAX.into())?;
        }
        time_in_range("timeout", self.timeout)?;
        self.duration.map_or(Ok(()), |duration| time_in_range("duration", duration))?;
        if self.body.len() > BODY_BYTES_MAX {
            return Err(PlanError::BodyTooLong(self.body.len()));
        }
        if self.sources.len() > SOURCES_MAX {
            return Err(PlanError::TooManySources(self.sources.len()));
        }
        if self.thresholds.len() > THRESHOLDS_MAX {
            return Err(PlanError::TooManyThresholds(self.thresholds.len()));
        }
        self.thresholds.iter().try_for_each(|one| one.check(self.pace)).map_err(PlanError::Threshold)
    }
}

/// A run that can be started. Made by [`PlanDraft::check`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Target; without its path where that has variables.
    pub url: Url,
    /// Where connections go, when not to where the URL says.
    pub reach: Reach,
    /// Redirects that are followed for one request; `None`: a redirect is an answer like any other.
    pub follow: Option<u32>,
    /// Each connection's place is a client that keeps cookies, and begins with these.
    pub cookies: Option<Jar>,
    /// How connections to other `https` hosts are secured that redirects lead to; the name is theirs.
    pub tls_elsewhere: Option<Tls>,
    /// The header of the PROXY protocol that connections to the target begin with.
    pub announce: Option<Announce>,
    /// What responses have to be like.
    pub expect: Expect,
    /// How many requests a connection carries, and in which version.
    pub wire: Wire,
    /// How its connections are secured; `None`: not at all.
    pub tls: Option<Tls>,
    /// Path and query, as they were given where they have variables.
    pub target: String,
    /// Connections kept busy at the same time, or as many as there may be; at least 1.
    pub connections: u32,
    /// What makes requests due.
    pub pace: Pace,
    /// End after this many requests.
    pub requests: Option<u64>,
    /// End after this time. One of the two is always there.
    pub duration: Option<Duration>,
    /// Request method, as far as framing depends on it.
    pub method: Method,
    /// Request method as it is sent.
    pub method_name: String,
    /// Header fields: name and value.
    pub headers: Vec<(String, String)>,
    /// Request body.
    pub body: Vec<u8>,
    /// What is sent: that request, or several.
    pub script: Script,
    /// How the rate goes, and a warm-up.
    pub load: Load,
    /// From when a request is due until its response is complete.
    pub timeout: Duration,
    /// Threads; `None`: one per core.
    pub threads: Option<u32>,
    /// Who ends a connection.
    pub close: ClosePolicy,
    /// Who chooses source ports.
    pub ports: PortMode,
    /// Why, where that was left open.
    pub ports_why: Option<String>,
    /// Source addresses to use in turn; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Source ports; `None`: the kernel's range, or for our own choice ports outside of it.
    pub port_range: Option<PortRange>,
    /// Use the sockets of connections that are over again.
    pub recycle: bool,
    /// Longest pause of a connection that keeps failing.
    pub backoff_max: Duration,
    /// May a connection be spent on looking ahead, where something depends on what the target negotiates?
    pub looks_ahead: bool,
    /// How long requests in flight may take after the end of the run.
    pub drain: Duration,
    /// What the run has to keep.
    pub thresholds: Vec<Threshold>,
}

impl Plan {
    /// What is sent before answers are there does not go by them, and may be sent again.
    fn check_pipeline(&self) -> Result<(), WireMistake> {
        if self.wire.pipeline.is_none() {
            return Ok(());
        }
        let beside = [
            (self.follow.is_some(), "--follow"),
            (self.cookies.is_some(), "--cookie-jar"),
            (self.script.requests().iter().any(|one| one.is_followed()), "[[scenario]]"),
        ];
        if let Some((_, what)) = beside.into_iter().find(|(is_given, _)| *is_given) {
            return Err(WireMistake::PipelineBeside(what));
        }
        let unsafe_one = self.script.requests().iter().find(|one| !one.method().is_idempotent());
        unsafe_one.map_or(Ok(()), |one| Err(WireMistake::PipelineMethod(one.name().to_owned())))
    }

    /// May any of its connections be secured?
    pub fn may_be_secured(&self) -> bool {
        self.tls.is_some() || self.tls_elsewhere.is_some()
    }

    /// Do its requests take compressed responses?
    pub fn asks_compressed(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))
    }
}

/// Why a draft is no plan. The text names the thing and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The URL.
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        why: UrlError,
    },
    /// A number outside its range.
    OutOfRange {
        /// Which.
        what: &'static str,
        /// As given.
        value: u64,
        /// Largest possible.
        max: u64,
    },
    /// A time that is zero or longer than [`TIME_MAX`].
    Time {
        /// Which.
        what: &'static str,
    },
    /// Not a method name (RFC 9110 section 9.1), or CONNECT.
    Method(String),
    /// Not `Name: value`.
    Header(String),
    /// A header field that would contradict the request's framing.
    Framing(String),
    /// A Connection field under [`ClosePolicy::Wait`] that does not ask the server to close.
    Connection(String),
    /// The body is longer than [`BODY_BYTES_MAX`].
    BodyTooLong(usize),
    /// The head is longer than [`HEAD_BYTES_MAX`].
    HeadTooLong(usize),
    /// More than [`SOURCES_MAX`] source addresses.
    TooManySources(usize),
    /// The range of source ports.
    Ports(SetError),
    /// Source addresses or ports, towards a socket file.
    NoPorts,
    /// Several requests.
    Script(ScriptError),
    /// How the rate goes, or the warm-up.
    Load(LoadError),
    /// A threshold that this run cannot be judged by.
    Threshold(ThresholdError),
    /// More than [`THRESHOLDS_MAX`] thresholds.
    TooManyThresholds(usize),
    /// Where connections go.
    Reach(ReachMistake),
    /// The header of the PROXY protocol.
    Announce(AnnounceMistake),
    /// What is expected of responses.
    Expect(ExpectMistake),
    /// How many requests a connection carries.
    Wire(WireMistake),
    /// What is asked of TLS.
    Tls(TlsMistake),
    /// Sockets cannot be used again.
    Recycle(RecycleMistake),
}

/// Each says what it is by itself: it is no source of another text.
macro_rules! mistakes {
    ($($part:ident($mistake:ident)),*) => {
        $(impl From<$mistake> for PlanError {
            fn from(why: $mistake) -> Self {
                Self::$part(why)
            }
        })*
    };
}

mistakes!(
    Announce(AnnounceMistake),
    Reach(ReachMistake),
    Expect(ExpectMistake),
    Wire(WireMistake),
    Tls(TlsMistake),
    Recycle(RecycleMistake)
);

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, why } => write!(f, "URL {url:?}: {why}"),
            Self::OutOfRange { what, value, max: u64::MAX } => write!(f, "{value} {what}: use at least 1"),
            Self::OutOfRange { what, value, max } => write!(f, "{value} {what}: use 1 to {max}"),
            Self::Time { what } => write!(f, "the {what} must be longer than 0 and at most a day"),
            Self::Method(name) => {
                write!(f, "method {name:?}: use GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH or a token")
            }
            Self::Header(text) => write!(f, "header {text:?}: write it as 'Name: value'"),
            Self::Framing(name) => write!(f, "header {name}: the tester frames the request itself; leave it out"),
            Self::Connection(value) => write!(
                f,
                "header Connection: {value}: --close wait needs `Connection: close`, or the server never closes; \
                 leave the field out"
            ),
            Self::BodyTooLong(bytes) => write!(f, "a body of {bytes} bytes: at most {BODY_BYTES_MAX} are supported"),
            Self::HeadTooLong(bytes) => {
                write!(f, "a request head of {bytes} bytes: at most {HEAD_BYTES_MAX} are supported; use fewer headers")
            }
            Self::TooManySources(count) => write!(f, "{count} source addresses: at most {SOURCES_MAX} are supported"),
            Self::Ports(why) => why.fmt(f),
            Self::NoPorts => f.write_str(
                "--unix-socket: connections to a socket file have no source address and no port: leave --ports own, --source-ip \
                 and --port-range out",
            ),
            Self::Script(why) => why.fmt(f),
            Self::Load(why) => why.fmt(f),
            Self::Threshold(why) => why.fmt(f),
            Self::TooManyThresholds(count) => write!(f, "{count} thresholds: at most {THRESHOLDS_MAX} are supported"),
            Self::Reach(why) => why.fmt(f),
            Self::Announce(why) => why.fmt(f),
            Self::Expect(why) => why.fmt(f),
            Self::Wire(why) => why.fmt(f),
            Self::Tls(why) => why.fmt(f),
            Self::Recycle(why) => why.fmt(f),
        }
    }
}

/// A URL without and with the path that variables stand in.
fn split_at_variables(url: &str, is_literal: bool) -> (&str, Option<&str>) {
    let host_begins = url.find("://").map_or(0, |at| at + 3);
    let path_begins = url[host_begins..].find('/').map(|at| host_begins + at);
    match path_begins.map(|at| url.split_at(at)) {
        Some((host, path)) if !is_literal && path.contains("{{") => (host, Some(path)),
        _ => (url, None),
    }
}

impl From<ScriptError> for PlanError {
    fn from(why: ScriptError) -> Self {
        Self::Script(why)
    }
}

fn in_range(what: &'static str, value: u64, max: u64) -> Result<(), PlanError> {
    if value == 0 || value > max { Err(PlanError::OutOfRange { what, value, max }) } else { Ok(()) }
}

fn port_range(given: Option<(u16, u16)>) -> Result<Option<PortRange>, PlanError> {
    given.map(|(low, high)| PortRange::new(low, high)).transpose().map_err(PlanError::Ports)
}

fn time_in_range(what: &'static str, time: Duration) -> Result<(), PlanError> {
    if time.is_zero() || time > TIME_MAX { Err(PlanError::Time { what }) } else { Ok(()) }
}

pub(crate) fn method(name: Option<&str>, body: &[u8]) -> Result<(String, Method), PlanError> {
    let name = name.unwrap_or(if body.is_empty() { "GET" } else { "POST" });
    match Method::from_name(name) {
        Method::Connect => Err(PlanError::Method(name.to_owned())),
        _ if !is_token(name.as_bytes()) => Err(PlanError::Method(name.to_owned())),
        method => Ok((name.to_owned(), method)),
    }
}

pub(crate) fn header(text: &str) -> Result<(String, String), PlanError> {
    let (name, value) = field(text).ok_or_else(|| PlanError::Header(text.to_owned()))?;
    if ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
        return Err(PlanError::Framing(name));
    }
    Ok((name, value))
}

/// `Name: value`, whichever it is.
fn field(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    let value = value.trim_matches([' ', '\t']);
    let is_one = is_token(name.as_bytes()) && is_field_value(value.as_bytes());
    is_one.then(|| (name.to_owned(), value.to_owned()))
}

/// What a person's own Connection field makes of a policy: with `close` in it there is one request per connection, and the
/// server closes (RFC 9112 section 9.6); where the server's FIN is to be waited for, the field must ask for it.
fn close_by_fields(close: ClosePolicy, headers: &[(String, String)]) -> Result<ClosePolicy, PlanError> {
    let fields = || headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let asks = |value: &str| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
    match (close, fields().next()) {
        (ClosePolicy::Keep, _) if fields().any(|(_, value)| asks(value)) => Ok(ClosePolicy::Wait),
        (ClosePolicy::Wait, Some((_, value))) if !fields().any(|(_, value)| asks(value)) => {
            Err(PlanError::Connection(value.clone()))
        }
        _ => Ok(close),
    }
}
