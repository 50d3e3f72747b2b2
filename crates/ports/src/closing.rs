//! Who closed a connection first. The first closer by FIN pays with 60 s of TIME_WAIT
//! (RFC 9293 section 3.6.1); a reset leaves none on either side.

use named::named;

named! {
    /// Who ended an established connection, seen from our side of it.
    pub enum ClosedFirst {
        /// The peer's FIN came before ours: TIME_WAIT stays with the peer.
        PeerFin = "peer_fin",
        /// Our FIN went out first: TIME_WAIT stays with us.
        OurFin = "our_fin",
        /// Both FINs crossed (state CLOSING): TIME_WAIT on both sides.
        Simultaneous = "simultaneous",
        /// We reset the connection (SO_LINGER 0, or a close with unread data): no TIME_WAIT.
        RstSent = "rst_sent",
        /// The peer reset the connection: no TIME_WAIT.
        RstReceived = "rst_received",
    }
}

impl ClosedFirst {
    /// Does this end leave a TIME_WAIT entry on our side?
    pub fn leaves_time_wait_here(self) -> bool {
        matches!(self, Self::OurFin | Self::Simultaneous)
    }
}

/// How many connections ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosingTally {
    counts: [u64; ClosedFirst::ALL.len()],
}

impl ClosingTally {
    /// Counts one ended connection.
    pub fn record(&mut self, who: ClosedFirst) {
        self.counts[who as usize] += 1;
    }

    /// Connections that ended this way.
    pub fn count(&self, who: ClosedFirst) -> u64 {
        self.counts[who as usize]
    }

    /// All ended connections.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Ends that left a TIME_WAIT entry on our side.
    pub fn time_waits_here(&self) -> u64 {
        let ours = |who: &&ClosedFirst| who.leaves_time_wait_here();
        ClosedFirst::ALL.iter().filter(ours).map(|who| self.count(*who)).sum()
    }

    /// Adds another tally to this one.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
    }
}
