//! Where lines are written to.

use super::{AccessLog, LogError, LogTarget, SyslogPlace};
use balancer_core::access::{Batch, Pen, Syslog, Told};
use std::fs::{File, OpenOptions};
use std::io::{Error, Write, stdout};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rights of a file that is made: others have no business in it.
const MODE: u32 = 0o640;
/// Bytes that are written at once.
const CHUNK: usize = 64 * 1024;
/// How long a log daemon that does not read may keep the writer.
const PATIENCE: Duration = Duration::from_secs(1);

/// An open place.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout(Lines),
    File(File, Lines),
    Syslog(Messages),
}

/// Whole lines, many at once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// One was written in part only: the next one begins anew.
    broken: bool,
}

/// Messages, one line each.
#[derive(Debug)]
pub(super) struct Messages {
    syslog: Syslog,
    to: Daemon,
}

#[derive(Debug)]
enum Daemon {
    Here(PathBuf, UnixDatagram),
    There(UdpSocket),
}

impl Sink {
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn open(log: &AccessLog) -> Result<Self, LogError> {
        let failed = |why| LogError { place: log.to.to_string(), why };
        Ok(match &log.to {
            LogTarget::Stdout => Self::Stdout(Lines::default()),
            LogTarget::File(path) => {
                let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path);
                Self::File(file.map_err(failed)?, Lines::default())
            }
            LogTarget::Syslog(place, form) => {
                let (to, host) = match place {
                    SyslogPlace::Here(path) => {
                        (Daemon::Here(path.clone(), connect(path).map_err(failed)?), String::new())
                    }
                    SyslogPlace::There(address) => {
                        (Daemon::There(connect_there(*address).map_err(failed)?), sys::host::name())
                    }
                };
                Self::Syslog(Messages { syslog: Syslog { form: *form, host, process: std::process::id() }, to })
            }
        })
    }

    /// Writes these lines; `out` is empty, and is again. Answers how many could not be written.
    pub(super) fn write(&mut self, batch: &Batch, pen: &mut Pen, out: &mut Vec<u8>) -> u64 {
        match self {
            Self::Stdout(lines) => lines.write(&mut stdout().lock(), batch, pen, out),
            Self::File(file, lines) => lines.write(file, batch, pen, out),
            Self::Syslog(messages) => batch.told().map(|told| messages.write(&told, pen, out)).sum(),
        }
    }
}

impl Lines {
    fn write(&mut self, to: &mut impl Write, batch: &Batch, pen: &mut Pen, out: &mut Vec<u8>) -> u64 {
        let (mut lines, mut unwritten) = (0, 0);
        let mut told = batch.told().peekable();
        while let Some(line) = told.next() {
            pen.write(&line, out);
            lines += 1;
            if out.len() >= CHUNK || told.peek().is_none() {
                let before: &[u8] = if self.broken { b"\n" } else { b"" };
                self.broken = to.write_all(before).and_then(|()| to.write_all(out)).and_then(|()| to.flush()).is_err();
                unwritten += if self.broken { lines } else { 0 };
                lines = 0;
                out.clear();
            }
        }
        unwritten
    }
}

impl Messages {
    fn write(&mut self, told: &Told<'_>, pen: &mut Pen, out: &mut Vec<u8>) -> u64 {
        self.syslog.write(told, pen, out);
        let sent = self.to.send(out).or_else(|_| {
            self.to.reconnect()?;
            self.to.send(out)
        });
        out.clear();
        u64::from(sent.is_err())
    }
}

impl Daemon {
    fn send(&self, message: &[u8]) -> Result<usize, Error> {
        match self {
            Self::Here(_, socket) => socket.send(message),
            Self::There(socket) => socket.send(message),
        }
    }

    /// A daemon that was started again has another socket of that name.
    fn reconnect(&mut self) -> Result<(), Error> {
        if let Self::Here(path, socket) = self {
            *socket = connect(path)?;
        }
        Ok(())
    }
}

fn connect(path: &Path) -> Result<UnixDatagram, Error> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(path)?;
    Ok(socket)
}

fn connect_there(address: SocketAddr) -> Result<UdpSocket, Error> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    Ok(socket)
}
