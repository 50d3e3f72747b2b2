//! The NAT experiments: the guide's second reason, its cures behind a gateway, and what the guide leaves out.

use super::scene::{Gate, NatAmount, NatExpect, NatFact, NatScene};
use crate::catalogue::{backdrop, essential};
use crate::experiment::{Experiment, Method, Relation, Setting};
use crate::topology::Role;
use balancer_core::policy::{ClientClose, Timestamps};
use gateway_core::Filter;
use stress_core::ClosePolicy;

const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";
const RFC1337: &str = "net.ipv4.tcp_rfc1337";

/// Both sides as they come out of the box.
const DEFAULTS: &[Setting] = &[
    essential(Role::Client, TIMESTAMPS, 1),
    essential(Role::Balancer, TIMESTAMPS, 1),
    essential(Role::Balancer, RFC1337, 0),
];

/// A few 5-tuples: that none of them meets the rule has a chance of one in 16 million.
const FEW: u16 = 24;
/// Enough for a share.
const MANY: u16 = 200;
/// The first retry of a SYN, after 1 s, falls into this time.
const PATIENCE_SHORT_MS: u64 = 2_500;
/// A retry by the usual timer, as before Linux 5.7, still counts as connected.
const PATIENCE_MS: u64 = 5_000;

/// The scene of most experiments: the balancer closes first and keeps TIME_WAIT.
pub(crate) const REUSE: NatScene = NatScene {
    settings: DEFAULTS,
    pairs: FEW,
    gate: Gate::Ours,
    filter: None,
    balancer_close: ClientClose::BalancerFirst,
    timestamps: Timestamps::On,
    close: ClosePolicy::Wait,
    patience_ms: PATIENCE_MS,
    needs: Some(NatFact::Challenged),
    expect: &[
        exactly(NatFact::Pairs, NatAmount::Number(FEW as u64)),
        exactly(NatFact::BalancerTimeWait, NatAmount::Number(FEW as u64)),
        at_least(NatFact::Challenged, NatAmount::Number(1)),
        AS_PREDICTED,
        exactly(NatFact::Recovered, ALL_CHALLENGED),
        exactly(NatFact::RstCarried, ALL_CHALLENGED),
        at_most(NatFact::RecoveredMsMax, RETRIED_ONCE),
        exactly(NatFact::Failed, NatAmount::Number(0)),
        exactly(NatFact::PawsCounted, ALL_CHALLENGED),
    ],
};

/// The first retry of a SYN comes after 1 s, the second after 2 s at the earliest (tcp_syn_linear_timeouts).
const RETRIED_ONCE: NatAmount = NatAmount::Number(1_900);
const ALL_CHALLENGED: NatAmount = NatAmount::Percent(100, NatFact::Challenged);
const AS_PREDICTED: NatExpect = exactly(NatFact::Mistaken, NatAmount::Number(0));

/// The RST does not help: whoever is challenged fails.
const HANGS: &[NatExpect] = &[
    exactly(NatFact::Pairs, NatAmount::Number(FEW as u64)),
    at_least(NatFact::Challenged, NatAmount::Number(1)),
    AS_PREDICTED,
    exactly(NatFact::Recovered, NatAmount::Number(0)),
    exactly(NatFact::Failed, ALL_CHALLENGED),
];

/// Nobody is in the way.
const ALL_ACCEPTED: &[NatExpect] = &[
    exactly(NatFact::Pairs, NatAmount::Number(FEW as u64)),
    exactly(NatFact::Accepted, NatAmount::Percent(100, NatFact::Pairs)),
    exactly(NatFact::Challenged, NatAmount::Number(0)),
    AS_PREDICTED,
    exactly(NatFact::Failed, NatAmount::Number(0)),
];

