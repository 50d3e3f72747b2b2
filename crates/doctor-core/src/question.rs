//! What the user wants to know beyond "what is wrong".

/// A plan to be judged. The default asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// Connections per second that are to be opened in all; `None` when not asked.
    pub rate_per_s: Option<f64>,
    /// Source addresses they start from.
    pub sources: u32,
    /// Distinct destinations (address and port) they go to.
    pub destinations: u32,
    /// Connections that are to be open at once; `None` when not asked.
    pub connections: Option<u64>,
}

impl Default for Question {
    fn default() -> Self {
        Self { rate_per_s: None, sources: 1, destinations: 1, connections: None }
    }
}
