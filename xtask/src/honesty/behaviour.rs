//! What origins do, one function for each behaviour.

use super::origin::{Asked, Visit};
use std::io::Result;

/// Bytes of an ordinary answer's body.
const BODY: usize = 24;

/// Each request in turn; `answer` says whether the connection goes on after it. Who wishes to close is obeyed.
fn each(visit: &mut Visit, mut answer: impl FnMut(&mut Visit, &Asked) -> Result<bool>) -> Result<()> {
    while let Some(asked) = visit.request()? {
        visit.read_body(asked.body_bytes)?;
        if !answer(visit, &asked)? {
            return Ok(());
        }
        if asked.closes {
            return visit.close();
        }
    }
    Ok(())
}

/// The same where every `every`th request, from the first, comes to nothing by what `fails` does.
fn some_fail(visit: &mut Visit, every: u64, fails: fn(&mut Visit) -> Result<()>) -> Result<()> {
    each(visit, |visit, asked| {
        if !asked.number.is_multiple_of(every) {
            return visit.answer(200, BODY).map(|()| true);
        }
        visit.note_failed();
        fails(visit).map(|()| false)
    })
}

fn all_fail(visit: &mut Visit, fails: fn(&mut Visit) -> Result<()>) -> Result<()> {
    some_fail(visit, 1, fails)
}

/// Sends this for every request; it is a whole answer of that status with so much of a body.
fn whole(visit: &mut Visit, text: &[u8], status: u16, body: u64) -> Result<()> {
    each(visit, |visit, _| {
        visit.send(text)?;
        visit.note_complete(status, body);
        Ok(true)
    })
}

/// The same, and the connection ends with it.
fn last(visit: &mut Visit, text: &[u8], body: u64) -> Result<()> {
    each(visit, |visit, _| {
        visit.send(text)?;
        visit.note_complete(200, body);
        visit.close().map(|()| false)
    })
}

fn after(visit: &mut Visit, millis: impl Fn(u64) -> u64) -> Result<()> {
    each(visit, |visit, asked| {
        visit.pause(millis(asked.number));
        visit.answer(200, BODY).map(|()| true)
    })
}

pub(super) fn at_once(visit: &mut Visit) -> Result<()> {
    after(visit, |_| 0)
}

pub(super) fn after_50_ms(visit: &mut Visit) -> Result<()> {
    after(visit, |_| 50)
}

pub(super) fn after_300_ms(visit: &mut Visit) -> Result<()> {
    after(visit, |_| 300)
}

/// Nine of ten at once, the tenth after 300 ms.
pub(super) fn tenth_slow(visit: &mut Visit) -> Result<()> {
    after(visit, |number| if number % 10 == 9 { 300 } else { 0 })
}

/// Two of a hundred after 400 ms.
pub(super) fn two_in_a_hundred_slow(visit: &mut Visit) -> Result<()> {
    after(visit, |number| if number % 50 == 49 { 400 } else { 0 })
}

/// One stall of a second.
pub(super) fn one_stall(visit: &mut Visit) -> Result<()> {
    after(visit, |number| if number == 50 { 1_000 } else { 0 })
}

pub(super) fn never(visit: &mut Visit) -> Result<()> {
    all_fail(visit, Visit::freeze)
}

pub(super) fn every_fifth_hangs(visit: &mut Visit) -> Result<()> {
    some_fail(visit, 5, Visit::freeze)
}

pub(super) fn reset_before_reading(visit: &mut Visit) -> Result<()> {
    // Whatever is asked on it fails; it is known when somebody asks.
    if visit.request()?.is_some() {
        visit.note_failed();
    }
    visit.reset()
}

pub(super) fn every_tenth_reset(visit: &mut Visit) -> Result<()> {
    some_fail(visit, 10, Visit::reset)
}

pub(super) fn reset_within_body(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")?;
        visit.pause(20);
        visit.reset()
    })
}

pub(super) fn reset_within_head(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Le")?;
        visit.pause(20);
        visit.reset()
    })
}

/// Whole answers, and the connection reset a while after each.
pub(super) fn reset_after_answer(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
        visit.note_complete(200, 2);
        visit.pause(50);
        visit.reset().map(|()| false)
    })
}

pub(super) fn closed_without_answer(visit: &mut Visit) -> Result<()> {
    all_fail(visit, Visit::close)
}

pub(super) fn every_third_closed_without_answer(visit: &mut Visit) -> Result<()> {
    some_fail(visit, 3, Visit::close)
}

pub(super) fn short_body(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")?;
        visit.close()
    })
}

pub(super) fn short_head(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Le")?;
        visit.close()
    })
}

