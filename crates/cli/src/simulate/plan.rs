//! Defaults, then a file, then flags: one checked scene, or one error that names who said it.

use super::file::SceneFile;
use super::flags::{PlanArgs, flag_of};
use crate::terminal;
use anyhow::anyhow;
use config_file::ConfigError;
use std::path::Path;
use tcp_model::simulate::{Plan, PlanError, RawPlan};

/// A scene as said and as checked.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) raw: RawPlan,
    pub(super) plan: Plan,
}

/// Reads file and flags; flags stand above the file.
pub(super) fn read(args: &PlanArgs, file: Option<&Path>) -> anyhow::Result<Scene> {
    let file = file.map(SceneFile::load).transpose().map_err(shown)?;
    let mut raw = RawPlan::default();
    if let Some(file) = &file {
        file.args.overlay(&mut raw);
    }
    let said_by_flag = args.overlay(&mut raw);
    match raw.check() {
        Ok(plan) => Ok(Scene { raw, plan }),
        Err(error) => {
            let by_flag = said_by_flag.contains(&error.field);
            let blamed = file.filter(|_| !by_flag).and_then(|file| file.blame(&error));
            Err(blamed.map_or_else(|| by_flag_error(&error), shown))
        }
    }
}

fn by_flag_error(error: &PlanError) -> anyhow::Error {
    anyhow!("{}: {}", flag_of(error.field), error.problem)
}

fn shown(error: ConfigError) -> anyhow::Error {
    anyhow!("{}", error.render(terminal::error_width(), terminal::error_colour()))
}
