//! The experiments, in the order of the guide: the problem, its conditions, its cures, and beyond.

use crate::experiment::{Amount, Expect, Experiment, Fact, Method, Pause, Phase, Relation, Setting, Traffic, Value};
use crate::nat::catalogue as nat;
use crate::topology::Role;
use balancer_core::policy::ClientClose;
use stress_core::{ClosePolicy, PortMode};

/// Every experiment.
pub fn catalogue() -> &'static [Experiment] {
    &ALL
}

/// The experiment of that name.
pub fn find(name: &str) -> Option<&'static Experiment> {
    ALL.iter().find(|experiment| experiment.name == name)
}

/// The guide's scene with one client, then the one behind the NAT gateway.
static ALL: [Experiment; EXPERIMENTS.len() + nat::EXPERIMENTS.len()] = {
    let mut all = [EXPERIMENTS[0]; EXPERIMENTS.len() + nat::EXPERIMENTS.len()];
    let mut at = 1;
    while at < all.len() {
        let later = at >= EXPERIMENTS.len();
        all[at] = if later { nat::EXPERIMENTS[at - EXPERIMENTS.len()] } else { EXPERIMENTS[at] };
        at += 1;
    }
    all
};

const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";
const REUSE: &str = "net.ipv4.tcp_tw_reuse";
const REUSE_DELAY: &str = "net.ipv4.tcp_tw_reuse_delay";

const RECYCLED: Fact = Fact::ClientCounter("TcpExt.TWRecycled");
const OPENS: Fact = Fact::ClientCounter("Tcp.ActiveOpens");

/// The guide's scene: the balancer does not negotiate timestamps, the client trusts in `tcp_tw_reuse`.
const GUIDE_SCENE: &[Setting] = &[essential(Role::Balancer, TIMESTAMPS, 0), essential(Role::Client, REUSE, 1), DELAY];

/// The same scene for the cures, which do not depend on it.
const CURE_SCENE: &[Setting] = &[backdrop(Role::Balancer, TIMESTAMPS, 0), backdrop(Role::Client, REUSE, 1)];

/// Long enough for a phase. Before Linux 6.14 the delay is built in, at most 2 s.
const DELAY: Setting = Setting { role: Role::Client, name: REUSE_DELAY, value: Value::ReuseDelay, essential: false };

/// The client closes first, and a quarter more than the ports is tried.
const CLIENT_FIRST: Phase = Phase {
    before: Pause::None,
    close: ClosePolicy::Fin,
    ask_for_close: false,
    ports: PortMode::Kernel,
    connections: 4,
    requests: Amount::PortsPercent(125),
    within_reuse_delay: false,
    expect: USED_UP,
};

/// Every port succeeds once, then every connect fails.
const USED_UP: &[Expect] = &[
    exactly(Fact::Succeeded, Amount::PORTS),
    exactly(Fact::Errno("EADDRNOTAVAIL"), Amount::PortsPercent(25)),
    exactly(Fact::ClientTimeWait, Amount::PORTS),
    exactly(OPENS, Amount::PORTS),
    exactly(RECYCLED, Amount::Number(0)),
];

/// A little later nothing has come back.
const STILL_USED_UP: Phase = Phase {
    before: Pause::ReuseDelay,
    requests: Amount::PortsPercent(25),
    expect: &[
        exactly(Fact::Succeeded, Amount::Number(0)),
        exactly(Fact::Errno("EADDRNOTAVAIL"), Amount::PortsPercent(25)),
        exactly(Fact::ClientTimeWait, Amount::PORTS),
    ],
    ..CLIENT_FIRST
};

/// Twenty times more connections than ports; the close policy is the experiment's.
const TWENTY_TIMES: Phase = Phase { requests: Amount::PortsPercent(2000), ..CLIENT_FIRST };

