//! A HAR file: what a browser's developer tools export.

use super::{Entry, Found, is_of_the_connection, split_url, when};
use config_file::Mistake;
use serde_json::Value;
use stress_core::RequestDraft;

pub(super) fn read(text: &str) -> Found {
    let mut found = Found { is_record: true, ..Found::default() };
    let value = match serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
        Ok(value) => value,
        Err(error) => {
            let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let at = (before + error.column().saturating_sub(1)).min(text.len());
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            found.mistakes.push(Mistake::new(at..at, format!("this is not JSON: {error}"), "here"));
            return found;
        }
    };
    let Some(entries) = value.pointer("/log/entries").and_then(Value::as_array) else {
        let help = "export it from the network panel of a browser's developer tools: \"save all as HAR\"";
        found.mistakes.push(Mistake::new(0..1, "this JSON is no HAR file: it has no log.entries", "here").help(help));
        return found;
    };
    for entry in entries {
        match request(entry) {
            Ok(entry) => found.entries.push(entry),
            Err(why) => found.leave_out(why),
        }
    }
    found
}

fn request(entry: &Value) -> Result<Entry, &'static str> {
    let request = &entry["request"];
    let (Some(method), Some(url)) = (request["method"].as_str(), request["url"].as_str()) else {
        return Err("without a method or a URL");
    };
    let (origin, path) = split_url(url).ok_or("not http or https")?;
    if !super::is_path(&path) {
        return Err("with characters that no URL may hold");
    }
    if method == "CONNECT" {
        return Err("CONNECT");
    }
    let draft = RequestDraft {
        method: Some(method.to_owned()),
        headers: fields(&request["headers"]),
        body: body(&request["postData"]),
        ..RequestDraft::new(path)
    };
    let at = entry["startedDateTime"].as_str().and_then(when::rfc3339);
    Ok(Entry { place: 0..1, origin, request: draft, at })
}

fn fields(headers: &Value) -> Vec<String> {
    let pair = |field: &Value| Some((field["name"].as_str()?.to_owned(), field["value"].as_str()?.to_owned()));
    let pairs = headers.as_array().into_iter().flatten().filter_map(pair);
    pairs.filter(|(name, _)| !is_of_the_connection(name)).map(|(name, value)| format!("{name}: {value}")).collect()
}

/// As text, else as the fields of a form.
fn body(post: &Value) -> Vec<u8> {
    if let Some(text) = post["text"].as_str().filter(|text| !text.is_empty()) {
        return text.as_bytes().to_vec();
    }
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = post["params"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| format!("{}={}", part(&one["name"]), part(&one["value"])));
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}
