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