const EXPERIMENTS: [Experiment; 9] = [
    Experiment {
        name: "problem",
        claim: "The client closes first, the balancer has no timestamps: connect() fails exactly when the \
                ports are used up, and tcp_tw_reuse=1 brings none of them back",
        guide: "Reasons, first paragraphs and 1",
        method: Method::Traffic(Traffic {
            settings: GUIDE_SCENE,
            balancer_close: ClientClose::BalancerFirst,
            phases: &[CLIENT_FIRST, STILL_USED_UP],
        }),
    },
    Experiment {
        name: "timestamps-on",
        claim: "With timestamps on both sides tcp_tw_reuse=1 brings the ports back after tcp_tw_reuse_delay, \
                not before",
        guide: "Introduction, tcp_tw_reuse (\"for more than 1s\"); Reasons, 1",
        method: Method::Traffic(Traffic {
            settings: &[
                essential(Role::Balancer, TIMESTAMPS, 1),
                essential(Role::Client, TIMESTAMPS, 1),
                essential(Role::Client, REUSE, 1),
                // "Not before" needs a delay that is known to the millisecond.
                Setting { essential: true, ..DELAY },
            ],
            balancer_close: ClientClose::BalancerFirst,
            phases: &[
                Phase { within_reuse_delay: true, ..CLIENT_FIRST },
                Phase {
                    before: Pause::ReuseDelay,
                    requests: Amount::PORTS,
                    expect: &[
                        exactly(Fact::Succeeded, Amount::PORTS),
                        exactly(Fact::Failed, Amount::Number(0)),
                        exactly(RECYCLED, Amount::PORTS),
                    ],
                    ..CLIENT_FIRST
                },
            ],
        }),
    },
    Experiment {
        name: "reuse-off",
        claim: "Timestamps alone do not help: with tcp_tw_reuse=0 the ports stay used up",
        guide: "Introduction, tcp_tw_reuse (\"If enabled\")",
        method: Method::Traffic(Traffic {
            settings: &[
                essential(Role::Balancer, TIMESTAMPS, 1),
                essential(Role::Client, TIMESTAMPS, 1),
                essential(Role::Client, REUSE, 0),
                DELAY,
            ],
            balancer_close: ClientClose::BalancerFirst,
            phases: &[CLIENT_FIRST, STILL_USED_UP],
        }),
    },
    Experiment {
        name: "balancer-closes-first",
        claim: "Cure 1: with Connection: close the balancer closes first and the client waits for its FIN: \
                TIME_WAIT is the balancer's, no port of the client is lost",
        guide: "Solutions, 1",
        method: Method::Traffic(Traffic {
            settings: CURE_SCENE,
            balancer_close: ClientClose::BalancerFirst,
            phases: &[Phase {
                close: ClosePolicy::Wait,
                expect: &[
                    exactly(Fact::Succeeded, Amount::PortsPercent(2000)),
                    exactly(Fact::Failed, Amount::Number(0)),
                    exactly(Fact::ClientTimeWait, Amount::Number(0)),
                    at_least(Fact::BalancerTimeWait, Amount::Number(1)),
                    exactly(OPENS, Amount::PortsPercent(2000)),
                ],
                ..TWENTY_TIMES
            }],
        }),
    },
    Experiment {
        name: "header-alone",
        claim: "The header alone is no cure: Connection: close is sent, but the client's FIN is first, and the \
                ports are used up all the same",
        guide: "beyond Solutions, 1: who sends FIN first decides",
        // The balancer leaves the first FIN to the client here. With `BalancerFirst` its FIN rides on the
        // last segment of the response, so that even a client that closes at once is the second.
        method: Method::Traffic(Traffic {
            settings: &[backdrop(Role::Balancer, TIMESTAMPS, 0), backdrop(Role::Client, REUSE, 1), DELAY],
            balancer_close: ClientClose::ClientFirst,
            phases: &[Phase { ask_for_close: true, within_reuse_delay: true, ..CLIENT_FIRST }],
        }),
    },
    Experiment {
        name: "reset",
        claim: "Cure 2: SO_LINGER and RST leave no TIME_WAIT on either side",
        guide: "Solutions, 2",
        method: Method::Traffic(Traffic {
            settings: CURE_SCENE,
            balancer_close: ClientClose::BalancerFirst,
            phases: &[Phase {
                close: ClosePolicy::Rst,
                expect: &[
                    exactly(Fact::Succeeded, Amount::PortsPercent(2000)),
                    exactly(Fact::Failed, Amount::Number(0)),
                    exactly(Fact::ClientTimeWait, Amount::Number(0)),
                    exactly(Fact::BalancerTimeWait, Amount::Number(0)),
                    at_least(Fact::ClientCounter("Tcp.OutRsts"), Amount::PortsPercent(2000)),
                ],
                ..TWENTY_TIMES
            }],
        }),
    },
    Experiment {
        name: "keep-alive",
        claim: "Keep-alive: one port serves every request",
        guide: "beyond the guide (\"a persistent connection\" in Solutions, 2)",
        method: Method::Traffic(Traffic {
            settings: CURE_SCENE,
            balancer_close: ClientClose::BalancerFirst,
            phases: &[Phase {
                close: ClosePolicy::Keep,
                connections: 1,
                expect: &[
                    exactly(Fact::Responses, Amount::PortsPercent(2000)),
                    exactly(Fact::Succeeded, Amount::Number(1)),
                    exactly(Fact::Failed, Amount::Number(0)),
                    exactly(OPENS, Amount::Number(1)),
                    at_most(Fact::ClientTimeWait, Amount::Number(1)),
                ],
                ..TWENTY_TIMES
            }],
        }),
    },
    Experiment {
        name: "own-ports",
        claim: "Beyond the guide: own ports (explicit bind + SO_REUSEADDR) with timestamps on are used again at \
                once, even with tcp_tw_reuse=0",
        guide: "beyond the guide: tcp_twsk_unique() asks no sysctl where the port was bound",
        method: Method::Traffic(Traffic {
            settings: &[
                essential(Role::Balancer, TIMESTAMPS, 1),
                essential(Role::Client, TIMESTAMPS, 1),
                essential(Role::Client, REUSE, 0),
            ],
            balancer_close: ClientClose::BalancerFirst,
            phases: &[Phase {
                ports: PortMode::Own,
                expect: &[
                    exactly(Fact::Succeeded, Amount::PortsPercent(2000)),
                    exactly(Fact::Failed, Amount::Number(0)),
                    at_most(Fact::ClientTimeWait, Amount::PORTS),
                    at_least(RECYCLED, Amount::PortsPercent(1900)),
                ],
                ..TWENTY_TIMES
            }],
        }),
    },
    Experiment {
        name: "port-cliff",
        claim: "Long before connect() fails it slows down: past half of the ports in TIME_WAIT the kernel scans \
                the range, own ports do not",
        guide: "beyond the guide: __inet_hash_connect() tries one parity first",
        method: Method::Cliff,
    },
];

