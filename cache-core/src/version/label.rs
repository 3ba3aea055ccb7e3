//! What a node of the registry stands for: a tag, a key, or a query, in one scope.

use crate::tag::Tag;
use crate::version::scope::ScopeId;

/// A hash of a query, its instantiation, and the arguments. Keys with the same hash (probability 2^-64) are invalidated
/// together.
pub(crate) type KeyId = u64;

#[derive(Clone, Debug)]
pub(crate) enum Label {
    Tag(Tag, ScopeId),
    Key(KeyId, ScopeId),
    /// All entries of the query with this number, in one scope.
    Query(u32, ScopeId),
    /// In no registry: a cache, query or entry owns the node.
    Permanent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LabelRef<'a> {
    Tag(&'a str, ScopeId),
    Key(KeyId, ScopeId),
    Query(u32, ScopeId),
    Permanent,
}

impl Label {
    pub(crate) fn borrow(&self) -> LabelRef<'_> {
        match self {
            Self::Tag(tag, scope) => LabelRef::Tag(tag.as_str(), *scope),
            Self::Key(key, scope) => LabelRef::Key(*key, *scope),
            Self::Query(query, scope) => LabelRef::Query(*query, *scope),
            Self::Permanent => LabelRef::Permanent,
        }
    }
}
