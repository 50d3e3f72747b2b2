//! Bodies: where they end, what of them is data, and what is refused.

use http::{BodyKind, Limits, Reading};
use http1::{BodyDecoder, Error, Passed, Piece};

/// Decodes `bytes` in one go: the data, and how many bytes belong to the body if it is complete.
fn decode(kind: BodyKind, bytes: &[u8]) -> Result<(Vec<u8>, Option<usize>), Error> {
    let mut decoder = BodyDecoder::new(kind, &Limits::default());
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let piece = decoder.decode(&bytes[at..])?;
        data.extend_from_slice(&bytes[at..][piece.data]);
        at += piece.consumed;
        if piece.done || at == bytes.len() {
            return Ok((data, piece.done.then_some(at)));
        }
    }
}

/// `body` followed by a byte of the next message.
fn check_chunked(body: &str, expect: &str) {
    let bytes = [body.as_bytes(), b"G"].concat();
    assert_eq!(decode(BodyKind::Chunked, &bytes), Ok((expect.as_bytes().to_vec(), Some(body.len()))), "{body:?}");
    let passed = BodyDecoder::new(BodyKind::Chunked, &Limits::default()).skip(&bytes);
    assert_eq!(passed, Ok(Passed { len: body.len(), content: expect.len(), done: true, clean: true }), "{body:?}");
}

fn check_refused(body: &[u8], expect: Error) {
    assert_eq!(decode(BodyKind::Chunked, body), Err(expect), "{}", body.escape_ascii());
    assert_eq!(passed_on(body, &Limits::default()), Err(expect), "{}", body.escape_ascii());
}

/// What a proxy passes on of a body, and how many bytes of it are used up.
fn passed_on(body: &[u8], limits: &Limits) -> Result<(String, usize), Error> {
    let mut decoder = BodyDecoder::new(BodyKind::Chunked, limits);
    let passed = decoder.pass(body)?;
    let (mut out, mut len) = (body[..passed.len].to_vec(), passed.len);
    if !passed.clean {
        len += decoder.clean(&body[passed.len..], &mut |kept| out.extend_from_slice(kept))?.len;
    }
    Ok((String::from_utf8_lossy(&out).into_owned(), len))
}

#[test]
fn chunks() {
    check_chunked("0\r\n\r\n", "");
    check_chunked("000\r\n\r\n", "");
    check_chunked("5\r\nhello\r\n0\r\n\r\n", "hello");
    check_chunked("5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n", "hello0123456789");
    check_chunked("000000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789");
    check_chunked("2\r\n\r\n\r\n0\r\n\r\n", "\r\n");
    check_chunked("1;a\r\nx\r\n0;b=\"c d;\u{e4}\"\r\n\r\n", "x");
    check_chunked("1;\tq ; r = s\r\nx\r\n0\r\n\r\n", "x");
    check_chunked("1\r\nx\r\n0\r\nETag: \"1\"\r\nX-Sum:\r\n\r\n", "x");
    check_chunked("0\r\nHostess: x\r\nContent-Lengths: 1\r\nte2: 3\r\n\r\n", "");
}

#[test]
fn chunk_sizes_that_are_refused() {
    for size in ["", " 5", "5 ", "+5", "-5", "0x5", "x", "5g", "00000000000000005", ";a", "\t5", "5\t;a", "\u{b2}"] {
        check_refused(format!("{size}\r\nhello\r\n").as_bytes(), Error::ChunkSize);
    }
    check_refused(b"5\nhello\r\n", Error::ChunkSize);
    check_refused(b"5\rhello\r\n", Error::BareCr);
    check_refused(b"5\r\rhello", Error::BareCr);
    check_refused(b"5;a\rb\r\n", Error::BareCr);
    check_refused(b"5;a\nhello", Error::ChunkExtension);
    check_refused(b"5;a\0\r\nhello", Error::ChunkExtension);
    check_refused(b"5;a\x7f\r\nhello", Error::ChunkExtension);
}

#[test]
fn chunk_ends_that_are_refused() {
    check_refused(b"5\r\nhello0\r\n\r\n", Error::ChunkEnd);
    check_refused(b"5\r\nhello\n0\r\n\r\n", Error::ChunkEnd);
    check_refused(b"5\r\nhello\r0\r\n\r\n", Error::ChunkEnd);
    check_refused(b"5\r\nhello!\r\n0\r\n\r\n", Error::ChunkEnd);
    check_refused(b"5\r\nhello\r\n\r\n", Error::ChunkSize);
}

