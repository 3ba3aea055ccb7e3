//! What is particular to one entry.

use std::time::Duration;

use smallvec::SmallVec;

use crate::tag::Tag;

/// A few tags without an allocation.
pub(crate) type Tags = SmallVec<[Tag; 2]>;

/// What is particular to one entry: its tags, and how long it may be served.
///
/// ```
/// use std::time::Duration;
/// use cache_core::EntryOptions;
///
/// let options = EntryOptions::new().ttl(Duration::from_secs(10)).tag("catalogue").tags(["artist:1", "artist:2"]);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it changes nothing by itself"]
pub struct EntryOptions {
    pub(crate) ttl: Option<Duration>,
    pub(crate) own_ttl: bool,
    pub(crate) tags: Tags,
}

impl EntryOptions {
    /// No tags, and the time to live that is the cache's default.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the value may be served, counted from the start of the load.
    #[inline]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// One more tag.
    #[inline]
    pub fn tag(mut self, tag: impl Into<Tag>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// More tags.
    pub fn tags<T: Into<Tag>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }
}
