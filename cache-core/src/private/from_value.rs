//! Targets that are made from the returned value.

use std::fmt;

use crate::private::put::Put;
use crate::private::target::{EntryToPut, Names, Place, PutValues, Target, TargetKind, Targets};
use crate::query_entry::QueryEntry;
use crate::read_point::ReadPoint;
use crate::tag::Tag;

/// Targets that are made from the returned value. The cache of each query is checked where the whole query stands for
/// them.
#[derive(Debug)]
pub struct ValueTargets {
    knows_global: bool,
    /// The start of the mutation, if there are puts.
    point: Option<ReadPoint>,
    targets: Vec<Target>,
    puts: Vec<Put>,
}

impl ValueTargets {
    /// A query, or a key of one.
    pub fn target<N: Names<(), Place: Place>>(&mut self, names: N) {
        let is_global = self.knows_global && N::Place::IS_GLOBAL;
        self.targets.push(Target { kind: names.kind(&()), is_global });
    }

    /// An entry, and its value.
    pub fn put<V: 'static>(&mut self, entry: QueryEntry<'_, V>, value: V) {
        let point = self.point.as_ref().expect("a mutation with puts knows when it began");
        self.puts.push(Put::new(entry, point, value));
    }

    /// Every entry with a tag.
    pub fn tag(&mut self, tag: impl Into<Tag>) {
        self.targets.push(TargetKind::Tag(tag.into()).into());
    }

    /// Every entry with a literal tag.
    pub fn literal_tag(&mut self, tag: &'static str) {
        self.tag(Tag::from_static(tag));
    }

    /// Every entry with a formatted tag.
    pub fn formatted_tag(&mut self, text: fmt::Arguments<'_>) {
        self.tag(Tag::format(text));
    }

    /// Every entry.
    pub fn all(&mut self) {
        self.targets.push(TargetKind::All.into());
    }
}

/// Targets that are made from the returned value; without one, or if they cannot be made, those that stand for them.
pub struct FromValue<F> {
    targets: Vec<Target>,
    knows_global: bool,
    point: Option<ReadPoint>,
    puts: Vec<Put>,
    make: Option<F>,
}

impl<F> FromValue<F> {
    pub(crate) fn new(without_value: Vec<Target>, knows_global: bool, point: Option<ReadPoint>, make: F) -> Self {
        Self { targets: without_value, knows_global, point, puts: Vec::new(), make: Some(make) }
    }
}

impl<F> fmt::Debug for FromValue<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromValue").field("targets", &self.targets).finish_non_exhaustive()
    }
}

/// A target whose key is made from the returned value; without one, the whole query.
pub struct FromResult<F> {
    target: Target,
    key: Option<F>,
}

impl<F> FromResult<F> {
    pub(crate) fn new(target: Target, key: F) -> Self {
        Self { target, key: Some(key) }
    }
}

impl<F> fmt::Debug for FromResult<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromResult").field("target", &self.target).finish_non_exhaustive()
    }
}

impl<V, F: FnOnce(&V, ValueTargets) -> ValueTargets> Targets<V> for FromValue<F> {
    fn resolve(&mut self, value: &V) {
        if let Some(make) = self.make.take() {
            // If it panics, the targets remain those that stand for all that it could name.
            let (knows_global, point) = (self.knows_global, self.point.take());
            let none = ValueTargets { knows_global, point, targets: Vec::new(), puts: Vec::new() };
            ValueTargets { targets: self.targets, puts: self.puts, .. } = make(value, none);
        }
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        self.targets.iter().for_each(visit);
    }

    fn each_entry<'a>(&'a self, visit: &mut dyn FnMut(EntryToPut<'a>)) {
        self.puts.iter().for_each(|put| visit(EntryToPut(&*put.entry)));
    }

    fn take_puts(&mut self, taken: &mut PutValues) {
        taken.0.extend(self.puts.iter_mut().filter_map(|put| put.value.take()));
    }
}

impl<V, N: Names<()>, F: FnOnce(&V) -> N> Targets<V> for FromResult<F> {
    fn resolve(&mut self, value: &V) {
        if let Some(key) = self.key.take() {
            self.target.kind = key(value).kind(&());
        }
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        visit(&self.target);
    }
}
