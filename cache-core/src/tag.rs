//! Tags of entries.

use std::borrow::{Borrow, Cow};
use std::convert::Infallible;
use std::fmt::{self, Write};
use std::str::FromStr;

use smol_str::{SmolStr, SmolStrBuilder};

use crate::sync::Arc;

/// A label by which entries are invalidated together, with all that was made from them.
///
/// Tags are compared whole: `artist:2` is not `artist:22`.
///
/// ```
/// use cache_core::{EntryOptions, Tag, TaggedCache};
///
/// let tag = Tag::from(format!("artist:{}", 22));
/// let cache = TaggedCache::new();
/// cache.insert_with("Back in Black", 255, EntryOptions::new().tag(tag.clone()));
/// cache.invalidate_tags([tag]);
/// assert_eq!(cache.get("Back in Black"), None);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(SmolStr);

impl Tag {
    /// Whether it is a [mark](crate::shared) of what is invalidated in several processes, and no tag of the user's.
    pub(crate) fn is_mark(&self) -> bool {
        self.as_str().starts_with('\0')
    }

    pub(crate) fn name_of_query_mark(tag: &str) -> Option<&str> {
        tag.strip_prefix("\0q:")
    }

    #[inline]
    pub(crate) const fn from_static(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// Allocates nothing, if the text is short or a constant.
    pub(crate) fn format(text: fmt::Arguments<'_>) -> Self {
        if let Some(text) = text.as_str() {
            return Self::from_static(text);
        }
        let mut builder = SmolStrBuilder::new();
        builder.write_fmt(text).expect("a `Display` of the user's reports no error");
        Self(builder.finish())
    }

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Tag {
    fn from(text: &String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Tag {
    fn from(text: Arc<str>) -> Self {
        Self(text.into())
    }
}

// Error messages suggest only the plain texts above.
#[diagnostic::do_not_recommend]
impl From<Box<str>> for Tag {
    fn from(text: Box<str>) -> Self {
        Self(text.into())
    }
}

#[diagnostic::do_not_recommend]
impl From<Cow<'_, str>> for Tag {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

#[diagnostic::do_not_recommend]
impl From<&Self> for Tag {
    fn from(tag: &Self) -> Self {
        tag.clone()
    }
}

impl FromStr for Tag {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.into()
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Tag {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_its_text() {
        let tag = Tag::from("a");
        assert_eq!((tag.as_ref(), tag.as_str(), tag.to_string().as_str()), ("a", "a", "a"));
        assert_eq!(format!("{tag:?}"), "\"a\"");
        let made: [Tag; 5] = [
            String::from("a").into(),
            Box::<str>::from("a").into(),
            Cow::Borrowed("a").into(),
            (&tag).into(),
            "a".parse().unwrap(),
        ];
        assert!(made.iter().all(|made| *made == tag));
        assert_eq!(String::from(tag), "a");
    }
}
