//! SIGHUP: the configuration file is read again, and worked by if it is good.

use super::{complain_of, in_words, load};
use crate::output::{Output, complain};
use balancer::{Config, Listens};
use control::{Control, Reloading};
use std::path::PathBuf;

/// What is worked by, and where it came from.
pub(super) struct Loader {
    path: Option<PathBuf>,
    config: Config,
    under_way: Option<UnderWay>,
    /// It was asked for again meanwhile: the file may have changed since it was read.
    again: bool,
}

struct UnderWay {
    config: Config,
    reloading: Reloading,
    /// Where the listeners listened before.
    places: Vec<Listens>,
}

impl Loader {
    pub(super) fn new(path: Option<PathBuf>, config: Config) -> Self {
        Self { path, config, under_way: None, again: false }
    }

    /// What is worked by now.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins a reload, or says why nothing changes.
    pub(super) fn reload(&mut self, control: &Control) {
        let Some(path) = &self.path else {
            return complain("quintet: SIGHUP: there is no configuration file to be read again (--config)");
        };
        if self.is_under_way() {
            self.again = true;
            return;
        }
        match load(path) {
            Ok(config) => {
                let (reloading, places) = (control.reload(&config), control.places());
                self.under_way = Some(UnderWay { config, reloading, places });
            }
            Err(why) => refuse(&why),
        }
    }

    /// Tells what came of a reload, once that is known.
    pub(super) fn poll(&mut self, control: &Control, output: &Output) {
        let Some(outcome) = self.under_way.as_ref().and_then(|one| one.reloading.poll()) else { return };
        let Some(UnderWay { config, places, .. }) = self.under_way.take() else { return };
        match outcome {
            Ok(warnings) => {
                output.say_or_complain(format!("reloaded: {}", in_words(&config)));
                tell_places(&places, &control.places(), output);
                complain_of(&warnings);
                complain_of_what_waits(&self.config, &config);
                self.config = config;
            }
            Err(why) => refuse(&why),
        }
        if std::mem::take(&mut self.again) {
            self.reload(control);
        }
    }
}

fn refuse(why: &dyn std::fmt::Display) {
    complain(format!("quintet: SIGHUP: nothing was changed: {why}"));
}

fn tell_places(before: &[Listens], now: &[Listens], output: &Output) {
    let only_in = |these: &[Listens], those: &[Listens]| -> Vec<Listens> {
        these.iter().filter(|place| !those.contains(place)).copied().collect()
    };
    only_in(now, before).iter().for_each(|place| output.say_or_complain(format!("listening on {place}")));
    only_in(before, now).iter().for_each(|place| output.say_or_complain(format!("no longer listening on {place}")));
}

/// Threads and their buffers are begun with.
fn complain_of_what_waits(before: &Config, now: &Config) {
    let keys = [
        ("workers", before.workers != now.workers),
        ("buffers_max", before.buffers_max != now.buffers_max),
        ("pin", before.pin != now.pin),
    ];
    for (key, _) in keys.iter().filter(|(_, changed)| *changed) {
        complain(format!("quintet: warning: `{key}` of [global] counts from the next start on"));
    }
}
