//! Names for connections and listeners, and a table keyed by them.

use crate::pages::Pages;

/// A connection of one reactor. An id is never used twice: the generation tells a slot's tenants apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    /// Slot in the reactor's table; small and dense, so that [`ConnMap`] is an array.
    pub index: u32,
    /// Tenant of that slot.
    pub generation: u32,
}

/// A listening socket of one reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(pub u32);

/// What an application keeps per connection, found in two array accesses.
#[derive(Debug)]
pub struct ConnMap<T> {
    slots: Pages<Option<(u32, T)>>,
    live: usize,
}

impl<T> Default for ConnMap<T> {
    fn default() -> Self {
        Self { slots: Pages::default(), live: 0 }
    }
}

impl<T> ConnMap<T> {
    /// Stores `value` for `id`; returns the value of an earlier tenant of the same slot, if one was left.
    pub fn insert(&mut self, id: ConnId, value: T) -> Option<T> {
        let old = self.slots.entry(id.index as usize).replace((id.generation, value));
        self.live += usize::from(old.is_none());
        old.map(|(_, value)| value)
    }

    /// The value stored for `id`.
    pub fn get(&self, id: ConnId) -> Option<&T> {
        match self.slots.get(id.index as usize)? {
            Some((generation, value)) if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    /// The value stored for `id`, to change.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        match self.slots.get_mut(id.index as usize)? {
            Some((generation, value)) if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    /// Takes the value of `id` out.
    pub fn remove(&mut self, id: ConnId) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        match slot {
            Some((generation, _)) if *generation == id.generation => {
                self.live -= 1;
                slot.take().map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Live entries with their ids, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.slots.iter().filter_map(|(index, slot)| {
            let (generation, value) = slot.as_ref()?;
            Some((ConnId { index: index as u32, generation: *generation }, value))
        })
    }

    /// Number of live entries.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Is nothing stored?
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }
}