pub(super) fn cut_chunks(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")?;
        visit.close()
    })
}

pub(super) fn no_last_chunk_but_kept(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")?;
        visit.freeze()
    })
}

pub(super) fn bad_chunk_size(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n")?;
        visit.close()
    })
}

pub(super) fn too_long_announced(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")?;
        visit.freeze()
    })
}

pub(super) fn no_http(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"220 mail.example ESMTP\r\n\r\n")?;
        visit.close()
    })
}

pub(super) fn two_lengths(visit: &mut Visit) -> Result<()> {
    all_fail(visit, |visit| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello")?;
        visit.close()
    })
}

pub(super) fn until_close(visit: &mut Visit) -> Result<()> {
    last(visit, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is", 12)
}

pub(super) fn says_close(visit: &mut Visit) -> Result<()> {
    last(visit, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 2)
}

/// It closes after every answer, and does not say so.
pub(super) fn closes_silently(visit: &mut Visit) -> Result<()> {
    last(visit, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2)
}

/// It says nothing of closing, and closes 30 ms after an answer: a request may be on its way.
pub(super) fn closes_a_while_later(visit: &mut Visit) -> Result<()> {
    if let Some(asked) = visit.request()? {
        visit.read_body(asked.body_bytes)?;
        visit.answer(200, BODY)?;
        visit.pause(30);
    }
    visit.close()
}

/// Whatever the client asks for, the connection is kept.
pub(super) fn ignores_close(visit: &mut Visit) -> Result<()> {
    while let Some(asked) = visit.request()? {
        visit.read_body(asked.body_bytes)?;
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        visit.note_complete(200, 2);
    }
    Ok(())
}

pub(super) fn as_http_10(visit: &mut Visit) -> Result<()> {
    last(visit, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall there is", 12)
}

/// A body of ten bytes, one every 20 ms.
pub(super) fn drips_body(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")?;
        for _ in 0..10 {
            visit.pause(20);
            visit.send(b"x")?;
        }
        visit.note_complete(200, 10);
        Ok(true)
    })
}

/// A head of forty bytes, one every 5 ms.
pub(super) fn drips_head(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" {
            visit.pause(5);
            visit.send(&[*byte])?;
        }
        visit.note_complete(200, 2);
        Ok(true)
    })
}

pub(super) fn every_fourth_500(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, asked| {
        let status = if asked.number.is_multiple_of(4) { 500 } else { 200 };
        visit.answer(status, BODY).map(|()| true)
    })
}

pub(super) fn all_404(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| visit.answer(404, BODY).map(|()| true))
}

pub(super) fn all_503(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| visit.answer(503, BODY).map(|()| true))
}

pub(super) fn no_content(visit: &mut Visit) -> Result<()> {
    whole(visit, b"HTTP/1.1 204 No Content\r\n\r\n", 204, 0)
}

pub(super) fn not_modified(visit: &mut Visit) -> Result<()> {
    whole(visit, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", 304, 0)
}

pub(super) fn interim(visit: &mut Visit) -> Result<()> {
    let text = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    whole(visit, text, 200, 2)
}

pub(super) fn chunked(visit: &mut Visit) -> Result<()> {
    whole(
        visit,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        200,
        11,
    )
}

pub(super) fn chunked_with_trailers(visit: &mut Visit) -> Result<()> {
    whole(visit, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nSum: 1\r\n\r\n", 200, 5)
}

pub(super) fn many_chunks(visit: &mut Visit) -> Result<()> {
    let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    (0..2_000).for_each(|_| text.extend_from_slice(b"a\r\n0123456789\r\n"));
    text.extend_from_slice(b"0\r\n\r\n");
    whole(visit, &text, 200, 20_000)
}

pub(super) fn megabyte(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| visit.answer(200, 1 << 20).map(|()| true))
}

pub(super) fn empty(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| visit.answer(200, 0).map(|()| true))
}

/// Bodies of one byte to a hundred.
pub(super) fn all_lengths(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, asked| visit.answer(200, 1 + (asked.number % 100) as usize).map(|()| true))
}

/// A head and its body in two pieces, 40 ms apart.
pub(super) fn body_later(visit: &mut Visit) -> Result<()> {
    each(visit, |visit, _| {
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")?;
        visit.pause(40);
        visit.send(b"ok")?;
        visit.note_complete(200, 2);
        Ok(true)
    })
}

/// One connection of three is closed as soon as it comes.
pub(super) fn every_third_connection_closed(visit: &mut Visit) -> Result<()> {
    if visit.connection % 3 != 2 {
        return at_once(visit);
    }
    if visit.request()?.is_some() {
        visit.note_failed();
    }
    visit.close()
}
