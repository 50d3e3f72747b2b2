//! The log of events of `quintet serve`: lines for people, or objects of JSON; with levels where journald reads them.

use crate::output::{Output, complain, now};
use balancer_core::events::{EventForm, Level, LimitWatch};
use control::{Control, Event, Told};
use serde_json::{Map, Value};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How often certificates are looked at for their end.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(12 * 60 * 60);

/// How events are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    form: EventForm,
    /// Standard output and standard error are read by journald, which takes a level at the beginning of a line.
    journal: [bool; 2],
    /// Requests are told on standard output.
    log_on_stdout: bool,
}

impl Events {
    pub(super) fn new(form: EventForm, log_on_stdout: bool) -> Self {
        let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
        Self { form, journal: [1, 2].map(|file| is_stream(file, &stream)), log_on_stdout }
    }

    /// Something happened by itself.
    pub(super) fn tell(self, told: &Told) {
        let fields = match serde_json::to_value(&told.event) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        self.complain_at(&told.time(), told.event.level(), fields, &told.event.to_string());
    }

    /// Something that may need somebody, in words; `kind` is what programs call it.
    pub(super) fn warn(self, level: Level, kind: &str, text: &str) {
        self.complain(level, of_kind(kind), text);
    }

    /// The same, also for those who look on at the admin listener.
    pub(super) fn warn_all(self, control: &Control, level: Level, kind: &str, text: &str) {
        self.warn(level, kind, text);
        control.remote().show(Event::Warned { kind: kind.to_owned(), what: text.to_owned() });
    }

    /// What the balancer goes on without.
    pub(super) fn warn_of(self, kind: &str, warnings: &[balancer::Warning]) {
        warnings.iter().for_each(|warning| self.warn(Level::Warning, kind, &format!("warning: {warning}")));
    }

    /// How things go, in words.
    pub(super) fn say(self, output: &Output, kind: &str, text: &str) {
        match self.form {
            // An access log there has standard output for itself.
            EventForm::Text if self.log_on_stdout => self.complain(Level::Info, of_kind(kind), text),
            EventForm::Text => output.say_or_complain(format!("{}{text}", self.prefix(0, Level::Info))),
            EventForm::Json => self.complain(Level::Info, of_kind(kind), text),
        }
    }

    fn complain(self, level: Level, fields: Map<String, Value>, text: &str) {
        self.complain_at(&now(), level, fields, text);
    }

    fn complain_at(self, time: &str, level: Level, fields: Map<String, Value>, text: &str) {
        match self.form {
            EventForm::Text if self.journal[1] => complain(format!("{}{text}", self.prefix(1, level))),
            EventForm::Text => complain(format!("{time} quintet: {text}")),
            EventForm::Json => complain(format!("{}{}", self.prefix(1, level), object(time, level, fields, text))),
        }
    }

    fn prefix(self, stream: usize, level: Level) -> String {
        if self.journal[stream] { format!("<{}>", level.severity()) } else { String::new() }
    }
}

fn of_kind(kind: &str) -> Map<String, Value> {
    Map::from_iter([("event".to_owned(), Value::from(kind))])
}

/// One line: time, level, what happened with its parts, and the same in words.
fn object(time: &str, level: Level, fields: Map<String, Value>, text: &str) -> Value {
    let mut all = Map::new();
    all.insert("time".to_owned(), time.into());
    all.insert("level".to_owned(), level.name().into());
    all.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    all.insert("text".to_owned(), text.into());
    Value::Object(all)
}

/// Is this open file the stream that journald reads? `stream` is what it says of it: device and inode (sd-daemon(3)).
fn is_stream(file: u32, stream: &str) -> bool {
    let Some((device, inode)) = stream.split_once(':') else { return false };
    let here = std::fs::metadata(format!("/proc/self/fd/{file}"));
    here.is_ok_and(|here| device.parse() == Ok(here.dev()) && inode.parse() == Ok(here.ino()))
}

/// What is looked for while nothing happens: limits that were hit, certificates that end.
pub(super) struct Lookout {
    limits: LimitWatch,
    began: Instant,
    certificates_at: Instant,
}

impl Lookout {
    pub(super) fn new() -> Self {
        let began = Instant::now();
        Self { limits: LimitWatch::default(), began, certificates_at: began + CERTIFICATES_EVERY }
    }

    pub(super) fn look(&mut self, control: &Control, events: Events) {
        for hit in self.limits.look(&control.report(), self.began.elapsed()) {
            events.warn_all(control, Level::Warning, hit.kind(), &hit.to_string());
        }
        if Instant::now() >= self.certificates_at {
            self.certificates_at = Instant::now() + CERTIFICATES_EVERY;
            for warning in balancer::certificate_warnings(&control.settings()) {
                events.warn_all(control, Level::Warning, "certificate", &format!("warning: {warning}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_object_with_time_level_and_words() {
        let event = Event::SetDown { set: "app".to_owned() };
        let Ok(Value::Object(fields)) = serde_json::to_value(&event) else { panic!("an object") };
        let told = object("now", event.level(), fields, &event.to_string());
        let keys: Vec<_> = told.as_object().expect("one").keys().collect();
        assert_eq!(keys, ["time", "level", "event", "set", "text"]);
        assert_eq!((&told["level"], &told["event"]), (&"error".into(), &"set-down".into()));
    }

    #[test]
    fn a_stream_is_journalds_by_its_inode_only() {
        let file = std::fs::metadata("/proc/self/fd/0").expect("standard input");
        let this = format!("{}:{}", file.dev(), file.ino());
        assert!(is_stream(0, &this) && !is_stream(0, &format!("{}:{}", file.dev(), file.ino() + 1)));
        assert!(!is_stream(0, "") && !is_stream(0, "1") && !is_stream(9999, &this));
    }
}
