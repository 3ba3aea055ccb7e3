//! Targets that are stored instead of invalidated: the mutation returns the new value.

use std::fmt;

use crate::private::target::{EntryToPut, PutValues, Target, Targets};
use crate::query_entry::QueryEntry;
use crate::query_entry::keyed::{AnyKeyedEntry, TypedEntry};
use crate::query_entry::put::AnyPut;
use crate::read_point::ReadPoint;

/// An entry, and the value that is put there.
pub(crate) struct Put {
    pub(crate) entry: Box<dyn AnyKeyedEntry>,
    /// `None`: it is invalidated.
    pub(crate) value: Option<Box<dyn AnyPut>>,
}

impl Put {
    /// `point` is the start of the mutation: the value shows what was written after.
    pub(crate) fn new<V: 'static>(entry: QueryEntry<'_, V>, point: &ReadPoint, value: V) -> Self {
        let entry = entry.into_inner();
        let value = entry.put(point, value, false);
        Self { entry, value }
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Put").field(&self.entry.call()).finish()
    }
}

/// An entry that is known before the body runs, and how its value is made of what the mutation returns.
pub struct PutTarget<V, F> {
    entry: Box<dyn TypedEntry<V>>,
    point: ReadPoint,
    make: Option<F>,
    value: Option<Box<dyn AnyPut>>,
}

impl<V, F> PutTarget<V, F> {
    pub(crate) fn new(entry: QueryEntry<'_, V>, make: F) -> Self {
        let entry = entry.into_inner();
        // After the entry: invalidations of its key since the point have raised its node.
        let point = ReadPoint::now(entry.cache().engine().timeline());
        Self { entry, point, make: Some(make), value: None }
    }
}

impl<V, F> fmt::Debug for PutTarget<V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PutTarget").field(&self.entry.call()).finish()
    }
}

impl<U, V, F: FnOnce(&U) -> V> Targets<U> for PutTarget<V, F> {
    fn resolve(&mut self, value: &U) {
        if let Some(make) = self.make.take() {
            self.value = self.entry.put(&self.point, make(value), false);
        }
    }

    fn each<'a>(&'a self, _: &mut dyn FnMut(&'a Target)) {}

    fn each_entry<'a>(&'a self, visit: &mut dyn FnMut(EntryToPut<'a>)) {
        visit(EntryToPut(&*self.entry));
    }

    fn take_puts(&mut self, taken: &mut PutValues) {
        taken.0.extend(self.value.take());
    }
}
