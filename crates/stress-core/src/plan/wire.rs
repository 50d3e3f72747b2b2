//! What goes over one connection: how many requests, and which version of HTTP they are written in.

use super::ClosePolicy;
use seed::Rng;
use serde::Serialize;

/// Requests on one connection, at most.
const PER_CONNECTION_MAX: u32 = 1_000_000_000;

/// As given by a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireDraft {
    /// Requests on each connection, fewest and most; `None`: one, or with [`ClosePolicy::Keep`] as many as there are.
    pub per_connection: Option<(u32, u32)>,
    /// HTTP/1.0 instead of HTTP/1.1.
    pub http10: bool,
}

/// Checked. Serialises into `plan` of `stress --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wire {
    /// Requests on each connection, fewest and most; `None`: as many as there are.
    pub requests_per_connection: Option<(u32, u32)>,
    /// HTTP/1.0 instead of HTTP/1.1.
    pub http10: bool,
}

/// What cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireMistake {
    /// None at all, or the bounds the wrong way round.
    #[error("--requests-per-connection {0}-{1}: write N, or A-B with 1 <= A <= B <= {PER_CONNECTION_MAX}")]
    Bounds(u32, u32),
    /// Each request would ask for the end.
    #[error(
        "header Connection: {0}: with --requests-per-connection only the last request of a connection asks for its end: \
         leave the field out"
    )]
    Field(String),
}

impl WireDraft {
    /// Checks it, and says how a connection ends after its last request: where nobody said so, the server is asked to close,
    /// which leaves no TIME_WAIT here.
    pub(super) fn check(
        self,
        close: ClosePolicy,
        headers: &[(String, String)],
    ) -> Result<(Wire, ClosePolicy), WireMistake> {
        let Some((min, max)) = self.per_connection else {
            let each = (close != ClosePolicy::Keep).then_some((1, 1));
            return Ok((Wire { requests_per_connection: each, http10: self.http10 }, close));
        };
        if min == 0 || min > max || max > PER_CONNECTION_MAX {
            return Err(WireMistake::Bounds(min, max));
        }
        let field = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("connection"));
        if let Some((_, value)) = field.filter(|_| max > 1) {
            return Err(WireMistake::Field(value.clone()));
        }
        let close = if close == ClosePolicy::Keep { ClosePolicy::Wait } else { close };
        Ok((Wire { requests_per_connection: Some((min, max)), http10: self.http10 }, close))
    }
}

impl Wire {
    /// How many requests the next connection carries. More than anybody makes where there is no bound.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        match self.requests_per_connection {
            None => u64::MAX,
            Some((min, max)) if min == max => min.into(),
            Some((min, max)) => rng.range(min.into(), u64::from(max) + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(per_connection: Option<(u32, u32)>, close: ClosePolicy) -> Result<(Wire, ClosePolicy), WireMistake> {
        WireDraft { per_connection, http10: false }.check(close, &[])
    }

    #[test]
    fn a_connection_has_as_many_requests_as_its_end_allows() {
        use ClosePolicy::{Fin, Keep, Wait};
        for (given, close, expect) in [
            (None, Keep, (None, Keep)),
            (None, Fin, (Some((1, 1)), Fin)),
            (Some((5, 5)), Keep, (Some((5, 5)), Wait)),
            (Some((2, 9)), Fin, (Some((2, 9)), Fin)),
        ] {
            let (wire, ends) = check(given, close).expect("good");
            assert_eq!((wire.requests_per_connection, ends), expect, "{given:?} {close:?}");
        }
        for bad in [(0, 1), (3, 2), (1, PER_CONNECTION_MAX + 1)] {
            assert_eq!(check(Some(bad), Keep), Err(WireMistake::Bounds(bad.0, bad.1)));
        }
        let draft = WireDraft { per_connection: Some((2, 2)), http10: false };
        let field = ("Connection".to_owned(), "close".to_owned());
        assert_eq!(draft.check(Wait, std::slice::from_ref(&field)), Err(WireMistake::Field("close".to_owned())));
        // Where each connection has one request, each is the last of its own.
        let each = WireDraft { per_connection: Some((1, 1)), http10: false };
        assert_eq!(each.check(Wait, &[field]).map(|(_, close)| close), Ok(Wait));
    }

    #[test]
    fn numbers_are_drawn_from_the_whole_range() {
        let mut rng = Rng::new(1);
        let mut draw = |bounds| Wire { requests_per_connection: bounds, http10: false }.draw(&mut rng);
        assert_eq!((draw(None), draw(Some((7, 7)))), (u64::MAX, 7));
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| draw(Some((2, 5)))).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
    }
}