pub(crate) const fn essential(role: Role, name: &'static str, value: u64) -> Setting {
    Setting { role, name, value: Value::Number(value), essential: true }
}

pub(crate) const fn backdrop(role: Role, name: &'static str, value: u64) -> Setting {
    Setting { role, name, value: Value::Number(value), essential: false }
}

const fn exactly(fact: Fact, amount: Amount) -> Expect {
    Expect { fact, relation: Relation::Exactly, amount }
}

const fn at_least(fact: Fact, amount: Amount) -> Expect {
    Expect { fact, relation: Relation::AtLeast, amount }
}

const fn at_most(fact: Fact, amount: Amount) -> Expect {
    Expect { fact, relation: Relation::AtMost, amount }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_typeable() {
        for (at, experiment) in ALL.iter().enumerate() {
            let typeable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(experiment.name.bytes().all(typeable), "{}", experiment.name);
            assert!(ALL[..at].iter().all(|other| other.name != experiment.name));
            assert_eq!(find(experiment.name).map(|found| found.claim), Some(experiment.claim));
        }
    }

    #[test]
    fn every_phase_expects_something() {
        for experiment in catalogue() {
            if let Method::Traffic(traffic) = experiment.method {
                assert!(!traffic.phases.is_empty(), "{}", experiment.name);
                assert!(traffic.phases.iter().all(|phase| !phase.expect.is_empty()), "{}", experiment.name);
            }
        }
    }
}
