//! Shared by the property tests: seeds, and input that is nearly HTTP.
#![allow(dead_code)] // each test binary uses its part

pub(crate) mod corpus;
pub(crate) mod roundtrip;
pub(crate) mod transcript;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A fixed seed unless `PROPTEST_RNG_SEED` sets another; `PROPTEST_CASES` widens the sweep. A failure shows the line.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if let RngSeed::Fixed(seed) = config.rng_seed {
        println!("replay: PROPTEST_RNG_SEED={seed} PROPTEST_CASES={} cargo test -p http1", config.cases);
    }
    config
}

/// Fragments of messages, some of them broken, in any order after a start line.
pub(crate) fn nearly(start: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let fields = prop::collection::vec(prop::sample::select(corpus::FIELDS), 0..8);
    let bodies = prop::collection::vec(prop::sample::select(corpus::BODIES), 0..6);
    let one = (prop::sample::select(start), fields, prop::sample::select(corpus::HEAD_ENDS), bodies);
    let one = one.prop_map(|(start, fields, end, bodies)| [start, &fields.concat(), end, &bodies.concat()].concat());
    prop::collection::vec(one, 1..4).prop_map(|messages| messages.concat().into_bytes())
}

/// Where to cut an input: the sizes of the reads, over and over.
pub(crate) fn reads() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), prop::collection::vec(1_usize..40, 1..12)]
}
