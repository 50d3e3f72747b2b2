//! What clients send, so that it can neither end its place in a line nor do anything to a terminal.

/// Within a string of JSON: printable ASCII, whatever came. A byte that is no UTF-8 is written as `\xhh`, which a reader of
/// the string sees as these four letters.
pub(super) fn json(bytes: &[u8], out: &mut Vec<u8>) {
    if are_plain(bytes) {
        return out.extend_from_slice(bytes);
    }
    for chunk in bytes.utf8_chunks() {
        json_text(chunk.valid(), out);
        chunk.invalid().iter().for_each(|byte| {
            out.push(b'\\');
            hex(*byte, out);
        });
    }
}

fn json_text(mut text: &str, out: &mut Vec<u8>) {
    while !text.is_empty() {
        let plain = text.bytes().take_while(|byte| is_plain(*byte)).count();
        out.extend_from_slice(&text.as_bytes()[..plain]);
        text = &text[plain..];
        let Some(letter) = text.chars().next() else { return };
        json_letter(letter, out);
        text = &text[letter.len_utf8()..];
    }
}

fn json_letter(letter: char, out: &mut Vec<u8>) {
    match letter {
        '"' | '\\' => out.extend_from_slice(&[b'\\', letter as u8]),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        _ => {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                unit.to_be_bytes().iter().for_each(|byte| digits(*byte, out));
            }
        }
    }
}

/// Within quotes, as Apache escapes: `\"`, `\\`, and `\xhh` for whatever is not printable ASCII.
pub(super) fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    if are_plain(bytes) {
        return out.extend_from_slice(bytes);
    }
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            byte if is_plain(*byte) => out.push(*byte),
            byte => hex(*byte, out),
        }
    }
}

/// A column without quotes: a space would end it.
pub(super) fn word(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b' ' | b'"' | b'\\' => hex(*byte, out),
            byte if is_plain(*byte) => out.push(*byte),
            byte => hex(*byte, out),
        }
    }
}

/// Are all? Eight at a time, the last eight over some that were looked at already.
fn are_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else { return bytes.iter().all(|byte| is_plain(*byte)) };
    bytes.as_chunks().0.iter().chain([last]).all(|eight| are_eight_plain(u64::from_ne_bytes(*eight)))
}

/// [`is_plain`] of eight bytes at once: each of these keeps the highest bit of every byte that passes.
const fn are_eight_plain(eight: u64) -> bool {
    const TOPS: u64 = of_each(0x80);
    let from_space = (eight | TOPS) - of_each(b' ');
    let no_quote = ((eight ^ of_each(b'"')) | TOPS) - of_each(1);
    let no_backslash = ((eight ^ of_each(b'\\')) | TOPS) - of_each(1);
    // A byte beyond ASCII has the bit itself.
    let up_to_tilde = !eight & !((eight & !TOPS) + of_each(1));
    from_space & no_quote & no_backslash & up_to_tilde & TOPS == TOPS
}

const fn of_each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Printable ASCII that means nothing within quotes.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// `\xhh`.
fn hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    digits(byte, out);
}

fn digits(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_judged_as_each_by_itself() {
        for byte in 0..=255 {
            for at in 0..8 {
                for around in [b' ', b'~', b'!', b'a'] {
                    let mut bytes = [around; 8];
                    bytes[at] = byte;
                    assert_eq!(are_eight_plain(u64::from_ne_bytes(bytes)), is_plain(byte), "{byte} at {at}");
                    assert_eq!(are_plain(&[&b"0123"[..], &bytes].concat()), is_plain(byte), "{byte} at {at}");
                    assert_eq!(are_plain(&bytes[at..]), is_plain(byte), "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn nothing_that_came_leaves_its_string() {
        let check = |bytes: &[u8], expect: &str| {
            let mut out = Vec::new();
            json(bytes, &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), expect, "{bytes:?}");
        };
        check(b"/plain?a=b&c=%20", "/plain?a=b&c=%20");
        check(b"", "");
        check(b"a\"b\\c", "a\\\"b\\\\c");
        check(b"a\nb\r\tc\0\x1b[31m\x7f", "a\\nb\\r\\tc\\u0000\\u001b[31m\\u007f");
        check("\u{e9}\u{202e}\u{1f600}\u{85}".as_bytes(), "\\u00e9\\u202e\\ud83d\\ude00\\u0085");
        check(b"\xff\xfe\xc3(", "\\\\xff\\\\xfe\\\\xc3(");
        check(b"\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80");
    }
}
