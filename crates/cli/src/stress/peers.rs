//! The flags of hey, wrk, ab, oha, h2load, bombardier and curl that are not ours, as a table.

/// One flag.
pub(super) struct Habit {
    /// Its names, without dashes.
    names: &'static [&'static str],
    /// Does a value follow?
    pub(super) takes_value: bool,
    pub(super) meaning: Meaning,
    /// What to write instead. Empty where it is always understood.
    instead: &'static str,
}

/// What a flag of theirs means to us.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// Nothing: we do so anyway.
    Nothing,
    /// Connections are kept, as ours are.
    Keeps,
    /// One request per connection.
    Closes,
    /// A flag of ours, with the same value.
    Flag(&'static str),
    /// A header field.
    Field(&'static str),
    /// A request body from a file.
    File,
    /// Depends on the value; `None`: it does not say enough.
    Either(fn(&str) -> Option<Vec<String>>),
    /// More than one thing, or something that cannot be had.
    Refused,
}

impl Habit {
    /// What to write instead, in words.
    pub(super) fn advice(&self) -> &'static str {
        if self.instead.is_empty() { "give it one" } else { self.instead }
    }
}

/// The flag of this name.
pub(super) fn habit(name: &str) -> Option<&'static Habit> {
    HABITS.iter().find(|habit| habit.names.contains(&name))
}

const fn understood(names: &'static [&'static str], takes_value: bool, meaning: Meaning) -> Habit {
    Habit { names, takes_value, meaning, instead: "" }
}

/// What is another flag with its value.
const fn always(names: &'static [&'static str], ours: fn(&str) -> Option<Vec<String>>) -> Habit {
    Habit { names, takes_value: false, meaning: Meaning::Either(ours), instead: "" }
}

const fn either(
    names: &'static [&'static str],
    judge: fn(&str) -> Option<Vec<String>>,
    instead: &'static str,
) -> Habit {
    Habit { names, takes_value: true, meaning: Meaning::Either(judge), instead }
}

const fn refused(names: &'static [&'static str], takes_value: bool, instead: &'static str) -> Habit {
    Habit { names, takes_value, meaning: Meaning::Refused, instead }
}

const NO_HTTP2: &str = "HTTP/2 is not spoken, only HTTP/1.1: leave it out";
const NO_PROXY: &str = "ab means a proxy: write --proxy URL; a method is -m METHOD";

