//! What is foretold of a plan before its first request, and which choice of ports fits it.

use std::time::Duration;
use stress_core::forecast::{Compared, Conntrack, Forecast, Lasts, PortFacts, Seen, Stock, Tactic};
use stress_core::{ClosePolicy, Pace, Plan, PlanDraft, PortMode, Rate, Spread, Tally};

use ClosePolicy::{Fin, Keep, Rst, Wait};
use PortMode::{Auto, Kernel, Own};

const SECOND: Duration = Duration::from_secs(1);

/// A Linux where nobody changed anything, towards a target on another host that negotiates timestamps.
fn linux() -> PortFacts {
    let stock = |ports| Some(Stock { ports, taken: Some(0) });
    PortFacts { kernel: stock(28_232), own: stock(27_304), timestamps: Some(true), ..PortFacts::default() }
}

/// `rate` 0: as fast as answers come; `requests` 0 and `seconds` 0: not said.
fn plan(close: ClosePolicy, ports: PortMode, rate: u64, requests: u64, seconds: u64) -> Plan {
    let pace =
        if rate == 0 { Pace::Closed } else { Pace::Open(Rate::new(rate, SECOND).expect("a rate"), Spread::default()) };
    let (requests, duration) =
        ((requests > 0).then_some(requests), (seconds > 0).then(|| Duration::from_secs(seconds)));
    let draft = PlanDraft { close, ports, pace, requests, duration, ..PlanDraft::new("http://192.0.2.1/") };
    draft.check().expect("a good draft")
}

/// Our own choice would bind a port to a socket that connects again.
#[test]
fn the_kernel_chooses_where_sockets_are_used_again() {
    let half = |recycle| {
        let draft = PlanDraft { close: ClosePolicy::Half, recycle, ..PlanDraft::new("http://192.0.2.1/") };
        let plan = PlanDraft { duration: Some(60 * SECOND), ..draft }.check().expect("a good draft");
        Tactic::of(&plan, &linux())
    };
    assert_eq!((half(false).ports, half(true).ports), (Own, Kernel));
    assert!(half(true).why.is_some_and(|why| why.contains("sockets are used again")));
}

#[test]
fn the_least_invasive_choice_that_fits_is_taken() {
    let none_own = PortFacts { own: None, ..linux() };
    let no_timestamps = PortFacts { timestamps: Some(false), ..linux() };
    let unknown = PortFacts { timestamps: None, ..linux() };
    let beyond = PortFacts { beyond_kernel: true, ..linux() };
    let taken = PortFacts { kernel: Some(Stock { ports: 28_232, taken: Some(14_000) }), ..linux() };
    let few_own = PortFacts { own: Some(Stock { ports: 49, taken: Some(0) }), ..linux() };
    let ten = PortFacts { sources: 10, ..linux() };
    for (facts, close, rate, requests, seconds, expect, why) in [
        (linux(), Keep, 0, 1_000_000, 0, Kernel, "connections are kept"),
        (linux(), Wait, 9000, 0, 600, Kernel, "the server closes first"),
        (linux(), Rst, 9000, 0, 600, Kernel, "a reset leaves no port"),
        (linux(), Fin, 0, 200, 0, Kernel, "200 connections are few for 28232 ports"),
        (linux(), Fin, 0, 14_116, 0, Kernel, "14116 connections are few"),
        (linux(), Fin, 0, 14_117, 0, Own, "can be used again at once"),
        (taken, Fin, 0, 200, 0, Own, "can be used again at once"),
        (linux(), Fin, 200, 0, 600, Kernel, "at this rate 12400 of 28232 ports wait at a time"),
        (linux(), Fin, 5000, 0, 600, Own, "can be used again at once"),
        (linux(), Fin, 5000, 0, 2, Kernel, "10000 connections are few"),
        (linux(), Fin, 0, 0, 60, Own, "can be used again at once"),
        (ten, Fin, 2000, 0, 600, Kernel, "at this rate 124000 of 282320 ports"),
        (none_own, Fin, 5000, 0, 600, Kernel, "there are no ports outside"),
        (no_timestamps, Fin, 5000, 0, 600, Kernel, "no TCP timestamps are negotiated"),
        (unknown, Fin, 5000, 0, 600, Kernel, "is unknown"),
        (few_own, Fin, 5000, 0, 600, Kernel, "fewer than the connections"),
        (beyond, Keep, 0, 200, 0, Own, "does not keep to source ports outside"),
    ] {
        let tactic = Tactic::of(&plan(close, Auto, rate, requests, seconds), &facts);
        let words = tactic.why.expect("a reason");
        assert!(
            tactic.ports == expect && words.contains(why),
            "{close} {rate} {requests} {seconds}: {}: {words}",
            tactic.ports
        );
    }
    for asked in [Kernel, Own] {
        assert_eq!(Tactic::of(&plan(Fin, asked, 5000, 0, 600), &linux()), Tactic { ports: asked, why: None });
    }
}

