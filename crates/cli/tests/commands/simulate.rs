//! `quintet simulate`: the same from flags, file and seed; the documented shapes.

use super::program::{check_keys, json_of, keys, quintet, told};
use serde_json::Value;
use testkit::Folder;

const RECYCLE: [&str; 14] = [
    "simulate",
    "--kernel",
    "2.6.32",
    "--server-sysctl",
    "tcp_tw_recycle=1",
    "--clients",
    "200",
    "--rate",
    "50",
    "--nat",
    "linux-6.4",
    "--duration",
    "90s",
    "--json",
];

#[test]
fn it_writes_the_documented_shape() {
    let report = json_of(&[&RECYCLE[..], &["-", "--seed", "3"]].concat(), 0);
    check_keys(&report, &["kernel", "settings", "clients", "duration_s", "syns", "connect_ms", "causes"]);
    check_keys(&report["syns"], &["sent", "accepted", "dropped_silently", "challenged", "failed"]);
    assert_eq!(keys(&report["connect_ms"]), ["p50", "p99", "max"]);
    assert_eq!((&report["kernel"], &report["clients"]), (&"2.6.32".into(), &200.into()));
    let count = |value: &Value| value.as_u64().expect("a count");
    assert!(count(&report["causes"]["recycle_older_timestamp"]) > 0, "the guide's first failure: {report:#}");
    assert_eq!(report["causes"]["nat_no_port"], 0, "what did not happen is told, too");
    let connects = &report["connects"];
    let ended = ["succeeded", "failed", "waiting"].map(|end| count(&connects[end]));
    assert_eq!(ended.iter().sum::<u64>(), count(&connects["tried"]), "{connects:#}");
}

#[test]
fn the_seed_decides() {
    let run = |seed| quintet(&[&RECYCLE[..], &["-", "--seed", seed]].concat()).stdout;
    let first = run("7");
    assert!(!first.is_empty());
    assert_eq!(first, run("7"), "--seed 7 twice");
    assert_ne!(first, run("8"), "--seed 7 and --seed 8");
}

#[test]
fn a_file_says_the_same_as_flags_and_flags_stand_above_it() {
    let folder = Folder::new();
    let text = "kernel = \"2.6.32\"\nserver_sysctl = { tcp_tw_recycle = 1 }\nclients = 200\nrate = \"50\"\n\
                nat = \"linux-6.4\"\nduration = \"90s\"\nseed = 1\n";
    folder.write("scene.toml", text);
    let path = folder.place("scene.toml");
    let of_file = |more: &[&str]| quintet(&[&["simulate", "--json", "-", "--config", &path], more].concat()).stdout;
    let of_flags = quintet(&RECYCLE);
    assert_eq!(of_flags.status.code(), Some(0), "{}", String::from_utf8_lossy(&of_flags.stderr));
    assert_eq!(of_file(&[]), of_flags.stdout);
    let report: Value = serde_json::from_slice(&of_file(&["--clients", "20"])).expect("JSON");
    assert_eq!(report["clients"], 20);
}

#[test]
fn the_guide_is_judged() {
    let findings = json_of(&["simulate", "guide", "--json"], 0);
    let findings = findings.as_array().expect("an array");
    assert!(findings.len() >= 10);
    for finding in findings {
        assert_eq!(keys(finding), ["name", "claim", "verdict", "why"]);
    }
    let verdict = |name| &findings.iter().find(|finding| finding["name"] == name).expect(name)["verdict"];
    assert_eq!(verdict("recycle-behind-nat"), "true up to 4.11");
    assert_eq!(verdict("time-wait-behind-nat"), "imprecise");
    let (_, text, _) = told(&["simulate", "guide"]);
    assert!(text.contains("recycle-behind-nat") && text.contains("claims: "), "{text}");
}

#[test]
fn a_sweep_is_kernels_by_settings() {
    let small =
        ["simulate", "--sweep=2.6.32,6.18", "--clients", "20", "--rate", "10", "--duration", "70s", "--json", "-"];
    let cells = json_of(&small, 0);
    let cells = cells.as_array().expect("an array");
    let cell = |kernel: &str| {
        cells.iter().find(|cell| cell["kernel"] == kernel && cell["setting"] == "tcp_tw_recycle=1").expect("a cell")
    };
    check_keys(&cell("2.6.32")["result"], &["kernel", "settings", "clients"]);
    assert!(cell("6.18")["result"].is_null());
    assert!(cell("6.18")["why"].as_str().is_some_and(|why| why.contains("removed in 4.12")));
}

#[test]
fn people_get_text_and_a_page() {
    let folder = Folder::new();
    let file = folder.place("simulate.html");
    let (_, text, _) = told(&[&RECYCLE[..13], &["--html", &file]].concat());
    let page = std::fs::read_to_string(&file).expect("written");
    for words in ["SYNs sent", "Connect time", "recycle_older_timestamp", "Port budget"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(page.matches("<polyline").count() >= 3 && page.contains("prefers-color-scheme:dark"), "{page}");
    assert!(!page.contains("http://") && !page.contains("<script"), "self-contained");
}