/// What is not here and not ours is nobody's, and clap says so.
static HABITS: &[Habit] = &[
    // wrk --latency, bombardier -l --latencies, ab -l; oha; hey.
    understood(&["latency", "latencies", "l", "no-color", "disable-color", "no-pre-lookup"], false, Meaning::Nothing),
    understood(&["disable-compression", "disable-redirects"], false, Meaning::Nothing),
    understood(&["h1", "http1", "http1.1", "fasthttp"], false, Meaning::Nothing),
    // ab's keep-alive, which is our default; curl's and bombardier's "insecure", which with https means another thing.
    understood(&["k"], false, Meaning::Keeps),
    understood(&["disable-keepalive"], false, Meaning::Closes),
    // curl's, ab's.
    understood(&["E"], true, Meaning::Flag("--cert")),
    always(&["tlsv1.2"], tls_12),
    always(&["tlsv1.3"], tls_13),
    always(&["no-alpn"], no_alpn),
    understood(&["host"], true, Meaning::Field("Host")),
    understood(&["U", "user-agent"], true, Meaning::Field("User-Agent")),
    understood(&["C"], true, Meaning::Flag("--cookie")),
    understood(&["cpus"], true, Meaning::Flag("--threads")),
    understood(&["clients", "concurrency"], true, Meaning::Flag("--connections")),
    understood(&["request"], true, Meaning::Flag("--method")),
    understood(&["body"], true, Meaning::Flag("--data")),
    understood(&["B"], true, Meaning::Flag("--source-ip")),
    understood(&["f", "body-file"], true, Meaning::File),
    always(&["j"], json),
    // h2load's, oha's, vegeta's; and h2load's.
    understood(&["input-file", "urls-from-file", "targets"], true, Meaning::Flag("--urls")),
    understood(&["warm-up-time"], true, Meaning::Flag("--warm-up")),
    either(
        &["t"],
        time_out,
        "wrk and h2load mean threads by -t, hey and oha a time-out, ab the whole time: write --threads N, --timeout TIME or \
         -z TIME",
    ),
    either(
        &["T"],
        content_type,
        "hey, oha and ab mean -H 'Content-Type: ...', h2load a time-out: write -H or --timeout",
    ),
    either(
        &["A"],
        accept,
        "hey and oha mean -H 'Accept: ...', ab a user and password: write -H or --basic-auth USER:PASSWORD",
    ),
    either(&["X"], method, NO_PROXY),
    refused(
        &["D"],
        true,
        "h2load means a duration (-z TIME), hey and oha the file of a body (-d @FILE): write one of these",
    ),
    // oha's, which is how it is here.
    understood(&["latency-correction"], false, Meaning::Nothing),
    either(&["redirect"], redirects, "oha means how many redirects to follow: write --follow=N"),
    understood(&["rps", "qps"], true, Meaning::Flag("--rate")),
    refused(
        &["r"],
        false,
        "bombardier and h2load mean a rate: write --rate N, of requests in a second; ab's -r is not needed: leave it out",
    ),
    refused(&["burst-delay"], true, "requests come one by one: --rate N, and --spread poisson for an uneven flow"),
    refused(&["h2", "http2"], false, NO_HTTP2),
    either(&["http-version"], http_version, NO_HTTP2),
    refused(&["s", "script"], true, "wrk means a script, which is not supported; ab a time-out: write --timeout TIME"),
    refused(
        &["p"],
        true,
        "ab means the file of a POST: write -d @FILE; oha and h2load something of HTTP/2: leave it out",
    ),
    refused(&["u"], true, "ab means the file of a PUT: write -m PUT -d @FILE"),
    refused(
        &["b"],
        true,
        "bombardier means a body: write -d BODY; ab a buffer's size, which is the kernel's: leave it out",
    ),
    refused(&["i"], false, "ab means HEAD: write -m HEAD; h2load a file of URLs: write --urls FILE"),
    refused(
        &["w"],
        false,
        "requests in flight at the end are always waited for; for a report to keep write --json FILE",
    ),
    either(
        &["o", "output", "output-format", "format"],
        format,
        "for a report to keep write --json FILE; hey's and oha's csv is a line per request, ours per second: --csv FILE",
    ),
    refused(&["e"], true, "ab means percentiles as CSV: write --json FILE, or --csv FILE for a line per second"),
    refused(&["g"], true, "ab means a line per request: write --csv FILE for a line per second, or --hdr FILE"),
    refused(&["v", "verbose"], false, "there is nothing more to tell; the version is `quintet --version`"),
];

/// Only a time-out has a unit.
fn time_out(value: &str) -> Option<Vec<String>> {
    let is_time = !value.bytes().all(|byte| byte.is_ascii_digit()) && crate::values::duration(value).is_ok();
    is_time.then(|| vec!["--timeout".to_owned(), value.to_owned()])
}

fn content_type(value: &str) -> Option<Vec<String>> {
    value.contains('/').then(|| vec!["-H".to_owned(), format!("Content-Type: {value}")])
}

fn accept(value: &str) -> Option<Vec<String>> {
    match (value.contains('/'), value.contains(':')) {
        (true, false) => Some(vec!["-H".to_owned(), format!("Accept: {value}")]),
        (false, true) => with("--basic-auth", value),
        _ => None,
    }
}

fn method(value: &str) -> Option<Vec<String>> {
    let is_word = value.bytes().all(|byte| byte.is_ascii_alphabetic());
    let method = is_word.then(|| super::habits::method(value).ok()).flatten()?;
    Some(vec!["-m".to_owned(), method])
}

fn format(value: &str) -> Option<Vec<String>> {
    match value {
        "json" | "j" => json(value),
        "quiet" => Some(vec!["--quiet".to_owned()]),
        "text" | "plain-text" | "pt" => Some(Vec::new()),
        _ => None,
    }
}

/// oha's.
fn http_version(value: &str) -> Option<Vec<String>> {
    match value {
        "1.0" => Some(vec!["--http1.0".to_owned()]),
        "1" | "1.1" => Some(Vec::new()),
        _ => None,
    }
}

/// oha's.
fn redirects(value: &str) -> Option<Vec<String>> {
    match value.parse().ok()? {
        0u32 => Some(Vec::new()),
        redirects => Some(vec![format!("--follow={redirects}")]),
    }
}

fn json(_: &str) -> Option<Vec<String>> {
    with("--json", "-")
}

fn tls_12(_: &str) -> Option<Vec<String>> {
    with("--tls-min", "1.2")
}

fn tls_13(_: &str) -> Option<Vec<String>> {
    with("--tls-min", "1.3")
}

fn no_alpn(_: &str) -> Option<Vec<String>> {
    with("--alpn", "none")
}

fn with(flag: &str, value: &str) -> Option<Vec<String>> {
    Some(vec![flag.to_owned(), value.to_owned()])
}
