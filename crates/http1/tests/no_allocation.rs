//! Parsing, forwarding and decoding allocate nothing.

use http::forward::{
    Connection, Forwarded, RequestEdits, ResponseEdits, write_forwarded_request, write_forwarded_response,
};
use http::{Limits, Method, Version};
use http1::{BodyDecoder, HeadScan, HeadSlots, HeadWriter, Parsed, parse_request, parse_response};
use sys::alloc_count::{CountingAllocator, allocations_in};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const REQUEST: &[u8] = b"POST http://example.net/x?y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-Forwarded-For: ::1\r\nVia: 1.1 a\r\n\
    Connection: X-Hop, TE\r\nX-Hop: 1\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n";

/// Bytes of body passed in both directions.
fn one_exchange(out: &mut [u8]) -> usize {
    let (limits, mut scan) = (Limits::default(), HeadScan::default());
    assert!(scan.worth_parsing(REQUEST, &limits));
    let mut slots = HeadSlots::new();
    let Parsed { head, len, .. } = parse_request(REQUEST, &limits, &mut slots).unwrap().unwrap();
    let client = std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1_u16]);
    let edits = RequestEdits {
        connection: Connection::Close,
        fallback_host: "x",
        forwarded: Forwarded::Trust,
        keep_twins: true,
        ..RequestEdits::plain(client)
    };
    let facts = head.facts(client, false);
    assert_eq!((facts.path(), facts.query(), facts.host_name()), ("/x", Some("y"), Some(&b"example.net"[..])));
    write_forwarded_request(&head, &edits, &mut HeadWriter::new(out)).unwrap();
    let mut body = BodyDecoder::new(head.body, &limits);
    let decoded = body.decode(&REQUEST[len..]).unwrap().data.len();

    let mut slots = HeadSlots::new();
    let Parsed { head, len, .. } = parse_response(RESPONSE, &limits, &mut slots, Method::Post).unwrap().unwrap();
    let edits = ResponseEdits {
        client_version: Version::Http10,
        connection: Connection::KeepAlive,
        body: head.body,
        date: None,
        coding: None,
        varies: false,
        cookie: None,
        ruled: None,
    };
    write_forwarded_response(&head, &edits, &mut HeadWriter::new(out)).unwrap();
    let passed = BodyDecoder::new(head.body, &limits).pass(&RESPONSE[len..]).unwrap().len;

    assert!(parse_request(REFUSED, &limits, &mut HeadSlots::new()).is_err());
    decoded + passed
}

#[test]
fn an_exchange_allocates_nothing() {
    assert_eq!(allocations_in(|| vec![0_u8; 64]).1, 1, "the counter counts");
    let mut out = [0; 4096];
    assert_eq!(allocations_in(|| one_exchange(&mut out)), (10, 0));
}
