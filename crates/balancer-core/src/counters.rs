//! What a balancer counts: every counter declared once, with its name, its dimension and its meaning. Merging, text,
//! JSON and metrics are readers of that one table ([`Counters::visit`]).

mod report;

use crate::exchange::{Outcome, Record, Reply};
use crate::failure::{Failure, FailureKind};
use crate::hello::Unmatched;
use crate::reason::{CloseReason, Side};
use crate::retry::RetryReason;
use ports::{ClosedFirst, ClosingTally, HandshakeFailure, Handshakes, Unannounced};
pub use report::{Report, RouteTally};

/// Classes of status codes, by their first digit.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Which of the things that are counted apart a counter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// A listener.
    Listener,
    /// A route of a listener that has any.
    Route,
    /// A backend set.
    Set,
    /// A server of a set.
    Server,
    /// A worker: its event loop.
    Worker,
}

/// What is declared of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name, groups before dots: `clients.accepted`.
    pub name: &'static str,
    /// What it is counted for.
    pub dimension: Dimension,
    /// Of a row of counters, by what they are told apart: `reason`. Empty for one that stands alone.
    pub by: &'static str,
    /// It goes down, too: something that is so now.
    pub gauge: bool,
    /// What it counts.
    pub meaning: &'static str,
}

/// A counter, or a row of them with a label each.
trait Count {
    fn add(&mut self, other: &Self);
    fn visit(&self, label: fn(usize) -> &'static str, each: &mut dyn FnMut(Option<&'static str>, u64));
}

impl Count for u64 {
    fn add(&mut self, other: &Self) {
        *self += other;
    }

    fn visit(&self, _: fn(usize) -> &'static str, each: &mut dyn FnMut(Option<&'static str>, u64)) {
        each(None, *self);
    }
}

impl<const N: usize> Count for [u64; N] {
    fn add(&mut self, other: &Self) {
        self.iter_mut().zip(other).for_each(|(mine, theirs)| *mine += theirs);
    }

    fn visit(&self, label: fn(usize) -> &'static str, each: &mut dyn FnMut(Option<&'static str>, u64)) {
        self.iter().enumerate().for_each(|(at, count)| each(Some(label(at)), *count));
    }
}

/// A count for each rule that a message may break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByRule([u64; http1::Error::ALL.len()]);

impl ByRule {
    /// Counts one.
    pub fn record(&mut self, rule: http1::Error) {
        self.0[rule as usize] += 1;
    }

    /// Those of one rule.
    pub fn count(&self, rule: http1::Error) -> u64 {
        self.0[rule as usize]
    }
}

impl Default for ByRule {
    fn default() -> Self {
        Self([0; http1::Error::ALL.len()])
    }
}

impl Count for ByRule {
    fn add(&mut self, other: &Self) {
        Count::add(&mut self.0, &other.0);
    }

    fn visit(&self, label: fn(usize) -> &'static str, each: &mut dyn FnMut(Option<&'static str>, u64)) {
        Count::visit(&self.0, label, each);
    }
}

impl Count for ClosingTally {
    fn add(&mut self, other: &Self) {
        self.merge(other);
    }

    fn visit(&self, label: fn(usize) -> &'static str, each: &mut dyn FnMut(Option<&'static str>, u64)) {
        ClosedFirst::ALL.iter().enumerate().for_each(|(at, who)| each(Some(label(at)), self.count(*who)));
    }
}

fn no_label(_: usize) -> &'static str {
    ""
}

/// Who closed a client's connection first, as reports name it.
fn client_closer(at: usize) -> &'static str {
    match ClosedFirst::ALL[at] {
        ClosedFirst::PeerFin => "client_fin",
        who => who.name(),
    }
}

fn server_closer(at: usize) -> &'static str {
    match ClosedFirst::ALL[at] {
        ClosedFirst::PeerFin => "server_fin",
        who => who.name(),
    }
}

