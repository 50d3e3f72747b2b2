//! What a run of the tester leaves: what it has to keep, and files.

use crate::program::{json_of, told};
use crate::target::Target;
use std::net::TcpListener;
use sys::signal::Signal;
use testkit::{Folder, eventually};

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

/// Everything that a run leaves, of one run; silent otherwise.
#[test]
fn files_are_written_and_nothing_is_said() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [csv, hdr, junit, json] = ["a.csv", "a.hdr", "a.xml", "a.json"].map(path);
    let files = ["--csv", &csv, "--hdr", &hdr, "--junit", &junit, "--json", &json];
    let (code, out, err) = told(&[&["stress", "-n", "200", "--quiet", "--threshold", "p50<1us"], &files[..]].concat());
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), "", ""));
    let read = |path: &str| std::fs::read_to_string(path).expect("written");
    let rows: Vec<String> = read(&csv).lines().map(str::to_owned).collect();
    assert!(rows[0].starts_with("t_s,ok,failed,p50_us") && rows[1].starts_with("0,200,0,"), "{rows:?}");
    assert!(read(&hdr).contains("#[StartTime: ") && read(&hdr).contains("HISTFAAAA"), "{}", read(&hdr));
    let junit = read(&junit);
    assert!(junit.contains("tests=\"2\" failures=\"1\"") && junit.contains("p50&lt;1us"), "{junit}");
    assert!(read(&json).contains("\"schema\": 1"));
    let (code, _, err) = told(&["stress", "-n", "1", "--csv", &csv, "--json", &csv]);
    assert!(code == Some(2) && err.contains("--json and --csv both name"), "{err}");
}

/// `/dev/full` takes no byte: what can be told is told, and the exit code says that something is missing.
#[test]
fn a_full_disk_takes_one_file_and_no_more() {
    let folder = Folder::new();
    let json = folder.path().join("a.json");
    let run = ["stress", "-n", "50", "--csv", "/dev/full", "--json", &json.display().to_string()];
    let (code, out, err) = told(&run);
    assert!(code == Some(2) && err.contains("/dev/full"), "{err}");
    assert!(out.contains("Verdict: clean") && json.exists(), "{out}");
    let run = ["stress", "-n", "50", "--json", "/dev/full", "--csv", &json.display().to_string()];
    let (code, out, _) = told(&run);
    assert!(code == Some(2) && out.contains("Verdict: clean"), "{out}");
    assert!(std::fs::read_to_string(&json).expect("written").starts_with("t_s,"));
}

#[test]
fn reports_are_compared() {
    let folder = Folder::new();
    let path = folder.path().join("a.json").display().to_string();
    json_of(&["stress", "-n", "50", "--json", "-"], 0);
    assert_eq!(told(&["stress", "-n", "50", "--quiet", "--json", &path]).0, Some(0));
    let (code, out, _) = told(&["compare", &path, &path]);
    assert!(
        code == Some(0) && out.contains("too short a run to tell") && out.contains("fewer than 5 whole seconds"),
        "{out}"
    );
    let (code, _, err) = told(&["compare", &path, "/proc/self/status"]);
    assert!(code == Some(2) && err.contains("no JSON"), "{err}");
}

#[test]
fn a_run_in_progress_is_scraped() {
    let (target, at) = (Target::start(), testkit::free_address());
    let run = crate::stress_at_work(&target, &["--prometheus", &at.to_string(), "--quiet"]);
    eventually("responses are counted", || {
        let text = crate::get(at, "/metrics");
        let count = text.lines().find_map(|line| line.strip_prefix("quintet_stress_responses_total "));
        text.contains("version=0.0.4") && count.is_some_and(|count| count != "0")
    });
    run.signal(Signal::Interrupt);
    assert_eq!(run.end(), (Some(0), String::new(), String::new()));
    let (code, _, err) =
        told(&["stress", "-n", "1", "--prometheus", &target.url()["http://".len()..].replace('/', "")]);
    assert!(code == Some(2) && err.contains("choose another address"), "{err}");
}