/// At the bounds themselves.
#[test]
fn ports_that_are_just_enough_last() {
    let of = |rate, requests, seconds| Forecast::of(&plan(Fin, Kernel, rate, requests, seconds), Kernel, &linux());
    let per_s_max = of(455, 0, 600).per_s_max.expect("they pay for a rate");
    assert_eq!(of(455, 0, 600).gone_after(per_s_max), None);
    let just_more = per_s_max + 0.01;
    assert_eq!(of(455, 0, 600).gone_after(just_more), Some(Duration::from_secs_f64(28_232.0 / just_more)));
    // As many connections as there are ports, and one more.
    let gone = Duration::from_secs_f64(28_232.0 / 5000.0);
    assert_eq!((of(5000, 28_232, 0).gone_after(5000.0), of(5000, 28_233, 0).gone_after(5000.0)), (None, Some(gone)));
    // A run that is over before; how fast it goes is seen only.
    assert_eq!((of(0, 0, 5).gone_after(5000.0), of(0, 0, 6).gone_after(5000.0)), (None, Some(gone)));
    // Whichever comes first: a number, or the time.
    assert_eq!((of(100, 500, 10).in_all, of(100, 5000, 10).in_all), (Some(500), Some(1000)));
}

#[test]
fn what_comes_is_said_before() {
    let loopback = PortFacts { tw_reuse_after: Some(SECOND), ..linux() };
    let strange = PortFacts { timestamps: Some(false), ..loopback };
    let after = |seconds: f64| Lasts::Until(Duration::from_secs_f64(seconds));
    for (facts, close, ports, rate, seconds, lasts, words) in [
        (
            linux(),
            Fin,
            Kernel,
            5000,
            60,
            after(28_232.0 / 5000.0),
            "asked 5,000 connections/s; with --close fin --ports kernel 455/s: ports gone after 5.6 s; with --close wait: no \
             limit; with --ports own: no limit; with --source-ip of 11 addresses: 5,008/s; with --close rst: no limit",
        ),
        (linux(), Fin, Kernel, 455, 600, Lasts::Yes, "asked 455 connections/s; with --close fin --ports kernel 455/s"),
        (linux(), Fin, Kernel, 5000, 5, Lasts::Yes, "asked 5,000 connections/s; with --close fin --ports kernel 455/s"),
        (linux(), Fin, Own, 5000, 60, Lasts::Yes, "asked 5,000 connections/s; with --close fin --ports own no limit"),
        (
            loopback,
            Fin,
            Kernel,
            5000,
            60,
            Lasts::Yes,
            "asked 5,000 connections/s; with --close fin --ports kernel 28,232/s",
        ),
        (
            strange,
            Fin,
            Own,
            1000,
            60,
            after(27.304),
            "asked 1,000 connections/s; with --close fin --ports own 440/s: ports gone after 27 s; with --close wait: no limit; \
             with --source-ip of 3 addresses: 1,321/s; with --close rst: no limit",
        ),
        (
            linux(),
            Wait,
            Kernel,
            5000,
            60,
            Lasts::Yes,
            "asked 5,000 connections/s; with --close wait --ports kernel no limit",
        ),
        (
            linux(),
            Keep,
            Kernel,
            5000,
            60,
            Lasts::Yes,
            "50 connections are kept; with --close keep --ports kernel no limit",
        ),
        (
            linux(),
            Fin,
            Kernel,
            0,
            60,
            Lasts::Depends,
            "asked for connections as fast as answers come; with --close fin --ports kernel 455/s: above that, ports are gone \
             after 28,232 connections; with --close wait: no limit; with --ports own: no limit; with --close rst: no limit",
        ),
    ] {
        let forecast = Forecast::of(&plan(close, ports, rate, 0, seconds), ports, &facts);
        assert_eq!((forecast.lasts, forecast.words().as_str()), (lasts, words));
        assert_eq!(forecast.is_good(), forecast.warnings().is_empty(), "{words}");
        assert_eq!(forecast.is_good(), lasts == Lasts::Yes, "{words}");
    }
}

