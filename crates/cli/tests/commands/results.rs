//! What a run of the tester leaves: what it has to keep, and files.

use crate::program::{json_of, told};
use std::net::TcpListener;

/// Answers nobody: takes every connection and hangs up.
fn hangs_up() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || listener.incoming().for_each(drop));
    url
}

#[test]
fn a_threshold_that_is_not_kept_is_named_and_ends_with_1() {
    let run = ["stress", "-n", "200", "-c", "4", "--threshold", "errors==0", "--threshold", "p50<1us"];
    let (code, text, _) = told(&run);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("1 kept, 1 not") && text.contains("NOT KEPT           p50<1us: "), "{text}");
    let kept = ["stress", "-n", "200", "-c", "4", "--threshold", "2xx>=99%", "--threshold", "max < 1h"];
    let (code, text, _) = told(&kept);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("kept               max<1h: "), "{text}");
}

#[test]
fn who_says_how_many_may_fail_is_taken_at_their_word() {
    let url = hangs_up();
    let run = |more: &[&str], code| json_of(&[&["stress", &url, "-n", "5", "--json", "-"], more].concat(), code);
    run(&[], 1);
    let judged = &run(&["--threshold", "errors<=5"], 0)["thresholds"][0];
    assert_eq!(
        (&judged["threshold"], &judged["seen"], &judged["kept"]),
        (&"errors<=5".into(), &5.0.into(), &true.into())
    );
    run(&["--threshold", "errors<5"], 1);
    run(&["--threshold", "errors<=5", "--threshold", "p99<1s"], 1);
}

/// Of runs as they are, beside those made by hand that `present` tests.
#[test]
fn reports_are_as_the_schema_says_that_the_tester_writes() {
    let (code, schema, _) = told(&["stress", "--schema"]);
    let schema = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(code, Some(0));
    for more in [&["-n", "300"][..], &["-R", "200", "-z", "1500ms"], &["-n", "50", "--close", "fin"]] {
        let report = json_of(&[&["stress", "--json", "-"], more].concat(), 0);
        assert_eq!(crate::schema::problem(&schema, &report), None, "{report:#}");
        let series = report["series"].as_array().expect("a series");
        let ok: u64 = series.iter().filter_map(|point| point["ok"].as_u64()).sum();
        assert_eq!(Some(ok), report["requests"]["ok"].as_u64(), "{report:#}");
        assert!(report["bytes"]["received"].as_u64() > report["bytes"]["body"].as_u64(), "{report:#}");
        assert!(report["client"]["cpu_percent"].as_f64() > Some(0.0), "{report:#}");
    }
}

#[test]
fn a_threshold_that_says_nothing_is_a_mistake_of_the_command_line() {
    let check = |run: &[&str], words: &str| {
        let (code, _, err) = told(&[&["stress", "-n", "1"], run].concat());
        assert!(code == Some(2) && err.contains(words), "{run:?}: {err}");
    };
    check(&["--threshold", "p99<50"], "write 250us, 50ms or 2s");
    check(&["--threshold", "latency<50ms"], "take p50 to p99.99");
    check(&["--threshold", "rate>=99%"], "give --rate");
}