macro_rules! counters {
    ($( $name:literal $field:ident: $type:ty $([$by:ident: $label:expr])?, $dimension:ident $($gauge:ident)?, $meaning:literal; )+) => {
        /// Counters of one listener, set, server or worker, or the sum of several. What does not belong to its
        /// [`Dimension`] stays 0.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $( #[doc = $meaning] pub $field: $type, )+
        }

        impl Counters {
            /// Every counter as it was declared, in the order of reports.
            pub const TABLE: &'static [Counter] = &[
                $( Counter {
                    name: $name,
                    dimension: Dimension::$dimension,
                    by: counters!(@by $($by)?),
                    gauge: counters!(@gauge $($gauge)?),
                    meaning: $meaning,
                }, )+
            ];

            /// Shows every counter with its label, where it has one, and its value; in the order of [`Counters::TABLE`].
            pub fn visit(&self, mut each: impl FnMut(&'static Counter, Option<&'static str>, u64)) {
                let mut table = Self::TABLE.iter();
                $(
                    let declared = table.next().expect("as many are declared as there are");
                    Count::visit(&self.$field, counters!(@label $($label)?), &mut |label, value| each(declared, label, value));
                )+
            }

            /// Adds another's counters.
            pub fn merge(&mut self, other: &Self) {
                $( Count::add(&mut self.$field, &other.$field); )+
            }
        }
    };
    (@by) => { "" };
    (@by $by:ident) => { stringify!($by) };
    (@gauge) => { false };
    (@gauge gauge) => { true };
    (@label) => { no_label };
    (@label $label:expr) => { $label };
}

