//! A scene from a file: the flags' names are its keys.

use super::flags::{PlanArgs, key_of};
use crate::values;
use config_file::{ConfigError, Mistake, Section};
use std::ops::Range;
use std::path::Path;
use tcp_model::simulate::PlanError;

/// What a file says, and where.
#[derive(Clone, Debug)]
pub(super) struct SceneFile {
    pub(super) args: PlanArgs,
    name: String,
    text: String,
    places: Vec<(String, Range<usize>)>,
}

impl SceneFile {
    /// Reads a file; every mistake in it is told at once.
    pub(super) fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = config_file::read_text(path)?;
        let (args, places) = config_file::parse(&name, "the scene", &text, |section, mistakes| {
            let mut reader = Reader { section, mistakes, places: Vec::new() };
            let args = reader.args();
            reader.section.finish(reader.mistakes);
            Some((args, reader.places))
        })?;
        Ok(Self { args, name, text, places })
    }

    /// The same error with its place, where this file is to blame. A sysctl's place is that of its name.
    pub(super) fn blame(&self, error: &PlanError) -> Option<ConfigError> {
        let key = key_of(error.field);
        let named = |place: &str| match place.split_once('.') {
            Some((table, name)) => table == key && error.problem.contains(name),
            None => place == key,
        };
        let (_, span) = self.places.iter().find(|(place, _)| named(place))?;
        let mistake = Mistake::new(span.clone(), format!("`{key}`: {}", error.problem), "here");
        Some(ConfigError::new(&self.name, &self.text, vec![mistake]))
    }
}

struct Reader<'s, 'a, 'i> {
    section: Section<'a, 'i>,
    mistakes: &'s mut Vec<Mistake>,
    places: Vec<(String, Range<usize>)>,
}

impl Reader<'_, '_, '_> {
    fn args(&mut self) -> PlanArgs {
        let text = |text: &str| Ok(text.to_owned());
        let seed = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a whole number"));
        PlanArgs {
            kernel: self.take("kernel", text),
            server_sysctl: self.sysctls("server_sysctl"),
            client_kernel: self.take("client_kernel", text),
            client_sysctl: self.sysctls("client_sysctl"),
            hz: self.take("hz", values::count),
            clients: self.take("clients", values::count),
            rate: self.take("rate", values::count),
            duration: self.take("duration", values::whole_seconds),
            closes_first: self.take("closes_first", text),
            life: self.take("life", values::duration_or_zero),
            rtt: self.take("rtt", values::duration_or_zero),
            seed: self.take("seed", seed),
            nat: self.take("nat", text),
            public_addresses: self.take("public_addresses", values::count),
            nat_time_wait: self.take("nat_time_wait", values::whole_seconds),
            nat_close: self.take("nat_close", values::whole_seconds),
            nat_drops_resets: self.section.switch("nat_drops_resets", self.mistakes).unwrap_or(false),
        }
    }

    /// The value of `key`, read as its flag would be.
    fn take<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let said = self.section.plain(key, self.mistakes)?;
        self.places.push((key.to_owned(), said.span.clone()));
        match parse(&said.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.mistakes.push(Mistake::new(said.span, format!("`{key}`: {problem}"), "here"));
                None
            }
        }
    }

    fn sysctls(&mut self, key: &'static str) -> Vec<(String, String)> {
        let pairs = self.section.pairs(key, self.mistakes);
        let place = |(name, _): &(config_file::Placed<String>, _)| (format!("{key}.{}", name.value), name.span.clone());
        self.places.extend(pairs.iter().map(place));
        pairs.into_iter().map(|(name, value)| (name.value, value.value)).collect()
    }
}
