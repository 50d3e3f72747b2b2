//! Scenario files that are wrong, and scenarios that do not hold: both must say so, and where.

use tcp_model::Version;
use tcp_model::scenario::{Action, Role, Scenario, run};

const HEAD: &str = "purpose x\nsource x\nkernels all\n";

#[track_caller]
fn check(line: &str, expect: &str) {
    let text = format!("{HEAD}{line}\nexpect ack\n");
    let seen =
        Scenario::parse("folder/wrong.scn", &text).map(|scenario| scenario.steps).map_err(|error| error.to_string());
    assert_eq!(seen, Err(format!("folder/wrong.scn:4: {expect}")), "{line}");
}

#[test]
fn mistakes_are_shown_with_what_would_be_right() {
    for (line, expect) in [
        (
            "wait 5",
            "\"wait\" is not a step; a step begins with peer, expect, host, handshake, connects, counter, time-wait or let",
        ),
        ("+x peer syn", "\"+x\" is not a time; write seconds after the step before, like +0.600"),
        ("+-1 peer syn", "\"+-1\" is not a time; write seconds after the step before, like +0.600"),
        ("peer synack", "\"synack\" is not a segment; write syn, syn-ack, ack, fin-ack, fin, rst or rst-ack"),
        ("peer", "the line ends too early; a segment such as syn or fin-ack should follow"),
        ("peer syn seq", "the line ends too early; a value such as 1000 or host.nxt+1 should follow"),
        (
            "peer syn seq 5000000000",
            "\"5000000000\" is not a value; write a number below 2^32, a name, or a name with an offset: host.isn+1",
        ),
        ("peer syn sequence 5", "\"sequence\" is not known here; leave it out, or see the head of the scenario module"),
        ("peer syn tsecr 5", "tsecr without tsval; name tsval too: both are one option"),
        ("peer syn port 70000", "\"70000\" is not a port; write a whole number within its limits"),
        ("expect silence 5", "\"5\" is not a duration; write it like 400ms, 60s or 0.5s"),
        ("expect syn after 2s", "the segment is expected after its limit; add `within`; it is 200ms if not named"),
        ("expect ack ts maybe", "\"maybe\" says nothing about a timestamp option; write `ts none` or `ts some`"),
        (
            "host listen",
            "\"listen\" is not a call; write accept, unlisten, bind, connect, connected, set, send, close, shutdown, reset or sysctl",
        ),
        (
            "host set nodelay",
            "\"nodelay\" is not a socket option; write reuseaddr, bind-no-port, port-range or linger2",
        ),
        ("host connect times 0", "a call is made no times, or too often; write 1 to 1000 after `times`"),
        (
            "host connect -> EBADF",
            "\"EBADF\" is not a result; write ok, EADDRNOTAVAIL, EADDRINUSE, ETIMEDOUT, ECONNREFUSED, ECONNRESET, EINPROGRESS, EINVAL or EAGAIN",
        ),
        ("host closes", "`closes` is not followed by `first`; write `host closes first` or `peer closes first`"),
        ("handshake tsval 5", "the handshake has no sequence number; add `seq` and a number"),
        ("counter OutRsts 1", "a counter needs how much it grew; write it like +1"),
        ("time-wait long", "\"long\" is not a state; write `remaining 60s`, `some`, `none` or `fin-wait-2`"),
        ("let 5 = host.nxt", "this keeps nothing; write it like: let before = host.nxt"),
        ("[6.18.. peer syn", "the bracket is not closed; write it like [6.16..] without spaces"),
        (
            "[six] peer syn",
            "\"six\" is not a kernel version; write it like 6.18, 6.18.17 or 2.6.32; name kernels like all, 6.18, 6.16.., ..4.11 or 3.17..4.11",
        ),
        ("role middlebox", "\"middlebox\" is not a role; the host under test is a server or a client"),
        ("sysctl tcp_rfc1337", "\"tcp_rfc1337\" is not a setting; write it like tcp_rfc1337=1"),
        ("model-only", "model-only without a reason; say why a running kernel cannot do it"),
    ] {
        check(line, expect);
    }
    let unknown =
        Scenario::parse("wrong.scn", &format!("{HEAD}counter TCPNonsense +1")).expect_err("there is no such counter");
    assert!(
        unknown
            .to_string()
            .starts_with("wrong.scn:4: no decision bumps a counter \"TCPNonsense\"; the known ones are TW, TWRecycled")
    );
}

