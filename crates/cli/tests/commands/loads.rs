//! Files of requests and courses of rates, as `quintet stress` is given them.

use crate::program::{json_of, told};
use crate::target::Target;
use testkit::Folder;

/// A log of three seconds, which names no host.
const LOG: &str = "\
    10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"curl\"\n\
    10.0.0.1 - - [10/Oct/2000:13:55:37 +0000] \"GET /b HTTP/1.1\" 200 5 \"-\" \"curl\"\n\
    10.0.0.1 - - [10/Oct/2000:13:55:39 +0000] \"GET /c HTTP/1.1\" 200 5 \"-\" \"curl\"\n\
    10.0.0.1 - - [10/Oct/2000:13:55:39 +0000] \"-\" 408 0\n";

#[test]
fn each_request_of_a_file_is_made_once() {
    let (target, folder) = (Target::start(), Folder::new());
    folder.write("list", format!("{}a\nPUT /b\nX-A: 1\n", target.url()));
    for more in [&["-c", "1"][..], &["--shuffle"]] {
        let report = json_of(&[&["stress", "--json", "-", "--urls", &folder.place("list")], more].concat(), 0);
        assert_eq!(report["requests"]["ok"], 2);
        let mut names: Vec<&str> =
            report["by_request"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["GET /a", "PUT /b"]);
        assert!(report["by_request"].as_array().expect("a list").iter().all(|one| one["ok"] == 1));
    }
    assert_eq!(target.answered(), 4);
}

#[test]
fn a_log_is_replayed_at_its_own_pace_or_faster() {
    let (target, folder) = (Target::start(), Folder::new());
    folder.write("access.log", LOG);
    let url = target.url();
    let log = folder.place("access.log");
    let report = json_of(&["stress", "--urls", &log, "--replay-pace=x10", "--json", "-", &url], 0);
    assert_eq!((&report["requests"]["ok"], &report["requests"]["failed"]), (&3.into(), &0.into()));
    let lasted = report["duration_s"].as_f64().expect("a number");
    assert!(lasted >= 0.3, "the last is due after 3 s, ten times as fast: {lasted}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("1 request left out: what was asked for is no HTTP request"), "{notes}");
}

/// A plan with a scenario: the target answers "ok", of which a word is kept.
const PLAN: &str = "\
connections = 4
requests = 400
order = \"weight\"

[[request]]
path = \"/often/{{line words.txt}}\"
name = \"often\"
weight = 3

[[scenario]]
[[scenario.request]]
path = \"/first\"
capture = { word = \"regex (o)k\" }
[[scenario.request]]
path = \"/{{word}}\"
name = \"second\"
";

#[test]
fn a_plan_is_run_and_flags_stand_above_it() {
    let (target, folder) = (Target::start(), Folder::new());
    folder.write("plan.toml", PLAN);
    folder.write("words.txt", "one\r\n\ntwo\n");
    let (plan, url) = (folder.place("plan.toml"), target.url());
    let report = json_of(&["stress", "--plan", &plan, "--json", "-", &url], 0);
    assert_eq!((&report["requests"]["ok"], &report["plan"]["connections"]), (&400.into(), &4.into()));
    let ok = |at: usize| report["by_request"][at]["ok"].as_u64().expect("a number");
    let names: Vec<_> = (0..3).map(|at| report["by_request"][at]["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["often", "GET /first", "second"]);
    assert!(ok(0) > ok(1) && ok(1) - ok(2) <= 4 && ok(2) > 0, "{}", report["by_request"]);
    let report = json_of(&["stress", "--plan", &plan, "-n", "10", "-c", "1", "--json", "-", &url], 0);
    assert_eq!((&report["requests"]["ok"], &report["plan"]["connections"]), (&10.into(), &1.into()));
}

/// A threshold that nothing keeps from the first step on, and one that a few steps cannot reach.
#[test]
fn the_highest_rate_is_searched_for() {
    let target = Target::start();
    let url = target.url();
    let search = ["stress", "--find-max", "-z", "300ms", "-c", "20", "--json", "-", &url];
    let found = json_of(
        &[&search[..], &["--threshold", "errors<50%", "--threshold", "rate>=1%", "--max-steps", "3"]].concat(),
        0,
    );
    let rates: Vec<f64> =
        found["steps"].as_array().expect("steps").iter().filter_map(|one| one["rate_per_s"].as_f64()).collect();
    assert_eq!(
        (rates, &found["ended"], &found["answer_per_s"]),
        (vec![100.0, 200.0, 400.0], &"steps".into(), &400.0.into())
    );
    assert!(
        found["steps"].as_array().expect("steps").iter().all(|one| one["report"]["requests"]["ok"].as_u64() > Some(0))
    );
    let none = json_of(&[&search[..], &["--rate", "4", "--threshold", "p50<1us"]].concat(), 1);
    assert_eq!((&none["ended"], &none["answer_per_s"]), (&"none".into(), &serde_json::Value::Null));
    let (_, text, _) = told(&["stress", "--find-max", "-z", "300ms", "--rate", "8", "--threshold", "p50<1us", &url]);
    for words in ["8.00/s: not kept: p50<1us", "Highest rate", "Answer: no rate that was tried keeps the thresholds"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn courses_and_warm_ups_are_told() {
    let target = Target::start();
    let url = target.url();
    let report = json_of(&["stress", "--steps", "50,150", "-z", "1s", "--warm-up", "500ms", "--json", "-", &url], 0);
    let due = ["ok", "failed"].map(|key| report["requests"][key].as_u64().expect("a number"));
    assert_eq!(due[0] + due[1] + report["not_sent"].as_u64().expect("a number"), 100);
    assert_eq!((&report["plan"]["warm_up_s"], &report["plan"]["rate_per_s"]), (&0.5.into(), &100.0.into()));
    assert!(report["notes"].to_string().contains("before that 0.5 s of warm-up: 25 requests"), "{}", report["notes"]);
    let (code, text, _) = told(&["stress", "--ramp", "10:50", "-z", "1s", &url]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("rate: 10.0/s to 50.0/s over 1 s"), "{text}");
}
