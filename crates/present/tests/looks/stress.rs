//! The tester's report as text.

use crate::fixtures;
use present::Present;
use present::stress::{Finished, plan};
use std::path::Path;
use stress_core::PortMode;
use stress_core::report::PlanSummary;

#[test]
fn the_text_is_as_expected() {
    let report = fixtures::stress();
    let seen = plan(&report.plan) + &Finished(&report).text(118);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/stress.txt");
    if std::env::var_os("QUINTET_BLESS").is_some() {
        std::fs::write(&path, &seen).expect("written");
    }
    assert_eq!(seen, std::fs::read_to_string(&path).expect("a recorded text"), "\nseen:\n{seen}");
}

#[test]
fn the_plan_says_where_connections_start() {
    let mut summary = fixtures::stress_nothing().plan;
    let mut check = |change: &dyn Fn(&mut PlanSummary), expect: &str| {
        change(&mut summary);
        let seen = plan(&summary);
        assert!(seen.trim_end().ends_with(expect), "{seen}");
    };
    check(&|_| {}, "; ports: own allocator of 21000-21999, from 2 addresses (10.0.0.2 to 10.0.0.3)");
    check(
        &|plan| plan.ports = PortMode::Kernel,
        "; ports: kernel's choice of 21000-21999, from 2 addresses (10.0.0.2 to 10.0.0.3)",
    );
    check(&|plan| plan.sources.truncate(1), "; ports: kernel's choice of 21000-21999, from 10.0.0.2");
    check(&|plan| plan.sources.clear(), "; ports: kernel's choice of 21000-21999");
    check(&|plan| plan.port_range = None, "; ports: kernel's choice");
    check(&|plan| plan.ports = PortMode::Own, "; ports: own allocator, outside of ip_local_port_range");
}

#[test]
fn several_addresses_are_said() {
    let mut summary = fixtures::stress_nothing().plan;
    assert!(plan(&summary).contains(" (192.0.2.1:8080)\n"), "{}", plan(&summary));
    summary.targets.push("[2001:db8::1]:8080".parse::<std::net::SocketAddr>().expect("an address").into());
    assert!(plan(&summary).contains(" (192.0.2.1:8080 and [2001:db8::1]:8080 in turn)\n"), "{}", plan(&summary));
}

/// As a table where it has room, in words elsewhere; what was changed by hand is told as well.
#[test]
fn where_the_time_goes_is_told_part_by_part() {
    let report = Finished(&fixtures::stress_open());
    let (wide, narrow) = (report.text(100), report.text(60));
    for line in [
        "Where it goes              min      mean      50 %      99 %       max",
        "  name resolution    1.23 ms, once before the run",
        "  connect              20.0 us   20.0 us   20.0 us   20.0 us   20.0 us",
    ] {
        assert!(wide.lines().any(|seen| seen == line), "{line:?} in {wide}");
    }
    assert!(wide.contains("\n  first byte           80.0 us  829.5 us  ") && wide.contains("\n  whole "), "{wide}");
    let (_, behind) = narrow.split_once("\nWhere it goes\n").expect("its section");
    let section = behind.split("\n\n").next().unwrap_or_default();
    let keeps_to_it = section.lines().all(|line| line.len() <= 60);
    assert!(section.contains("  connect            min 20.0 us, mean 20.0 us,") && keeps_to_it, "{section}");
    assert!(wide.contains("the rate was changed by hand 1 time: 1,200 requests/s after 1.5 s"), "{wide}");
}

#[test]
fn nothing_measured_is_no_number() {
    let text = Finished(&fixtures::stress_nothing()).text(118);
    assert!(text.contains("unknown: no netlink") && text.contains("Verdict: nothing was measured"), "{text}");
    assert!(!text.contains("Latency") && !text.contains("Status codes"), "{text}");
}
