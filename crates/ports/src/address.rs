//! Where one listens, or connects to: an address and port, or a socket file of this host.

use core::fmt;
use core::net::SocketAddr;
use core::str;

/// Where one listens, or connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An address of the Internet's families, and a port.
    Ip(SocketAddr),
    /// A file of this host (AF_UNIX). There are no ports, and no TIME_WAIT.
    Unix(UnixPath),
}

impl Address {
    /// What texts of this kind begin with.
    pub const UNIX: &'static str = "unix:";

    /// The address and port, where there are any.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Ip(_) => None,
            Self::Unix(path) => Some(path.as_str()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<UnixPath> for Address {
    fn from(path: UnixPath) -> Self {
        Self::Unix(path)
    }
}

impl PartialEq<SocketAddr> for Address {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.ip() == Some(*other)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{}{}", Self::UNIX, path.as_str()),
        }
    }
}

/// The path of a socket file. It is kept in place, so that an [`Address`] is copied like any other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnixPath {
    len: u8,
    bytes: [u8; Self::BYTES_MAX],
}

/// What is no path of a socket file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUnixPath {
    /// It depends on where the process was started.
    #[error("a socket file is named by its whole path, such as unix:/run/app.sock")]
    Relative,
    /// `sun_path` holds no more.
    #[error("the path of a socket file has {} bytes at most", UnixPath::BYTES_MAX)]
    TooLong,
    /// A NUL ends it for the kernel.
    #[error("the path of a socket file holds no NUL")]
    Nul,
}

impl UnixPath {
    /// `sun_path` of `sockaddr_un`, its NUL not counted.
    pub const BYTES_MAX: usize = 107;

    /// # Errors
    /// It is relative, too long, or holds a NUL.
    pub fn new(path: &str) -> Result<Self, NoUnixPath> {
        if !path.starts_with('/') {
            return Err(NoUnixPath::Relative);
        }
        if path.contains('\0') {
            return Err(NoUnixPath::Nul);
        }
        let mut bytes = [0; Self::BYTES_MAX];
        let room = bytes.get_mut(..path.len()).ok_or(NoUnixPath::TooLong)?;
        room.copy_from_slice(path.as_bytes());
        Ok(Self { len: path.len() as u8, bytes })
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("it was made of a str")
    }
}

impl fmt::Debug for UnixPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_whole_and_fits() {
        let path = UnixPath::new("/run/q.sock").expect("a path");
        assert_eq!((path.as_str(), Address::from(path).to_string().as_str()), ("/run/q.sock", "unix:/run/q.sock"));
        assert_eq!(UnixPath::new("run/q.sock"), Err(NoUnixPath::Relative));
        assert_eq!(UnixPath::new(""), Err(NoUnixPath::Relative));
        assert_eq!(UnixPath::new("/a\0b"), Err(NoUnixPath::Nul));
        let long = format!("/{}", "x".repeat(UnixPath::BYTES_MAX - 1));
        assert_eq!(UnixPath::new(&long).map(|path| path.as_str() == long), Ok(true));
        assert_eq!(UnixPath::new(&format!("{long}x")), Err(NoUnixPath::TooLong));
    }

    #[test]
    fn an_address_is_one_or_the_other() {
        let ip: SocketAddr = "127.0.0.1:80".parse().expect("an address");
        assert_eq!((Address::from(ip).ip(), Address::from(ip).path()), (Some(ip), None));
        assert!(Address::from(ip) == ip && Address::from(ip).to_string() == "127.0.0.1:80");
        let path = Address::from(UnixPath::new("/a").expect("a path"));
        assert_eq!((path.ip(), path.path()), (None, Some("/a")));
    }
}
