//! Unchanged applications on a layer: the balancer, the tester and the origin with sealed connections between them do
//! what they do without, seed by seed; and the layer keeps the promises of the face in the cases that are easily missed.
//!
//! `QUINTET_SEEDS=5000 cargo test -p toy-layer --test layers` widens the sweeps.

mod answers;
mod edges;
mod house;
mod scene;
