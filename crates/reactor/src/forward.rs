//! Methods of the face that a layer leaves as they are, for layers.

/// Writes those methods of [`Reactor`](crate::Reactor) and [`Questions`](crate::Questions) that are named as calls of the
/// same method of a field: what a layer leaves as it is. Its crate needs to know `ports` as well.
///
/// ```text
/// impl<R: Reactor> Questions for View<'_, R> {
///     reactor::forward!(io: now, wall_clock, local_address);
///     ...
/// ```
#[macro_export]
macro_rules! forward {
    ($io:ident: $($name:ident),* $(,)?) => { $($crate::forward!(@$name $io);)* };
    (@now $io:ident) => {
        fn now(&self) -> std::time::Duration {
            self.$io.now()
        }
    };
    (@wall_clock $io:ident) => {
        fn wall_clock(&self) -> std::time::Duration {
            self.$io.wall_clock()
        }
    };
    (@listen $io:ident) => {
        fn listen(&mut self, plan: &$crate::ListenPlan) -> Result<$crate::ListenerId, ports::Fault> {
            self.$io.listen(plan)
        }
    };
    (@adopt_listener $io:ident) => {
        fn adopt_listener(&mut self, listening: $crate::Listening) -> Result<$crate::ListenerId, ports::Fault> {
            self.$io.adopt_listener(listening)
        }
    };
    (@listener_address $io:ident) => {
        fn listener_address(&self, listener: $crate::ListenerId) -> Option<std::net::SocketAddr> {
            self.$io.listener_address(listener)
        }
    };
    (@waiting $io:ident) => {
        fn waiting(&self, listener: $crate::ListenerId) -> Option<usize> {
            self.$io.waiting(listener)
        }
    };
    (@secure_listener $io:ident) => {
        fn secure_listener(&mut self, listener: $crate::ListenerId, profile: Option<$crate::ProfileId>) {
            self.$io.secure_listener(listener, profile);
        }
    };
    (@announce_listener $io:ident) => {
        fn announce_listener(&mut self, listener: $crate::ListenerId, announcing: Option<$crate::Announcing>) {
            self.$io.announce_listener(listener, announcing);
        }
    };
    (@take_handshakes $io:ident) => {
        fn take_handshakes(&mut self, listener: Option<$crate::ListenerId>) -> ports::Handshakes {
            self.$io.take_handshakes(listener)
        }
    };
    (@poll_turned_away $io:ident) => {
        fn poll_turned_away(&mut self) -> Option<$crate::TurnedAway> {
            self.$io.poll_turned_away()
        }
    };
    (@set_accepting $io:ident) => {
        fn set_accepting(&mut self, listener: $crate::ListenerId, accepting: bool) {
            self.$io.set_accepting(listener, accepting);
        }
    };
    (@close_listener $io:ident) => {
        fn close_listener(&mut self, listener: $crate::ListenerId) {
            self.$io.close_listener(listener);
        }
    };
    (@shut_listener $io:ident) => {
        fn shut_listener(&mut self, listener: $crate::ListenerId) -> bool {
            self.$io.shut_listener(listener)
        }
    };
    (@local_address $io:ident) => {
        fn local_address(&self, conn: $crate::ConnId) -> Option<std::net::SocketAddr> {
            self.$io.local_address(conn)
        }
    };
    (@recv_through $io:ident) => {
        fn recv_through(&mut self, conn: $crate::ConnId, to: $crate::ConnId) {
            self.$io.recv_through(conn, to);
        }
    };
    (@send_piped $io:ident) => {
        fn send_piped(&mut self, conn: $crate::ConnId, piped: $crate::Piped) {
            self.$io.send_piped(conn, piped);
        }
    };
    (@watch_peer $io:ident) => {
        fn watch_peer(&mut self, conn: $crate::ConnId) {
            self.$io.watch_peer(conn);
        }
    };
    (@shutdown_write $io:ident) => {
        fn shutdown_write(&mut self, conn: $crate::ConnId) {
            self.$io.shutdown_write(conn);
        }
    };
    (@close $io:ident) => {
        fn close(&mut self, conn: $crate::ConnId, how: $crate::Close) -> $crate::CloseOutcome {
            self.$io.close(conn, how)
        }
    };
    (@probe $io:ident) => {
        fn probe(&self, conn: $crate::ConnId) -> $crate::Probe {
            self.$io.probe(conn)
        }
    };
    (@is_receiving $io:ident) => {
        fn is_receiving(&self, conn: $crate::ConnId) -> bool {
            self.$io.is_receiving(conn)
        }
    };
    (@session $io:ident) => {
        fn session(&self, conn: $crate::ConnId) -> Option<&$crate::SessionInfo> {
            self.$io.session(conn)
        }
    };
    (@reason $io:ident) => {
        fn reason(&self, conn: $crate::ConnId) -> Option<&str> {
            self.$io.reason(conn)
        }
    };
    (@unacknowledged_bytes $io:ident) => {
        fn unacknowledged_bytes(&self, conn: $crate::ConnId) -> Option<usize> {
            self.$io.unacknowledged_bytes(conn)
        }
    };
    (@timestamps $io:ident) => {
        fn timestamps(&self, conn: $crate::ConnId) -> Option<bool> {
            self.$io.timestamps(conn)
        }
    };
    (@take_buf $io:ident) => {
        fn take_buf(&mut self) -> Option<$crate::Buf> {
            self.$io.take_buf()
        }
    };
    (@buffers_are_scarce $io:ident) => {
        fn buffers_are_scarce(&self) -> bool {
            self.$io.buffers_are_scarce()
        }
    };
    (@connect_cost $io:ident) => {
        fn connect_cost(&self) -> Option<std::time::Duration> {
            self.$io.connect_cost()
        }
    };
    (@shortages $io:ident) => {
        fn shortages(&self) -> $crate::Shortages {
            self.$io.shortages()
        }
    };
    (@turn $io:ident) => {
        fn turn(&mut self, until: Option<std::time::Duration>) {
            self.$io.turn(until);
        }
    };
}
