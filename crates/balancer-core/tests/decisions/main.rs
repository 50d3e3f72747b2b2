//! What a balancer decides, by its inputs.

mod admission;
mod announcement;
mod exchange;
mod hello;
mod pace;
mod router;
