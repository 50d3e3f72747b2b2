//! What a run tells of a house whose deeds are known, to the last count, byte and microsecond.

use super::house::{Asked, Deed, Deeds, House};
use super::{CLIENT, SERVER, target};
use ports::ClosedFirst;
use reactor::Inbox;
use reactor_sim::{Goal, HostConfig, Limits, Player, SimNet, Weather, run_until};
use seed::Rng;
use stats::Recorder;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use stress::{Share, Tester};
use stress_core::{ClosePolicy, ErrorKind, PlanDraft, Tally};

/// A segment's way from host to host.
const ONE_WAY_US: u64 = 100;
/// A request on a connection that is kept: there and back.
pub(crate) const KEPT: u64 = 2 * ONE_WAY_US;
/// A request on a new connection: a handshake goes before it.
pub(crate) const FRESH: u64 = 4 * ONE_WAY_US;

/// Every segment takes the same time, and nothing else happens.
pub(crate) fn still() -> Weather {
    Weather {
        latency_us: (ONE_WAY_US, ONE_WAY_US + 1),
        segment_bytes_max: 65_536,
        send_buffer_bytes: 64 << 20,
        receive_buffer_bytes: 64 << 20,
        short_read: 0.0,
        reorder: 0.0,
        ..Weather::fair(&mut Rng::new(0))
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// What came of a run.
pub(crate) struct Seen {
    pub(crate) tally: Tally,
    pub(crate) house: House,
    /// When the tester was done.
    pub(crate) done_at: Duration,
}

/// A run over a still network.
pub(crate) fn play(draft: PlanDraft, house: House) -> Seen {
    play_in(still(), HostConfig::default(), &[target()], draft, house)
}

/// A run to the end; both sides have to leave nothing behind.
pub(crate) fn play_in(
    weather: Weather,
    client: HostConfig,
    targets: &[SocketAddr],
    draft: PlanDraft,
    mut house: House,
) -> Seen {
    let plan = draft.check().expect("a good draft");
    let net = SimNet::new(Rng::new(1), weather);
    let mut client_io = net.host(&[IpAddr::from(CLIENT)], client);
    let mut server_io = net.host(&[IpAddr::from(SERVER)], HostConfig::default());
    let share =
        Share { targets: targets.iter().map(|target| (*target).into()).collect(), ..Share::whole(&plan, target()) };
    let mut tester = Tester::new(&plan, share, Inbox::silent());
    let mut players = [
        Player { name: "house", app: &mut house, io: &mut server_io },
        Player { name: "tester", app: &mut tester, io: &mut client_io },
    ];
    let mut reach = |goal| run_until(&net, &mut players, Limits::default(), goal).expect("a clean run");
    reach(Goal::Done(1));
    let done_at = net.now();
    reach(Goal::Time(done_at + Duration::from_secs(1)));
    server_io.wake();
    let mut players = [Player { name: "house", app: &mut house, io: &mut server_io }];
    run_until(&net, &mut players, Limits::default(), Goal::AllDone).expect("a house that ends");
    let tally = tester.into_tally();
    net.settle();
    net.check_clean().expect("nothing is left behind");
    Seen { tally, house, done_at }
}

/// Requests on connections of this kind, one thread.
pub(crate) fn draft(connections: u32, requests: u64, close: ClosePolicy) -> PlanDraft {
    let url = format!("http://{}/", target());
    PlanDraft { connections, requests: Some(requests), close, timeout: Duration::from_secs(10), ..PlanDraft::new(url) }
}

/// An answer of five bytes; who wishes the connection closed is told that it will be.
pub(crate) fn hello(asked: &Asked) -> Vec<u8> {
    let close = if asked.closes { "Connection: close\r\n" } else { "" };
    format!("HTTP/1.1 200 OK\r\n{close}Content-Length: 5\r\n\r\nhello").into_bytes()
}

/// Says this so long after it was asked, and closes where that was wished for.
pub(crate) fn says_after(asked: &Asked, after: Duration, text: impl Into<Vec<u8>>) -> Deeds {
    let says = (after, Deed::Says(text.into()));
    let closes = asked.closes.then_some((Duration::ZERO, Deed::Closes));
    [says].into_iter().chain(closes).collect()
}

/// The answer that there is nothing to say of.
pub(crate) fn polite(asked: &Asked) -> Deeds {
    says_after(asked, Duration::ZERO, hello(asked))
}

/// What has to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told<'t> {
    /// So many complete responses after so many microseconds.
    pub(crate) latencies: &'t [(u64, u64)],
    /// Failures by kind.
    pub(crate) failed: &'t [(ErrorKind, u64)],
    /// Bytes of bodies.
    pub(crate) body_bytes: u64,
    /// Who closed how many; no other end was seen.
    pub(crate) closed: &'t [(ClosedFirst, u64)],
}

/// Compares all of it.
#[track_caller]
pub(crate) fn check(scene: &str, tally: &Tally, told: &Told<'_>) {
    let failed: Vec<_> = ErrorKind::ALL.into_iter().map(|kind| (kind, tally.errors(kind))).collect();
    let failed: Vec<_> = failed.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(failed, told.failed, "{scene}: {:?}", tally.faults());
    check_latencies(scene, &tally.latency, told.latencies);
    assert_eq!(tally.body_bytes, told.body_bytes, "{scene}");
    let closed: Vec<_> = told.closed.iter().map(|(who, _)| (*who, tally.closed.count(*who))).collect();
    assert_eq!(closed, told.closed, "{scene}: {:?}", tally.closed);
    let all: u64 = told.closed.iter().map(|(_, count)| count).sum();
    assert_eq!((tally.closed.total(), tally.connects_opened), (all, all), "{scene}: {:?}", tally.closed);
}

/// Those that were recorded are these, each so often: count, least, mean and most to the nanosecond, percentiles as well as
/// three digits tell them.
#[track_caller]
pub(crate) fn check_latencies(scene: &str, recorder: &Recorder, expect: &[(u64, u64)]) {
    let mut all: Vec<u64> = expect.iter().flat_map(|(count, us)| (0..*count).map(|_| *us)).collect();
    all.sort_unstable();
    let told = recorder.percentiles();
    assert_eq!((recorder.count(), told.is_some()), (all.len() as u64, !all.is_empty()), "{scene}: {told:?}");
    let Some(told) = told else { return };
    let exact = [all[0], all[all.len() - 1]].map(|us| us as f64);
    assert_eq!([told.min, told.max], exact, "{scene}: {told:?}");
    let mean = all.iter().sum::<u64>() as f64 / all.len() as f64;
    assert!((told.mean - mean).abs() < 0.001, "{scene}: {} is not {mean}", told.mean);
    let square = all.iter().map(|us| (*us as f64 - mean).powi(2)).sum::<f64>() / all.len() as f64;
    assert!((told.deviation - square.sqrt()).abs() <= told.max / 1000.0, "{scene}: {told:?}");
    let shares = [(0.5, told.p50), (0.75, told.p75), (0.9, told.p90), (0.95, told.p95), (0.99, told.p99)];
    for (share, told) in shares.into_iter().chain([(0.999, told.p999)]) {
        let rank = ((share * all.len() as f64).ceil() as usize).max(1);
        let at = all[rank - 1] as f64;
        assert!((told - at).abs() <= at / 1000.0, "{scene}: {share} of all take {at} us, it tells {told}");
    }
}
