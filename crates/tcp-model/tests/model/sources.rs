//! Every decision names its function, its versions and how sure it is.

use tcp_model::decide::sources;

#[test]
fn every_source_is_filled_in() {
    let rows: Vec<_> = sources().collect();
    assert!(rows.len() >= 30, "only {} sources", rows.len());
    for row in rows {
        assert!(!row.decision.is_empty() && !row.function.is_empty() && !row.reference.is_empty(), "{row:?}");
    }
}