#[test]
fn a_file_must_be_whole() {
    for (text, expect) in [
        (
            "source x\nkernels all\nexpect ack",
            "wrong.scn:1: there is no purpose; add a line such as: purpose  What this shows, in a sentence",
        ),
        (
            "purpose x\nkernels all\nexpect ack",
            "wrong.scn:1: there is no source; add a line such as: source  tcp_timewait_state_process",
        ),
        (
            "purpose x\nsource x\nexpect ack",
            "wrong.scn:1: there is no list of kernels; add a line such as: kernels all",
        ),
        (
            "purpose x\nsource x\nkernels all",
            "wrong.scn:1: there is no timeline; add a line such as: peer syn seq 1000",
        ),
        (
            "purpose x\nsource x\nkernels all\npeer syn seq 5",
            "wrong.scn:1: there is no check; add a line such as: expect syn-ack ack 1001",
        ),
    ] {
        let error = Scenario::parse("wrong.scn", text).expect_err(text);
        assert_eq!(error.to_string(), expect);
    }
    let long = format!("{HEAD}{}", "expect ack\n".repeat(501));
    assert!(Scenario::parse("wrong.scn", &long).is_err_and(|error| error.to_string().contains("more than 500 steps")));
}

#[test]
fn shorthands_are_written_out() {
    let text = format!("{HEAD}role server\nhandshake seq 1000 tsval 5 # a comment\n+2 host closes first tsval 6\n");
    let scenario = Scenario::parse("a/b/whole.scn", &text).expect("a right file");
    assert_eq!((scenario.name.as_str(), scenario.role, scenario.steps.len()), ("whole", Role::Server, 4 + 7));
    let waits: Vec<u64> = scenario.steps.iter().map(|step| step.after.as_secs()).collect();
    assert_eq!(waits, [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
    assert!(matches!(&scenario.steps[9].action, Action::Let(name, ..) if name == "old.host"));
}

/// A scenario that cannot hold must fail, and show what was seen.
#[test]
fn disagreements_show_the_timeline() {
    for (steps, expected, seen) in [
        ("peer syn seq 1000\nexpect ack", "ack, within 200ms", "it is syn-ack, not ack"),
        (
            "peer syn seq 1000\nexpect syn-ack ack 1002",
            "syn-ack ack 1002, within 200ms",
            "its ack is 1001, not 1002 (1002)",
        ),
        (
            "peer syn seq 1000\nexpect syn-ack tsecr 5",
            "syn-ack tsecr 5, within 200ms",
            "it has no tsecr, but 5 (5) is expected",
        ),
        (
            "peer syn seq 1000 tsval 5\nexpect syn-ack ts none",
            "syn-ack, within 200ms",
            "it carries a timestamp option, but no timestamp option is expected",
        ),
        (
            "peer syn seq 1000\nexpect syn-ack seq nowhere",
            "syn-ack seq nowhere, within 200ms",
            "nowhere is not set yet",
        ),
        (
            "peer syn port 1 seq 5\nexpect syn-ack",
            "syn-ack, within 200ms",
            "it belongs to address 1 port 1 to 80, not to address 1 port 40000 to 80",
        ),
        ("expect syn-ack", "syn-ack, within 200ms", "nothing within 200ms"),
        ("peer syn seq 1000\nexpect silence 1s", "silence for 1s", "syn-ack"),
        ("host accept", "Accept -> ok", "EAGAIN"),
        ("counter OutRsts +1", "OutRsts +1", "OutRsts +0"),
        (
            "handshake seq 1\nhost closes first\ntime-wait remaining 59s",
            "TimeWait(Some(59s)) (address 1 port 40000 to 80)",
            "TimeWait with 60s left",
        ),
        ("handshake seq 1\ntime-wait some", "TimeWait(None) (address 1 port 40000 to 80)", "no mini-socket"),
        ("host send 5 as nobody", "Send(5) -> ok", "there is no socket nobody"),
    ] {
        let scenario =
            Scenario::parse("wrong.scn", &format!("{HEAD}{steps}\n")).unwrap_or_else(|error| panic!("{error}"));
        let error = run(&scenario, Version::new(6, 18)).expect_err(steps);
        assert_eq!(error.expected, expected, "{steps}");
        assert!(error.seen.contains(seen), "{steps}: {}", error.seen);
        assert!(error.to_string().contains("against the model of 6.18\n"), "{error}");
    }
}

#[test]
fn a_sysctl_that_the_version_lacks_is_a_disagreement() {
    let text = format!("{HEAD}sysctl tcp_tw_recycle=1\nexpect ack\n");
    let scenario = Scenario::parse("wrong.scn", &text).expect("a right file");
    let error = run(&scenario, Version::new(6, 18)).expect_err("6.18 has no tcp_tw_recycle");
    assert!(error.seen.contains("it was removed in 4.12"), "{error}");
}
