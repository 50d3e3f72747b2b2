//! A run that is turned up and down while it goes on, over the simulated network; and what is told of it meanwhile.

use super::{CLIENT, SERVER, target};
use origin::{Origin, OriginPlan};
use reactor::{Inbox, Outbox, mailbox};
use reactor_sim::{Goal, HostConfig, Limits, Player, SimNet, SimReactor, Weather, run_until};
use seed::Rng;
use std::time::Duration;
use stress::{Order, Share, Tester, Told};
use stress_core::{ClosePolicy, Pace, Plan, PlanDraft, Rate, Scale, Spread};

/// An hour of requests of 100 ms each.
fn draft() -> PlanDraft {
    let url = format!("http://{}/delay/100", target());
    PlanDraft { duration: Some(Duration::from_secs(3600)), ..PlanDraft::new(url) }
}

/// A tester and its origin, in virtual time.
struct Bench {
    net: SimNet,
    tester: Tester,
    origin: Origin,
    ios: [SimReactor; 2],
    orders: Outbox<Order>,
}

impl Bench {
    fn of(draft: PlanDraft) -> Self {
        let plan: Plan = draft.check().expect("a good draft");
        let mut rng = Rng::new(29);
        let weather = Weather::fair(&mut rng);
        let net = SimNet::new(rng, weather);
        let ios = [CLIENT, SERVER].map(|address| net.host(&[address.into()], HostConfig::default()));
        let origin = Origin::new(OriginPlan::new(target()), Inbox::silent());
        let (orders, inbox) = mailbox(2, None);
        Self { tester: Tester::new(&plan, Share::whole(&plan, target()), inbox), net, origin, ios, orders }
    }

    fn run(&mut self, goal: Goal) {
        let [client_io, server_io] = &mut self.ios;
        let mut players = [
            Player { name: "tester", app: &mut self.tester, io: client_io },
            Player { name: "origin", app: &mut self.origin, io: server_io },
        ];
        run_until(&self.net, &mut players, Limits::default(), goal).expect("a clean run");
    }

    fn pass(&mut self, time: Duration) {
        let until = self.net.now() + time;
        self.run(Goal::Time(until));
    }

    fn order(&mut self, order: Order) {
        self.orders.post(order).expect("there is room");
        self.ios[0].wake();
        self.pass(Duration::from_millis(1));
    }

    fn turn(&mut self, times: f64) {
        self.order(Order::Scale(Scale::new(times).expect("a scale")));
    }

    fn told(&mut self) -> Told {
        let answer = self.orders.ask(Order::Report).expect("there is room");
        self.ios[0].wake();
        self.pass(Duration::from_millis(1));
        *answer.wait(Duration::ZERO).expect("answered when woken")
    }

    /// Complete responses of the next ten seconds, once what was ordered has come about.
    fn in_ten_seconds(&mut self) -> u64 {
        self.pass(Duration::from_secs(1));
        let before = self.tester.tally().ok;
        self.pass(Duration::from_secs(10));
        self.tester.tally().ok - before
    }
}

/// Each connection makes up to ten requests a second.
#[test]
fn connections_come_and_go_as_somebody_says() {
    let mut bench = Bench::of(PlanDraft { connections: 4, ..draft() });
    let four = bench.in_ten_seconds();
    assert!((300..=400).contains(&four), "{four}");
    for (times, connections) in [(3.0, 12), (0.25, 1), (0.5, 2), (1.0, 4)] {
        bench.turn(times);
        let seen = bench.in_ten_seconds();
        let expect = four / 4 * connections;
        assert!(seen.abs_diff(expect) <= expect / 10, "x {times}: {seen}, not {expect}");
    }
    bench.order(Order::Stop);
    bench.run(Goal::Done(0));
    let tally = bench.tester.into_tally();
    assert_eq!((tally.failed(), tally.connects_opened), (0, tally.closed.total()), "all are closed in the end");
}

#[test]
fn a_rate_goes_up_and_down_as_somebody_says() {
    for spread in [Spread::Constant, Spread::Poisson] {
        let pace = Pace::Open(Rate::new(40, Duration::from_secs(1)).expect("a rate"), spread);
        let mut bench = Bench::of(PlanDraft { connections: 100, pace, ..draft() });
        for (times, expect) in [(1.0, 400), (3.0, 1200), (0.5, 200), (1.0, 400)] {
            bench.turn(times);
            let seen = bench.in_ten_seconds();
            // Of chance four deviations.
            let bound = if spread == Spread::Poisson { 4 * (expect as f64).sqrt() as u64 } else { 2 };
            assert!(seen.abs_diff(expect) <= bound, "{spread} x {times}: {seen}, not {expect}");
        }
        assert_eq!((bench.tester.tally().failed(), bench.tester.tally().not_sent), (0, 0));
    }
}

#[test]
fn what_is_ordered_at_the_end_changes_nothing() {
    let mut bench = Bench::of(PlanDraft { connections: 2, ..draft() });
    bench.pass(Duration::from_secs(1));
    bench.order(Order::Stop);
    bench.turn(8.0);
    bench.run(Goal::Done(0));
    assert_eq!(bench.tester.tally().connects_opened, 2);
}

/// What was complete since it was asked last is told once, and it is all of it together.
#[test]
fn latency_of_late_is_told_once() {
    let mut bench = Bench::of(PlanDraft { connections: 5, ..draft() });
    let (mut together, mut last) = (0, Told::default());
    for _ in 0..4 {
        bench.pass(Duration::from_secs(1));
        last = bench.told();
        assert!(last.lately.count() > 30 && last.lately.quantile_us(0.5).is_some_and(|us| us >= 100e3), "{last:?}");
        together += last.lately.count();
    }
    assert_eq!((together, &last.statuses[..], &last.errors[..]), (last.counts.ok, &[(200, together)][..], &[][..]));
}

/// One connection for requests that become due faster than it makes them: what they wait is nobody's connect time, and no
/// answer's first byte.
#[test]
fn connecting_and_first_bytes_are_told_apart_from_waiting() {
    for close in [ClosePolicy::Keep, ClosePolicy::Wait] {
        let pace = Pace::Open(Rate::new(20, Duration::from_secs(1)).expect("a rate"), Spread::Constant);
        let late = PlanDraft { connections: 1, requests: Some(20), duration: None, pace, close, ..draft() };
        let mut bench = Bench::of(late);
        bench.run(Goal::Done(0));
        let tally = bench.tester.into_tally();
        let [connect, whole] =
            [tally.connect_time.percentiles(), tally.latency.percentiles()].map(|of| of.expect("measured"));
        let first_byte = tally.first_byte.percentiles().expect("measured");
        assert_eq!((tally.ok, tally.first_byte.count()), (20, 20), "{close}");
        assert!(whole.max > 1e6 && connect.max < 50e3, "{close}: {connect:?} of {whole:?}");
        assert!(first_byte.min >= 100e3 && first_byte.max < 200e3, "{close}: {first_byte:?}");
    }
}