counters! {
    "requests" requests: u64, Listener, "Requests begun: heads that were understood, refused, or did not come in time; on a tcp listener, connections. Each comes to one end: a response, one cut off, an answer of the balancer, a failure, or it was abandoned.";
    "responses" responses: u64, Listener, "Responses passed on whole; on a tcp listener, connections joined with a server's.";
    "truncated" truncated: u64, Listener, "Responses cut off in the middle because the server failed then.";
    "abandoned" abandoned: u64, Listener, "Requests whose client left, or that a drain cut off, before they were answered.";
    "replies" replies: [u64; Reply::ALL.len()] [kind: |at| Reply::ALL[at].name()], Listener, "Requests answered by the balancer in a server's stead, nothing having failed, by what they were told.";
    "drain.cut" drain_cut: u64, Worker, "Requests and joined connections that were cut off because the time of a drain was over.";
    "uploads_cut" uploads_cut: u64, Listener, "Responses passed on whole although the rest of the request failed.";
    "retries" retries: u64, Listener, "Attempts after the first of a request.";
    "retried_for" retried: [u64; RetryReason::ALL.len()] [reason: |at| RetryReason::ALL[at].name()], Listener, "Those by what they were made for.";
    "tunnels" tunnels: u64, Listener, "Connections joined with a server's: upgraded (101), or of a tcp listener.";
    "tunnel_bytes.up" tunnel_bytes_up: u64, Listener, "Bytes from clients passed on over joined connections.";
    "tunnel_bytes.down" tunnel_bytes_down: u64, Listener, "Bytes from servers passed on over joined connections.";
    "tunnel_bytes.piped" tunnel_bytes_piped: u64, Listener, "Those of both that stayed in the kernel on their way (splice).";
    "bytes.in" bytes_in: u64, Listener, "Bytes of request bodies that went to servers, framing included.";
    "bytes.out" bytes_out: u64, Listener, "Bytes of response bodies that went to clients, framing included; those of our own answers, too.";
    "statuses" statuses: [u64; 5] [class: |at| STATUS_CLASSES[at]], Listener, "Final responses of servers, by class of status.";
    "failures" failures: [u64; FailureKind::ALL.len()] [kind: |at| FailureKind::ALL[at].name()], Listener, "Requests that failed, by failure.";
    "routes.requests" route_requests: u64, Route, "Requests that went by a route and are over; those that fit none go by what the listener does otherwise. What is neither a response, a reply nor a failure was cut off, or its client left.";
    "routes.responses" route_responses: u64, Route, "Those of them to which a server's response was passed on whole.";
    "routes.replies" route_replies: u64, Route, "Those of them that were answered by the balancer, nothing having failed.";
    "routes.failures" route_failures: u64, Route, "Those of them that failed.";
    "refused.requests" refused_requests: ByRule [rule: |at| http1::Error::ALL[at].name()], Listener, "Requests refused, by the rule they broke or the limit they were over.";
    "refused.responses" refused_responses: ByRule [rule: |at| http1::Error::ALL[at].name()], Server, "Responses refused, by the rule they broke or the limit they were over.";
    "clients.accepted" accepted: u64, Listener, "Client connections accepted.";
    "clients.accept_paused" accept_paused: u64, Listener, "Failures of accept(), each with a pause.";
    "clients.open" clients_open: u64, Listener gauge, "Client connections open now.";
    "clients.closed_first" client_closes: ClosingTally [who: client_closer], Listener, "Closes of client connections, by who closed first.";
    "clients.why" client_reasons: [u64; CloseReason::ALL.len()] [reason: |at| CloseReason::ALL[at].name()], Listener, "Closes of client connections, by reason.";
    "clients.full" full: u64, Listener, "Times a listener was full of busy clients, so that new ones had to wait in the accept queue.";
    "sni.unmatched" unmatched: [u64; Unmatched::ALL.len()] [reason: |at| Unmatched::ALL[at].name()], Listener, "Connections of tcp listeners with routes that went by none of them, by why: to `backends` where there are any, else they failed.";
    "proxies.announced" announced: u64, Listener, "Client connections whose proxy said by the header of the PROXY protocol whom it speaks for.";
    "proxies.own" announced_own: u64, Listener, "Connections whose proxy said by that header that it speaks for itself, or for somebody without an address: checks, mostly. They are taken for the proxy's.";
    "proxies.silent" announced_silent: u64, Listener, "Connections that a proxy ended without a byte, as checks do.";
    "proxies.refused" announced_refused: [u64; Unannounced::ALL.len()] [reason: |at| Unannounced::ALL[at].name()], Listener, "Connections closed because there was no header, a bad one, or nobody who is trusted to send one, by reason. They are not among those accepted.";
    "tls.handshakes" tls_handshakes: u64, Listener, "TLS handshakes with clients that went well.";
    "tls.resumed" tls_resumed: u64, Listener, "Those of them that took up an earlier session by its ticket.";
    "tls.silent" tls_silent: u64, Listener, "Connections that a client ended before a byte of TLS, as checks do.";
    "tls.failed" tls_failed: [u64; HandshakeFailure::ALL.len()] [reason: |at| HandshakeFailure::ALL[at].name()], Listener, "TLS handshakes with clients that failed, by reason.";
    "tls.cut_off" tls_cut_off: u64, Listener, "TLS connections that clients ended without saying so (no close_notify): many do.";
    "tls.damaged" tls_damaged: u64, Listener, "TLS connections with a record that the client cannot have sealed, or that breaks the protocol.";
    "tls.spent" tls_spent: u64, Listener, "Connections of TLS 1.2 ended here because their key had sealed as much as one may: 2^24 records.";
    "servers.tls.handshakes" server_tls_handshakes: u64, Worker, "TLS handshakes with servers that went well.";
    "servers.tls.resumed" server_tls_resumed: u64, Worker, "Those of them that took up an earlier session by its ticket.";
    "servers.tls.failed" server_tls_failed: [u64; HandshakeFailure::ALL.len()] [reason: |at| HandshakeFailure::ALL[at].name()], Worker, "TLS handshakes with servers that failed, by reason; each is a connect that failed, too.";
    "servers.tls.cut_off" server_tls_cut_off: u64, Worker, "TLS connections that servers ended without saying so (no close_notify).";
    "servers.tls.damaged" server_tls_damaged: u64, Worker, "TLS connections with a record that the server cannot have sealed, or that breaks the protocol.";
    "servers.tls.spent" server_tls_spent: u64, Worker, "Connections of TLS 1.2 to servers ended here because their key had sealed as much as one may: 2^24 records.";
    "servers.opened" connects: u64, Server, "Connections opened to servers.";
    "servers.open" servers_open: u64, Server gauge, "Server connections open now.";
    "servers.reused" pooled: u64, Server, "Requests sent on a connection of the pool.";
    "servers.bytes_sent" bytes_sent: u64, Set, "Bytes of request bodies that went to servers, framing included.";
    "servers.bytes_received" bytes_received: u64, Set, "Bytes of response bodies that were passed on.";
    "servers.queued_for_port" queued_for_port: u64, Set, "Requests that had to wait for a local port.";
    "servers.hash_key_missing" hash_key_missing: u64, Set, "Requests without what their set chooses servers by: they went round robin.";
    "servers.retry_budget_spent" retry_budget_spent: u64, Set, "Requests that were not sent again because as many were as the retry budget allows.";
    "servers.queued" queued: u64, Set, "Requests that had to wait for a place at a server, because all were at their connections_max.";
    "servers.queue_full" queue_full: u64, Set, "Requests that found as many others waiting for a place as may.";
    "servers.set_full" set_full: u64, Set, "Requests and connections turned away at once because as many of their set were under way as its requests_max.";
    "servers.queue_timed_out" queue_timed_out: u64, Set, "Requests that waited for a place until their time was over.";
    "servers.connects_failed_here" connects_failed_here: u64, Server, "Connects that failed because of a shortage here.";
    "servers.connects_failed_there" connects_failed_there: u64, Server, "Connects that the server or the way to it failed.";
    "servers.set_aside" set_aside: u64, Server, "Times a server was set aside because it could not be reached, or failed too often in a row.";
    "servers.dialects" dialects: [u64; http1::Dialect::ALL.len()] [dialect: |at| http1::Dialect::ALL[at].name()], Server, "Responses in an older dialect, read leniently, by what departs from the letter.";
    "servers.closed_first" server_closes: ClosingTally [who: server_closer], Server, "Closes of server connections, by who closed first.";
    "servers.why" server_reasons: [u64; CloseReason::ALL.len()] [reason: |at| CloseReason::ALL[at].name()], Server, "Closes of server connections, by reason.";
    "servers.port_queue_full" port_queue_full: u64, Set, "Requests that found the queue for a local port full.";
    "compression.responses" compressed: u64, Listener, "Responses that were compressed here.";
    "compression.bytes_in" compressed_from_bytes: u64, Listener, "Content of those as it came.";
    "compression.bytes_out" compressed_to_bytes: u64, Listener, "The same as it was sent.";
    "compression.full" compression_full: u64, Listener, "Responses that were passed on as they were because too many were being compressed.";
    "proxies.unreadable" origin_unreadable: u64, Listener, "Requests of trusted proxies in which the client's address could not be read (`unknown`, a name): they count as the last readable proxy's.";
    "auth.compared" auth_compared: u64, Listener, "Passwords that were compared with a hash, beside the workers.";
    "auth.remembered" auth_remembered: u64, Listener, "Requests whose credentials had been right lately, so that nothing was compared.";
    "auth.forgotten" auth_forgotten: u64, Listener, "Times credentials that were right had to be forgotten before their time, because there were too many.";
    "access_log.lines" access_log_lines: u64, Worker, "Lines that were noted for the access log.";
    "access_log.lost" access_log_lost: u64, Worker, "Lines that were left out because they were not written fast enough.";
    "access_log.unwritten" access_log_unwritten: u64, Worker, "Lines that could not be written: the disk is full, or nobody listens.";
    "limits.rate_would_refuse" rate_would_refuse: u64, Listener, "Requests that a rate limit with `dry_run` let pass although they came too often.";
    "limits.rate_evicted" rate_evicted: u64, Listener, "Times a client was forgotten by a rate limit before its time, because there were too many others.";
    "limits.recv_waited_for_buffer" recv_waited_for_buffer: u64, Worker, "Reads that had to wait because all buffers were in use.";
    "limits.pipes_missing" pipes_missing: u64, Worker, "Reads of joined connections that carry much whose bytes were copied, because no pipe was to be had: all were in use, or the kernel gave none.";
    "limits.unwatchable" unwatchable: u64, Worker, "Connections closed because the kernel had no memory to watch them.";
}

