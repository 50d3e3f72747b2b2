//! The model, by its rules, its scenarios and its sources.

mod properties;
mod scenario_files;
mod scenarios;
mod simulation;
mod sources;
