//! What a NAT experiment is: data.

use crate::experiment::{Relation, Setting};
use balancer_core::policy::{ClientClose, Timestamps};
use gateway_core::Filter;
use named::named;
use stress_core::ClosePolicy;

/// One scene: the first client opens and closes its connections, then the second one gets the same
/// 5-tuples.
#[derive(Clone, Copy, Debug)]
pub struct NatScene {
    /// Sysctls; those of the client's role are set for both clients.
    pub settings: &'static [Setting],
    /// Connections of each client: so many 5-tuples are used twice.
    pub pairs: u16,
    /// Who translates.
    pub gate: Gate,
    /// What the gateway does not let through; ours only.
    pub filter: Option<Filter>,
    /// The balancer's close policy towards clients.
    pub balancer_close: ClientClose,
    /// TCP timestamps of the balancer's listener.
    pub timestamps: Timestamps,
    /// Who ends a connection.
    pub close: ClosePolicy,
    /// For how long a request of the second client may take, in milliseconds.
    pub patience_ms: u64,
    /// Without one of these nothing is proven.
    pub needs: Option<NatFact>,
    /// What must be seen.
    pub expect: &'static [NatExpect],
}

/// A gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The one in [`gateway_core`].
    Ours,
    /// The running kernel's: nf_tables and connection tracking.
    Kernel,
}

named! {
    /// Something that is observed.
    #[derive(PartialOrd, Ord)]
    pub enum NatFact {
        /// 5-tuples that both clients used.
        Pairs = "5-tuples used twice",
        /// Second SYNs that were answered by SYN-ACK at once.
        Accepted = "second SYNs accepted at once",
        /// Second SYNs that were answered by an ACK.
        Challenged = "second SYNs answered by an ACK",
        /// Second SYNs for which the model predicts an ACK.
        Predicted = "predicted by the model",
        /// Second SYNs for which the model predicts something else than was seen.
        Mistaken = "predicted otherwise",
        /// Challenged connects that stood in the end.
        Recovered = "of those connected in the end",
        /// The longest of those, from the first SYN to the SYN-ACK, in milliseconds.
        RecoveredMsMax = "the slowest after ms",
        /// Resets of the second client that the gateway let through.
        RstCarried = "RSTs carried",
        /// Resets of the second client that the gateway did not let through.
        RstFiltered = "RSTs filtered",
        /// Requests of the second client that failed.
        Failed = "second requests failed",
        /// Connections of the second client whose TCP_INFO was looked at.
        LookedAt = "second connections looked at (TCP_INFO)",
        /// Of those, connections that had negotiated timestamps.
        WithTimestamps = "of those with timestamps",
        /// Entries in TIME_WAIT of the first client's connections, on the first client.
        ClientTimeWait = "TIME_WAIT on the client",
        /// The same on the balancer.
        BalancerTimeWait = "TIME_WAIT on the balancer",
        /// Growth of the balancer's PAWS counter for TIME_WAIT while the second client connected.
        PawsCounted = "PAWS counter of the balancer",
    }
}

/// A number, or a share of something else that was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatAmount {
    /// As it stands.
    Number(u64),
    /// So many per cent of this, rounded down.
    Percent(u64, NatFact),
}

/// One thing that must be seen.
#[derive(Clone, Copy, Debug)]
pub struct NatExpect {
    /// What.
    pub fact: NatFact,
    /// Compared how.
    pub relation: Relation,
    /// With what.
    pub amount: NatAmount,
}
