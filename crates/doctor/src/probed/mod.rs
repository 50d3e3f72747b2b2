//! Probes a balancer or server from outside: a dozen connections, one after another but for the idle one, all
//! bounded in time and bytes. Only safe requests (GET) are sent, none that could change anything there.

mod answer;
mod closing;
mod keep_alive;
mod line;
mod prober;
mod reuse;

use doctor_core::TargetFacts;
use doctor_core::target::{Probe, Response};
use http::url::{Url, UrlError};
use prober::Prober;
use std::time::Duration;
use sys::resolve::{ResolveError, resolve};

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
            idle: Duration::from_secs(2),
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
    let address = resolve(parsed.host(), parsed.port())?[0];
    let mut facts = TargetFacts { url: parsed.to_string(), address: Some(address), ..TargetFacts::default() };
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
        facts.closings.extend(end.ok().map(|end| (Probe::Idle, end)));
        facts.handshake = prober.handshake();
        facts.connections = prober.connections();
    });
    if facts.unreachable.is_some() {
        facts.closings.clear();
    }
    facts.closings.sort_by_key(|(probe, _)| Probe::ALL.iter().position(|known| known == probe));
    Ok(facts)
}

fn probe_all(facts: &mut TargetFacts, prober: &mut Prober<'_>) {
    for kind in Probe::ALL.into_iter().filter(|kind| *kind != Probe::Idle) {
        match closing::provoke(prober, kind) {
            Ok(end) => facts.closings.push((kind, end)),
            Err(failure) if facts.closings.is_empty() => {
                facts.unreachable = Some(failure.to_string());
                return;
            }
            // What went once and then no more is seen as "not seen" by its absence from the list.
            Err(_) => {}
        }
        if kind == Probe::ConnectionClose && no_http(facts) {
            let seconds = prober.patience().response.as_secs();
            facts.unreachable = Some(format!("it accepts connections, but no HTTP answer came within {seconds} s"));
            return;
        }
    }
    facts.keep_alive = keep_alive::probe(prober);
    facts.after_our_close = reuse::after_our_close(prober);
    facts.after_server_close = reuse::after_server_close(prober);
}

fn no_http(facts: &TargetFacts) -> bool {
    facts.closings.iter().all(|(_, end)| end.response == Response::Nothing && end.status.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: &str) {
        let error = probe(url, &Patience::default()).expect_err("no target").to_string();
        assert!(error.contains(expect), "{error:?} should say {expect:?}");
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
