//! The options of one entry.

use std::time::Duration;

use smallvec::SmallVec;

use crate::tag::Tag;

pub(crate) type Tags = SmallVec<[Tag; 2]>;

/// The tags, the time to live and the weight of one entry.
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
    pub(crate) tags: Tags,
    pub(crate) own_ttl: bool,
    /// Whether only the value tells its time to live.
    pub(crate) value_ttl: bool,
    /// Of a value that is given, or of any value of a [`TaggedCache`](crate::TaggedCache).
    pub(crate) weight: Option<usize>,
}

impl EntryOptions {
    /// No tags, and the cache's default time to live.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time to live, counted from the start of the load. The entry expires no later than cached values that its
    /// load read, unless [`own_ttl`](EntryOptions::own_ttl) is set.
    #[inline]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The entry expires by its own time to live alone, whatever its load read.
    ///
    /// It may then show data as old as both times to live together. It is still invalidated with what it was made from.
    #[inline]
    pub fn own_ttl(mut self) -> Self {
        self.own_ttl = true;
        self
    }

    /// The weight of the entry, instead of what [`TaggedCacheBuilder::weight`](crate::TaggedCacheBuilder::weight) or
    /// [`TaggedEntry::weight`](crate::TaggedEntry::weight) says. It means nothing if the cache has no `max_weight`.
    ///
    /// ```
    /// use cache_core::{EntryOptions, TaggedCache};
    ///
    /// let cache = TaggedCache::builder().max_weight(1_000).weight(String::len).build();
    /// cache.insert("title", "Thunderstruck".to_owned());
    /// cache.insert_with("cover", "cover.png".to_owned(), EntryOptions::new().weight(900)); // with its file
    /// assert_eq!(cache.stats().weight, 913);
    /// ```
    #[inline]
    pub fn weight(mut self, weight: usize) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Adds a tag.
    #[inline]
    pub fn tag(mut self, tag: impl Into<Tag>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds tags.
    pub fn tags<T: Into<Tag>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    // Compiled here, and not in each crate with a query.
    #[inline(never)]
    pub(crate) fn push_tag(&mut self, tag: Tag) {
        self.tags.push(tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn p15_an_entry_has_its_own_time_to_live_only_on_request() {
        assert!(!EntryOptions::new().ttl(Duration::from_secs(1)).own_ttl);
        assert!(EntryOptions::new().own_ttl().own_ttl);
        assert!(Query::new("find", "m", &[]).own_ttl(true).options().own_ttl);
    }
}
