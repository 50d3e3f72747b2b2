//! Who is likely to answer first: by how long it takes, and as much again for each request of its share that is under way.
//!
//! A time says little to a tenth: those that are about as quick as the quickest count as equally quick, and have their turns
//! by weight. Who is slower gets nothing while the quick ones are idle; its time counts for less and less
//! ([`super::Latency`]) until it is tried again, and is found slow again or not.

use super::Field;
use super::least::{Share, least_share};
use super::turn::{Seat, Turn};

/// A time that is longer than the shortest by this part of it, ...
const ALIKE_PART: u64 = 4;
/// ... and by so many microseconds more, is no longer: between two machines of a room that much is chance.
const ALIKE_MICROS: u64 = 200;

/// What is known of all that may be picked.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    /// What is reckoned with for a server of which nothing is known yet: what the others take, so that it is neither flooded
    /// nor left alone.
    micros: u64,
    /// The shortest time.
    shortest: u64,
    servers: u64,
    weights: u64,
}

impl Usual {
    fn of(turn: &Turn, weigh: impl Fn(usize, Seat) -> u64, field: &impl Field) -> Self {
        let mut usual = Self::default();
        let (mut sum, mut known, mut shortest) = (0, 0, u64::MAX);
        for (index, weight) in turn.weighed(weigh) {
            usual.servers += 1;
            usual.weights += weight;
            if let Some(micros) = field.latency(index) {
                let micros = u64::from(micros);
                (sum, known, shortest) = (sum + micros, known + 1, shortest.min(micros));
            }
        }
        usual.micros = (sum / u64::max(known, 1)).max(1);
        usual.shortest = shortest.min(usual.micros);
        usual
    }

    /// The time of a server, or the shortest where it is about that.
    fn time(&self, micros: Option<u32>) -> u64 {
        let micros = micros.map_or(self.micros, u64::from);
        let alike = self.shortest + self.shortest / ALIKE_PART + ALIKE_MICROS;
        if micros <= alike { self.shortest } else { micros }
    }

    /// A request under way at a server of the average weight counts as one; at one of twice the weight it is half of one.
    fn share(&self, time: u64, in_flight: u64, weight: u64) -> Share {
        let queue = u128::from(weight) * u128::from(self.servers) + u128::from(in_flight) * u128::from(self.weights);
        Share { load: u128::from(time) * queue, weight }
    }
}

/// The server that is likely to answer first, of those that weigh something.
pub(super) fn quickest(turn: &mut Turn, weigh: impl Fn(usize, Seat) -> u64, field: &impl Field) -> Option<usize> {
    let usual = Usual::of(turn, &weigh, field);
    let share = |index, weight| usual.share(usual.time(field.latency(index)), field.in_flight(index).into(), weight);
    least_share(turn, weigh, share)
}