#[test]
fn what_is_short_beside_a_rate_is_said_as_well() {
    let warned = |change: &dyn Fn(&mut PortFacts), close, rate, seconds| {
        let mut facts = linux();
        change(&mut facts);
        Forecast::of(&plan(close, Kernel, rate, 0, seconds), Kernel, &facts).warnings()
    };
    let taken = warned(&|facts| facts.kernel = Some(Stock { ports: 28_232, taken: Some(28_000) }), Fin, 464, 60);
    assert!(taken[0].contains("ports gone after 0.5 s"), "{taken:?}");
    let few = warned(&|facts| facts.kernel = Some(Stock { ports: 49, taken: None }), Keep, 0, 60);
    assert_eq!(few, ["50 connections at a time, but only 49 source ports: the others will fail"]);
    let table = Conntrack { count: 62_144, max: 262_144, time_wait: 120 * SECOND };
    let tracked = |close, rate, seconds| warned(&|facts| facts.conntrack = Some(table), close, rate, seconds);
    let full = tracked(Wait, 4000, 60);
    assert!(full[0].contains("200,000 entries left of 262,144: full after 50 s"), "{full:?}");
    assert_eq!(tracked(Wait, 4000, 50), [""; 0], "over before");
    assert_eq!(tracked(Wait, 1666, 600), [""; 0], "entries end as fast as they begin");
    assert_eq!(tracked(Rst, 4000, 600), [""; 0], "a reset keeps its entry for 10 s");
    assert_eq!(warned(&|facts| *facts = PortFacts::default(), Fin, 5000, 60), [""; 0], "nothing is known");
}

#[test]
fn what_was_said_is_held_against_what_came() {
    let fails = |at: u64| {
        let mut tally = Tally::default();
        tally.connects_opened = 28_000;
        let fault = ports::Fault::from_errno(99);
        tally.record_failure(stress_core::Failure::Fault(fault), Duration::from_millis(at));
        tally.record_end(60 * SECOND);
        tally
    };
    let lasts = |seconds: u32| {
        let mut tally = Tally::default();
        tally.connects_opened = 300_000;
        tally.record_end(seconds * SECOND);
        tally
    };
    let check = |rate: u64, facts: &PortFacts, tally: &Tally, held: Option<bool>, words: Option<&str>| {
        let forecast = Forecast::of(&plan(Fin, Kernel, rate, 0, 60), Kernel, facts);
        let compared = Compared::of(&forecast, &Seen::of(tally));
        assert_eq!((compared.held, compared.words().as_deref()), (held, words), "{rate}");
    };
    let gone = "forecast: ports gone after 5.6 s";
    check(5000, &linux(), &fails(5900), Some(true), Some(&format!("{gone}; seen: after 5.9 s")));
    check(5000, &linux(), &fails(9000), Some(false), Some(&format!("{gone}; seen: after 9.0 s")));
    check(5000, &linux(), &lasts(5), None, Some(&format!("{gone}; the run was over before")));
    let lasted = format!("{gone}; seen: they lasted, so more came back than was reckoned with");
    check(5000, &linux(), &lasts(60), Some(false), Some(&lasted));
    check(400, &linux(), &lasts(60), Some(true), None);
    // As fast as answers come: at the rate there was.
    check(0, &linux(), &fails(5700), Some(true), Some("forecast: ports gone after 5.7 s; seen: after 5.7 s"));
    let forecast = Forecast::of(&plan(Wait, Kernel, 400, 0, 60), Kernel, &linux());
    let compared = Compared::of(&forecast, &Seen::of(&fails(5000)));
    assert!(
        compared.held == Some(false) && compared.words().is_some_and(|words| words.contains("the ports last; but"))
    );
}
