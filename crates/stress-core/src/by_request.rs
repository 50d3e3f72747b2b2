//! What became of each of several requests.

use crate::script::{Script, TOLD_MAX};
use core::time::Duration;
use stats::{Percentiles, Recorder};

/// Up to so many requests have their latencies recorded apart; each takes a quarter of a megabyte.
const RECORDED_MAX: usize = 32;
/// What requests are called that are counted together.
const OTHERS: &str = "others";

/// Counts of each request; of one alone there is nothing to tell apart.
#[derive(Clone, Debug, Default)]
pub struct ByRequest(Vec<RequestCount>);

/// Counts of one request.
#[derive(Clone, Debug, Default)]
struct RequestCount {
    ok: u64,
    failed: u64,
    latency: Option<Recorder>,
}

/// What became of one of several requests.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestSummary {
    /// What it is called.
    pub name: String,
    /// Complete responses.
    pub ok: u64,
    /// Failed.
    pub failed: u64,
    /// Latency of complete responses, in microseconds; `None` without any, and where there are too many requests to record it.
    pub latency_us: Option<Percentiles>,
}

impl ByRequest {
    /// Nothing counted yet.
    pub fn new(script: &Script) -> Self {
        let requests = if script.is_choice() { script.requests().len() } else { 0 };
        let latency = || (requests <= RECORDED_MAX).then(Recorder::new);
        let count = || RequestCount { latency: latency(), ..RequestCount::default() };
        // Those that are not told one by one have a place together.
        Self(std::iter::repeat_with(count).take(requests.min(TOLD_MAX + 1)).collect())
    }

    /// Request `which` had a complete response.
    pub fn record_complete(&mut self, which: u32, latency: Duration) {
        let Some(count) = self.count(which) else { return };
        count.ok += 1;
        if let Some(recorder) = &mut count.latency {
            recorder.record(latency);
        }
    }

    /// Request `which` failed.
    pub fn record_failure(&mut self, which: u32) {
        if let Some(count) = self.count(which) {
            count.failed += 1;
        }
    }

    fn count(&mut self, which: u32) -> Option<&mut RequestCount> {
        self.0.get_mut((which as usize).min(TOLD_MAX))
    }

    /// Adds what another thread counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.0.is_empty() {
            return self.0.clone_from(&other.0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            (mine.ok, mine.failed) = (mine.ok + theirs.ok, mine.failed + theirs.failed);
            if let (Some(mine), Some(theirs)) = (&mut mine.latency, &theirs.latency) {
                mine.merge(theirs);
            }
        }
    }

    /// With the names of `script`, in its order.
    pub(crate) fn told(&self, script: &Script) -> Vec<RequestSummary> {
        let names = script.requests().iter().take(TOLD_MAX).map(|request| request.name());
        let summary = |(name, count): (&str, &RequestCount)| RequestSummary {
            name: name.to_owned(),
            ok: count.ok,
            failed: count.failed,
            latency_us: count.latency.as_ref().and_then(Recorder::percentiles),
        };
        names.chain([OTHERS]).zip(&self.0).map(summary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlanDraft, RequestDraft, ScriptDraft};

    fn script(requests: usize) -> Script {
        let requests = (0..requests).map(|at| RequestDraft::new(format!("/{at}"))).collect();
        let draft = ScriptDraft { requests, ..ScriptDraft::default() };
        PlanDraft { script: draft, ..PlanDraft::new("http://a/") }.check().expect("a good draft").script
    }

    #[test]
    fn threads_are_added_by_request() {
        let script = script(3);
        let mut all = ByRequest::default();
        for thread in 0..2 {
            let mut one = ByRequest::new(&script);
            one.record_complete(0, Duration::from_micros(100 + thread));
            one.record_failure(2);
            all.merge(&one);
        }
        let told: Vec<_> = all.told(&script).into_iter().map(|one| (one.name, one.ok, one.failed)).collect();
        let expect = [("GET /0", 2, 0), ("GET /1", 0, 0), ("GET /2", 0, 2)];
        assert_eq!(told, expect.map(|(name, ok, failed)| (name.to_owned(), ok, failed)));
        assert_eq!(all.told(&script)[0].latency_us.map(|of| of.min), Some(100.0));
        assert_eq!(all.told(&script)[2].latency_us, None);
    }

    #[test]
    fn one_request_costs_nothing_and_many_are_bounded() {
        let (alone, many) = (script(1), script(TOLD_MAX + 50));
        let mut count = ByRequest::new(&alone);
        count.record_complete(0, Duration::ZERO);
        assert_eq!(count.told(&alone), []);
        let mut count = ByRequest::new(&many);
        (0..TOLD_MAX as u32 + 50).for_each(|which| count.record_complete(which, Duration::ZERO));
        let told = count.told(&many);
        let last = told.last().map(|last| (last.name.as_str(), last.ok, last.latency_us));
        assert_eq!((told.len(), last), (TOLD_MAX + 1, Some((OTHERS, 50, None))));
    }
}
