//! Numbers of entries.

/// An entry's number in its segment of the eviction. It has 31 bits, and none is [`NIL`].
pub(crate) type EntryId = u32;

/// No entry.
pub(crate) const NIL: EntryId = (1 << 31) - 1;
