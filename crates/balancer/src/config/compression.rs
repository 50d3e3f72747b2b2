//! `compression`, `compression_types`, `compression_bytes_min`: which responses are compressed.

use balancer_core::{Compression, MediaType};
use config_file::{Mistake, Section, Value, value, wrong_type};
use http::Coding;

/// Names of codings, the best first.
pub(super) const CODINGS: [&str; 3] = [Coding::ALL[0].name(), Coding::ALL[1].name(), Coding::ALL[2].name()];
pub(super) const TYPES_MAX: usize = 100;
/// The largest bound below which nothing is compressed: 16 MiB.
pub(super) const BYTES_MIN_MAX: usize = 16 << 20;

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Compression> {
    let codings = section.take("compression");
    let types = section.take("compression_types");
    let bytes_min = section.place_of("compression_bytes_min");
    let bytes = section.number("compression_bytes_min", 0, BYTES_MIN_MAX, mistakes);
    if codings.is_none() {
        let places = types.map(|types| ("compression_types", types.span()));
        for (key, place) in places.into_iter().chain(bytes_min.map(|place| ("compression_bytes_min", place))) {
            let title = format!("`{key}` has no meaning without `compression`");
            let help = "add `compression = [\"zstd\", \"br\", \"gzip\"]` to this section, or leave it out";
            mistakes.push(Mistake::new(place, title, "nothing is compressed").help(help));
        }
    }
    let mut compression = Compression::by(read_codings(codings?, mistakes));
    compression.bytes_min = bytes.map_or(compression.bytes_min, |bytes| bytes as u64);
    if let Some(types) = types {
        compression.types = read_types(types, mistakes);
    }
    Some(compression)
}

fn read_codings(list: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Vec<Coding> {
    let Some(array) = list.get_ref().as_array() else {
        let example = "such as `compression = [\"zstd\", \"br\", \"gzip\"]`, the best first; `[]` for nothing";
        mistakes.push(wrong_type(list, "an array of names").help(example));
        return Vec::new();
    };
    let names = Coding::ALL.map(|coding| (coding.name(), coding));
    let mut codings = Vec::new();
    for name in array.iter() {
        match value::choice("compression", name, &names, mistakes) {
            Some(coding) if codings.contains(&coding) => {
                mistakes.push(Mistake::new(name.span(), format!("\"{}\" is named twice", coding.name()), "again here"));
            }
            coding => codings.extend(coding),
        }
    }
    codings
}

fn read_types(list: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Vec<MediaType> {
    let example = "such as `compression_types = [\"text/*\", \"application/json\", \"+xml\"]`";
    let Some(array) = list.get_ref().as_array().filter(|array| (1..=TYPES_MAX).contains(&array.len())) else {
        mistakes.push(wrong_type(list, "an array of 1 to 100 media types").help(example));
        return Vec::new();
    };
    let read = |value: &Value<'_>| {
        let text = value::text(value, mistakes)?;
        let kind = MediaType::parse(text);
        if kind.is_none() {
            let title = format!("\"{text}\" is no media type");
            mistakes.push(Mistake::new(value.span(), title, "not a type").help(example));
        }
        kind
    };
    array.iter().filter_map(read).collect()
}
