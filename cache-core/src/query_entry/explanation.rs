//! Why something is cached, or not.

use std::fmt;
use std::time::Duration;

use crate::clock::Nanos;
use crate::entry::info::EntryInfo;
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
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    InTransaction,
    Bypassed,
    Refreshed,
    NothingIsStored,
    Expired { ago: Nanos, is_kept: bool },
    Invalidated(InvalidatedBy),
    Absent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTransaction => f.write_str("this handle is in a transaction, and takes nothing from the cache"),
            Self::Bypassed => f.write_str("this handle bypasses the cache"),
            Self::Refreshed => f.write_str("this handle loads anew on each call"),
            Self::NothingIsStored => f.write_str("the capacity is 0"),
            Self::Expired { ago, is_kept } => {
                write!(f, "it expired {:?} ago", Duration::from_nanos(*ago))?;
                if *is_kept { f.write_str(", and may be served while it is loaded or if that fails") } else { Ok(()) }
            }
            Self::Invalidated(by) => write!(f, "{by} after it was loaded"),
            Self::Absent => f.write_str("it was not loaded, or has left the cache"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, found, is_loading } = self;
        write!(f, "`{call}` is ")?;
        match found {
            Ok(EntryInfo { age, expires_in, hits, tags, .. }) => {
                write!(f, "cached: loaded {age:?} ago, expires in {expires_in:?}, hits: {hits}")?;
                for (number, tag) in tags.iter().enumerate() {
                    write!(f, "{} `{}`", if number == 0 { ", tags:" } else { "," }, tag.as_str())?;
                }
            }
            Err(reason) => write!(f, "not cached: {reason}")?,
        }
        if *is_loading { f.write_str("; a load is in flight") } else { Ok(()) }
    }
}
