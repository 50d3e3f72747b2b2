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

/// One line of progress in place of the last.
pub fn progress(line: &str) -> String {
    format!("\r\x1b[2K{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits_its_screen() {
        let seen = frame("one\ntwo is long\nthree", 3, 5);
        assert_eq!(seen, "\x1b[Hone\x1b[K\ntwo i\x1b[K\n\x1b[J");
    }
}
