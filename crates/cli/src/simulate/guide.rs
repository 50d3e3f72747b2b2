//! `simulate guide`: the guide's claims and how far each is true.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use present::simulate::Guide;
use tcp_model::simulate::guide;

pub(super) const EXAMPLES: &str = "\
Examples:
  quintet simulate guide
  quintet simulate guide --json - | jq '.[] | select(.verdict != \"true\") | {name, why}'

A verdict is `true`, `true up to VERSION`, `imprecise` or `false`, derived from the model or from a simulation of it.
Exit codes: 0 every claim was judged (what the guide gets wrong is known: no failure of the run); 2 wrong usage.";

pub(super) fn run(json: Option<&str>) -> Result {
    let mut output = Output::open(json)?;
    output.show(&Guide(&guide()))?;
    Ok(Outcome::AsHoped)
}
