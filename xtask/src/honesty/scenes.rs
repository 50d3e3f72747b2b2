//! The scenes: what an origin does, what is asked of it, and what a tester has to say of it.

use super::behaviour as does;
use super::origin::{Accepts, Serve};

/// One scene.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) serve: Serve,
    pub(super) accepts: Accepts,
    pub(super) load: Load,
    pub(super) expects: &'static [Expect],
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) requests: u64,
    pub(super) connections: u64,
    /// One request per connection.
    pub(super) closes: bool,
    /// Requests a second, whether or not answers come.
    pub(super) rate: Option<u64>,
    /// For testers that know times only.
    pub(super) seconds: u64,
    /// Of a request.
    pub(super) timeout_s: u64,
    /// Bytes of its body.
    pub(super) body_bytes: usize,
    /// Files the tester may have open.
    pub(super) files_max: Option<u64>,
    /// Ports there are for its connections, where they are closed by it.
    pub(super) ports_max: Option<u64>,
}

/// What has to be told. Times are in milliseconds, from and to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// As many complete responses as went out.
    Complete,
    /// As many failures as were made.
    Failed,
    /// As many responses with another status than 2xx as went out.
    Statuses,
    /// As many bytes of bodies as went out.
    Bytes,
    P50(f64, f64),
    P99(f64, f64),
    Max(f64, f64),
    /// That not all went well, in numbers or by its exit code.
    Trouble,
    /// By its exit code that the rate was not kept.
    FailsByExit,
    /// That all failures are of this kind; of who tells kinds by these names, which is ours alone.
    Kind(&'static str),
    /// That all connections ended so; likewise.
    Ends(&'static str),
}

use Expect::{Bytes, Complete, Ends, Failed, FailsByExit, Kind, Max, P50, P99, Statuses, Trouble};

const LOAD: Load = Load {
    requests: 200,
    connections: 4,
    closes: false,
    rate: None,
    seconds: 1,
    timeout_s: 5,
    body_bytes: 0,
    files_max: None,
    ports_max: None,
};
/// One request per connection.
const SHORT: Load = Load { closes: true, ..LOAD };
/// The same where most of it fails: testers pause behind failures.
const FAILING: Load = Load { requests: 40, ..SHORT };
/// Where each answer takes its time.
const SLOW: Load = Load { requests: 40, connections: 4, ..LOAD };
/// Where answers are waited for in vain.
const VAIN: Load = Load { requests: 8, connections: 4, closes: true, timeout_s: 1, seconds: 2, ..LOAD };

const fn scene(name: &'static str, serve: Serve, load: Load, expects: &'static [Expect]) -> Scene {
    Scene { name, serve, accepts: Accepts::AtOnce, load, expects }
}

/// All of them.
pub(super) const SCENES: &[Scene] = &[
    scene("answers at once", does::at_once, LOAD, &[Complete, Failed, Statuses, Bytes]),
    scene(
        "answers at once, a connection each",
        does::at_once,
        SHORT,
        &[Complete, Failed, Statuses, Bytes, Ends("server_fin")],
    ),
    scene("answers after 50 ms", does::after_50_ms, SLOW, &[Complete, Failed, P50(50.0, 70.0), Max(50.0, 400.0)]),
    scene(
        "answers after 300 ms",
        does::after_300_ms,
        Load { requests: 12, seconds: 2, ..SLOW },
        &[Complete, P50(300.0, 330.0), P99(300.0, 600.0)],
    ),
    scene(
        "every tenth answer takes 300 ms",
        does::tenth_slow,
        Load { requests: 100, seconds: 3, ..SLOW },
        &[Complete, P50(0.0, 50.0), P99(300.0, 600.0)],
    ),
    scene(
        "two answers of a hundred take 400 ms",
        does::two_in_a_hundred_slow,
        Load { requests: 500, seconds: 3, ..SLOW },
        &[Complete, P50(0.0, 50.0), P99(400.0, 700.0), Max(400.0, 900.0)],
    ),
    scene(
        "one stall of a second",
        does::one_stall,
        Load { requests: 200, connections: 1, seconds: 2, ..LOAD },
        &[Complete, P50(0.0, 50.0), Max(1_000.0, 1_400.0)],
    ),
    scene(
        "a stall of a second, users come at 100/s",
        does::one_stall,
        Load { requests: 200, connections: 1, rate: Some(100), seconds: 2, ..LOAD },
        // Half of the users wait, the last of them hardly, the first the whole second.
        &[Complete, P99(900.0, 1_400.0)],
    ),
    scene(
        "50 ms an answer, users come at 100/s to one connection",
        does::after_50_ms,
        Load { requests: 60, connections: 1, rate: Some(100), seconds: 2, timeout_s: 10, ..LOAD },
        &[FailsByExit, P99(2_000.0, 6_000.0)],
    ),
    scene("never answers", does::never, VAIN, &[Complete, Failed, Kind("target.timeout")]),
    scene(
        "every fifth request hangs",
        does::every_fifth_hangs,
        Load { requests: 20, ..VAIN },
        &[Complete, Failed, Kind("target.timeout")],
    ),
    scene(
        "resets each connection when it is asked",
        does::reset_before_reading,
        FAILING,
        &[Complete, Failed, Kind("target.reset"), Ends("rst_received")],
    ),
    scene("resets every tenth request", does::every_tenth_reset, SHORT, &[Complete, Failed, Kind("target.reset")]),
    scene(
        "resets within the head",
        does::reset_within_head,
        FAILING,
        &[Complete, Failed, Kind("target.reset"), Ends("rst_received")],
    ),
    scene(
        "resets within the body",
        does::reset_within_body,
        FAILING,
        &[Complete, Failed, Kind("target.reset"), Ends("rst_received")],
    ),
    scene(
        "resets a while after the answer",
        does::reset_after_answer,
        Load { requests: 20, ..SHORT },
        &[Complete, Failed, Ends("rst_received")],
    ),
    scene(
        "closes without an answer",
        does::closed_without_answer,
        FAILING,
        &[Complete, Failed, Kind("target.closed"), Ends("server_fin")],
    ),
    scene(
        "closes without an answer every third time",
        does::every_third_closed_without_answer,
        FAILING,
        &[Complete, Failed, Kind("target.closed"), Ends("server_fin")],
    ),
    scene(
        "closes every third connection when it is asked",
        does::every_third_connection_closed,
        FAILING,
        &[Complete, Failed, Kind("target.closed"), Ends("server_fin")],
    ),
    scene(
        "closes within the head",
        does::short_head,
        FAILING,
        &[Complete, Failed, Kind("target.closed"), Ends("server_fin")],
    ),
    scene(
        "closes within the body",
        does::short_body,
        FAILING,
        &[Complete, Failed, Kind("target.closed"), Ends("server_fin")],
    ),
    scene(
        "closes before the last chunk",
        does::cut_chunks,
        FAILING,
        &[Complete, Failed, Kind("target.closed"), Ends("server_fin")],
    ),
    scene("keeps the last chunk back", does::no_last_chunk_but_kept, VAIN, &[Complete, Failed, Kind("target.timeout")]),
    scene(
        "announces more than it sends, and waits",
        does::too_long_announced,
        VAIN,
        &[Complete, Failed, Kind("target.timeout")],
    ),
    scene("sends a chunk size that is none", does::bad_chunk_size, FAILING, &[Complete, Failed, Kind("target.http")]),
    scene("sends two lengths that differ", does::two_lengths, FAILING, &[Complete, Failed, Kind("target.http")]),
    scene("is no HTTP server", does::no_http, FAILING, &[Complete, Failed, Kind("target.http")]),
    scene("ends its bodies by closing", does::until_close, LOAD, &[Complete, Failed, Bytes]),
    scene("says that it closes", does::says_close, LOAD, &[Complete, Failed]),
    scene("closes after every answer without a word", does::closes_silently, LOAD, &[Complete, Failed]),
    scene("closes 30 ms after an answer", does::closes_a_while_later, SHORT, &[Complete, Failed, Ends("server_fin")]),
    scene(
        "does not close when asked to",
        does::ignores_close,
        Load { requests: 8, timeout_s: 1, ..SHORT },
        &[Complete, Failed, Ends("our_fin")],
    ),
    scene("speaks HTTP/1.0", does::as_http_10, LOAD, &[Complete, Failed, Bytes]),
    scene("drips its bodies, 200 ms each", does::drips_body, SLOW, &[Complete, P50(200.0, 260.0)]),
    scene("drips its heads, 200 ms each", does::drips_head, SLOW, &[Complete, P50(200.0, 300.0)]),
    scene("sends its bodies 40 ms after the heads", does::body_later, SLOW, &[Complete, P50(40.0, 60.0)]),
    scene("answers every fourth request with 500", does::every_fourth_500, LOAD, &[Complete, Statuses]),
    scene("answers all with 404", does::all_404, LOAD, &[Complete, Statuses]),
    scene("answers all with 503", does::all_503, LOAD, &[Complete, Statuses]),
    scene("answers with 204", does::no_content, LOAD, &[Complete, Failed]),
    scene("answers with 304", does::not_modified, LOAD, &[Complete, Failed, Statuses]),
    scene("sends 103 before its answers", does::interim, LOAD, &[Complete, Failed, Statuses]),
    scene("sends chunks", does::chunked, LOAD, &[Complete, Failed, Bytes]),
    scene("sends chunks with extensions and trailers", does::chunked_with_trailers, LOAD, &[Complete, Failed, Bytes]),
    scene("sends 2,000 chunks an answer", does::many_chunks, Load { requests: 40, ..LOAD }, &[Complete, Failed, Bytes]),
    scene("sends 1 MiB an answer", does::megabyte, Load { requests: 40, ..LOAD }, &[Complete, Failed, Bytes]),
    scene("sends empty bodies", does::empty, LOAD, &[Complete, Failed, Bytes]),
    scene("sends bodies of all lengths", does::all_lengths, LOAD, &[Complete, Failed, Bytes]),
    scene("is sent 64 KiB a request", does::at_once, Load { body_bytes: 65_536, ..LOAD }, &[Complete, Failed]),
    Scene {
        accepts: Accepts::Every(40),
        ..scene(
            "takes in a connection every 40 ms",
            does::at_once,
            Load { requests: 20, ..SHORT },
            &[Complete, Failed, Max(40.0, 2_000.0)],
        )
    },
    Scene {
        accepts: Accepts::Only(10),
        ..scene(
            "nobody listens after ten connections",
            does::at_once,
            Load { requests: 40, ..SHORT },
            &[Complete, Trouble],
        )
    },
    scene(
        "the tester has files for 20 of 100 connections",
        does::after_50_ms,
        Load { requests: 400, connections: 100, files_max: Some(32), ..LOAD },
        &[Trouble, Kind("client.fds")],
    ),
    scene(
        "the tester has 64 ports, and closes first",
        does::at_once,
        Load { requests: 100, ports_max: Some(64), ..SHORT },
        &[Trouble, Kind("client.ports"), Ends("our_fin")],
    ),
];
