//! What a line is wrapped in for syslog: severity, time, host and program, in the form of RFC 5424, or of RFC 3164 as `/dev/log`
//! has always had it.

use super::time::{self, Moment};
use super::{Pen, Told};
use core::time::Duration;
use named::named;
use std::io::Write;

named! {
    /// How messages for syslog begin (`access_log_syslog = "..."`).
    #[derive(Default)]
    pub enum SyslogForm {
        /// RFC 3164: what `/dev/log` of every system understands.
        #[default]
        Rfc3164 = "rfc3164",
        /// RFC 5424: with year, microseconds and zone.
        Rfc5424 = "rfc5424",
    }
}

/// local0, informational: 16 * 8 + 6 (RFC 5424 section 6.2.1).
const PRIORITY: u8 = 134;
/// The same as a warning: requests that failed.
const PRIORITY_FAILED: u8 = 132;

/// What every message of one process says of its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Which form.
    pub form: SyslogForm,
    /// The name of this host: for messages that leave it.
    pub host: String,
    /// The number of the process.
    pub process: u32,
}

impl Syslog {
    /// A message with one line in it.
    pub fn write(&self, told: &Told<'_>, pen: &mut Pen, out: &mut Vec<u8>) {
        self.begin(told.line.at, told.line.record.has_failed(), out);
        pen.write(told, out);
        // A message has an end of its own.
        if out.last() == Some(&b'\n') {
            out.pop();
        }
    }

    /// What comes before a line.
    fn begin(&self, at: Duration, failed: bool, out: &mut Vec<u8>) {
        let priority = if failed { PRIORITY_FAILED } else { PRIORITY };
        let (host, process) = (&self.host, self.process);
        match self.form {
            SyslogForm::Rfc3164 => {
                write!(out, "<{priority}>").expect("memory takes it");
                time::rfc3164(at, out);
                // What comes by /dev/log is of this host.
                let host = if host.is_empty() { String::new() } else { format!(" {host}") };
                write!(out, "{host} quintet[{process}]: ").expect("memory takes it");
            }
            SyslogForm::Rfc5424 => {
                write!(out, "<{priority}>1 ").expect("memory takes it");
                out.extend_from_slice(Moment::default().at(at));
                let host = if host.is_empty() { "-" } else { host };
                write!(out, " {host} quintet {process} access - ").expect("memory takes it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_begins_as_its_form_wants() {
        let check = |form, host: &str, failed, expect: &str| {
            let mut out = Vec::new();
            let syslog = Syslog { form, host: host.to_owned(), process: 42 };
            syslog.begin(Duration::new(1_709_210_096, 7_000), failed, &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), expect);
        };
        check(SyslogForm::Rfc3164, "", false, "<134>Feb 29 12:34:56 quintet[42]: ");
        check(SyslogForm::Rfc3164, "lb1", true, "<132>Feb 29 12:34:56 lb1 quintet[42]: ");
        let moment = "2024-02-29T12:34:56.000007Z";
        check(SyslogForm::Rfc5424, "lb1", false, &format!("<134>1 {moment} lb1 quintet 42 access - "));
        check(SyslogForm::Rfc5424, "", true, &format!("<132>1 {moment} - quintet 42 access - "));
    }
}
