//! Whole simulations: determinism, the guide's claims, shares that can be computed by hand, invariants.

use tcp_model::simulate::{Cause, Judgement, Output, RawPlan, Variant, guide, simulate, sweep};

fn run(raw: &RawPlan) -> Output {
    simulate(&raw.check().unwrap_or_else(|error| panic!("{error}")))
}

fn sysctl(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

/// A gateway that hands a port out again as soon as the connection is over.
fn hasty(policy: &str) -> RawPlan {
    RawPlan {
        nat: policy.to_owned(),
        nat_time_wait_s: 0,
        clients: 2000,
        rate: 300,
        duration_s: 120,
        ..RawPlan::default()
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let plan = |seed| RawPlan { seed, ..hasty("random") };
    assert_eq!(run(&plan(7)), run(&plan(7)));
    assert_ne!(run(&plan(7)), run(&plan(8)));
}

#[test]
fn every_connect_is_accounted_for() {
    for policy in ["preserve", "sequential", "random", "lru", "linux-6.4", "linux-6.5", "none"] {
        for closes in ["server", "client", "reset"] {
            for seed in 1..4 {
                let output = run(&RawPlan { closes: closes.to_owned(), seed, ..hasty(policy) });
                let syns = output.syns;
                let replay = format!("nat={policy} closes={closes} seed={seed}");
                assert_eq!(syns.sent, syns.accepted + syns.dropped_silently + syns.challenged, "{replay}");
                assert_eq!(output.connect_times.total(), syns.accepted, "{replay}");
                let open = output.connects - syns.accepted - syns.failed;
                assert!(open < 300 * 2, "{replay}: {open} connects are neither done nor failed");
                let points: u64 = output.series.iter().map(|point| point.connects).sum();
                assert!(output.connects - points < 300 * 2, "{replay}");
                assert_eq!(
                    output.cause(Cause::TimeWaitOlderTimestamp) + output.cause(Cause::TimeWaitLowerSequence),
                    syns.challenged,
                    "{replay}"
                );
            }
        }
    }
}

/// Another host's ISN is ahead of the old connection's as often as not; so is its clock.
#[test]
fn about_half_of_the_reused_tuples_are_rejected() {
    let off = RawPlan { server_sysctls: sysctl("tcp_timestamps", "0"), ..hasty("random") };
    for (name, raw) in [("timestamps off", off), ("timestamps on", hasty("random"))] {
        let output = run(&raw);
        let met = output.syns.challenged + output.taken_over;
        let share = output.syns.challenged as f64 / met as f64;
        assert!(met > 3000 && (0.45..0.58).contains(&share), "{name}: {share:.3} of {met}");
    }
}

/// Random ports: a SYN meets TIME_WAIT with the share of ports that are in it.
#[test]
fn the_share_of_reuse_follows_from_the_rate() {
    let output = run(&hasty("random"));
    let before_full = 60.0 * 300.0 / 64_512.0;
    let met = (output.syns.challenged + output.taken_over) as f64 / output.syns.sent as f64;
    // It grows over the first minute and stays for the second.
    assert!((0.6 * before_full..0.85 * before_full).contains(&met), "{met:.3} of the SYNs, {before_full:.3} when full");
}

/// Nearly: an inside flow that had been given another port, and comes back, leaves that port free at once, although the
/// server still has it in TIME_WAIT.
#[test]
fn gateways_that_wait_two_minutes_are_nearly_harmless() {
    for (policy, challenged_max) in [("linux-6.4", 36), ("preserve", 36), ("lru", 0)] {
        let output = run(&RawPlan { nat_time_wait_s: 120, ..hasty(policy) });
        assert_eq!(output.syns.failed, 0, "{policy}");
        assert!(
            output.syns.challenged <= challenged_max,
            "{policy}: {} of {}",
            output.syns.challenged,
            output.syns.sent
        );
    }
}

#[test]
fn a_gateway_short_of_ports_evicts_since_6_5() {
    let pressed = |policy: &str| run(&RawPlan { nat_time_wait_s: 120, rate: 900, duration_s: 150, ..hasty(policy) });
    let (old, new) = (pressed("linux-6.4"), pressed("linux-6.5"));
    assert!(old.cause(Cause::NatNoPort) > 0 && old.nat_evictions == 0, "{:?}", old.causes);
    assert!(new.nat_evictions > 0, "{:?}", new.causes);
    assert!(new.syns.failed + new.syns.dropped_silently < old.syns.failed + old.syns.dropped_silently);
}

#[test]
fn a_challenge_costs_milliseconds_since_5_7_and_a_second_before() {
    let longest = |kernel: &str| {
        let output = run(&RawPlan { client_kernel: kernel.to_owned(), ..hasty("random") });
        assert_eq!(output.syns.failed, 0);
        output.connect_times.max().expect("connects succeed").as_millis()
    };
    let (since, before) = (longest("5.7"), longest("5.6"));
    assert!((40..100).contains(&since) && (1000..1100).contains(&before), "{since} ms and {before} ms");
}

#[test]
fn rfc1337_and_lost_resets_turn_it_into_failures() {
    let long = RawPlan { duration_s: 240, ..hasty("random") };
    let strict = run(&RawPlan { server_sysctls: sysctl("tcp_rfc1337", "1"), ..long.clone() });
    let filtered = run(&RawPlan { nat_drops_resets: true, ..long });
    assert!(strict.syns.failed > 0 && strict.cause(Cause::ResetIgnored) > 0, "{:?}", strict.causes);
    assert!(filtered.syns.failed > 0 && filtered.cause(Cause::ResetFiltered) > 0, "{:?}", filtered.causes);
}

#[test]
fn recycle_drops_in_silence_and_only_behind_one_address() {
    let raw = RawPlan {
        kernel: "2.6.32".to_owned(),
        server_sysctls: sysctl("tcp_tw_recycle", "1"),
        client_kernel: "4.9".to_owned(),
        clients: 100,
        rate: 50,
        ..RawPlan::default()
    };
    let behind = run(&raw);
    assert!(behind.cause(Cause::RecycleOlderTimestamp) > behind.syns.accepted, "{:?}", behind.syns);
    assert_eq!(behind.syns.challenged, 0);
    let alone = run(&RawPlan { nat: "none".to_owned(), ..raw });
    assert_eq!(alone.syns.dropped_silently, 0);
}

#[test]
fn one_client_has_470_connects_a_second() {
    let raw = RawPlan {
        closes: "client".to_owned(),
        nat: "none".to_owned(),
        clients: 1,
        client_sysctls: sysctl("tcp_tw_reuse", "0"),
        duration_s: 300,
        ..RawPlan::default()
    };
    let below = run(&RawPlan { rate: 460, ..raw.clone() });
    assert_eq!(below.syns.failed, 0);
    let above = run(&RawPlan { rate: 1000, ..raw });
    let lasting: u64 = above.series[120..300].iter().map(|point| point.connects - point.failed).sum();
    assert!((465..=475).contains(&(lasting / 180)), "{} per second", lasting / 180);
    assert_eq!(above.series[100].client_ports_free, 0);
}

#[test]
fn the_guide_is_put_to_the_model() {
    let findings = guide();
    let verdict = |name: &str| {
        findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("no finding {name}"))
    };
    for (name, expect) in [
        ("recycle-behind-nat", Judgement::TrueUpTo("4.11")),
        ("time-wait-behind-nat", Judgement::Imprecise),
        ("timestamps-off-cures-reuse", Judgement::False),
        ("both-cannot-be-enabled", Judgement::Imprecise),
        ("rising-timestamps-are-needed", Judgement::Imprecise),
        ("reclaiming-timeout", Judgement::Imprecise),
        ("tcp-tw-resuse", Judgement::Imprecise),
        ("only-with-timestamps", Judgement::Imprecise),
        ("paws-window", Judgement::Imprecise),
        ("time-wait-window", Judgement::True),
        ("timestamp-tick", Judgement::Imprecise),
        ("paws-memory", Judgement::TrueUpTo("6.6")),
        ("explicit-bind", Judgement::True),
        ("client-runs-out-of-ports", Judgement::True),
        ("balancer-closes-first", Judgement::Imprecise),
        ("client-resets", Judgement::Imprecise),
        ("no-other-solution", Judgement::False),
    ] {
        let finding = verdict(name);
        assert_eq!(finding.verdict, expect, "{name}: {}", finding.why);
    }
    assert_eq!(findings.len(), 17);
    findings
        .iter()
        .for_each(|finding| println!("{:28} {:16} {}", finding.name, finding.verdict.to_string(), finding.why));
}

#[test]
fn a_sweep_fills_every_cell() {
    let base = RawPlan { rate: 100, duration_s: 90, ..hasty("random") };
    let kernels = ["2.6.32", "3.17", "4.19", "6.18"].map(str::to_owned);
    let table = sweep(&base, &kernels, &Variant::usual());
    assert_eq!(table.len(), kernels.len() * Variant::usual().len());
    let cell = |kernel: &str, variant: &str| {
        let cell = table.iter().find(|cell| cell.kernel == kernel && cell.variant == variant);
        cell.unwrap_or_else(|| panic!("no cell {kernel} {variant}")).result.as_ref()
    };
    assert!(cell("2.6.32", "tcp_tw_recycle=1").is_ok_and(|output| output.syns.dropped_silently > 0));
    let gone = cell("6.18", "tcp_tw_recycle=1").map(drop).map_err(ToString::to_string);
    assert_eq!(
        gone,
        Err("server_sysctls: Linux 6.18 has no tcp_tw_recycle: it was removed in 4.12 (4396e46187ca)".to_owned())
    );
    assert!(cell("6.18", "defaults").is_ok_and(|output| output.syns.failed == 0 && output.syns.challenged > 0));
}
