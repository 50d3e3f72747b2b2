//! Session tickets: what a client needs to come back without a full handshake, sealed with keys that all workers share and
//! that change by themselves.

use crate::profile::ProfileError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A key seals for so long, and opens for as long again. With a nonce by chance it could seal 2^32 tickets (NIST SP 800-38D,
/// section 8.3): 198,000 a second.
const SEALS_FOR: Duration = Duration::from_secs(6 * 3600);
const NAME_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
/// Of a key as it is handed on: its name, its secret, when it was made.
const KEY_BYTES: usize = NAME_BYTES + SECRET_BYTES + 8;

/// Makes and reads tickets. Clones share their keys, which change every six hours and are good for twice as long. They exist in
/// memory only, and may be handed to the process that comes after this one.
#[derive(Clone)]
pub struct Tickets(Option<Arc<Sealer>>);

/// A key of tickets, as one process hands it to the next. Whoever has it can read what was sealed with it: it must not be
/// written anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKey([u8; KEY_BYTES]);

impl TicketKey {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From such bytes; `None` where they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn new(now: Duration) -> Result<Self, ProfileError> {
        let mut bytes = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ProfileError::new(rustls::Error::FailedToGetRandomBytes))?;
        bytes[NAME_BYTES + SECRET_BYTES..].copy_from_slice(&now.as_secs().to_be_bytes());
        Ok(Self(bytes))
    }

    fn name(&self) -> &[u8] {
        &self.0[..NAME_BYTES]
    }

    fn secret(&self) -> &[u8] {
        &self.0[NAME_BYTES..NAME_BYTES + SECRET_BYTES]
    }

    fn made_at(&self) -> Duration {
        let bytes = self.0[NAME_BYTES + SECRET_BYTES..].try_into().unwrap_or_default();
        Duration::from_secs(u64::from_be_bytes(bytes))
    }

    fn seals(&self, now: Duration) -> bool {
        now < self.made_at() + SEALS_FOR
    }

    fn opens(&self, now: Duration) -> bool {
        now < self.made_at() + 2 * SEALS_FOR
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey")
    }
}

