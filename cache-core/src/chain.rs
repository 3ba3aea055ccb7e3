//! An append-only list that is read without a lock.

use crate::sync::OnceLock;

/// Holds a few items, found by walking.
pub(crate) struct Chain<T>(OnceLock<Box<Link<T>>>);

struct Link<T> {
    item: T,
    rest: Chain<T>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Chain<T> {
    /// The first item that is wanted. If there is none, `make` is called for one, and it is appended.
    ///
    /// Threads that append at once wait for each other, and then see each other's item.
    pub(crate) fn find_or_push(&self, is_wanted: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &T {
        let mut make = Some(make);
        let mut here = self;
        loop {
            let link = here.0.get_or_init(|| {
                let make = make.take().expect("the item that it makes is wanted, and ends the loop");
                Box::new(Link { item: make(), rest: Self::default() })
            });
            if is_wanted(&link.item) {
                return &link.item;
            }
            here = &link.rest;
        }
    }

    /// The first item that is wanted.
    #[inline]
    pub(crate) fn find(&self, is_wanted: impl Fn(&T) -> bool) -> Option<&T> {
        let mut here = self;
        loop {
            let link = here.0.get()?;
            if is_wanted(&link.item) {
                return Some(&link.item);
            }
            here = &link.rest;
        }
    }

    /// The items, in the order in which they were appended.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.0.get(), |link| link.rest.0.get()).map(|link| &link.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_made_once_and_found_again() {
        let chain = Chain::default();
        for wanted in [3, 1, 3, 2, 1] {
            assert_eq!(*chain.find_or_push(|item| *item == wanted, || wanted), wanted);
        }
        assert_eq!(chain.iter().copied().collect::<Vec<_>>(), [3, 1, 2]);
    }
}
