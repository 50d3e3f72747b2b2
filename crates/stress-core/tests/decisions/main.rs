//! What a tester decides, by its inputs.

mod forecast;
mod life;
mod plan;
mod report;
mod script;
mod variables;
