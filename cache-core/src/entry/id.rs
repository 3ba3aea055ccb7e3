//! Ids of entries in the eviction.

/// The index of an entry in its segment. It has 31 bits, and is never [`NIL`].
pub(crate) type EntryId = u32;

/// No entry.
pub(crate) const NIL: EntryId = (1 << 31) - 1;
