//! Files that people name. None of them may hang a command: a pipe without somebody at its other end is waited for, but
//! not for ever.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the other end of a pipe may do nothing.
const PIPE_PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at a pipe.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of one read.
const PIECE_BYTES: usize = 64 * 1024;

/// The first `bytes_max` bytes of a file, pipe or device, at most.
///
/// # Errors
/// It cannot be read, or it is a pipe into which nobody writes.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    read_within(path, bytes_max, PIPE_PATIENCE)
}

fn read_within(path: &Path, bytes_max: usize, patience: Duration) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking()).open(path)?;
    let is_pipe = file.metadata()?.file_type().is_fifo();
    let mut bytes = Vec::new();
    let mut until = Instant::now() + patience;
    while bytes.len() < bytes_max {
        let before = bytes.len();
        let piece = (bytes_max - before).min(PIECE_BYTES) as u64;
        match (&mut file).take(piece).read_to_end(&mut bytes) {
            // A pipe that nobody has opened yet looks as if it had ended.
            Ok(0) if !(is_pipe && before == 0) => break,
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if bytes.len() > before {
            until = Instant::now() + patience;
        }
        wait(until, "nothing is written into it")?;
    }
    Ok(bytes)
}

/// A file to be written to.
#[derive(Debug)]
pub struct Sink {
    file: File,
    patience: Duration,
}

impl Sink {
    /// A new file.
    ///
    /// # Errors
    /// It cannot be made, or there is one.
    pub fn create_new(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create_new(path)?, patience: PIPE_PATIENCE })
    }

    /// A file, pipe or device that is there, as it is.
    ///
    /// # Errors
    /// It may not be written to, or it is a pipe from which nobody reads.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_within(path, PIPE_PATIENCE)
    }

    /// The file of that name, emptied, or a new one.
    ///
    /// # Errors
    /// As [`Sink::create_new`] and [`Sink::open`].
    pub fn replace(path: &Path) -> io::Result<Self> {
        match Self::create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut sink = Self::open(path)?;
                sink.clear()?;
                Ok(sink)
            }
            other => other,
        }
    }

    fn open_within(path: &Path, patience: Duration) -> io::Result<Self> {
        let until = Instant::now() + patience;
        loop {
            let opened = OpenOptions::new().write(true).custom_flags(nonblocking()).open(path);
            match opened {
                Ok(file) => return Ok(Self { file, patience }),
                Err(error) if no_reader(path, &error) => wait(until, "nobody reads from it")?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Throws away what the file held. Pipes and devices hold nothing.
    ///
    /// # Errors
    /// The kernel's.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.file.metadata()?.is_file() { self.file.set_len(0) } else { Ok(()) }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = Instant::now() + self.patience;
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(until, "nobody reads from it")?,
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Without this open() itself waits for the other end of a pipe.
fn nonblocking() -> i32 {
    OFlags::NONBLOCK.bits() as i32
}

fn no_reader(path: &Path, error: &io::Error) -> bool {
    let is_pipe = || path.metadata().is_ok_and(|about| about.file_type().is_fifo());
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) && is_pipe()
}

fn wait(until: Instant, what: &str) -> io::Result<()> {
    if Instant::now() < until {
        std::thread::sleep(LOOK);
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("a pipe, and {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::process::Command;
    use testkit::Folder;

    const SHORT: Duration = Duration::from_millis(50);

    fn pipe(folder: &Folder) -> PathBuf {
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        path
    }

    #[test]
    fn a_pipe_that_nobody_serves_ends() {
        let folder = Folder::new();
        let pipe = pipe(&folder);
        let error = read_within(&pipe, 10, SHORT).expect_err("no writer").to_string();
        assert!(error.contains("a pipe, and nothing is written"), "{error}");
        let error = Sink::open_within(&pipe, SHORT).expect_err("no reader").to_string();
        assert!(error.contains("a pipe, and nobody reads"), "{error}");
        let _reader = OpenOptions::new().read(true).custom_flags(nonblocking()).open(&pipe).expect("opened");
        let mut sink = Sink::open_within(&pipe, SHORT).expect("somebody is there");
        let error = sink.write_all(&[0; 1 << 20]).expect_err("nobody takes a megabyte").to_string();
        assert!(error.contains("nobody reads"), "{error}");
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let folder = Folder::new();
        let pipe = pipe(&folder);
        let to = pipe.clone();
        let writer = std::thread::spawn(move || {
            let mut sink = Sink::open(&to).expect("a reader comes");
            sink.write_all(&[b'x'; 300_000]).and_then(|()| sink.write_all(b"end")).expect("read");
        });
        let bytes = read(&pipe, 1 << 20).expect("a writer comes");
        writer.join().expect("written");
        assert!(bytes.len() == 300_003 && bytes.ends_with(b"end"), "{} bytes", bytes.len());
    }

    #[test]
    fn never_more_than_asked_for() {
        assert_eq!(read(Path::new("/dev/zero"), 70_000).expect("without end").len(), 70_000);
        assert_eq!(read(Path::new("/dev/null"), 10).expect("empty"), b"");
    }

    #[test]
    fn a_file_is_replaced_and_a_new_one_is_new() {
        let folder = Folder::new();
        let path = folder.write("file", "long ago");
        assert_eq!(Sink::create_new(&path).expect_err("there is one").kind(), io::ErrorKind::AlreadyExists);
        Sink::replace(&path).and_then(|mut sink| sink.write_all(b"now")).expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"now");
        Sink::open(Path::new("/dev/null")).and_then(|mut sink| sink.clear()).expect("a device");
    }
}
