//! Whether a loaded value is stored, and with which tags.

use crate::tag::Tag;

/// Decides whether a value is stored: its tags beside those known before the load, or `None`.
pub trait Judge<V> {
    /// Decides once.
    fn judge(self, value: &V) -> Option<Vec<Tag>>;
}

/// Every value is stored.
#[derive(Clone, Debug)]
pub struct KeepAll;

/// A value is stored if a condition is true for it.
#[derive(Clone, Debug)]
pub struct CacheIf<F>(pub(crate) F);

/// A value that `J` stores has tags of its own.
#[derive(Clone, Debug)]
pub struct TagsFrom<J, F>(pub(crate) J, pub(crate) F);

/// No value is stored.
#[derive(Clone, Debug)]
pub struct Unjudged;

impl<V> Judge<V> for Unjudged {
    fn judge(self, _: &V) -> Option<Vec<Tag>> {
        None
    }
}

impl<V> Judge<V> for KeepAll {
    fn judge(self, _: &V) -> Option<Vec<Tag>> {
        Some(Vec::new())
    }
}

impl<V, F: FnOnce(&V) -> bool> Judge<V> for CacheIf<F> {
    fn judge(self, value: &V) -> Option<Vec<Tag>> {
        (self.0)(value).then(Vec::new)
    }
}

impl<V, J: Judge<V>, F: FnOnce(&V) -> Vec<Tag>> Judge<V> for TagsFrom<J, F> {
    fn judge(self, value: &V) -> Option<Vec<Tag>> {
        let mut tags = self.0.judge(value)?;
        tags.append(&mut (self.1)(value));
        Some(tags)
    }
}