impl Counters {
    /// Counts a request that is over.
    pub fn count_request(&mut self, record: &Record) {
        match record.outcome() {
            Outcome::Responded => {
                self.responses += 1;
                self.uploads_cut += u64::from(record.failure.is_some());
            }
            Outcome::Truncated => self.truncated += 1,
            Outcome::Failed(failure) => self.count_failure(failure),
            Outcome::Replied(reply) => self.replies[reply as usize] += 1,
            Outcome::Abandoned => self.abandoned += 1,
        }
        self.bytes_in += record.up_bytes;
        self.bytes_out += record.down_bytes;
        if record.retries > 0 {
            self.retries += u64::from(record.retries);
            self.retried.iter_mut().zip(record.retried).for_each(|(all, these)| *all += u64::from(these));
        }
        if record.status != 0 {
            self.count_status(record.status);
        }
    }

    /// Requests that came to an end. Those [begun](Counters::requests) and no more are under way.
    pub fn ended(&self) -> u64 {
        self.responses + self.truncated + self.replies.iter().sum::<u64>() + self.failed_total() + self.abandoned
    }

    /// Counts a failed request.
    pub fn count_failure(&mut self, failure: Failure) {
        self.failures[failure.kind() as usize] += 1;
    }

    /// Counts what layers have counted of one side's connections.
    pub fn count_handshakes(&mut self, side: Side, counts: &Handshakes) {
        self.announced += counts.announced.done;
        self.announced_own += counts.announced.own;
        self.announced_silent += counts.announced.silent;
        Count::add(&mut self.announced_refused, &counts.announced.refused);
        let (done, resumed, failed, cut_off, damaged, spent) = match side {
            Side::Client => (
                &mut self.tls_handshakes,
                &mut self.tls_resumed,
                &mut self.tls_failed,
                &mut self.tls_cut_off,
                &mut self.tls_damaged,
                &mut self.tls_spent,
            ),
            Side::Server => (
                &mut self.server_tls_handshakes,
                &mut self.server_tls_resumed,
                &mut self.server_tls_failed,
                &mut self.server_tls_cut_off,
                &mut self.server_tls_damaged,
                &mut self.server_tls_spent,
            ),
        };
        // Nobody whom we connect to is silent: it would have failed.
        self.tls_silent += counts.silent;
        *done += counts.done;
        *resumed += counts.resumed;
        *cut_off += counts.cut_off;
        *damaged += counts.damaged;
        *spent += counts.spent;
        Count::add(failed, &counts.failed);
    }

