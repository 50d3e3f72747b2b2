//! `--source-ip`: addresses, lists of them and ranges.

use core::net::IpAddr;

/// Addresses one list may stand for.
pub const SOURCES_MAX: usize = ports::set::SOURCES_MAX;

/// What is wrong with a list of source addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// Neither an address nor a range.
    #[error("{0:?} is not an IP address: use a list such as 10.0.0.2,10.0.0.5-10.0.0.9")]
    NotAnAddress(String),
    /// A range that ends before it begins, or mixes IPv4 and IPv6.
    #[error("{0:?} is not a range: give two addresses of one family, the lower first")]
    BadRange(String),
    /// More than [`SOURCES_MAX`].
    #[error("too many source addresses: at most {SOURCES_MAX} are supported")]
    TooMany,
    /// The same address twice.
    #[error("source address {0} is given twice")]
    Repeated(IpAddr),
}

/// Reads `ADDRESS[-ADDRESS][,...]`. A range may be shortened to its last number (`10.0.0.5-9`).
pub fn parse_sources(text: &str) -> Result<Vec<IpAddr>, SourcesError> {
    let mut all = Vec::new();
    for item in text.split(',').map(str::trim) {
        match item.split_once('-') {
            None => all.push(address(item, item)?),
            Some((first, last)) => push_range(&mut all, item, first.trim(), last.trim())?,
        }
        if all.len() > SOURCES_MAX {
            return Err(SourcesError::TooMany);
        }
    }
    match (1..all.len()).find(|at| all[..*at].contains(&all[*at])) {
        Some(at) => Err(SourcesError::Repeated(all[at])),
        None => Ok(all),
    }
}

fn address(text: &str, item: &str) -> Result<IpAddr, SourcesError> {
    text.parse().map_err(|_| SourcesError::NotAnAddress(item.to_owned()))
}

fn push_range(all: &mut Vec<IpAddr>, item: &str, first: &str, last: &str) -> Result<(), SourcesError> {
    let low = address(first, item)?;
    let high = match (low, last.parse::<u8>()) {
        (IpAddr::V4(low), Ok(last)) => {
            let [a, b, c, _] = low.octets();
            IpAddr::from([a, b, c, last])
        }
        _ => address(last, item)?,
    };
    let numbers = (low.is_ipv4() == high.is_ipv4()).then(|| (number(low), number(high)));
    let (first, last) =
        numbers.filter(|(first, last)| first <= last).ok_or_else(|| SourcesError::BadRange(item.to_owned()))?;
    if last - first >= SOURCES_MAX as u128 {
        return Err(SourcesError::TooMany);
    }
    all.extend((first..=last).map(|number| match low {
        IpAddr::V4(_) => IpAddr::V4((number as u32).into()),
        IpAddr::V6(_) => IpAddr::V6(number.into()),
    }));
    Ok(())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[&str], SourcesError>) {
        let expect = expect.map(|all| all.iter().map(|one| one.parse::<IpAddr>().unwrap()).collect::<Vec<_>>());
        assert_eq!(parse_sources(text), expect, "{text}");
    }

    #[test]
    fn lists_and_ranges_are_expanded() {
        check("10.0.0.2", Ok(&["10.0.0.2"]));
        check("10.0.0.2, 10.0.0.4", Ok(&["10.0.0.2", "10.0.0.4"]));
        check("10.0.0.254-10.0.1.1,::1", Ok(&["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1", "::1"]));
        check("10.0.0.5-7", Ok(&["10.0.0.5", "10.0.0.6", "10.0.0.7"]));
        check("::1-::2", Ok(&["::1", "::2"]));
    }

    #[test]
    fn what_is_no_list_is_named() {
        check("", Err(SourcesError::NotAnAddress("".into())));
        check("10.0.0", Err(SourcesError::NotAnAddress("10.0.0".into())));
        check("10.0.0.9-10.0.0.2", Err(SourcesError::BadRange("10.0.0.9-10.0.0.2".into())));
        check("10.0.0.9-::1", Err(SourcesError::BadRange("10.0.0.9-::1".into())));
        check("10.0.0.1-10.1.0.1", Err(SourcesError::TooMany));
        check("10.0.0.1,10.0.0.1-2", Err(SourcesError::Repeated("10.0.0.1".parse().unwrap())));
    }
}
