//! Stick tables that count clients: what is counted, by what, and in which time.

use super::asked::Asked;
use super::lex::Line;
use super::section::Section;
use crate::time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Tables by their names: those of their sections.
pub(crate) type Tables = BTreeMap<String, Table>;

/// A table: where it stands, and the time over which it counts requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    line: usize,
    period: Option<Duration>,
}

impl Table {
    fn of(line: &Line) -> Self {
        Self { line: line.number, period: period(line) }
    }
}

/// What one section counts.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    trackers: Vec<Tracker>,
    tables: Tables,
}

/// `track-sc0 src table abuse`
#[derive(Debug)]
struct Tracker {
    /// `0`
    number: String,
    /// As ours says it; `None`: by what has no counterpart.
    by: Option<String>,
    /// Empty: that of the section.
    table: String,
    /// As soon as a connection comes in: it is among those that are counted.
    at_once: bool,
}

/// All tables of a file.
pub(crate) fn tables(sections: &[Section]) -> Tables {
    let of = |section: &Section| Some((section.name.clone(), Table::of(section.last("stick-table")?)));
    sections.iter().filter_map(of).collect()
}

/// Does the table count, and nothing else?
pub(crate) fn only_counts(line: &Line) -> bool {
    let stored = line.words.iter().skip_while(|word| *word != "store").nth(1);
    stored.is_some_and(|stored| {
        stored.split(',').all(|one| ["_rate", "_cnt", "_cur"].iter().any(|end| one.contains(end)))
    })
}

/// `store conn_cur,http_req_rate(10s)`
fn period(line: &Line) -> Option<Duration> {
    let stored = line.words.iter().flat_map(|word| word.split(','));
    let time = stored.filter_map(|one| one.strip_prefix("http_req_rate(")?.strip_suffix(')')).next()?;
    time::of_haproxy(time).filter(|time| !time.is_zero())
}

impl Counted {
    /// By the lines of a section.
    pub(crate) fn of(lines: &[Line], tables: &Tables) -> Self {
        let mut tables = tables.clone();
        let own = lines.iter().rev().find(|line| line.word(0) == "stick-table");
        if let Some(line) = own {
            tables.insert(String::new(), Table::of(line));
        }
        Self { trackers: lines.iter().filter_map(Tracker::of).collect(), tables }
    }

    /// What a fetch such as `sc0_http_req_rate`, `sc_conn_cur(0)` or `src_conn_cur(abuse)` asks; `None`: nothing of the kind.
    pub(crate) fn asked(&self, fetch: &str, argument: &str, values: &[&str]) -> Option<Result<Asked, String>> {
        let (who, what) = fetch.split_once('_')?;
        let counts = ["_rate", "_cnt", "_cur"].iter().any(|end| what.ends_with(end));
        let (number, table) = match who.strip_prefix("sc") {
            None if who == "src" && counts => (None, argument),
            Some("") => argument.split_once(',').map_or((Some(argument), ""), |(number, table)| (Some(number), table)),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => (Some(digits), argument),
            _ => return None,
        };
        Some(self.question(number, what, table.trim(), values))
    }

    fn question(&self, number: Option<&str>, what: &str, table: &str, values: &[&str]) -> Result<Asked, String> {
        if !["http_req_rate", "conn_cur"].contains(&what) {
            return Err(format!("of clients requests in a time and connections are counted, not `{what}`"));
        }
        let is_it = |tracker: &&Tracker| match number {
            Some(number) => tracker.number == number,
            None => tracker.by.as_deref() == Some("client") && (table.is_empty() || tracker.table == table),
        };
        let tracker =
            self.trackers.iter().find(is_it).ok_or("nothing is counted here: there is no `track-sc` for it")?;
        let by = tracker.by.clone().ok_or("requests are counted by address or by a field")?;
        let table = if table.is_empty() { &tracker.table } else { table };
        let most = most(values)?;
        if what == "http_req_rate" {
            let known = self.tables.get(table);
            let period = known.and_then(|table| table.period).ok_or("the table says no `http_req_rate(TIME)`")?;
            let most = (1..=1_000_000).contains(&most).then_some(most).ok_or("1 to 1000000 requests can be let in")?;
            return Ok(Asked::Rate { most, period, by, zone: self.name_of(table) });
        }
        // Who is counted only with its first request is not among those it is compared with.
        let most = most + u64::from(!tracker.at_once);
        match by.as_str() {
            "client" if most > 0 => Ok(Asked::Connections(most)),
            "client" => Err("nobody would come in".to_owned()),
            _ => Err("connections are counted by address".to_owned()),
        }
    }
}

