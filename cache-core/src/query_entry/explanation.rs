//! Why something is cached, or not.

use std::fmt;
use std::time::Duration;

use crate::clock::Nanos;
use crate::entry::info::EntryInfo;
use crate::history::info::{MutationInfo, MutationsSince, TargetInfo};
use crate::version::tag_set::InvalidatedBy;

/// Says whether one call of a query is cached, and why or why not: see [`QueryEntry::explain`](crate::QueryEntry::explain).
///
/// `Display` is for people, and its words may change.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub(crate) call: String,
    /// Its entry, or why it is not cached.
    pub(crate) found: Result<EntryInfo, Reason>,
    pub(crate) is_loading: bool,
    /// The invalidations since it was loaded; `None` if it is not cached.
    pub(crate) since: Option<MutationsSince>,
}

impl Explanation {
    /// Whether it is cached.
    pub fn is_cached(&self) -> bool {
        self.found.is_ok()
    }

    /// The description of the entry, if it is cached.
    pub fn info(&self) -> Option<&EntryInfo> {
        self.found.as_ref().ok()
    }

    /// Whether a load is in flight.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// By what it was invalidated, if that is why it is not cached, and the cache
    /// [remembers](crate::CacheBuilder::mutation_log) it.
    pub fn invalidated_by(&self) -> Option<&MutationInfo> {
        match &self.found {
            Err(Reason::Invalidated { mutation, .. }) => mutation.as_deref(),
            _ => None,
        }
    }

    /// The invalidations of the cache since the entry was loaded, the oldest first, as far as the
    /// [log](crate::CacheBuilder::mutation_log) reaches; none if it is not cached. None of them was about it. If the answer is wrong all the same, one of them names too little, or a write does not say what it
    /// invalidates.
    pub fn mutations_since(&self) -> &[MutationInfo] {
        self.since.as_ref().map_or(&[], |since| &since.known)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    InTransaction,
    Bypassed,
    Refreshed,
    NothingIsStored,
    Expired {
        /// Unknown if its entry has left.
        ago: Option<Nanos>,
        is_kept: bool,
    },
    Invalidated {
        /// Of an entry that is still there.
        what: Option<InvalidatedBy>,
        mutation: Option<Box<MutationInfo>>,
        target: Option<Box<TargetInfo>>,
    },
    Evicted,
    Absent {
        /// The last invalidation that would have been about it, and through which target.
        last: Option<Box<(MutationInfo, Option<TargetInfo>)>>,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTransaction => f.write_str("this handle is in a transaction, and takes nothing from the cache"),
            Self::Bypassed => f.write_str("this handle bypasses the cache"),
            Self::Refreshed => f.write_str("this handle loads anew on each call"),
            Self::NothingIsStored => f.write_str("the capacity is 0"),
            Self::Expired { ago, is_kept } => {
                match ago {
                    Some(ago) => write!(f, "it expired {:?} ago", Duration::from_nanos(*ago))?,
                    None => f.write_str("it has expired")?,
                }
                if *is_kept { f.write_str(", and may be served while it is loaded or if that fails") } else { Ok(()) }
            }
            Self::Invalidated { what, mutation, target } => {
                match what {
                    Some(what) => write!(f, "{what} after it was loaded")?,
                    None => f.write_str("it was invalidated")?,
                }
                let Some(mutation) = mutation else { return Ok(()) };
                write_mutation(f, ",", mutation, target.as_deref())
            }
            Self::Evicted => f.write_str("it was removed to make room for others"),
            Self::Absent { last } => {
                f.write_str("it was not loaded, was not stored, or has left the cache")?;
                let Some((mutation, target)) = last.as_deref() else { return Ok(()) };
                write_mutation(f, "; it was last invalidated", mutation, target.as_ref())
            }
        }
    }
}

fn write_mutation(
    f: &mut fmt::Formatter<'_>,
    before: &str,
    mutation: &MutationInfo,
    target: Option<&TargetInfo>,
) -> fmt::Result {
    let function = target.map_or(mutation.function, |target| target.by);
    write!(f, "{before} {:?} ago, by `{function}`", mutation.ago)?;
    if let Some(target) = target { write!(f, ", which names {target}") } else { Ok(()) }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, found, is_loading, since } = self;
        write!(f, "`{call}` is ")?;
        match found {
            Ok(EntryInfo { age, expires_in, hits, tags, .. }) => {
                write!(f, "cached: loaded {age:?} ago, expires in {expires_in:?}, hits: {hits}")?;
                for (number, tag) in tags.iter().enumerate() {
                    write!(f, "{} `{}`", if number == 0 { ", tags:" } else { "," }, tag.as_str())?;
                }
                if let Some(MutationsSince { known, are_all }) = since
                    && let [.., last] = &known[..]
                {
                    let (least, count) = (if *are_all { "" } else { "at least " }, known.len());
                    write!(f, "; invalidations of other entries since then: {least}{count}, the last by {last}")?;
                }
            }
            Err(reason) => write!(f, "not cached: {reason}")?,
        }
        if *is_loading { f.write_str("; a load is in flight") } else { Ok(()) }
    }
}
