//! A link-local target, by its zone, over a veth pair of a namespace of its own.

use super::*;

#[test]
fn a_link_local_target_is_reached_on_its_link() {
    let script = "ip link add va type veth peer name vb && ip addr add fe80::1/64 dev va nodad && \
         ip addr add fe80::2/64 dev vb nodad && ip link set va up && ip link set vb up && ip link set lo up || exit 77
         \"$0\" origin --listen '[::]:9001' >&2 & origin=$!
         for ports in kernel own; do for close in keep fin; do for zone in %25va %va; do
           tries=0; until \"$0\" stress -n 40 -c 4 --ports $ports --close $close --expect-status 200 --quiet --json - \
             \"http://[fe80::2$zone]:9001/\"; do tries=$((tries + 1)); [ $tries -lt 50 ] || break 3; sleep 0.1; done
         done; done; done
         kill $origin";
    let run = |args: &[&str]| Command::new("unshare").args(args).output();
    let Ok(output) = run(&["-rn", "sh", "-c", script, env!("CARGO_BIN_EXE_quintet")]) else {
        return testkit::skip("unshare is not installed");
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) || err.contains("unshare:") {
        return testkit::skip(format!("no veth in a namespace here: {err}"));
    }
    let reports: Vec<Value> =
        serde_json::Deserializer::from_str(&out).into_iter().collect::<Result<_, _>>().expect("JSON");
    let good: Vec<_> = reports.iter().filter(|report| report["requests"]["ok"] == 40).collect();
    assert_eq!(good.len(), 8, "{out}{err}");
    for report in good {
        assert_eq!(report["plan"]["url"], "http://[fe80::2%25va]:9001/");
        assert!(report["plan"]["target"].as_str().is_some_and(|target| target.starts_with("[fe80::2%")), "{report}");
    }
}
