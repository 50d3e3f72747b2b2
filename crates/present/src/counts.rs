//! Counts by name.

use ports::{ClosedFirst, ClosingTally};
use serde_json::{Map, Value};

/// Who closed first, in the order of reports; the peer's FIN is called by who the peer is: `client_fin`, `server_fin`.
pub(crate) fn closes(tally: &ClosingTally, peer: &str) -> impl Iterator<Item = (String, u64)> {
    let name = move |who: ClosedFirst| match who {
        ClosedFirst::PeerFin => format!("{peer}_fin"),
        who => who.name().to_owned(),
    };
    ClosedFirst::ALL.into_iter().map(move |who| (name(who), tally.count(who)))
}

/// An object of counts, zeroes included.
pub(crate) fn object<N: Into<String>>(counts: impl IntoIterator<Item = (N, u64)>) -> Value {
    Value::Object(counts.into_iter().map(|(name, count)| (name.into(), Value::from(count))).collect::<Map<_, _>>())
}
