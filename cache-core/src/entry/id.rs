//! Ids of entries in the eviction.

/// The index of an entry in its segment: 31 bits, never [`NIL`].
pub(crate) type EntryId = u32;

pub(crate) const NIL: EntryId = (1 << 31) - 1;
