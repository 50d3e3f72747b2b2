//! A growing array that never moves what is in it: pages of fixed size instead of one block that doubles.
//!
//! Tables of connections grow to tens of megabytes. A doubling block would copy them on the data path, hold old and
//! new at once, and keep up to half of itself unused.

/// Entries per page.
const PAGE: usize = 128;

/// Values by a dense index; pages without any are not there.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    pages: Vec<Option<Box<[T]>>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T: Default> Pages<T> {
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index / PAGE)?.as_ref().map(|page| &page[index % PAGE])
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pages.get_mut(index / PAGE)?.as_mut().map(|page| &mut page[index % PAGE])
    }

    /// The value at `index`, its page made when there is none.
    pub(crate) fn entry(&mut self, index: usize) -> &mut T {
        let at = index / PAGE;
        if at >= self.pages.len() {
            self.pages.resize_with(at + 1, || None);
        }
        let page = self.pages[at].get_or_insert_with(|| (0..PAGE).map(|_| T::default()).collect());
        &mut page[index % PAGE]
    }

    /// All values of all pages with their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let pages = self.pages.iter().enumerate().filter_map(|(at, page)| Some((at, page.as_ref()?)));
        pages.flat_map(|(at, page)| page.iter().enumerate().map(move |(offset, value)| (at * PAGE + offset, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_made_where_something_is_stored() {
        let mut pages: Pages<Option<char>> = Pages::default();
        assert_eq!(pages.get(0), None);
        *pages.entry(1000) = Some('a');
        *pages.entry(3) = Some('b');
        assert_eq!((pages.get(1000), pages.get(999)), (Some(&Some('a')), Some(&None)));
        assert_eq!(pages.get(500), None, "no page, no memory");
        let stored: Vec<_> = pages.iter().filter_map(|(index, value)| value.map(|value| (index, value))).collect();
        assert_eq!(stored, [(3, 'b'), (1000, 'a')]);
        assert_eq!(pages.pages.iter().flatten().count(), 2);
    }
}