impl Counted {
    /// What others call a table: the section it stands in.
    fn name_of(&self, table: &str) -> String {
        let line = self.tables.get(table).map(|table| table.line);
        let named = |(name, other): &(&String, &Table)| !name.is_empty() && Some(other.line) == line;
        self.tables.iter().find(named).map_or(table, |(name, _)| name).to_owned()
    }
}

impl Tracker {
    fn of(line: &Line) -> Option<Self> {
        let at = line.words.iter().position(|word| word.starts_with("track-sc"))?;
        let number = line.word(at).strip_prefix("track-sc")?.to_owned();
        let key = line.word(at + 1).split(',').next().unwrap_or_default();
        let field = ["hdr(", "req.hdr(", "req.fhdr("].iter().find_map(|call| key.strip_prefix(call));
        let by = match field.and_then(|rest| rest.strip_suffix(')')) {
            Some(name) if is_field(name) => Some(format!("header:{name}")),
            None if key == "src" => Some("client".to_owned()),
            _ => None,
        };
        let table = line.words.iter().skip_while(|word| *word != "table").nth(1).cloned().unwrap_or_default();
        let at_once = line.word(0) == "tcp-request" && ["connection", "session"].contains(&line.word(1));
        Some(Self { number, by, table, at_once })
    }
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// How many are let in: `gt 10`, `ge 11`.
fn most(values: &[&str]) -> Result<u64, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
    match values {
        ["gt", most] => number(most),
        ["ge", first] => number(first).map(|first| first.saturating_sub(1)),
        _ => Err("only `gt` and `ge` say how many are too many".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &str, question: &str) -> Option<Result<Asked, String>> {
        let lines = super::super::lex::lines(lines).expect("lines");
        let abuse = Table { line: 0, period: Some(Duration::from_secs(10)) };
        let own = Table { line: 1, period: Some(Duration::from_secs(60)) };
        let tables = Tables::from([("abuse".to_owned(), abuse), ("web".to_owned(), own)]);
        let words: Vec<&str> = question.split(' ').collect();
        let (fetch, argument) = words[0].split_once('(').unwrap_or((words[0], ""));
        Counted::of(&lines, &tables).asked(fetch, argument.trim_end_matches(')'), &words[1..])
    }

    #[test]
    fn what_is_asked_of_tables() {
        const EARLY: &str =
            "stick-table type ip size 1k store http_req_rate(1m),conn_cur\ntcp-request connection track-sc0 src";
        const LATE: &str = "http-request track-sc1 hdr(X-Key) table abuse\nhttp-request track-sc2 src table abuse";
        let rate = |most, s, by: &str| {
            let zone = if s == 10 { "abuse" } else { "web" }.to_owned();
            Asked::Rate { most, period: Duration::from_secs(s), by: by.to_owned(), zone }
        };
        for (lines, question, expect) in [
            (EARLY, "sc0_http_req_rate gt 20", Some(Ok(rate(20, 60, "client")))),
            (EARLY, "sc_http_req_rate(0) ge 20", Some(Ok(rate(19, 60, "client")))),
            (EARLY, "src_http_req_rate gt 20", Some(Ok(rate(20, 60, "client")))),
            (LATE, "sc1_http_req_rate gt 5", Some(Ok(rate(5, 10, "header:X-Key")))),
            (LATE, "sc_http_req_rate(2,abuse) gt 5", Some(Ok(rate(5, 10, "client")))),
            (EARLY, "sc0_conn_cur gt 3", Some(Ok(Asked::Connections(3)))),
            (EARLY, "src_conn_cur ge 3", Some(Ok(Asked::Connections(2)))),
            // It is not among those it is compared with.
            (LATE, "src_conn_cur(abuse) ge 3", Some(Ok(Asked::Connections(3)))),
            (LATE, "sc1_conn_cur gt 3", Some(Err("connections are counted by address"))),
            (
                EARLY,
                "sc0_conn_rate gt 3",
                Some(Err("of clients requests in a time and connections are counted, not `conn_rate`")),
            ),
            (EARLY, "sc1_http_req_rate gt 3", Some(Err("nothing is counted here: there is no `track-sc` for it"))),
            (EARLY, "sc0_http_req_rate lt 3", Some(Err("only `gt` and `ge` say how many are too many"))),
            (EARLY, "src_port gt 3", None),
            (EARLY, "ssl_fc_sni a", None),
        ] {
            let expect = expect.map(|expect| expect.map_err(str::to_owned));
            assert_eq!(asked(lines, question), expect, "{question}");
        }
    }
}
