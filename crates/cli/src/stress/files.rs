//! What a run has to keep, and the files it leaves.

use super::live::Watched;
use crate::output::{ResultFile, check_distinct, made};
use present::Page;
use present::stress::Finished;
use std::net::SocketAddr;
use stress_core::{Report, Threshold};

/// Flags of what people and programs get to see.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Result")]
pub(super) struct FileArgs {
    /// What the run has to keep, or the exit code is 1; may be given more than once: 'p99<50ms', 'errors<0.1%', 'rate>=99%'
    /// (of --rate), 'rate>=5k', '5xx==0', 'not_sent<1%'. Latencies: min, mean, max, p50 to p99.99.
    #[arg(long = "threshold", value_name = "FIGURE<BOUND", value_parser = Threshold::parse)]
    pub(super) thresholds: Vec<Threshold>,
    /// Write the series, a line per second.
    #[arg(long, value_name = "FILE", conflicts_with = "find_max")]
    csv: Option<String>,
    /// Write all latencies as a log of HdrHistogram (V2), in nanoseconds.
    #[arg(long, value_name = "FILE", conflicts_with = "find_max")]
    hdr: Option<String>,
    /// Write a JUnit report for CI: a test for the requests, and one for each threshold.
    #[arg(long, value_name = "FILE", conflicts_with = "find_max")]
    junit: Option<String>,
    /// Write one self-contained page: rate and latency over time, percentiles, a heat map, ports, plan and host.
    #[arg(long, value_name = "FILE", conflicts_with = "find_max")]
    html: Option<String>,
    /// Answer at this address with metrics of Prometheus while it runs.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "find_max")]
    pub(super) prometheus: Option<SocketAddr>,
    /// No live view: a line of progress, also on a terminal.
    #[arg(long)]
    no_tui: bool,
    /// Say nothing but what is wrong.
    #[arg(long)]
    pub(super) quiet: bool,
    /// Write the JSON Schema of what --json writes.
    #[arg(long)]
    pub(super) schema: bool,
}

/// How a report becomes the text of a file.
type Writer = fn(&Report) -> String;

/// The files that were asked for, opened before anything runs so that a bad path costs nothing.
pub(super) struct Files(Vec<(ResultFile, Writer)>);

impl FileArgs {
    /// How somebody watches; `json` is another flag's.
    pub(super) fn watched(&self, json: Option<&str>) -> Watched {
        match self.quiet {
            true => Watched::Not,
            false if self.no_tui || json == Some("-") => Watched::Lines,
            false => Watched::View,
        }
    }

    /// Opens all; `json` is another flag's.
    pub(super) fn open(&self, json: Option<&str>) -> anyhow::Result<Files> {
        let asked: [(&str, &Option<String>, Writer); 4] = [
            ("--html", &self.html, |report| Finished(report).page(&made())),
            ("--csv", &self.csv, present::stress::csv),
            ("--hdr", &self.hdr, present::stress::hdr),
            ("--junit", &self.junit, present::stress::junit),
        ];
        let named: Vec<_> = asked.iter().map(|(flag, path, _)| (*flag, path.as_deref())).collect();
        check_distinct(&[&[("--json", json)], &named[..]].concat())?;
        let open = |(flag, path, writer): (&str, &Option<String>, Writer)| {
            path.as_deref().map(|path| Ok((ResultFile::open(flag, path)?, writer)))
        };
        asked.into_iter().filter_map(open).collect::<anyhow::Result<_>>().map(Files)
    }
}

impl Files {
    /// Writes all: one that cannot be written keeps no other from it. The first mistake is told.
    pub(super) fn write(&mut self, report: &Report) -> anyhow::Result<()> {
        let written = self.0.iter_mut().map(|(file, writer)| file.write(&writer(report)));
        written.collect::<Vec<_>>().into_iter().collect()
    }
}
