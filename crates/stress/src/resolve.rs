//! The target's name to the addresses that are used.

use crate::StressError;
use ports::Address;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use stress_core::Plan;
use stress_core::plan::Place;
use sys::resolve::{Tried, try_all};

/// How long the addresses of one name may take to answer, all together.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The addresses to connect to, in turn; at least one.
    pub targets: Vec<Address>,
    /// Of the name's addresses those that are left out, and why.
    pub left_out: Vec<String>,
    /// How long the resolver took; `None` where there was no name to be looked up.
    pub took: Option<Duration>,
}

/// The addresses to connect to, of the families of the plan's source addresses where it has any. Of a name with several
/// only those that answer: the first the resolver names may be dead (`localhost` is `::1` first). Where none answers, all.
pub fn resolve(plan: &Plan) -> Result<Resolved, StressError> {
    addresses_of(plan.reach.place(&plan.url), &plan.sources)
}

/// The same of any place.
pub(crate) fn addresses_of(place: Place, sources: &[IpAddr]) -> Result<Resolved, StressError> {
    let (mut all, took) = match place {
        Place::Name(host, port) => look_up(&host, port)?,
        Place::Addresses(addresses) => (addresses, None),
        Place::Socket(path) => return Ok(Resolved { targets: vec![path.into()], left_out: Vec::new(), took: None }),
    };
    let first = all[0].ip();
    let fits =
        |target: &SocketAddr| sources.is_empty() || sources.iter().any(|source| source.is_ipv4() == target.is_ipv4());
    all.retain(fits);
    let mut seen = Vec::new();
    all.retain(|target| !seen.contains(target) && (seen.push(*target), true).1);
    match all.len() {
        0 => Err(StressError::Family { target: first }),
        1 => Ok(Resolved { targets: all.into_iter().map(Address::from).collect(), left_out: Vec::new(), took }),
        _ => Ok(Resolved { took, ..choose(&try_all(&all, PATIENCE)) }),
    }
}

/// All addresses of a host, and how long the resolver took where that is a name.
fn look_up(host: &str, port: u16) -> Result<(Vec<SocketAddr>, Option<Duration>), StressError> {
    let begun = Instant::now();
    let all = sys::resolve::resolve(host, port)?;
    Ok((all, host.parse::<IpAddr>().is_err().then(|| begun.elapsed())))
}

/// Those that answer; else those that may yet; else all.
fn choose(tried: &[Tried]) -> Resolved {
    let those =
        |good: fn(&Tried) -> bool| tried.iter().filter(|one| good(one)).map(|one| one.address).collect::<Vec<_>>();
    let candidates = [those(|one| one.result.is_ok()), those(may_answer_yet), those(|_| true)];
    let targets = candidates.into_iter().find(|targets| !targets.is_empty()).unwrap_or_default();
    let left_out = |one: &Tried| {
        let why = one.result.as_ref().err().filter(|_| !targets.contains(&one.address))?;
        Some(format!("{} is left out: {why}", one.address))
    };
    let left_out = tried.iter().filter_map(left_out).collect();
    Resolved { left_out, targets: targets.into_iter().map(Address::from).collect(), took: None }
}

fn may_answer_yet(one: &Tried) -> bool {
    one.result.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::ConnectionReset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[track_caller]
    fn check(results: &[Option<ErrorKind>], used: &[usize]) {
        let address = |at: usize| SocketAddr::from(([10, 0, 0, at as u8], 80));
        let result = |why: &Option<ErrorKind>| why.map_or(Ok(()), |kind| Err(io::Error::from(kind)));
        let tried: Vec<_> =
            results.iter().enumerate().map(|(at, why)| Tried { address: address(at), result: result(why) }).collect();
        let chosen = choose(&tried);
        assert_eq!(chosen.targets, used.iter().map(|at| address(*at)).collect::<Vec<_>>(), "{results:?}");
        assert_eq!(chosen.left_out.len(), results.len() - used.len(), "{:?}", chosen.left_out);
    }

    #[test]
    fn whoever_answers_is_used() {
        let (refused, slow, no_route) =
            (Some(ErrorKind::ConnectionRefused), Some(ErrorKind::TimedOut), Some(ErrorKind::NetworkUnreachable));
        check(&[refused, None], &[1]);
        check(&[None, refused, None, slow, no_route], &[0, 2]);
        check(&[refused, slow, no_route], &[1]);
        check(&[refused, refused], &[0, 1]);
        check(&[no_route, no_route], &[0, 1]);
    }
}
