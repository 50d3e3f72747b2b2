//! What is asked of whoever comes: who he is (`http_auth`), and how much of him there is (`sc_http_req_rate`).

use crate::document::Value;
use crate::edit::Edit;
use crate::routes::{Action, Answer};
use crate::zones;
use std::time::Duration;

/// A question that a route does not ask, but a setting of it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Is he one of these? Names, and hashes of their passwords.
    User(Vec<(String, String)>),
    /// Does he ask more often than that? Counted by what, as ours says it.
    Rate { most: u64, period: Duration, by: String, zone: String },
    /// Has he more connections than that?
    Connections(u64),
}

/// The limit of connections is that of a whole listener.
pub(crate) const PER_CLIENT: &str = "limits.connections_per_client_max";

impl Asked {
    /// What an action comes to that is done where the answer is so.
    pub(crate) fn action(&self, holds: bool, action: &Action) -> Result<Action, String> {
        let edit = match (self, holds, action) {
            (Self::User(users), false, Action::Edit(Edit::Setting { key: "auth", value: Value::Inline(said) })) => {
                let users = users.iter().map(|(name, hash)| (name.clone(), hash.clone().into())).collect();
                let parts = [said.as_slice(), &[("users".to_owned(), Value::Inline(users))]].concat();
                Edit::Setting { key: "auth", value: Value::Inline(parts) }
            }
            (Self::Rate { most, period, by, zone }, true, action) if refuses(action) => {
                zones::limit(rate(*most, *period), *most, by, zone)
            }
            (Self::Connections(most), true, action) if refuses(action) => {
                Edit::Setting { key: PER_CLIENT, value: (*most).into() }
            }
            (Self::User(_), ..) => {
                return Err("who somebody is decides whether he comes in, and nothing else".to_owned());
            }
            _ => return Err("how much of a client there is decides whether it is refused, and nothing else".to_owned()),
        };
        Ok(Action::Edit(edit))
    }

    /// What is not to the letter the same.
    pub(crate) fn detail(&self) -> Option<&'static str> {
        match self {
            Self::User(_) => None,
            Self::Rate { .. } => Some("tokens that come back one by one take the place of a window; more gets a 429"),
            Self::Connections(_) => Some("one connection more is reset as soon as it comes in"),
        }
    }
}

fn refuses(action: &Action) -> bool {
    match action {
        Action::Close => true,
        Action::Answer(Answer::Respond { status, .. }) => *status >= 400,
        _ => false,
    }
}

/// So many in a time, in a unit in which that is a whole number, where there is one.
fn rate(count: u64, period: Duration) -> String {
    let ms = period.as_millis().max(1);
    let units = [(1_000, "s"), (60_000, "m"), (3_600_000, "h")];
    let in_unit = |unit: u128| u128::from(count) * unit;
    let (unit, name) = units.into_iter().find(|(unit, _)| in_unit(*unit).is_multiple_of(ms)).unwrap_or(units[2]);
    format!("{}/{name}", (in_unit(unit) / ms).clamp(1, 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_whole_numbers() {
        for (count, ms, expect) in [
            (20, 10_000, "2/s"),
            (100, 30_000, "200/m"),
            (10, 60_000, "10/m"),
            (7, 3_600_000, "7/h"),
            (1, 7_000, "514/h"),
            (1, 86_400_000, "1/h"),
            (10_000_000, 1_000, "1000000/s"),
        ] {
            assert_eq!(rate(count, Duration::from_millis(ms)), expect, "{count} in {ms} ms");
        }
    }
}
