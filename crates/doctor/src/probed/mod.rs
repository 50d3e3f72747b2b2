//! Probes a balancer or server from outside: a dozen connections, one after another but for the idle one, all
//! bounded in time and bytes. Only safe requests (GET) are sent, none that could change anything there.

mod answer;
mod closing;
mod keep_alive;
mod line;
mod prober;
mod reuse;
mod speaks;

use answer::Answer;
use doctor_core::TargetFacts;
use doctor_core::target::{Failed, Probe};
use http::url::{Url, UrlError};
use ports::{Fault, FaultKind};
use prober::Prober;
use std::net::SocketAddr;
use std::time::Duration;
use sys::resolve::{ResolveError, resolve, try_all};

/// How long a probe waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connect.
    pub connect: Duration,
    /// For a whole response.
    pub response: Duration,
    /// For the server's FIN after a response, before "it waits for us" is the verdict.
    pub close: Duration,
    /// For an idle connection to be closed.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            response: Duration::from_secs(5),
            close: Duration::from_millis(500),
            // node and Apache close after five seconds.
            idle: Duration::from_secs(6),
        }
    }
}

/// The target cannot even be named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The URL is wrong.
    #[error("{url:?}: {mistake}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        mistake: UrlError,
    },
    /// TLS is not spoken here.
    #[error(
        "{0:?}: https is not supported, the probe looks at plain connections: give an http:// address of the target"
    )]
    Https(String),
    /// The name has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

/// Probes `url`. A target that does not answer is a fact, not an error.
///
/// # Errors
/// The URL is wrong, or its name has no address.
pub fn probe(url: &str, patience: &Patience) -> Result<TargetFacts, TargetError> {
    let parsed = Url::parse(url).map_err(|mistake| TargetError::Url { url: url.to_owned(), mistake })?;
    if parsed.is_secure() {
        return Err(TargetError::Https(url.to_owned()));
    }
    let (address, dead) = choose(&resolve(parsed.host(), parsed.port())?, patience.connect);
    let mut facts = TargetFacts { url: parsed.to_string(), address: Some(address), dead, ..TargetFacts::default() };
    // The idle probe only waits: it does so beside the others.
    std::thread::scope(|scope| {
        let idle = scope.spawn(|| {
            let mut prober = Prober::new(address, &parsed, patience);
            let end = closing::provoke(&mut prober, Probe::Idle);
            (end, prober)
        });
        let mut prober = Prober::new(address, &parsed, patience);
        probe_all(&mut facts, &mut prober);
        // A panic there is a bug of ours; pass it on.
        let (end, other) = idle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        prober.absorb(other);
        facts.closings.extend(end.ok().map(|(end, _)| (Probe::Idle, end)));
        facts.handshake = prober.handshake();
        facts.connections = prober.connections();
    });
    if facts.unreachable.is_some() {
        facts.closings.clear();
    }
    facts.closings.sort_by_key(|(probe, _)| Probe::ALL.iter().position(|known| known == probe));
    Ok(facts)
}

/// The first address that takes connections, and those that do not. One alone is not tried beforehand.
fn choose(addresses: &[SocketAddr], patience: Duration) -> (SocketAddr, Vec<(SocketAddr, String)>) {
    let [first, _, ..] = addresses else { return (addresses[0], Vec::new()) };
    let tried = try_all(addresses, patience);
    let address = tried.iter().find(|one| one.result.is_ok()).map_or(*first, |one| one.address);
    let why = |error: &std::io::Error| match error.raw_os_error() {
        Some(errno) => Fault::from_errno(errno),
        None => Fault::of(FaultKind::TimedOut),
    };
    let dead = tried.iter().filter_map(|one| Some((one.address, why(one.result.as_ref().err()?).to_string())));
    (address, dead.collect())
}

fn probe_all(facts: &mut TargetFacts, prober: &mut Prober<'_>) {
    for kind in Probe::ALL.into_iter().filter(|kind| *kind != Probe::Idle) {
        match closing::provoke(prober, kind) {
            Ok((end, answer)) => {
                facts.closings.push((kind, end));
                if kind == Probe::ConnectionClose && is_no_http(facts, prober, &answer) {
                    return;
                }
            }
            Err(fault) if facts.closings.is_empty() => {
                facts.unreachable = Some(fault.to_string());
                facts.failed = Some(Failed::of(fault));
                return;
            }
            // What went once and then no more is seen as "not seen" by its absence from the list.
            Err(_) => {}
        }
    }
    facts.keep_alive = keep_alive::probe(prober);
    facts.after_our_close = reuse::after_our_close(prober);
    facts.after_server_close = reuse::after_server_close(prober);
}

/// Notes what the port speaks. Without a head in the first answer there is nothing to be probed.
fn is_no_http(facts: &mut TargetFacts, prober: &mut Prober<'_>, answer: &Answer) -> bool {
    facts.speaks = speaks::find_out(prober, answer);
    if answer.status.is_some() {
        return facts.speaks.is_some();
    }
    let seconds = prober.patience().response.as_secs_f64();
    let what = match (facts.speaks, answer.first.is_empty()) {
        (Some(speaks), _) => format!("it speaks {speaks}"),
        (None, true) => format!("no HTTP answer came within {seconds} s"),
        (None, false) => format!("no HTTP came, but \"{}\"", answer.first.escape_ascii()),
    };
    facts.unreachable = Some(format!("it accepts connections, but {what}"));
    facts.failed = Some(Failed::NoHttp);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: &str) {
        let error = probe(url, &Patience::default()).expect_err("no target").to_string();
        assert!(error.contains(expect), "{error:?} should say {expect:?}");
    }

    /// localhost is ::1 first nearly everywhere; many a server listens on 127.0.0.1 alone.
    #[test]
    fn the_first_address_that_answers_is_probed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let alive = listener.local_addr().expect("bound");
        let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("loopback");
        let patience = Patience::default().connect;
        let (chosen, dead) = choose(&[closed, alive], patience);
        assert_eq!((chosen, dead.len()), (alive, 1));
        assert!(dead[0].0 == closed && dead[0].1.contains("ECONNREFUSED"), "{dead:?}");
        assert_eq!(choose(&[closed], patience), (closed, vec![]), "alone: the probes will tell");
        let (chosen, dead) = choose(&[closed, closed], patience);
        assert_eq!((chosen, dead.len()), (closed, 2));
    }

    #[test]
    fn what_cannot_be_probed_is_named() {
        check("https://example.net/", "https is not supported");
        check("ftp://example.net/", "scheme");
        check("http://", "no host");
        check("http://[::1/", "IPv6");
        check("http://a.invalid/", "\"a.invalid\" cannot be resolved");
    }
}
