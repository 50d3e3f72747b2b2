//! Methods of the face that a layer leaves as they are.

/// Writes those named as calls of the same method of a field.
macro_rules! forward {
    ($io:ident: $($name:ident),* $(,)?) => { $(forward!(@$name $io);)* };
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
        fn listen(&mut self, plan: &reactor::ListenPlan) -> Result<reactor::ListenerId, ports::Fault> {
            self.$io.listen(plan)
        }
    };
    (@adopt_listener $io:ident) => {
        fn adopt_listener(&mut self, listening: reactor::Listening) -> Result<reactor::ListenerId, ports::Fault> {
            self.$io.adopt_listener(listening)
        }
    };
    (@listener_address $io:ident) => {
        fn listener_address(&self, listener: reactor::ListenerId) -> Option<std::net::SocketAddr> {
            self.$io.listener_address(listener)
        }
    };
    (@waiting $io:ident) => {
        fn waiting(&self, listener: reactor::ListenerId) -> Option<usize> {
            self.$io.waiting(listener)
        }
    };
    (@set_accepting $io:ident) => {
        fn set_accepting(&mut self, listener: reactor::ListenerId, accepting: bool) {
            self.$io.set_accepting(listener, accepting);
        }
    };
    (@close_listener $io:ident) => {
        fn close_listener(&mut self, listener: reactor::ListenerId) {
            self.$io.close_listener(listener);
        }
    };
    (@local_address $io:ident) => {
        fn local_address(&self, conn: reactor::ConnId) -> Option<std::net::SocketAddr> {
            self.$io.local_address(conn)
        }
    };
    (@watch_peer $io:ident) => {
        fn watch_peer(&mut self, conn: reactor::ConnId) {
            self.$io.watch_peer(conn);
        }
    };
    (@shutdown_write $io:ident) => {
        fn shutdown_write(&mut self, conn: reactor::ConnId) {
            self.$io.shutdown_write(conn);
        }
    };
    (@close $io:ident) => {
        fn close(&mut self, conn: reactor::ConnId, how: reactor::Close) -> reactor::CloseOutcome {
            self.$io.close(conn, how)
        }
    };
    (@probe $io:ident) => {
        fn probe(&self, conn: reactor::ConnId) -> reactor::Probe {
            self.$io.probe(conn)
        }
    };
    (@is_receiving $io:ident) => {
        fn is_receiving(&self, conn: reactor::ConnId) -> bool {
            self.$io.is_receiving(conn)
        }
    };
    (@session $io:ident) => {
        fn session(&self, conn: reactor::ConnId) -> Option<&reactor::SessionInfo> {
            self.$io.session(conn)
        }
    };
    (@unacknowledged_bytes $io:ident) => {
        fn unacknowledged_bytes(&self, conn: reactor::ConnId) -> Option<usize> {
            self.$io.unacknowledged_bytes(conn)
        }
    };
    (@timestamps $io:ident) => {
        fn timestamps(&self, conn: reactor::ConnId) -> Option<bool> {
            self.$io.timestamps(conn)
        }
    };
    (@take_buf $io:ident) => {
        fn take_buf(&mut self) -> Option<reactor::Buf> {
            self.$io.take_buf()
        }
    };
    (@buffers_are_scarce $io:ident) => {
        fn buffers_are_scarce(&self) -> bool {
            self.$io.buffers_are_scarce()
        }
    };
    (@shortages $io:ident) => {
        fn shortages(&self) -> reactor::Shortages {
            self.$io.shortages()
        }
    };
    (@turn $io:ident) => {
        fn turn(&mut self, until: Option<std::time::Duration>) {
            self.$io.turn(until);
        }
    };
}
pub(crate) use forward;
