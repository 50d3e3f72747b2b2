//! Why something went wrong, in words, and how often: the first few of them.

/// Distinct reasons that are kept apart; later ones count by kind only.
const REASONS_MAX: usize = 8;

/// See the module's head.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons(Vec<(String, u64)>);

impl Reasons {
    pub(super) fn all(&self) -> &[(String, u64)] {
        &self.0
    }

    pub(super) fn count(&mut self, why: &str, count: u64) {
        match self.0.iter().position(|(known, _)| known == why) {
            Some(at) => self.0[at].1 += count,
            None if self.0.len() < REASONS_MAX => self.0.push((why.to_owned(), count)),
            None => {}
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(why, count)| self.count(why, *count));
    }
}
