//! What `quintet stress` foretells of its ports, and how it chooses them.

use crate::program::{json_of, told};
use crate::target::Target;

/// Ten ports, and a rate that takes them all in a tenth of a second: even on the loopback, where the kernel gives them out again
/// after a second.
const TOO_MUCH: [&str; 11] =
    ["--close", "fin", "--ports", "kernel", "--port-range", "40000-40009", "-c", "1", "-R", "100", "-z"];

#[test]
fn what_will_run_out_is_said_without_a_request() {
    let target = Target::start();
    let (url, far) = (target.url(), ["60s", "--preflight-only"]);
    let seen = json_of(&[&["stress", &url][..], &TOO_MUCH, &far, &["--json", "-"]].concat(), 1);
    let forecast = &seen["forecast"];
    assert_eq!((&forecast["good"], &forecast["lasts"]), (&false.into(), &"no".into()), "{forecast}");
    assert_eq!((&forecast["tuples"], &forecast["asked_per_s"]), (&10.into(), &100.0.into()), "{forecast}");
    assert!(forecast["gone_after_s"].as_f64().is_some_and(|after| after <= 0.1), "{forecast}");
    assert_eq!(forecast["ways"][0]["flags"], "--close wait", "{forecast}");
    assert!(seen["plan"]["ports_why"].is_null() && seen["warnings"][0] == forecast["text"], "{seen}");
    let (code, text, _) = told(&[&["stress", &url, "-n", "100"][..], &["--preflight-only"]].concat());
    assert!(code == Some(0) && text.contains("Forecast: 50 connections are kept"), "{code:?} {text}");
    assert_eq!(target.answered(), 0, "nobody was asked");
}

#[test]
fn what_will_run_out_is_refused_only_on_request() {
    let target = Target::start();
    let url = target.url();
    let (code, _, err) = told(&[&["stress", &url][..], &TOO_MUCH, &["60s", "--strict"]].concat());
    assert!(
        code == Some(2) && err.contains("not started, because of --strict: asked 100 connections/s"),
        "{code:?} {err}"
    );
    assert_eq!(target.answered(), 0, "nobody was asked");
    let report = json_of(&["stress", &url, "-n", "20", "-c", "2", "--close", "fin", "--strict", "--json", "-"], 0);
    assert_eq!(report["plan"]["ports"], "kernel", "{}", report["plan"]);
    assert!(report["plan"]["ports_why"].as_str().is_some_and(|why| why.contains("are few for")), "{}", report["plan"]);
    assert_eq!((&report["forecast"]["good"], &report["forecast"]["seen"]["held"]), (&true.into(), &true.into()));
}
