//! What the commands show of results made by hand: text, pages, frames of the live view, and the JSON shapes byte by
//! byte.

mod doctor;
mod fixtures;
mod frames;
#[path = "../../../balancer/tests/keys/schema.rs"]
mod schema;
mod shapes;
mod stress;
#[path = "../../../doctor-core/tests/support/mod.rs"]
mod support;