/// Every NAT experiment.
pub(crate) const EXPERIMENTS: [Experiment; 12] = [
    Experiment {
        name: "nat-reuse",
        claim: "A NAT gateway gives a 5-tuple in TIME_WAIT to another client. Where its timestamp is older, the SYN \
                is not dropped silently: an ACK comes back, the client resets, and its next SYN is accepted",
        guide: "Reasons, 3 a and b (\"the syn packet will be dropped\": answered, since ever)",
        method: Method::Nat(REUSE),
    },
    Experiment {
        name: "nat-share",
        claim: "Which second SYN is challenged is decided by TIME_WAIT's rule on timestamp and sequence number, SYN \
                by SYN as the model predicts",
        guide: "Reasons, 3 b, i",
        method: Method::Nat(NatScene {
            pairs: MANY,
            needs: None,
            expect: &[
                exactly(NatFact::Pairs, NatAmount::Number(MANY as u64)),
                exactly(NatFact::Challenged, NatAmount::Percent(100, NatFact::Predicted)),
                AS_PREDICTED,
                exactly(NatFact::Recovered, ALL_CHALLENGED),
                exactly(NatFact::Failed, NatAmount::Number(0)),
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-rfc1337",
        claim: "With tcp_rfc1337=1 on the balancer the client's RST does not end TIME_WAIT: the connect hangs",
        guide: "beyond the guide: tcp_rfc1337 breaks the recovery",
        method: Method::Nat(NatScene {
            settings: &[
                essential(Role::Client, TIMESTAMPS, 1),
                essential(Role::Balancer, TIMESTAMPS, 1),
                essential(Role::Balancer, RFC1337, 1),
            ],
            patience_ms: PATIENCE_SHORT_MS,
            expect: HANGS,
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-rst-filtered",
        claim: "Where the RST is lost on its way, as behind a firewall or a Linux NAT before 6.2, the connect hangs",
        guide: "beyond the guide: this is where a SYN seems to be dropped",
        method: Method::Nat(NatScene {
            filter: Some(Filter::RstFromInside),
            patience_ms: PATIENCE_SHORT_MS,
            expect: HANGS,
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-timestamps-off",
        claim: "Without timestamps on the balancer the sequence number decides instead: about one half of the second \
                SYNs is challenged all the same, and no counter tells",
        guide: "Reasons, 3 (\"LB (Layer-7) disables tcp_timestamps\"): it does not cure this",
        method: Method::Nat(NatScene {
            settings: &[essential(Role::Balancer, TIMESTAMPS, 0), essential(Role::Client, TIMESTAMPS, 1)],
            pairs: MANY,
            expect: &[
                exactly(NatFact::Pairs, NatAmount::Number(MANY as u64)),
                at_least(NatFact::Challenged, NatAmount::Percent(30, NatFact::Pairs)),
                at_most(NatFact::Challenged, NatAmount::Percent(70, NatFact::Pairs)),
                AS_PREDICTED,
                exactly(NatFact::Recovered, ALL_CHALLENGED),
                exactly(NatFact::PawsCounted, NatAmount::Number(0)),
                at_least(NatFact::LookedAt, NatAmount::Number(1)),
                exactly(NatFact::WithTimestamps, NatAmount::Number(0)),
                exactly(NatFact::Failed, NatAmount::Number(0)),
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-listener-off",
        claim: "timestamps = \"off\" on the listener does the same for this listener alone: the client negotiates none \
                (TCP_INFO), and the sequence number decides",
        guide: "Reasons, 3, as a setting of the listener",
        method: Method::Nat(NatScene {
            pairs: MANY,
            timestamps: Timestamps::Off,
            expect: &[
                exactly(NatFact::Pairs, NatAmount::Number(MANY as u64)),
                at_least(NatFact::LookedAt, NatAmount::Number(1)),
                exactly(NatFact::WithTimestamps, NatAmount::Number(0)),
                at_least(NatFact::Challenged, NatAmount::Percent(30, NatFact::Pairs)),
                at_most(NatFact::Challenged, NatAmount::Percent(70, NatFact::Pairs)),
                AS_PREDICTED,
                exactly(NatFact::Recovered, ALL_CHALLENGED),
                exactly(NatFact::PawsCounted, NatAmount::Number(0)),
                exactly(NatFact::Failed, NatAmount::Number(0)),
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-one-clock",
        claim: "With tcp_timestamps=2 on both clients, which here share a boot clock, no timestamp is older and every \
                second SYN is accepted",
        guide: "beyond the guide: the random offset per connection, not the clock, makes timestamps older",
        method: Method::Nat(NatScene {
            settings: &[essential(Role::Client, TIMESTAMPS, 2), essential(Role::Balancer, TIMESTAMPS, 1)],
            needs: None,
            expect: ALL_ACCEPTED,
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-cure-1",
        claim: "Cure 1 behind a gateway: TIME_WAIT is the balancer's alone, so that a re-used 5-tuple meets it; connects \
                are delayed, none fails",
        guide: "Solutions, 1, behind the gateway of Reasons, 3",
        method: Method::Nat(NatScene {
            expect: &[
                exactly(NatFact::Pairs, NatAmount::Number(FEW as u64)),
                exactly(NatFact::ClientTimeWait, NatAmount::Number(0)),
                exactly(NatFact::BalancerTimeWait, NatAmount::Number(FEW as u64)),
                at_least(NatFact::Challenged, NatAmount::Number(1)),
                exactly(NatFact::Failed, NatAmount::Number(0)),
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-cure-2",
        claim: "Cure 2 behind a gateway: a reset leaves no TIME_WAIT anywhere, and every re-used 5-tuple is accepted",
        guide: "Solutions, 2, behind the gateway of Reasons, 3",
        method: Method::Nat(NatScene {
            close: ClosePolicy::Rst,
            balancer_close: ClientClose::ClientFirst,
            needs: None,
            expect: &[
                exactly(NatFact::ClientTimeWait, NatAmount::Number(0)),
                exactly(NatFact::BalancerTimeWait, NatAmount::Number(0)),
                ALL_ACCEPTED[0],
                ALL_ACCEPTED[1],
                ALL_ACCEPTED[2],
                ALL_ACCEPTED[3],
                ALL_ACCEPTED[4],
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-client-first",
        claim: "Where clients close first, the problem of the guide's introduction, the gateway's re-use meets nobody: \
                TIME_WAIT is with the client that is gone",
        guide: "beyond the guide: the two problems exclude each other on one connection",
        method: Method::Nat(NatScene {
            settings: &[
                essential(Role::Balancer, TIMESTAMPS, 1),
                essential(Role::Client, TIMESTAMPS, 1),
                backdrop(Role::Balancer, RFC1337, 0),
            ],
            close: ClosePolicy::Fin,
            balancer_close: ClientClose::ClientFirst,
            needs: None,
            expect: &[
                exactly(NatFact::ClientTimeWait, NatAmount::Number(FEW as u64)),
                exactly(NatFact::BalancerTimeWait, NatAmount::Number(0)),
                ALL_ACCEPTED[0],
                ALL_ACCEPTED[1],
                ALL_ACCEPTED[2],
                ALL_ACCEPTED[3],
                ALL_ACCEPTED[4],
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-kernel",
        claim: "The kernel's own NAT as the gateway, once it has forgotten the first client's connections: the same \
                challenge, the same recovery",
        guide: "Reasons, 3 a and b; conntrack's time-outs are another table than TCP's",
        method: Method::Nat(NatScene {
            gate: Gate::Kernel,
            expect: &[
                // The clients choose among as many ports as they need; some are chosen twice and some never.
                at_least(NatFact::Pairs, NatAmount::Number(FEW as u64 / 2)),
                at_least(NatFact::Challenged, NatAmount::Number(1)),
                AS_PREDICTED,
                exactly(NatFact::Recovered, ALL_CHALLENGED),
                at_most(NatFact::RecoveredMsMax, RETRIED_ONCE),
                exactly(NatFact::Failed, NatAmount::Number(0)),
            ],
            ..REUSE
        }),
    },
    Experiment {
        name: "nat-recycle",
        claim: "tcp_tw_recycle with timestamps drops the SYN of every second client behind the gateway whose timestamp is \
                older, without a word",
        guide: "Reasons, 2",
        method: Method::Recycle,
    },
];

const fn exactly(fact: NatFact, amount: NatAmount) -> NatExpect {
    NatExpect { fact, relation: Relation::Exactly, amount }
}

const fn at_least(fact: NatFact, amount: NatAmount) -> NatExpect {
    NatExpect { fact, relation: Relation::AtLeast, amount }
}

const fn at_most(fact: NatFact, amount: NatAmount) -> NatExpect {
    NatExpect { fact, relation: Relation::AtMost, amount }
}
