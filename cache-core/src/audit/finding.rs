//! What the audit finds.

use std::fmt;
use std::time::Duration;

use crate::history::info::MutationInfo;

/// A cached answer that was not the one of its body, though nothing was invalidated meanwhile.
///
/// One of the mutations that ran since names too little, a write is not annotated at all, the answer depends on what is not
/// in the key, such as `self` or the time, or a wrong value was inserted. `Display` is for people, and its words may change.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StaleFinding {
    /// The name of the query.
    pub query: &'static str,
    /// The module of the query.
    pub module: &'static str,
    /// The type whose method the query is; empty for a free function.
    pub owner: &'static str,
    /// The scope of the handle, if it has one.
    pub scope: Option<String>,
    /// The arguments, as [`EntryInfo::arguments`](crate::EntryInfo::arguments) shows them.
    pub arguments: String,
    /// The cached answer, by its `Debug`, if it has one. Of a query with `each`, an `Option`: of one id, which its body may not
    /// return.
    pub cached: String,
    /// The answer of the body, shown likewise.
    pub loaded: String,
    /// The time since the load of the cached answer began.
    pub age: Duration,
    /// The invalidations since the answer was loaded, or was last found right by an audit, the oldest first, as far as
    /// [`Cache::mutations`](crate::Cache::mutations) reach. None of them was about it.
    pub mutations: Vec<MutationInfo>,
    /// Whether these are all since then: the log may be off, or too [short](crate::CacheBuilder::mutation_log).
    pub has_all_mutations: bool,
}

impl fmt::Display for StaleFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { query, arguments, cached, loaded, age, mutations, has_all_mutations, .. } = self;
        write!(f, "the cached answer of `{query}({arguments})`, {age:?} old, is wrong: it is {cached}, and ")?;
        write!(f, "would be loaded as {loaded}. ")?;
        f.write_str(match (mutations.is_empty(), has_all_mutations) {
            (true, true) => {
                return f.write_str(
                    "No mutation ran since it was right: the write is not annotated, the answer depends on what is not in \
                     the key, such as `self`, or a wrong value was inserted.",
                );
            }
            (true, false) => return f.write_str("Which mutations ran since it was right is unknown: the log is off."),
            (false, true) => "Since it was right, these ran, one of which should name it: ",
            (false, false) => {
                "Since it was right, these ran, and others before, which the log of mutations does not have any more. One of \
                 all should name it: "
            }
        })?;
        for (number, mutation) in mutations.iter().enumerate() {
            write!(f, "{}{mutation}", if number == 0 { "" } else { "; " })?;
        }
        f.write_str(".")
    }
}
