//! May the sockets of connections that are over be used again, in place of a new one for each connection?
//!
//! What was connected is dissolved, which is safe where nothing is in flight any more, or where it is the reset that was asked for.
//!
//! ```text
//! wait   the server closes first, and has seen our FIN: nothing is left to tell it
//! half   both have closed; TIME_WAIT stays here, and has left the socket
//! rst    dissolving a connection resets it (tcp_disconnect)
//! keep   connections do not end
//! fin    our FIN waits for the server's, and dissolving would reset the connection meanwhile
//! ```

use super::{ClosePolicy, PortMode};

/// Source addresses at most: each has sockets of its own.
const SOURCES_MAX: usize = 64;

/// Why sockets cannot be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecycleMistake {
    /// No connection ends.
    #[error("--recycle: connections are kept, so there is no socket to use again; --close wait, rst or half ends them")]
    Kept,
    /// Our FIN would be followed by a reset.
    #[error(
        "--recycle: with --close fin our FIN waits for the server's, and a socket that is used again would reset the connection \
         meanwhile: use --close wait, rst or half"
    )]
    FinFirst,
    /// A bound port would be used again at once.
    #[error(
        "--recycle: a port of our own choice stays bound to its socket, and would be used again at once, before its turn: use \
         --ports kernel, with a --port-range inside of net.ipv4.ip_local_port_range if any"
    )]
    OwnPorts,
    /// Below TLS.
    #[error("--recycle: under TLS a handshake costs many times what a new socket does, so sockets are not used again")]
    Secured,
    /// No such thing there.
    #[error("--recycle: the socket of a connection to a socket file cannot be used again: leave it out")]
    SocketFile,
    /// So many source addresses.
    #[error("--recycle: {0} source addresses, each with sockets of its own: at most {SOURCES_MAX} are supported")]
    Sources(usize),
}

/// Can it be done? Then it is `true`.
pub(super) fn check(
    close: ClosePolicy,
    ports: PortMode,
    secured: bool,
    sources: usize,
) -> Result<bool, RecycleMistake> {
    match (close, ports) {
        (ClosePolicy::Keep, _) => Err(RecycleMistake::Kept),
        (ClosePolicy::Fin, _) => Err(RecycleMistake::FinFirst),
        (_, PortMode::Own) => Err(RecycleMistake::OwnPorts),
        _ if secured => Err(RecycleMistake::Secured),
        _ if sources > SOURCES_MAX => Err(RecycleMistake::Sources(sources)),
        (ClosePolicy::Wait | ClosePolicy::Rst | ClosePolicy::Half, PortMode::Auto | PortMode::Kernel) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_used_again_where_nothing_is_in_flight_or_a_reset_is_meant() {
        use ClosePolicy::{Fin, Half, Keep, Rst, Wait};
        use PortMode::{Auto, Kernel, Own};
        for (close, ports, secured, sources, expect) in [
            (Wait, Auto, false, 0, Ok(true)),
            (Rst, Kernel, false, 64, Ok(true)),
            (Half, Auto, false, 1, Ok(true)),
            (Keep, Auto, false, 0, Err(RecycleMistake::Kept)),
            (Fin, Auto, false, 0, Err(RecycleMistake::FinFirst)),
            (Rst, Own, false, 0, Err(RecycleMistake::OwnPorts)),
            (Wait, Auto, true, 0, Err(RecycleMistake::Secured)),
            (Wait, Auto, false, 65, Err(RecycleMistake::Sources(65))),
        ] {
            assert_eq!(check(close, ports, secured, sources), expect, "{close:?} {ports:?} {secured} {sources}");
        }
    }
}