#[test]
fn trailers_that_are_refused() {
    let check = |trailers: &[u8], expect| check_refused(&[b"0\r\n", trailers, b"\r\n"].concat(), expect);
    check(b"A\r\n", Error::Trailer);
    check(b": b\r\n", Error::Trailer);
    check(b"A : b\r\n", Error::Trailer);
    check(b" A: b\r\n", Error::Trailer);
    check(b"A: b\r\n c\r\n", Error::Trailer);
    check(b"A: b\nB: c\r\n", Error::Trailer);
    check(b"A: b\rc\r\n", Error::Trailer);
    check(b"A: \0\r\n", Error::Trailer);
    check(b"\n", Error::Trailer);
    check(b"\rX", Error::Trailer);
    check(b"GET / HTTP/1.1\r\n", Error::Trailer);
}

#[test]
fn limits_of_chunk_lines_and_trailers() {
    let limits = Limits { chunk_line_bytes_max: 10, trailer_bytes_max: 10, ..Limits::default() };
    let pass =
        |body: &str| BodyDecoder::new(BodyKind::Chunked, &limits).skip(body.as_bytes()).map(|passed| passed.done);
    assert_eq!(pass("1;aaaaaa\r\nx\r\n0;aaaaaa\r\n\r\n"), Ok(true));
    assert_eq!(pass("1;aaaaaaa\r\nx\r\n0\r\n\r\n"), Err(Error::ChunkLineTooLong));
    assert_eq!(pass("1\r\nx\r\n0;aaaaaaa\r\n\r\n"), Err(Error::ChunkLineTooLong));
    assert_eq!(pass("0\r\nA: bcd\r\n\r\n"), Ok(true));
    assert_eq!(pass("0\r\nA: bcde\r\n\r\n"), Err(Error::TrailersTooLong));
    assert_eq!(pass("0\r\nA:\r\nB:\r\n\r\n"), Ok(true));
    assert_eq!(pass("0\r\nA:\r\nB:\r\nC:\r\n\r\n"), Err(Error::TrailersTooLong));
}

#[test]
fn a_huge_chunk_is_followed_without_overflow() {
    let mut decoder = BodyDecoder::new(BodyKind::Chunked, &Limits::default());
    assert_eq!(decoder.pass(b"7fffffffffffffff\r\nabc"), Ok(Passed { len: 21, content: 3, done: false, clean: true }));
    assert_eq!(decoder.pass(&[b'x'; 4096]), Ok(Passed { len: 4096, content: 4096, done: false, clean: true }));
    check_refused(b"8000000000000000\r\nabc", Error::ChunkTooLarge);
    check_refused(b"ffffffffffffffff\r\nabc", Error::ChunkTooLarge);
    check_refused(b"fffffffffffffffff\r\nabc", Error::ChunkTooLarge);
}

/// Extensions, and trailers that say what was decided already, are read and left out; nothing else changes.
#[test]
fn what_is_for_nobody_is_not_passed_on() {
    let limits = Limits { reading: Reading::Lenient, ..Limits::default() };
    let check = |body: &str, expect: &str| {
        assert_eq!(passed_on(body.as_bytes(), &limits), Ok((expect.to_owned(), body.len())), "{body:?}");
        // However it is cut, the same goes out.
        for cut in 1..body.len() {
            let mut decoder = BodyDecoder::new(BodyKind::Chunked, &limits);
            let mut out = Vec::new();
            for mut part in [&body.as_bytes()[..cut], &body.as_bytes()[cut..]] {
                let passed = decoder.pass(part).unwrap();
                out.extend_from_slice(&part[..passed.len]);
                part = &part[passed.len..];
                if !passed.clean {
                    decoder.clean(part, &mut |kept| out.extend_from_slice(kept)).unwrap();
                }
            }
            let out = String::from_utf8(out).unwrap();
            assert!(decoder.is_done() && out.eq_ignore_ascii_case(expect), "{body:?} cut at {cut}: {out:?}");
        }
    };
    check("5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n");
    check("5;a=\"b;c\"\r\nhello\r\n0;z\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n");
    check("5 \t ; a\r\nhello\r\n00 \r\n\r\n", "5\r\nhello\r\n00\r\n\r\n");
    let with = |trailers: &str| format!("1\r\nx\r\n0\r\n{trailers}\r\n");
    check(&with("ETag: 1\r\nX-Sum:\r\n"), &with("ETag: 1\r\nX-Sum:\r\n"));
    check(
        &with("Content-Lengths: 1\r\nHostess: x\r\nTee: 1\r\n"),
        &with("Content-Lengths: 1\r\nHostess: x\r\nTee: 1\r\n"),
    );
    for name in ["Transfer-Encoding", "content-length", "HOST", "Connection", "Upgrade", "TE", "Trailer", "Cookie"] {
        check(&with(&format!("A: b\r\n{name}: x\r\nExpires: 0\r\n")), &with("A: b\r\nExpires: 0\r\n"));
    }
    for name in ["X-Forwarded-For", "x_forwarded_for", "Content_Length", "Authorization", "Proxy-Authorization", "Via"]
    {
        check(&with(&format!("{name}: x\r\n")), &with(""));
    }
}

