//! Every split of the bytes gives the same messages, the same data, the same error.

use crate::common::transcript::{Role, read};
use crate::common::{config, corpus, nearly, reads};
use http::Method;
use proptest::prelude::*;

fn check(bytes: &[u8], reads: &[usize], role: Role) {
    let whole = read(bytes, &[bytes.len()], role);
    let split = read(bytes, reads, role);
    assert_eq!(whole, split, "{} in reads of {reads:?}", bytes.escape_ascii());
}

#[test]
fn requests() {
    proptest!(config(10_000), |(bytes in nearly(corpus::REQUEST_LINES), reads in reads())| {
        check(&bytes, &reads, Role::Requests);
    });
}

#[test]
fn responses() {
    let methods = prop::sample::select(&[Method::Get, Method::Head, Method::Connect][..]);
    proptest!(config(10_000), |(bytes in nearly(corpus::STATUS_LINES), reads in reads(), method in methods)| {
        check(&bytes, &reads, Role::Responses(method));
    });
}

#[test]
fn responses_of_older_dialects() {
    let methods = prop::sample::select(&[Method::Get, Method::Head][..]);
    proptest!(config(10_000), |(bytes in nearly(corpus::STATUS_LINES), reads in reads(), method in methods)| {
        check(&bytes, &reads, Role::LenientResponses(method));
    });
}

#[test]
fn any_bytes_after_a_good_start() {
    let starts = [
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n",
        "GET ",
        "",
    ];
    let starts = prop::sample::select(starts.to_vec());
    proptest!(config(10_000), |(start in starts, tail in prop::collection::vec(any::<u8>(), 0..60), reads in reads())| {
        check(&[start.as_bytes(), &tail].concat(), &reads, Role::Requests);
    });
}

/// Not by chance but all of them: each place to cut a pipeline of every framing in two.
#[test]
fn every_cut_in_two() {
    let bytes = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
        POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n\
        \r\nGET /4 HTTP/1.0\r\n\r\n";
    let whole = read(bytes, &[bytes.len()], Role::Requests);
    assert_eq!(whole.messages.iter().map(|message| message.body.len()).collect::<Vec<_>>(), [0, 5, 6, 0]);
    assert_eq!((whole.error, whole.messages.iter().all(|message| message.done)), (None, true));
    for cut in 1..bytes.len() {
        check(bytes, &[cut, bytes.len() - cut], Role::Requests);
    }
}

/// A peer who drips: the number of attempts grows with the logarithm of the length.
#[test]
fn dripping_costs_few_parses() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(8000));
    let mut scan = http1::HeadScan::default();
    let limits = http::Limits::default();
    let parses = (1..=head.len()).filter(|&len| scan.worth_parsing(&head.as_bytes()[..len], &limits)).count();
    assert!((2..=10).contains(&parses), "{parses} parses");
}