impl Tickets {
    /// With new keys.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new() -> Result<Self, ProfileError> {
        Self::with(Vec::new())
    }

    /// With keys of a process before this one, the newest first, and a new one where they are too old.
    ///
    /// # Errors
    /// As by [`Tickets::new`].
    pub fn with(keys: Vec<TicketKey>) -> Result<Self, ProfileError> {
        let now = since_1970();
        let mut ring = Ring::default();
        // The oldest first.
        for key in keys.into_iter().rev().filter(|key| key.opens(now)) {
            ring.add(key)?;
        }
        if !ring.seals(now) {
            ring.add(TicketKey::new(now)?)?;
        }
        Ok(Self(Some(Arc::new(Sealer(RwLock::new(ring))))))
    }

    /// None at all: every handshake is a full one.
    pub fn off() -> Self {
        Self(None)
    }

    /// What another process needs to go on with these.
    pub fn keys(&self) -> Vec<TicketKey> {
        self.0.iter().flat_map(|sealer| sealer.ring().iter().map(|key| key.key.clone()).collect::<Vec<_>>()).collect()
    }

    pub(crate) fn producer(&self) -> Arc<dyn ProducesTickets> {
        match &self.0 {
            Some(sealer) => Arc::<Sealer>::clone(sealer),
            None => Arc::new(Off),
        }
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// One key, ready for work.
struct Ready {
    key: TicketKey,
    cipher: RandomizedNonceKey,
}

/// The key that seals, and the one before it.
#[derive(Default)]
struct Ring {
    current: Option<Ready>,
    previous: Option<Ready>,
}

impl Ring {
    fn add(&mut self, key: TicketKey) -> Result<(), ProfileError> {
        let failed = |_| ProfileError::new(rustls::Error::General("a key of tickets is of no use".to_owned()));
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.secret()).map_err(failed)?;
        self.previous = self.current.replace(Ready { key, cipher });
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &Ready> {
        self.current.iter().chain(&self.previous)
    }

    fn seals(&self, now: Duration) -> bool {
        self.current.as_ref().is_some_and(|ready| ready.key.seals(now))
    }
}

struct Sealer(RwLock<Ring>);

impl Sealer {
    fn ring(&self) -> std::sync::RwLockReadGuard<'_, Ring> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// `None`: without random numbers there is no ticket, and a full handshake the next time.
    fn seal(&self, now: Duration, plain: &[u8]) -> Option<Vec<u8>> {
        if !self.ring().seals(now) {
            let mut ring = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            // Another worker may have been here.
            if !ring.seals(now) {
                ring.add(TicketKey::new(now).ok()?).ok()?;
            }
        }
        let ring = self.ring();
        let Ready { key, cipher } = ring.current.as_ref()?;
        let mut sealed = plain.to_vec();
        let nonce = cipher.seal_in_place_append_tag(Aad::from(key.name()), &mut sealed).ok()?;
        Some([key.name(), nonce.as_ref(), &sealed].concat())
    }

    fn open(&self, now: Duration, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let ring = self.ring();
        let Ready { key, cipher } = ring.iter().find(|ready| ready.key.name() == name && ready.key.opens(now))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = sealed.to_vec();
        let length = cipher.open_in_place(nonce, Aad::from(key.name()), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl ProducesTickets for Sealer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        (2 * SEALS_FOR).as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(since_1970(), plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(since_1970(), cipher)
    }
}

#[derive(Debug)]
struct Off;

impl ProducesTickets for Off {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"what a session was";

    fn sealer(tickets: &Tickets) -> &Sealer {
        tickets.0.as_deref().expect("they are on")
    }

    #[test]
    fn a_key_seals_for_a_while_and_opens_for_twice_as_long() {
        let tickets = Tickets::new().expect("random numbers");
        let (sealer, now) = (sealer(&tickets), since_1970());
        let first = sealer.seal(now, PLAIN).expect("sealed");
        assert_ne!(sealer.seal(now, PLAIN), Some(first.clone()), "no nonce comes twice");
        let later = now + SEALS_FOR;
        let second = sealer.seal(later, PLAIN).expect("sealed");
        assert_ne!(first[..NAME_BYTES], second[..NAME_BYTES], "with another key");
        for (ticket, at, opens) in [
            (&first, now, true),
            (&first, later, true),
            (&first, now + 2 * SEALS_FOR, false),
            (&second, now + 2 * SEALS_FOR, true),
            (&second, now + 3 * SEALS_FOR, false),
        ] {
            assert_eq!(sealer.open(at, ticket).as_deref(), opens.then_some(PLAIN), "{:?}", at - now);
        }
    }

    #[test]
    fn whoever_was_handed_the_keys_opens_what_was_sealed_before() {
        let before = Tickets::new().expect("random numbers");
        let now = since_1970();
        let old = sealer(&before).seal(now, PLAIN).expect("sealed");
        sealer(&before).seal(now + SEALS_FOR, PLAIN).expect("sealed by the next key");
        let handed = before.keys().iter().map(|key| TicketKey::from_bytes(key.as_bytes()).expect("a key")).collect();
        let after = Tickets::with(handed).expect("keys");
        assert_eq!(after.keys(), before.keys());
        assert_eq!(sealer(&after).open(now, &old).as_deref(), Some(PLAIN));
        let stranger = Tickets::new().expect("random numbers");
        assert_eq!(sealer(&stranger).open(now, &old), None);
        assert_eq!(format!("{:?}", before.keys()), "[TicketKey, TicketKey]", "nobody prints a secret");
    }

    #[test]
    fn what_was_not_sealed_here_is_no_ticket() {
        let tickets = Tickets::new().expect("random numbers");
        let (sealer, now) = (sealer(&tickets), since_1970());
        let good = sealer.seal(now, PLAIN).expect("sealed");
        for at in 0..good.len() {
            let mut other = good.clone();
            other[at] ^= 1;
            assert_eq!(sealer.open(now, &other), None, "byte {at}");
            assert_eq!(sealer.open(now, &good[..at]), None, "{at} bytes");
        }
        assert_eq!(TicketKey::from_bytes(&[0; KEY_BYTES - 1]), None);
    }
}
