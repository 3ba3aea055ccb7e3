//! Marks: names of what is invalidated that are the same in each process. Entries of a cache with a tier have them as tags.
//!
//! Each load of a query has the mark of its query, and if it is shared that of its key. So the tags of an entry name all
//! that its value depends on, also what its body has read from other queries.
//!
//! | mark | invalidated with | whose loads have it |
//! |---|---|---|
//! | of a query | the whole query | all of the query |
//! | of a key | that key | those of a shared query |
//! | of any key | each key of the query | those that found no entry, and values of the second level that were made from a query whose keys have no marks |
//! | of everything | everything | none: it is checked apart |

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use smol_str::{SmolStr, format_smolstr};

/// No text that a user would take for a tag begins with it. If one does, what it names is invalidated too often.
const FIRST: char = '\0';

pub(crate) const EVERYTHING: &str = "\0*";

/// Of the bytes of a key. Keys with an equal hash are invalidated together; 0 stands for no hash.
pub(crate) fn key_hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish().max(1)
}

pub(crate) fn of_query(name: &str) -> SmolStr {
    format_smolstr!("{FIRST}q:{name}")
}

pub(crate) fn of_key(name: &str, hash: u64) -> SmolStr {
    format_smolstr!("{FIRST}k:{name}:{hash:x}")
}

pub(crate) fn of_any_key(name: &str) -> SmolStr {
    format_smolstr!("{FIRST}a:{name}")
}

/// What a mark is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark<'a> {
    Query(&'a str),
    /// Of the query with this name.
    Key(&'a str),
    AnyKey(&'a str),
    Everything,
}

/// `None` if it is a tag of the user's.
pub(crate) fn parse(tag: &str) -> Option<Mark<'_>> {
    let rest = tag.strip_prefix(FIRST)?;
    match rest.split_once(':') {
        None => (rest == "*").then_some(Mark::Everything),
        Some(("q", name)) => Some(Mark::Query(name)),
        Some(("a", name)) => Some(Mark::AnyKey(name)),
        Some(("k", key)) => Some(Mark::Key(key.rsplit_once(':')?.0)),
        Some(_) => None,
    }
}

impl fmt::Display for Mark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(name) => f.write_str(name),
            Self::Key(name) => write!(f, "one key of {name}"),
            Self::AnyKey(name) => write!(f, "any key of {name}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_were_written() {
        let key = of_key("odd:name", key_hash(b"7"));
        assert_eq!(parse(&of_query("a")), Some(Mark::Query("a")));
        assert_eq!(parse(&key), Some(Mark::Key("odd:name")));
        assert_eq!(parse(&of_any_key("a")), Some(Mark::AnyKey("a")));
        assert_eq!(parse(EVERYTHING), Some(Mark::Everything));
        assert_eq!((parse("q:a"), parse("*"), parse("\0z:a")), (None, None, None));
    }

    /// Processes that were built at another time must name the same key.
    #[test]
    fn p20_a_hash_is_the_same_in_each_process() {
        assert_eq!(key_hash(b"track 5"), 0xfaa7_782a_903f_dc0a);
    }
}
