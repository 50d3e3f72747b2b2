//! Who is let in: by address, by how much and how often it asks, and by a user's password, which others compare.

use super::Worker;
use super::state::{ExchangeId, Kept};
use super::treat::{Asker, Knock};
use crate::passwords::Question;
use balancer_core::exchange::{Admitted, Exchange, Fact, Opening, Reply, Scene, Step};
use balancer_core::{BasicAuth, Failure, Sought, Treatment};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Header, RequestHead};
use reactor::Reactor;
use slotmap::{Key, KeyData};
use std::sync::Arc;

/// Bytes of a user and a password, as they are sent.
const CREDENTIALS_BYTES_MAX: usize = 1024;

/// What becomes of a request.
pub(super) enum Admission {
    /// Nobody has to say who he is.
    Open,
    /// It goes no further.
    Refused(Failure),
    /// It is this user's.
    Known(Arc<str>),
    /// That is to be found out.
    Asks(Box<Question>),
}

impl Admission {
    /// What is to be remembered of whoever asks, and what is still to be asked.
    #[inline]
    pub(super) fn noted(self, asker: Asker, kept: &Kept) -> (Asker, Option<Box<Question>>) {
        match self {
            Self::Open | Self::Refused(_) => (asker, None),
            Self::Known(user) => (Asker { user: Some(user), ..asker }, None),
            // What is answered or written later may speak of the request.
            Self::Asks(question) => (Asker { head: Some(kept.bytes.slice(0..kept.head_len)), ..asker }, Some(question)),
        }
    }

    /// Turned away, held until it is known who asks, answered here, or on its way to a server.
    #[inline]
    pub(super) fn begun(
        &self,
        opening: Opening,
        reply: Option<Reply>,
        rest_is_small: bool,
        scene: &Scene<'_>,
    ) -> (Exchange, Step) {
        match (self, reply) {
            (Self::Refused(failure), _) => Exchange::turn_away(opening, *failure, scene),
            (Self::Asks(_), Some(reply)) => Exchange::hold(opening, Admitted::Answered { reply, rest_is_small }, scene),
            (Self::Asks(_), None) => Exchange::hold(opening, Admitted::Asks, scene),
            (_, Some(reply)) => Exchange::reply(opening, reply, rest_is_small, scene),
            (_, None) => Exchange::begin(opening, scene),
        }
    }
}

impl Worker {
    /// Whether a request goes on.
    #[inline]
    pub(super) fn admission(&mut self, treatment: &Treatment, knock: &Knock<'_, '_>) -> Admission {
        if treatment.is_open() { Admission::Open } else { self.admission_by(treatment, knock) }
    }

    #[cold]
    fn admission_by(&mut self, treatment: &Treatment, knock: &Knock<'_, '_>) -> Admission {
        match (self.refusal_by(treatment, knock), treatment.basic()) {
            (Some(failure), _) => Admission::Refused(failure),
            (None, None) => Admission::Open,
            (None, Some(auth)) => self.known(auth, knock).unwrap_or(Admission::Refused(Failure::Unauthorized)),
        }
    }

    /// Who asks; `None` where that is not said, or not so that it could be right.
    fn known(&mut self, auth: &BasicAuth, knock: &Knock<'_, '_>) -> Option<Admission> {
        let said = credentials(knock.head.headers)?;
        self.words.clear();
        BASE64_STANDARD.decode_vec(said, &mut self.words).ok()?;
        let colon = self.words.iter().position(|byte| *byte == b':')?;
        let Sought { user, hash } = auth.seek(std::str::from_utf8(&self.words[..colon]).ok()?);
        let key = self.passwords.key(&hash, &self.words);
        let counters = &mut self.listeners[knock.listener].counters;
        if let Some(user) = user.as_ref().filter(|_| self.passwords.knows(key, knock.now)) {
            counters.auth_remembered += 1;
            return Some(Admission::Known(Arc::clone(user)));
        }
        let password = self.words[colon + 1..].to_vec();
        self.words.fill(0);
        Some(Admission::Asks(Box::new(Question { sought: Sought { user, hash }, password, key })))
    }

    /// Has the password of a request compared. By what it goes on later is read now, from its head.
    #[cold]
    pub(super) fn ask_who(
        &mut self,
        id: ExchangeId,
        question: Question,
        head: &RequestHead<'_, '_>,
        io: &mut impl Reactor,
    ) -> Option<Step> {
        if self.exchanges[id].set.is_some() {
            self.note_key(id, Some(head));
        }
        if !self.passwords.submit(self.passwords.number, id.data().as_ffi(), question) {
            return Some(self.tell(id, Fact::Admission(Err(Failure::PasswordsBusy)), io));
        }
        let listener = self.exchanges[id].listener;
        self.listeners[listener].counters.auth_compared += 1;
        None
    }

    /// Passwords were compared: those who asked go on, or are told.
    pub(super) fn take_admissions<R: Reactor>(&mut self, io: &mut R) {
        let now = self.now(io);
        for answer in self.passwords.answers(self.passwords.number) {
            let forgot = answer.user.is_some() && self.passwords.remember(answer.key, now);
            let id = ExchangeId::from(KeyData::from_ffi(answer.of));
            // It may have left meanwhile.
            let Some(entry) = self.exchanges.get_mut(id).filter(|entry| entry.core.is_held()) else { continue };
            let verdict = answer.user.as_ref().map(|_| ()).ok_or(Failure::Unauthorized);
            entry.asker.user = answer.user;
            self.listeners[entry.listener].counters.auth_forgotten += u64::from(forgot);
            self.hear(id, Fact::Admission(verdict), io);
        }
    }
}

/// What stands behind `Basic`, where one field says so.
fn credentials<'v>(headers: &[Header<'v>]) -> Option<&'v [u8]> {
    let mut fields = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("authorization"));
    let (value, None) = (fields.next()?.value, fields.next()) else { return None };
    let (scheme, said) = value.split_at_checked(6)?;
    let said = said.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"basic ") && said.len() <= CREDENTIALS_BYTES_MAX).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_said_once_and_by_this_scheme() {
        let check = |values: &[&str], expect: Option<&str>| {
            let field = |value: &'static str| Header { name: "AUTHORIZATION", value: value.as_bytes() };
            let values: Vec<&'static str> = values.iter().map(|value| &*value.to_string().leak()).collect();
            let headers: Vec<_> = values.into_iter().map(field).collect();
            assert_eq!(credentials(&headers), expect.map(str::as_bytes), "{headers:?}");
        };
        check(&["Basic YTpi"], Some("YTpi"));
        check(&["basic   YTpi "], Some("YTpi"));
        check(&[], None);
        check(&["Bearer YTpi"], None);
        check(&["Basic"], None);
        check(&["BasicYTpi"], None);
        check(&["Basic YTpi", "Basic YTpi"], None);
        check(&[&format!("Basic {}", "x".repeat(2000))], None);
    }
}
