//! The guide's problem and its two solutions, and what it leaves out.

use super::{Claim, Judgement, run, sysctl};
use crate::simulate::output::{Cause, Output};
use crate::simulate::plan::RawPlan;

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "client-runs-out-of-ports",
        claim: "A client that closes first runs out of ports, and connect fails; the balancer has timestamps off, so that tcp_tw_reuse does not help",
        test: runs_out,
    },
    Claim {
        name: "balancer-closes-first",
        claim: "Solution 1: the balancer closes actively, and the client gets no TIME_WAIT",
        test: server_closes,
    },
    Claim { name: "client-resets", claim: "Solution 2: SO_LINGER and RST avoid TIME_WAIT", test: client_resets },
    Claim {
        name: "no-other-solution",
        claim: "(Left out) more ports, more addresses, timestamps with tcp_tw_reuse",
        test: left_out,
    },
];

/// One client that stresses one balancer without timestamps.
fn stress(closes: &str) -> RawPlan {
    RawPlan {
        server_sysctls: sysctl("tcp_timestamps", "0"),
        client_sysctls: vec![("tcp_tw_reuse".to_owned(), "1".to_owned())],
        nat: "none".to_owned(),
        clients: 1,
        rate: 1000,
        duration_s: 180,
        closes: closes.to_owned(),
        ..RawPlan::default()
    }
}

fn dry_after(output: &Output) -> Option<u64> {
    output.series.iter().find(|point| point.failed > 0).map(|point| point.at_s)
}

fn runs_out() -> (Judgement, String) {
    let output = run(&stress("client"));
    let lost = output.cause(Cause::ClientNoPort);
    let lasting = (output.connects - lost) / 180;
    let why = format!(
        "At 1000 connects per second the ports are gone after {} s; from then on {} fail. Over three minutes {lasting} per second succeed, of which \
         28232 ports / 60 s = 470 last",
        dry_after(&output).unwrap_or_default(),
        super::percent(lost, output.connects),
    );
    (Judgement::True.if_shown(lost > 0), why)
}

fn server_closes() -> (Judgement, String) {
    let output = run(&stress("server"));
    let held = output.series.iter().map(|point| point.server_time_waits).max().unwrap_or_default();
    let why = format!(
        "{} connects fail. TIME_WAIT moves to the balancer, which holds up to {held}; there it costs memory, no port. \"Connection: close\" alone does \
         not do it: the client must wait for the balancer's FIN",
        output.syns.failed,
    );
    (Judgement::Imprecise.if_shown(output.syns.failed == 0 && held > 0), why)
}

fn client_resets() -> (Judgement, String) {
    let output = run(&stress("reset"));
    let held = output.series.iter().map(|point| point.server_time_waits).max().unwrap_or_default();
    let why = format!(
        "{} connects fail, {held} TIME_WAITs on either side. But an RST throws away what was not read or sent, and where it is lost the balancer keeps a \
         half-open connection",
        output.syns.failed,
    );
    (Judgement::Imprecise.if_shown(output.syns.failed == 0 && held == 0), why)
}

fn left_out() -> (Judgement, String) {
    let failed = |raw: &RawPlan| run(raw).syns.failed;
    let wide = RawPlan { client_sysctls: sysctl("ip_local_port_range", "1024 65535"), ..stress("client") };
    let four = RawPlan { clients: 4, ..stress("client") };
    let stamped = RawPlan { server_sysctls: Vec::new(), ..stress("client") };
    let (none, wide, four, stamped) = (failed(&stress("client")), failed(&wide), failed(&four), failed(&stamped));
    let why = format!(
        "Connects that fail of 180000: {none} as it is, {wide} with ip_local_port_range=\"1024 65535\", {four} from four source addresses, {stamped} with \
         timestamps on the balancer and tcp_tw_reuse=1. Keep-alive, and bind() with SO_REUSEADDR where timestamps are on, save the port altogether"
    );
    (Judgement::False.if_shown(wide < none && four == 0 && stamped == 0), why)
}
