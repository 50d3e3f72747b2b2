//! Smooth weighted round robin: everyone gains its weight, the richest pays the sum.

/// What is known for good of a server in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seat {
    /// 0: nobody, one that has left, or one that takes nothing new.
    pub(super) weight: u64,
    /// It has its turn only where no other is well.
    pub(super) backup: bool,
}

/// Whose turn it is among servers by number. Weights are told as they are now by whoever asks: `weigh` makes of a server's
/// number and seat what it weighs now; 0: it is passed over.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Vec<(Seat, i64)>);

impl Turn {
    pub(super) fn new(seats: impl Iterator<Item = Seat>) -> Self {
        Self(seats.map(|seat| (seat, 0)).collect())
    }

    /// All that weigh something.
    pub(super) fn weighed(&self, weigh: impl Fn(usize, Seat) -> u64) -> impl Iterator<Item = (usize, u64)> {
        let weighed =
            self.0.iter().enumerate().map(move |(index, (seat, _))| (index, weigh_seat(index, *seat, &weigh)));
        weighed.filter(|(_, weight)| *weight > 0)
    }

    /// What this one weighs now.
    pub(super) fn weight(&self, index: usize, weigh: impl Fn(usize, Seat) -> u64) -> u64 {
        self.0.get(index).map_or(0, |(seat, _)| weigh_seat(index, *seat, &weigh))
    }

    /// Is somebody only for when no other is well?
    pub(super) fn has_backups(&self) -> bool {
        self.0.iter().any(|(seat, _)| seat.backup)
    }

    /// Gives the place number `index` to another, or another weight; with none it is out of the turn. The others' turns go
    /// on as they stand.
    pub(super) fn set(&mut self, index: usize, seat: Seat) {
        if index >= self.0.len() {
            self.0.resize(index + 1, Default::default());
        }
        let credit = if seat.weight == 0 { 0 } else { self.0[index].1 };
        self.0[index] = (seat, credit);
    }

    /// One turn.
    #[inline]
    pub(super) fn next(&mut self, weigh: impl Fn(usize, Seat) -> u64) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, (seat, credit)) in self.0.iter_mut().enumerate() {
            let weight = weigh_seat(index, *seat, &weigh) as i64;
            if weight == 0 {
                continue;
            }
            *credit += weight;
            total += weight;
            if best.is_none_or(|(_, richest)| *credit > richest) {
                best = Some((index, *credit));
            }
        }
        let (index, _) = best?;
        self.0[index].1 -= total;
        Some(index)
    }
}

#[inline]
fn weigh_seat(index: usize, seat: Seat, weigh: impl Fn(usize, Seat) -> u64) -> u64 {
    if seat.weight == 0 { 0 } else { weigh(index, seat) }
}
