//! The JSON shapes, byte by byte: keys, their order, and how values are written. Other programs build on them. A key may
//! be added behind the others; then its line is added to the recorded file.

use crate::{fixtures, schema, support};
use doctor_core::diagnose;
use present::Present;
use present::doctor::{Applied, Found, Look, Reverted};
use present::simulate::{Guide, Ran};
use serde_json::Value;
use std::path::Path;
use tcp_model::simulate::{RawPlan, simulate};

#[track_caller]
fn check(name: &str, result: &impl Present) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let seen = serde_json::to_string_pretty(&result.json()).expect("plain data") + "\n";
    if std::env::var_os("QUINTET_BLESS").is_some() {
        std::fs::write(&path, &seen).expect("written");
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let differs = recorded.lines().zip(seen.lines()).position(|(recorded, seen)| recorded != seen);
    assert!(recorded == seen, "{name} differs from line {}; it is now:\n{seen}", differs.map_or(0, |at| at + 1));
}

/// Keys may be added, so unknown ones of the whole are no problem; but this test wants all of them described.
#[test]
fn reports_of_the_tester_are_as_their_schema_says() {
    let schema: Value = serde_json::from_str(present::stress::SCHEMA).expect("JSON");
    for report in [fixtures::stress(), fixtures::stress_nothing(), fixtures::stress_open()] {
        let json = present::stress::Finished(&report).json();
        assert_eq!(schema::problem(&schema, &json), None, "{json:#}");
        let described = schema["properties"].as_object().expect("keys");
        let unknown = json.as_object().expect("keys").keys().find(|key| !described.contains_key(*key));
        assert_eq!(unknown, None, "nobody says what it is");
        let mut wrong = json.clone();
        wrong["verdict"]["kind"] = "fine".into();
        assert!(schema::problem(&schema, &wrong).is_some_and(|why| why.contains(".verdict.kind")));
    }
}

#[test]
fn stress_serve_origin_and_lab() {
    check("stress.json", &present::stress::Finished(&fixtures::stress()));
    check("stress-nothing.json", &present::stress::Finished(&fixtures::stress_nothing()));
    check("serve.json", &present::serve::Totals(&fixtures::serve()));
    check("origin.json", &present::origin::Totals(&fixtures::origin()));
    check("lab.json", &present::lab::Outcomes(&fixtures::lab()));
}

#[test]
fn doctor() {
    for name in ["ports-exhausted", "target-loses-data", "balancer-ports-gone"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../doctor-core/cases/{name}.txt"));
        let case = support::parse(name, &std::fs::read_to_string(path).expect("a recorded case"));
        let diagnosis = doctor_core::diagnose_all(case.subjects(), case.question);
        check(&format!("doctor-{name}.json"), &Found { diagnosis: &diagnosis, applied: None });
    }
    check("watch.json", &Look(&fixtures::snapshot()));
}

#[test]
fn simulate_and_its_guide() {
    let raw = RawPlan {
        kernel: "2.6.32".to_owned(),
        client_kernel: "3.10".to_owned(),
        server_sysctls: vec![("tcp_tw_recycle".to_owned(), "1".to_owned())],
        nat: "linux-6.4".to_owned(),
        clients: 50,
        rate: 20,
        duration_s: 10,
        ..RawPlan::default()
    };
    let result = simulate(&raw.check().expect("a valid plan"));
    check("simulate.json", &Ran { raw: &raw, result: &result });
    check("guide.json", &Guide(&tcp_model::simulate::guide()));
}

#[test]
fn changes_and_their_end() {
    let planned = doctor_core::changes::PlannedChange {
        name: "net.ipv4.tcp_tw_reuse",
        old: "2".to_owned(),
        new: "1".to_owned(),
        because: vec!["ports.exhausted"],
    };
    let diagnosis = diagnose(support::healthy(), None, doctor_core::Question::default());
    let applied = Applied { changes: &[planned], revert_file: "revert.conf" };
    let json = Found { diagnosis: &diagnosis, applied: Some(applied) }.json();
    let expect = r#"{"changes":[{"name":"net.ipv4.tcp_tw_reuse","old":"2","new":"1","because":["ports.exhausted"]}],"revert_file":"revert.conf"}"#;
    assert_eq!(json["applied"].to_string(), expect);
    let change = doctor_core::changes::SysctlChange { name: "net.ipv4.tcp_tw_reuse", value: "2".to_owned() };
    let json = Reverted { changes: &[change], revert_file: "revert.conf" }.json();
    assert_eq!(json.to_string(), r#"{"reverted":[{"name":"net.ipv4.tcp_tw_reuse","value":"2"}]}"#);
}