/// Where a field is only ours to write, no trailer may say it either.
#[test]
fn no_trailer_is_passed_on_where_none_is_wanted() {
    let limits = Limits { trailers: false, ..Limits::default() };
    let body = "1\r\nx\r\n0\r\nX-Subject: CN=admin\r\na: b\r\n\r\n";
    assert_eq!(passed_on(body.as_bytes(), &limits), Ok(("1\r\nx\r\n0\r\n\r\n".to_owned(), body.len())));
}

#[test]
fn white_space_behind_a_chunk_size_is_for_lenient_readers() {
    for body in ["5 \r\nhello\r\n0\r\n\r\n", "5 ;a\r\nhello\r\n0\r\n\r\n"] {
        check_refused(body.as_bytes(), Error::ChunkSize);
    }
    let limits = Limits { reading: Reading::Lenient, ..Limits::default() };
    for (body, error) in [
        ("5 5\r\nhello\r\n", Error::ChunkSize),
        (" 5\r\nhello\r\n", Error::ChunkSize),
        ("5 \nhello\r\n", Error::ChunkSize),
        ("5\nhello\r\n", Error::ChunkSize),
        ("5 ;\nhello\r\n", Error::ChunkExtension),
    ] {
        assert_eq!(passed_on(body.as_bytes(), &limits), Err(error), "{body:?}");
    }
}

#[test]
fn framing_is_used_up_together_with_the_data_before_it() {
    let mut decoder = BodyDecoder::new(BodyKind::Chunked, &Limits::default());
    let bytes = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nnext";
    assert_eq!(decoder.decode(bytes), Ok(Piece { consumed: 11, data: 3..6, done: false }));
    assert_eq!(decoder.decode(&bytes[11..]), Ok(Piece { consumed: 9, data: 0..2, done: true }));
    assert_eq!(decoder.decode(&bytes[20..]), Ok(Piece { consumed: 0, data: 0..0, done: true }));
}

#[test]
fn bodies_of_other_kinds() {
    let check = |kind, bytes: &[u8], expect: &[u8], end| {
        assert_eq!(decode(kind, bytes), Ok((expect.to_vec(), end)), "{kind:?}");
    };
    check(BodyKind::Empty, b"next", b"", Some(0));
    check(BodyKind::Length(0), b"next", b"", Some(0));
    check(BodyKind::Length(3), b"abcnext", b"abc", Some(3));
    check(BodyKind::Length(3), b"abc", b"abc", Some(3));
    check(BodyKind::Length(u64::MAX), b"abc", b"abc", None);
    check(BodyKind::UntilClose, b"abc", b"abc", None);
    check(BodyKind::Tunnel, b"abc", b"abc", None);
}

#[test]
fn where_a_connection_may_end() {
    let check = |kind, bytes: &[u8], expect| {
        let mut decoder = BodyDecoder::new(kind, &Limits::default());
        decoder.skip(bytes).unwrap();
        assert_eq!(decoder.finish_at_eof(), expect, "{kind:?} {}", bytes.escape_ascii());
    };
    let cut = Err(Error::BodyCutShort);
    check(BodyKind::Empty, b"", Ok(()));
    check(BodyKind::UntilClose, b"", Ok(()));
    check(BodyKind::Tunnel, b"x", Ok(()));
    check(BodyKind::Length(2), b"", cut);
    check(BodyKind::Length(2), b"x", cut);
    check(BodyKind::Length(2), b"xy", Ok(()));
    for end in 0..b"1\r\nx\r\n0\r\nA: b\r\n\r\n".len() {
        check(BodyKind::Chunked, &b"1\r\nx\r\n0\r\nA: b\r\n\r\n"[..end], cut);
    }
    check(BodyKind::Chunked, b"1\r\nx\r\n0\r\nA: b\r\n\r\n", Ok(()));
}
