//! Who has to say who he is (RFC 7617): users with the hashes of their passwords. Comparing takes long by design, so it is
//! done elsewhere; what was right a moment ago is remembered.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Whether a listener, or a route, asks who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthRule {
    /// It does not, although its listener may.
    Off,
    /// By user and password.
    Basic(Arc<BasicAuth>),
}

impl AuthRule {
    /// What is asked, if anything is.
    #[inline]
    pub fn basic(&self) -> Option<&Arc<BasicAuth>> {
        match self {
            Self::Off => None,
            Self::Basic(basic) => Some(basic),
        }
    }
}

/// Users, and where they are asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct BasicAuth {
    challenge: String,
    /// Names, and hashes of passwords in the forms of crypt(3).
    users: BTreeMap<Arc<str>, Arc<str>>,
    /// Servers see what the client has sent.
    pass: bool,
    /// Made of all hashes: what nobody knows who does not know those.
    secret: u64,
}

/// Hashes are nobody's business.
impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { challenge, users, pass, secret: _ } = self;
        let names: Vec<_> = users.keys().collect();
        f.debug_struct("BasicAuth").field("challenge", challenge).field("users", &names).field("pass", pass).finish()
    }
}

/// What a name stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Sought {
    /// Who it is; `None`: nobody is called so.
    pub user: Option<Arc<str>>,
    /// With what the password is to be compared. For an unknown name it is somebody else's, the same each time and nobody knows
    /// whose: so that it takes as long as one of theirs, also where some hashes take longer than others.
    pub hash: Arc<str>,
}

impl BasicAuth {
    /// `realm` has neither quotes nor controls. `None`: there are no users.
    pub fn new(realm: &str, users: impl IntoIterator<Item = (String, String)>, pass: bool) -> Option<Self> {
        let users: BTreeMap<Arc<str>, Arc<str>> =
            users.into_iter().map(|(name, hash)| (name.into(), hash.into())).collect();
        let challenge = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
        let secret = hash_of(&users);
        (!users.is_empty()).then_some(Self { challenge, users, pass, secret })
    }

    /// The value of `WWW-Authenticate`.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Do servers see the `Authorization` that came?
    pub fn passes(&self) -> bool {
        self.pass
    }

    /// What `name` stands for.
    pub fn seek(&self, name: &str) -> Sought {
        match self.users.get_key_value(name) {
            Some((user, hash)) => Sought { user: Some(Arc::clone(user)), hash: Arc::clone(hash) },
            None => {
                let at = hash_of(&(self.secret, name)) % self.users.len() as u64;
                let hash = self.users.values().nth(at as usize).expect("there are users");
                Sought { user: None, hash: Arc::clone(hash) }
            }
        }
    }
}

/// The same in every process.
fn hash_of(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// How long what was right is taken to be right.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

/// Credentials that were right, by a key that nobody can guess and that tells nothing of them: so many and no more.
#[derive(Clone, Debug)]
pub struct Remembered {
    until: HashMap<u128, Duration>,
    max: usize,
}

impl Remembered {
    /// Room for so many, at least one.
    pub fn with_room(max: usize) -> Self {
        Self { until: HashMap::new(), max: max.max(1) }
    }

    /// Were they right lately?
    pub fn knows(&self, key: u128, now: Duration) -> bool {
        self.until.get(&key).is_some_and(|until| now < *until)
    }

    /// They were right just now. Answers whether others had to be forgotten for them before their time.
    pub fn note(&mut self, key: u128, now: Duration) -> bool {
        if self.until.len() >= self.max && !self.until.contains_key(&key) {
            self.until.retain(|_, until| now < *until);
        }
        let full = self.until.len() >= self.max && !self.until.contains_key(&key);
        if full {
            // The older half: to look for the oldest each time would cost more than it saves.
            let mut times: Vec<Duration> = self.until.values().copied().collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            self.until.retain(|_, until| *until > middle);
        }
        self.until.insert(key, now + REMEMBERED_FOR);
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_costs_what_a_known_one_does() {
        let users = [("alice", "$2b$1"), ("bob", "$2b$2")].map(|(name, hash)| (name.to_owned(), hash.to_owned()));
        let auth = BasicAuth::new("Site", users, false).unwrap();
        assert_eq!(auth.challenge(), "Basic realm=\"Site\", charset=\"UTF-8\"");
        let seek = |name: &str| {
            let Sought { user, hash } = auth.seek(name);
            (user.map(|user| user.to_string()), hash.to_string())
        };
        assert_eq!(seek("bob"), (Some("bob".into()), "$2b$2".into()));
        // As each of the known: a cheap hash says nothing of a name.
        let of_strangers: Vec<String> = (0..100).map(|n| seek(&format!("mallory{n}")).1).collect();
        assert!(["$2b$1", "$2b$2"].iter().all(|hash| of_strangers.iter().filter(|one| one == hash).count() > 20));
        assert_eq!((seek("mallory7").0, seek("mallory7").1), (None, of_strangers[7].clone()), "the same each time");
        assert_eq!(BasicAuth::new("Site", [], false), None);
        assert!(!format!("{auth:?}").contains("$2b$"));
    }

    #[test]
    fn what_was_right_is_forgotten_after_a_while_or_for_others() {
        let (mut seen, s) = (Remembered::with_room(4), Duration::from_secs);
        assert!(!seen.knows(1, s(0)) && !seen.note(1, s(0)));
        assert!(seen.knows(1, s(299)) && !seen.knows(1, s(300)) && !seen.knows(2, s(0)));
        (2..5).for_each(|key| assert!(!seen.note(key, s(key as u64))));
        assert!(!seen.note(5, s(301)), "one was over");
        assert!(seen.note(6, s(301)) && seen.until.len() <= 4);
        assert!(seen.knows(6, s(302)) && seen.knows(5, s(302)) && !seen.knows(2, s(301)));
        assert!(!seen.note(6, s(303)), "it is known already");
    }
}
