//! What is probably wrong.

use std::fmt;

use super::{Graph, GraphMutation, GraphQuery};
use crate::query::FunctionId;
use crate::query::owner::self_type;

/// What is probably wrong with the queries and mutations of a program: see [`Graph::warnings`].
///
/// `Display` says what to do, and its words may change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// No mutation invalidates a query, not even perhaps, by a tag from a value. None invalidates a query that it was seen
    /// to read either.
    ///
    /// Calls are seen when they run: no [`Cache::invalidate`](crate::Cache::invalidate) has named it in this process so far,
    /// no [`Cache::invalidate_tags`](crate::Cache::invalidate_tags) has named a tag that it has or perhaps has, no
    /// [`Cache::invalidate_all`](crate::Cache::invalidate_all) has run in a cache in which it was used before, and no
    /// [`QueryEntry::invalidate`](crate::QueryEntry::invalidate) has named an entry of it. A query that only such a call
    /// invalidates is in the warnings of a run that does not reach the call.
    #[non_exhaustive]
    NeverInvalidated {
        /// The query.
        query: GraphQuery,
    },
    /// A mutation has invalidated a query in a cache that never had it, while another cache had it.
    ///
    /// It has so far never invalidated the query in a cache that had it before, or had it later: then there is a cache for
    /// each tenant or test, and one of them may not have used the query.
    #[non_exhaustive]
    NeverCachedThere {
        /// The mutation.
        mutation: GraphMutation,
        /// The query.
        query: GraphQuery,
        /// The type whose method the query is, by [`std::any::type_name`].
        owner: &'static str,
    },
    /// A name was invalidated at run time, as by [`Cache::invalidate`](crate::Cache::invalidate), that no query has.
    #[non_exhaustive]
    UnknownName {
        /// The name; its beginning, if it is very long.
        name: String,
        /// The source file of the first such call.
        file: &'static str,
        /// Its line, from 1.
        line: u32,
    },
}

impl Graph {
    /// What is probably wrong. That a query is never invalidated is known from the start; the other warnings are about
    /// what has run so far.
    ///
    /// Of the names that no query has, the first 256 are kept.
    ///
    /// ```standalone_crate
    /// # use cache_core::{Cache, HasCache, cached_query, graph};
    /// # #[derive(HasCache)]
    /// # struct Library { cache: Cache }
    /// impl Library {
    ///     #[cached_query(ttl = "5m")]
    ///     fn count_forever(&self) -> u32 {
    ///         // ..
    ///         # 0
    ///     }
    /// }
    /// # let library = Library { cache: Cache::new() };
    /// # library.count_forever();
    ///
    /// let warnings = graph().warnings();
    /// assert!(warnings.iter().any(|warning| warning.to_string().contains("::count_forever` ")));
    /// ```
    pub fn warnings(&self) -> Vec<Warning> {
        let never = self.queries.iter().zip(self.reached()).filter(|(_, is_reached)| !is_reached);
        let never = never.map(|(query, _)| Warning::NeverInvalidated { query: query.clone() });
        let elsewhere = self.seen.elsewhere.iter().filter_map(|elsewhere| {
            let FunctionId { module, name, owner, place } = elsewhere.mutation;
            let is_this = |mutation: &&GraphMutation| {
                let GraphMutation { function, module: of, owner: by, file, line, .. } = **mutation;
                (function, of, by, file, line) == (name, module, self_type(owner), place.file, place.line)
            };
            let mutation = self.mutations.iter().find(is_this)?.clone();
            let query = self.queries[*self.positions(elsewhere.query).first()?].clone();
            Some(Warning::NeverCachedThere { mutation, query, owner: elsewhere.query.1 })
        });
        let unknown = self.seen.unknown_names.iter();
        let unknown = unknown.map(|(name, &(file, line))| Warning::UnknownName { name: name.clone(), file, line });
        never.chain(elsewhere).chain(unknown).collect()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverInvalidated { query } => write!(
                f,
                "`{}` ({}:{}) is cached, and no mutation invalidates it, nor has a call in this run: name it in \
                 `#[invalidates(..)]` at the functions that change what it reads; if none does, its `ttl` is all that ends \
                 it",
                query.path(),
                query.file,
                query.line
            ),
            Self::NeverCachedThere { mutation, query, owner } => write!(
                f,
                "`{}` ({}:{}) invalidates `{owner}::{}` ({}:{}) in a cache that never had it, while another cache had it: \
                 give both repositories clones of one `Cache`, or name the cache of that query with `cache = ..`",
                mutation.path(),
                mutation.file,
                mutation.line,
                query.name,
                query.file,
                query.line
            ),
            Self::UnknownName { name, file, line } => write!(
                f,
                "`{name}` is invalidated by name ({file}:{line}), and no query has that name: correct it, or use \
                 `#[invalidates]`, whose names the compiler checks"
            ),
        }
    }
}
