//! `timestamps = "off"` of a listener: the rule in the kernel while the balancer runs, and the proof that it works.
//!
//! The rule is there before the listener, and is tried by a connection from this host to itself once the listener is
//! there: nothing is assumed. (The listener counts that connection as one that left without a request.)

use balancer_core::{ListenerSettings, Settings, Timestamps};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use sys::nft::{NftError, SynTimestampsOff};

/// A connection to ourselves stands at once, or not at all.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a listener is not, or may not be, without TCP timestamps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampsError {
    /// The kernel did not take the rule, or does not tell of it.
    #[error("{0}")]
    Rule(NftError),
    /// A connection of ours to the listener got timestamps.
    #[error(
        "the rule is there, but a connection to {at} negotiated timestamps all the same; does another program \
         redirect connections to this address? `nft list ruleset` as root shows it"
    )]
    StillOn {
        /// Where we connected to.
        at: SocketAddr,
    },
    /// A connection of ours to the listener did not pass the rule.
    #[error(
        "the rule is there, but a connection to {at} did not pass it; does another program redirect connections to \
         this address? `nft list ruleset` as root shows it"
    )]
    PassedBy {
        /// Where we connected to.
        at: SocketAddr,
    },
    /// It could not be tried: that timestamps are off is likely, and not known.
    #[error(
        "the rule is there, but could not be verified: connecting to {at} from this host failed: {what}; let such \
             connections through"
    )]
    NotVerified {
        /// Where we tried to connect to.
        at: SocketAddr,
        /// Why that failed.
        what: String,
    },
}

impl TimestampsError {
    /// The verb before "on".
    pub(crate) fn how_surely_on(&self) -> &'static str {
        match self {
            Self::Rule(_) | Self::StillOn { .. } => "stay",
            Self::PassedBy { .. } | Self::NotVerified { .. } => "may be",
        }
    }
}

/// A wish of a listener that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfulfilled {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) reason: TimestampsError,
}

/// The rules of all listeners that want one. They end with this value, and with the process.
#[derive(Debug, Default)]
pub(crate) struct TimestampRules {
    rules: Vec<Rule>,
    /// Of listeners that go on without.
    pub(crate) unfulfilled: Vec<Unfulfilled>,
}

#[derive(Debug)]
struct Rule {
    kernel: SynTimestampsOff,
    listener: ListenerSettings,
    address: SocketAddr,
}

impl TimestampRules {
    /// Makes them. No listener that wants one may have port 0.
    pub(crate) fn install(settings: &Settings) -> Result<Self, Unfulfilled> {
        let mut all = Self::default();
        let wanted = settings.listeners.iter().filter(|listener| listener.timestamps != Timestamps::On);
        // A socket file knows no timestamps.
        let places = wanted.flat_map(|listener| listener.addresses().filter_map(move |at| Some((listener, at.ip()?))));
        for (listener, address) in places {
            match SynTimestampsOff::install(address) {
                Ok(kernel) => all.rules.push(Rule { kernel, listener: listener.clone(), address }),
                Err(error) => all.give_up(listener, address, TimestampsError::Rule(error))?,
            }
        }
        Ok(all)
    }

    /// Tries them on the running listeners. A rule that does not work is taken away again.
    pub(crate) fn verify(&mut self) -> Result<(), Unfulfilled> {
        for mut rule in std::mem::take(&mut self.rules) {
            // One that is drained by order accepts nobody: it is tried when it is opened again.
            let verified = if rule.listener.stage.is_shut() { Ok(()) } else { verify(&mut rule.kernel) };
            let keep = matches!(verified, Ok(()) | Err(TimestampsError::NotVerified { .. }));
            if let Err(reason) = verified {
                self.give_up(&rule.listener, rule.address, reason)?;
            }
            self.rules.extend(keep.then_some(rule));
        }
        Ok(())
    }

    /// An error where the listener insists, a note where it does not.
    fn give_up(
        &mut self,
        listener: &ListenerSettings,
        address: SocketAddr,
        reason: TimestampsError,
    ) -> Result<(), Unfulfilled> {
        let unfulfilled = Unfulfilled { name: listener.name.clone(), address, reason };
        if listener.timestamps == Timestamps::Off {
            return Err(unfulfilled);
        }
        self.unfulfilled.push(unfulfilled);
        Ok(())
    }
}

/// Every family that can be tried must be without timestamps, and one must have been tried.
fn verify(rule: &mut SynTimestampsOff) -> Result<(), TimestampsError> {
    let mut unreachable = None;
    let mut verified = false;
    for at in rule.probes() {
        match try_at(rule, at) {
            Ok(()) => verified = true,
            Err(error @ TimestampsError::NotVerified { .. }) => unreachable = Some(error),
            Err(error) => return Err(error),
        }
    }
    unreachable.filter(|_| !verified).map_or(Ok(()), Err)
}

fn try_at(rule: &mut SynTimestampsOff, at: SocketAddr) -> Result<(), TimestampsError> {
    let failed = |error: std::io::Error| TimestampsError::NotVerified { at, what: error.to_string() };
    let before = rule.syns().map_err(TimestampsError::Rule)?;
    let stream = TcpStream::connect_timeout(&at, PROBE_TIMEOUT).map_err(failed)?;
    let info = sys::tcp_info::tcp_info(&stream).map_err(|errno| failed(errno.into()))?;
    let after = rule.syns().map_err(TimestampsError::Rule)?;
    match info.timestamps() {
        true => Err(TimestampsError::StillOn { at }),
        // Off by net.ipv4.tcp_timestamps, perhaps: only the counter tells that the rule is in the way.
        false if after == before => Err(TimestampsError::PassedBy { at }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use sys::link::RouteSocket;
    use sys::netns::Namespace;

    /// Tries the rule of one listener on another, which it does not mean.
    fn try_elsewhere(timestamps: &str) -> Result<(), TimestampsError> {
        RouteSocket::open().expect("netlink").set_up("lo").expect("our own loopback");
        sys::sysctl::write("net.ipv4.tcp_timestamps", timestamps).expect("our own sysctl");
        let [meant, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [meant_at, other_at] = [&meant, &other].map(|listener| listener.local_addr().expect("bound"));
        let mut rule = SynTimestampsOff::install(meant_at).map_err(TimestampsError::Rule)?;
        verify(&mut rule)?;
        try_at(&mut rule, other_at)
    }

    fn check(timestamps: &str, expect: impl Fn(&TimestampsError) -> bool) {
        let Some(namespace) = testkit::require(Namespace::new()) else { return };
        match namespace.run(|| try_elsewhere(timestamps)).expect("enters") {
            Err(TimestampsError::Rule(why)) => testkit::skip(why),
            found => assert!(found.as_ref().is_err_and(&expect), "tcp_timestamps={timestamps}: {found:?}"),
        }
    }

    #[test]
    fn a_rule_that_does_not_work_is_found_out() {
        check("1", |error| matches!(error, TimestampsError::StillOn { .. }));
        check("0", |error| matches!(error, TimestampsError::PassedBy { .. }));
    }
}
