//! Our tester against nginx, alone and behind our balancer, for each way to close.

use crate::program::{balancer, quintet};
use crate::servers::nginx;
use serde_json::Value;
use testkit::peers::files;
use testkit::{Folder, run_well};

const REQUESTS: u64 = 1000;

/// Runs the tester; its report.
fn stress(url: &str, close: &str) -> Value {
    let count = REQUESTS.to_string();
    let arguments = ["stress", url, "-c", "4", "-n", &count, "--close", close, "--json", "-"];
    let shown = run_well(quintet().args(arguments));
    serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

/// Every request is answered, and every connection is closed first by this side.
fn check(url: &str, close: &str, closed_first: &str, connections: u64) {
    let report = stress(url, close);
    let number = |path: &str| report.pointer(path).and_then(Value::as_u64);
    assert_eq!((number("/requests/ok"), number("/requests/failed")), (Some(REQUESTS), Some(0)), "{close}: {report:#}");
    assert_eq!(number("/connections/opened"), Some(connections), "{close}: {report:#}");
    assert_eq!(number(&format!("/closed_first/{closed_first}")), Some(connections), "{close}: {report:#}");
}

/// For each policy: who closes first, and how many connections it takes.
fn check_all(url: &str) {
    check(url, "keep", "our_fin", 4);
    check(url, "wait", "server_fin", REQUESTS);
    check(url, "fin", "our_fin", REQUESTS);
    check(url, "rst", "rst_sent", REQUESTS);
}

#[test]
fn nginx_answers_every_request_for_every_way_to_close() {
    let files = files();
    let Some(nginx) = nginx(&files) else { return };
    check_all(&nginx.url("/small"));
}

#[test]
fn the_balancer_in_front_changes_nothing_of_that() {
    let (files, folder) = (files(), Folder::new());
    let Some(nginx) = nginx(&files) else { return };
    let balancer = balancer(&folder, &[nginx.address]);
    check_all(&balancer.url("/small"));
}
