//! Smooth weighted round robin: everyone gains its weight, the richest pays the sum.

#[derive(Clone, Debug, Default)]
struct Seat {
    /// 0: nobody, one that has left, or one that takes nothing new.
    weight: u64,
    credit: i64,
}

/// Whose turn it is among servers by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Vec<Seat>);

impl Turn {
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        Self(weights.map(|weight| Seat { weight: u64::from(weight), credit: 0 }).collect())
    }

    /// Places and their weights, vacant ones included.
    pub(super) fn weights(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().enumerate().map(|(index, seat)| (index, seat.weight))
    }

    /// Gives server number `index` another weight; 0 takes it out of the turn. The others' turns go on as they stand.
    pub(super) fn set_weight(&mut self, index: usize, weight: u32) {
        if index >= self.0.len() {
            self.0.resize(index + 1, Seat::default());
        }
        self.0[index].weight = u64::from(weight);
        if weight == 0 {
            self.0[index] = Seat::default();
        }
    }

    /// One turn. `weigh` tells from a server's number and weight what it weighs now; 0: it is passed over.
    #[inline]
    pub(super) fn next(&mut self, weigh: impl Fn(usize, u64) -> u64) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, seat) in self.0.iter_mut().enumerate() {
            if seat.weight == 0 {
                continue;
            }
            let weight = weigh(index, seat.weight) as i64;
            if weight == 0 {
                continue;
            }
            seat.credit += weight;
            total += weight;
            if best.is_none_or(|(_, richest)| seat.credit > richest) {
                best = Some((index, seat.credit));
            }
        }
        let (index, _) = best?;
        self.0[index].credit -= total;
        Some(index)
    }
}
