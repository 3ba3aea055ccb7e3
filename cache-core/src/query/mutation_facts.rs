//! The static facts of mutations.

use std::panic::Location;

use crate::query::owner::Owner;
use crate::query::{FunctionId, ItemPath, SourcePlace};

/// The static facts of a function with `#[invalidates]`: of one attribute, if it has several.
#[derive(Debug)]
pub struct MutationFacts {
    /// The function's name.
    pub(crate) name: &'static str,
    pub(crate) place: SourcePlace,
    item: ItemPath,
    pub(crate) targets: &'static [TargetFacts],
}

impl MutationFacts {
    /// One function, identified by the caller's location.
    #[track_caller]
    pub const fn new(name: &'static str, module: &'static str, targets: &'static [TargetFacts]) -> Self {
        Self { name, place: SourcePlace::new(module, Location::caller()), item: ItemPath::UNKNOWN, targets }
    }

    /// Sets where its static is, by a closure in that.
    #[must_use]
    pub const fn item<F>(mut self, _closure: &F) -> Self {
        self.item = ItemPath::of::<F>();
        self
    }

    pub(crate) fn id(&self) -> FunctionId {
        FunctionId::new(self.place, self.name, self.item)
    }
}

/// The mutation that invalidates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MutationSite {
    pub(crate) facts: &'static MutationFacts,
    pub(crate) owner: fn() -> Owner,
}

impl MutationSite {
    /// `S` is the type of its `self`.
    pub(crate) fn of<S: ?Sized>(facts: &'static MutationFacts) -> Self {
        Self { facts, owner: Owner::of::<S> }
    }

    /// Empty for a function without `self`.
    pub(crate) fn owner_name(&self) -> &'static str {
        let owner = (self.owner)().name;
        if owner == std::any::type_name::<()>() { "" } else { owner }
    }
}

/// A target as it is written.
#[derive(Clone, Copy, Debug)]
pub struct TargetFacts {
    /// In one line, and cut if it is long.
    pub(crate) text: &'static str,
    pub(crate) kind: NamedTarget,
}

/// What a target names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NamedTarget {
    /// A function's name, and the path before it, which is mostly empty.
    Query {
        path: &'static str,
        name: &'static str,
        is_one_key: bool,
    },
    /// The text of a tag, with the names in its braces.
    Tag(&'static str),
    /// A tag from an expression.
    UnknownTag,
    All,
}

impl TargetFacts {
    /// A query.
    pub const fn query(path: &'static str, name: &'static str, text: &'static str) -> Self {
        Self { text, kind: NamedTarget::Query { path, name, is_one_key: false } }
    }

    /// One key of a query.
    pub const fn key(path: &'static str, name: &'static str, text: &'static str) -> Self {
        Self { text, kind: NamedTarget::Query { path, name, is_one_key: true } }
    }

    /// A tag whose text is written in the target.
    pub const fn tag(tag: &'static str, text: &'static str) -> Self {
        Self { text, kind: NamedTarget::Tag(tag) }
    }

    /// A tag from an expression.
    pub const fn unknown_tag(text: &'static str) -> Self {
        Self { text, kind: NamedTarget::UnknownTag }
    }

    /// Every entry.
    pub const fn all(text: &'static str) -> Self {
        Self { text, kind: NamedTarget::All }
    }
}
