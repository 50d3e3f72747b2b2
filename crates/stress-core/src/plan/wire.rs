//! What goes over one connection: how many requests, and which version of HTTP they are written in.

use super::ClosePolicy;
use seed::Rng;
use serde::Serialize;

/// Requests on one connection, at most.
const PER_CONNECTION_MAX: u32 = 1_000_000_000;

/// Requests in flight on one connection, at most.
const PIPELINE_MAX: u32 = 1000;

/// As given by a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireDraft {
    /// Requests on each connection, fewest and most; `None`: one, or with [`ClosePolicy::Keep`] as many as there are.
    pub per_connection: Option<(u32, u32)>,
    /// HTTP/1.0 instead of HTTP/1.1.
    pub http10: bool,
    /// Requests that may be in flight on a connection at a time.
    pub pipeline: Option<u32>,
}

/// Checked. Serialises into `plan` of `stress --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wire {
    /// Requests on each connection, fewest and most; `None`: as many as there are.
    pub requests_per_connection: Option<(u32, u32)>,
    /// HTTP/1.0 instead of HTTP/1.1.
    pub http10: bool,
    /// Requests that may be in flight on a connection at a time; `None`: one. `plan` has it behind the others.
    #[serde(skip)]
    pub pipeline: Option<u32>,
}

/// What cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireMistake {
    /// None at all, or the bounds the wrong way round.
    #[error("--requests-per-connection {0}-{1}: write N, or A-B with 1 <= A <= B <= {PER_CONNECTION_MAX}")]
    Bounds(u32, u32),
    /// None, or too many.
    #[error("--pipeline {0}: write 1 to {PIPELINE_MAX}")]
    Pipeline(u32),
    /// What goes not together with requests that are sent before answers are there.
    #[error("--pipeline sends requests before answers are there, on connections that are kept: leave {0} out")]
    PipelineBeside(&'static str),
    /// Such a request may not be sent again, nor with others behind it.
    #[error(
        "--pipeline: {0} is not idempotent, and RFC 9112 section 9.3.2 has nothing sent behind such a request: use more \
         connections (-c)"
    )]
    PipelineMethod(String),
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
        let pipeline = self.pipeline(close)?;
        let Some((min, max)) = self.per_connection else {
            let each = (close != ClosePolicy::Keep).then_some((1, 1));
            return Ok((Wire { requests_per_connection: each, http10: self.http10, pipeline }, close));
        };
        if min == 0 || min > max || max > PER_CONNECTION_MAX {
            return Err(WireMistake::Bounds(min, max));
        }
        let field = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("connection"));
        if let Some((_, value)) = field.filter(|_| max > 1) {
            return Err(WireMistake::Field(value.clone()));
        }
        let close = if close == ClosePolicy::Keep { ClosePolicy::Wait } else { close };
        Ok((Wire { requests_per_connection: Some((min, max)), http10: self.http10, pipeline }, close))
    }

    /// One at a time is as ever.
    fn pipeline(&self, close: ClosePolicy) -> Result<Option<u32>, WireMistake> {
        match self.pipeline {
            None | Some(1) => Ok(None),
            Some(most) if most == 0 || most > PIPELINE_MAX => Err(WireMistake::Pipeline(most)),
            Some(_) if close != ClosePolicy::Keep => Err(WireMistake::PipelineBeside("--close")),
            Some(_) if self.per_connection.is_some() => Err(WireMistake::PipelineBeside("--requests-per-connection")),
            Some(_) if self.http10 => Err(WireMistake::PipelineBeside("--http1.0")),
            Some(most) => Ok(Some(most)),
        }
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
        WireDraft { per_connection, ..WireDraft::default() }.check(close, &[])
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
        let draft = WireDraft { per_connection: Some((2, 2)), ..WireDraft::default() };
        let field = ("Connection".to_owned(), "close".to_owned());
        assert_eq!(draft.check(Wait, std::slice::from_ref(&field)), Err(WireMistake::Field("close".to_owned())));
        // Where each connection has one request, each is the last of its own.
        let each = WireDraft { per_connection: Some((1, 1)), ..WireDraft::default() };
        assert_eq!(each.check(Wait, &[field]).map(|(_, close)| close), Ok(Wait));
    }

    #[test]
    fn requests_in_a_line_are_on_connections_that_are_kept() {
        let check = |most, close, draft: WireDraft| {
            WireDraft { pipeline: Some(most), ..draft }.check(close, &[]).map(|(wire, _)| wire.pipeline)
        };
        let plain = WireDraft::default();
        assert_eq!(check(16, ClosePolicy::Keep, plain), Ok(Some(16)));
        assert_eq!(check(1, ClosePolicy::Fin, plain), Ok(None));
        for bad in [0, PIPELINE_MAX + 1] {
            assert_eq!(check(bad, ClosePolicy::Keep, plain), Err(WireMistake::Pipeline(bad)));
        }
        assert_eq!(check(2, ClosePolicy::Wait, plain), Err(WireMistake::PipelineBeside("--close")));
        let old = WireDraft { http10: true, ..plain };
        assert_eq!(check(2, ClosePolicy::Keep, old), Err(WireMistake::PipelineBeside("--http1.0")));
        let some = WireDraft { per_connection: Some((5, 5)), ..plain };
        let error = WireMistake::PipelineBeside("--requests-per-connection");
        assert_eq!(check(2, ClosePolicy::Keep, some), Err(error));
    }

    #[test]
    fn numbers_are_drawn_from_the_whole_range() {
        let mut rng = Rng::new(1);
        let mut draw = |bounds| Wire { requests_per_connection: bounds, http10: false, pipeline: None }.draw(&mut rng);
        assert_eq!((draw(None), draw(Some((7, 7)))), (u64::MAX, 7));
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| draw(Some((2, 5)))).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
    }
}
