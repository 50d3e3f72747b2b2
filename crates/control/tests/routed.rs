//! Sources of a prefix whose route comes and goes, on the running kernel: what is told of it, and when.
//!
//! Without the usual harness: the test is this program started again, in a private namespace.

use balancer::{Config, Warning};
use control::{Event, News};
use std::net::TcpListener;
use std::process::{Command, ExitCode};
use testkit::{PATIENCE, installed, own_process};

type Test = (&'static str, fn());

const TESTS: [Test; 1] = [("a_prefix_that_goes_away_is_told_once_and_looked_for", a_prefix_that_goes_away)];

fn main() -> ExitCode {
    own_process::run(&TESTS, |_, test| own_process::in_private(test))
}

fn config(server: &str, retries_max: u32) -> Config {
    let text = format!(
        "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{server}\"]\nsources = [\"fd00:1::/127\"]\nretries_max = {retries_max}\n"
    );
    Config::parse("routed.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// Adds the route to this host, or takes it away.
fn route(ip: &std::path::Path, what: &str) {
    let done = Command::new(ip).args(["-6", "route", what, "local", "fd00:1::/127", "dev", "lo"]).status();
    assert!(done.expect("ip runs").success(), "ip route {what}");
}

/// Waits for one of these; others that come before it are handed to `between`.
fn until(news: &News, is_it: impl Fn(&Event) -> bool, mut between: impl FnMut(&Event)) {
    loop {
        let event = news.recv_timeout(PATIENCE).expect("it is told").event;
        if is_it(&event) {
            return;
        }
        between(&event);
    }
}

fn a_prefix_that_goes_away() {
    let Some(ip) = installed("ip") else { return };
    route(&ip, "add");
    let origin = TcpListener::bind("[::1]:0").expect("a free port");
    let server = origin.local_addr().expect("bound").to_string();
    let mut control = control::start(&config(&server, 2), None, Some(1)).unwrap_or_else(|error| panic!("{error}"));
    let news = control.take_news().expect("nobody has it");

    route(&ip, "del");
    let change = control.remote().reload(&config(&server, 1)).wait().expect("the rest is worked by");
    assert!(change.warnings.iter().any(|told| told.contains("2 of its sources")), "{:?}", change.warnings);
    until(&news, |event| matches!(event, Event::SourcesAway { .. }), |_| {});

    // Nobody says that it is back: it is looked for.
    route(&ip, "add");
    let again = |event: &Event| assert!(!matches!(event, Event::SourcesAway { .. }), "it is told once: {event}");
    until(&news, |event| matches!(event, Event::SourcesBack), again);
    let still = control.warnings().iter().any(|warning| matches!(warning, Warning::SourcesAway { .. }));
    assert!(!still, "{:?}", control.warnings());
}
