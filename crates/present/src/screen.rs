//! What a live view writes to its terminal: a screen of its own, a frame, and the way back.

/// Opens a screen of our own, without a cursor.
pub const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Brings back what stood on the terminal before.
pub const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Writes over what stood there before, line by line, so that nothing flickers; no larger than the screen.
pub fn frame(text: &str, rows: usize, columns: usize) -> String {
    let mut screen = "\x1b[H".to_owned();
    for line in text.lines().chain(["", "Ctrl-C ends"]).take(rows.max(2) - 1) {
        screen.extend(line.chars().take(columns));
        screen.push_str("\x1b[K\n");
    }
    screen.push_str("\x1b[J");
    screen
}

/// One line of progress in place of the last, on a terminal of `columns`. A longer one would go on to the next line, and
/// stay there.
pub fn progress(line: &str, columns: usize) -> String {
    let line: String = line.chars().take(columns.max(1) - 1).collect();
    format!("\r\x1b[2K{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_fits_its_line() {
        assert_eq!(progress("one two", 80), "\r\x1b[2Kone two");
        assert_eq!(progress("one two", 5), "\r\x1b[2Kone ");
        assert_eq!(progress("", 1), "\r\x1b[2K");
    }

    #[test]
    fn a_frame_fits_its_screen() {
        let seen = frame("one\ntwo is long\nthree", 3, 5);
        assert_eq!(seen, "\x1b[Hone\x1b[K\ntwo i\x1b[K\n\x1b[J");
    }
}