    /// Counts a final status.
    fn count_status(&mut self, status: u16) {
        let class = usize::from(status / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        self.statuses[class] += 1;
    }

    /// Counts a close: who (unless it never stood) and why.
    pub fn count_close(&mut self, side: Side, who: Option<ClosedFirst>, why: CloseReason) {
        let (closes, reasons) = match side {
            Side::Client => (&mut self.client_closes, &mut self.client_reasons),
            Side::Server => (&mut self.server_closes, &mut self.server_reasons),
        };
        reasons[why as usize] += 1;
        if let Some(who) = who {
            closes.record(who);
        }
    }

    /// Failed requests of one kind.
    pub fn failed(&self, failure: Failure) -> u64 {
        self.failures[failure.kind() as usize]
    }

    /// All failed requests.
    pub fn failed_total(&self) -> u64 {
        self.failures.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Counters {
        let mut one = Counters { accepted: 2, requests: 3, ..Counters::default() };
        one.count_failure(Failure::NoLocalPort);
        one.count_status(204);
        one.count_close(Side::Client, Some(ClosedFirst::OurFin), CloseReason::ExchangeOver);
        one
    }

    #[test]
    fn merging_adds_everything() {
        let mut sum = some();
        sum.merge(&some());
        assert_eq!((sum.accepted, sum.requests, sum.failed(Failure::NoLocalPort)), (4, 6, 2));
        assert_eq!((sum.statuses[1], sum.client_closes.count(ClosedFirst::OurFin)), (2, 2));
        assert_eq!(sum.client_reasons[CloseReason::ExchangeOver as usize], 2);
    }

    #[test]
    fn readers_see_every_counter_under_its_name() {
        let mut seen = Vec::new();
        some().visit(|counter, label, value| {
            if value > 0 {
                seen.push(format!("{}{} {value}", counter.name, label.map(|l| format!(".{l}")).unwrap_or_default()));
            }
        });
        let expect = [
            "requests 3",
            "statuses.2xx 1",
            "failures.no_local_port 1",
            "clients.accepted 2",
            "clients.closed_first.our_fin 1",
            "clients.why.exchange_over 1",
        ];
        assert_eq!(seen, expect);
        let names: std::collections::BTreeSet<_> = Counters::TABLE.iter().map(|counter| counter.name).collect();
        assert_eq!(names.len(), Counters::TABLE.len(), "a name is given once");
        for name in &names {
            let mut groups = name.match_indices('.').map(|(dot, _)| &name[..dot]);
            assert!(groups.all(|group| !names.contains(group)), "{name}: its group is a counter");
        }
    }
}
