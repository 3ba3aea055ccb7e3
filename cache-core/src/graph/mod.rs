//! Which queries the program has, which mutations, and which mutation invalidates which query.

mod json;
mod package;
mod resolve;
mod text;
mod warning;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use crate::graph::warning::Warning;
use crate::query::mutation_facts::{MutationFacts, NamedTarget, TargetFacts};
use crate::query::owner::{last_segment, self_type};
use crate::query::seen::{Seen, SeenQuery, seen};
use crate::query::{Query, SourcePlace, registered};

/// The queries and the mutations of this program, whether they run or not, and what each mutation invalidates.
///
/// All functions with `#[cached_query]` and `#[invalidates]` are in it that are linked into the program, also those of
/// other crates, of generic types, and those that nobody calls; calls like [`Cache::invalidate`](crate::Cache::invalidate)
/// are not.
///
/// ```
/// use cache_core::{Cache, HasCache, cached_query, graph, invalidates};
///
/// #[derive(HasCache)]
/// struct Library {
///     cache: Cache,
/// }
///
/// impl Library {
///     #[cached_query(ttl = "5m")]
///     fn title_of(&self, track: u32) -> String {
///         format!("track {track}")
///     }
///
///     #[invalidates(title_of(track))]
///     fn give_title(&self, track: u32, title: &str) {
///         // ..
///         # let _ = title;
///     }
/// }
///
/// let graph = graph();
/// let give_title = graph.mutations().iter().find(|mutation| mutation.function == "give_title").unwrap();
/// assert_eq!(give_title.targets[0].text, "title_of(track)");
/// let reached = &graph.queries()[give_title.targets[0].queries[0]];
/// assert_eq!((reached.name, reached.arguments), ("title_of", &["track"][..]));
/// println!("{}", graph.to_mermaid());
/// # let library = Library { cache: Cache::new() };
/// # library.title_of(1);
/// # library.give_title(1, "a");
/// ```
///
/// # How targets are resolved
///
/// A query is found by the name of its function, as the facts of a generic `impl` cannot name its types. If several
/// queries have the name, those count whose module is the one that the target writes before it, as in `rates::current`,
/// else those in the module of the mutation, else all of them. Of queries that one call of a macro has made, a target without
/// a path names that of the mutation's own type. The compiler resolves targets by types: the graph may show more queries than
/// a mutation invalidates, and not fewer.
///
/// A tag reaches the queries that have a tag of the same text, or of the same text before the first `{`. Tags from values
/// or from expressions are not known: they are [perhaps](GraphTarget::perhaps) reached.
///
/// # Locking
///
/// One lock of the process, for a copy of what was seen.
#[must_use = "it changes nothing"]
pub fn graph() -> Graph {
    let all: Vec<_> = registered::queries().collect();
    let mut numbers = HashMap::<u32, Vec<usize>>::new();
    for (position, query) in all.iter().enumerate() {
        numbers.entry(query.number()).or_default().push(position);
    }
    let mut queries: Vec<_> = all.iter().map(|query| GraphQuery::of(query)).collect();
    let mut mutations: Vec<_> = registered::mutations().map(|facts| GraphMutation::of(&facts, &queries)).collect();
    mark_namesakes(queries.iter_mut().map(|query| ((query.module, query.function), &mut query.has_namesakes)));
    mark_namesakes(mutations.iter_mut().map(|of| ((of.module, of.function), &mut of.has_namesakes)));
    let mut graph = Graph { queries, mutations, seen: seen(), numbers };
    let mut reads = BTreeSet::new();
    for &(outer, inner) in &graph.seen.reads {
        let inner = graph.positions(inner);
        reads.extend(
            graph.positions(outer).into_iter().flat_map(|outer| inner.iter().map(move |&inner| (outer, inner))),
        );
    }
    for (outer, inner) in reads {
        graph.queries[outer].reads.push(inner);
    }
    graph
}

/// Functions of one module and name.
fn mark_namesakes<'a>(functions: impl Iterator<Item = ((&'static str, &'static str), &'a mut bool)>) {
    let mut by_name = BTreeMap::<_, Vec<&mut bool>>::new();
    for (name, has_namesakes) in functions {
        by_name.entry(name).or_default().push(has_namesakes);
    }
    for namesakes in by_name.into_values().filter(|namesakes| namesakes.len() > 1) {
        for has_namesakes in namesakes {
            *has_namesakes = true;
        }
    }
}

/// The queries and mutations of the program: see [`graph()`].
#[derive(Clone)]
pub struct Graph {
    queries: Vec<GraphQuery>,
    mutations: Vec<GraphMutation>,
    seen: Seen,
    /// From the number of a query in this process to its position. Queries that one call of a macro has made for several
    /// types share a number.
    numbers: HashMap<u32, Vec<usize>>,
}

/// A function with `#[cached_query]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphQuery {
    /// Its name in statistics, which is that of the function unless the option `name` gives another.
    pub name: &'static str,
    /// The name of the function.
    pub function: &'static str,
    /// The module that it is in.
    pub module: &'static str,
    /// The type whose method it is, as in `app::Users`, or the trait that provides it; else the item that it is in. As the
    /// compiler writes it: generic arguments are `_`.
    pub owner: &'static str,
    /// The source file, as the compiler was given it.
    pub file: &'static str,
    /// The line of the function, from 1.
    pub line: u32,
    /// The names of the parts of its key.
    pub arguments: &'static [&'static str],
    /// The texts of its tags, as in `artist:{artist_id}`.
    pub tags: Vec<&'static str>,
    /// Whether it has tags that the graph does not know: from `tags_from`, or from an expression.
    pub has_other_tags: bool,
    /// Whether it has the flag `shared`: in a cache with a tier, other processes take its values.
    pub is_shared: bool,
    /// The queries whose answers its loads were seen to read, so far in this process: their positions in
    /// [`Graph::queries`]. It is invalidated with them.
    pub reads: Vec<usize>,
    /// Whether the module has several queries of this function's name.
    has_namesakes: bool,
}

/// A function with `#[invalidates]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphMutation {
    /// The name of the function.
    pub function: &'static str,
    /// The module that it is in.
    pub module: &'static str,
    /// The type whose method it is: see [`GraphQuery::owner`].
    pub owner: &'static str,
    /// The source file, as the compiler was given it.
    pub file: &'static str,
    /// The line of the function, from 1.
    pub line: u32,
    /// What it names, of all of its attributes.
    pub targets: Vec<GraphTarget>,
    /// Whether the module has several mutations of this name.
    has_namesakes: bool,
}

/// A target of a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphTarget {
    /// As it is written, in one line, and cut if it is long: `|track| get_track(track.id)`.
    pub text: &'static str,
    /// What it names.
    pub kind: GraphTargetKind,
    /// The queries that it reaches: their positions in [`Graph::queries`].
    pub queries: Vec<usize>,
    /// Those that it reaches if a tag, which only a value or an expression tells, is the same.
    pub perhaps: Vec<usize>,
}

/// What a target names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphTargetKind {
    /// A whole query.
    Query,
    /// One entry of a query for each value of the arguments.
    Key,
    /// A tag.
    Tag,
    /// Everything.
    All,
}

impl Graph {
    /// The queries, by module and name.
    pub fn queries(&self) -> &[GraphQuery] {
        &self.queries
    }

    /// The mutations, by module and name.
    pub fn mutations(&self) -> &[GraphMutation] {
        &self.mutations
    }

    /// The graph without what depends on what has run so far: [`reads`](GraphQuery::reads), and the warnings of runs.
    ///
    /// Its [`to_json`](Graph::to_json) is the same in each run of a program.
    #[must_use = "it is a copy"]
    pub fn without_runs(mut self) -> Self {
        for query in &mut self.queries {
            query.reads.clear();
        }
        self.seen = Seen::default();
        self
    }

    /// Those of a query of the run. All of its number, if its type does not tell which it is.
    fn positions(&self, (number, owner): SeenQuery) -> Vec<usize> {
        let all = self.numbers.get(&number).map_or(&[][..], Vec::as_slice);
        let is_of_owner = |&position: &usize| self.queries[position].owner == self_type(owner);
        let of_owner: Vec<_> = all.iter().copied().filter(is_of_owner).collect();
        if of_owner.is_empty() { all.to_vec() } else { of_owner }
    }

    /// Whether a mutation invalidates each query, or perhaps does; or a call of the run has.
    fn reached(&self) -> Vec<bool> {
        let targets = || self.mutations.iter().flat_map(|mutation| &mutation.targets);
        let named: BTreeSet<usize> =
            targets().flat_map(|target| target.queries.iter().chain(&target.perhaps)).copied().collect();
        let by_calls: BTreeSet<usize> =
            self.seen.by_calls.iter().filter_map(|number| self.numbers.get(number)).flatten().copied().collect();
        let is_named_at_run_time = |query: &GraphQuery| self.seen.known_names.contains(query.name);
        let of = |(position, query)| {
            named.contains(&position) || by_calls.contains(&position) || is_named_at_run_time(query)
        };
        let mut reached: Vec<_> = self.queries.iter().enumerate().map(of).collect();
        // An answer is invalidated with those that it was made from.
        loop {
            let more = (0..reached.len())
                .filter(|&query| !reached[query] && self.queries[query].reads.iter().any(|&inner| reached[inner]))
                .collect::<Vec<_>>();
            if more.is_empty() {
                return reached;
            }
            for query in more {
                reached[query] = true;
            }
        }
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { queries, mutations, .. } = self;
        f.debug_struct("Graph").field("queries", queries).field("mutations", mutations).finish_non_exhaustive()
    }
}

impl GraphQuery {
    fn of(query: &Query) -> Self {
        let &Query { name, function, place, arguments, tags, formatted_tags, has_other_tags, is_shared, .. } = query;
        let SourcePlace { module, file, line, .. } = place;
        let (owner, reads, has_namesakes) = (self_type(query.id().owner), Vec::new(), false);
        let tags = tags.iter().chain(formatted_tags).copied().collect();
        Self {
            name,
            function,
            module,
            owner,
            file,
            line,
            arguments,
            tags,
            has_other_tags,
            is_shared,
            reads,
            has_namesakes,
        }
    }

    /// With its module, or with its type if it needs that.
    fn path(&self) -> String {
        format!("{}::{}", if self.has_namesakes { self.owner } else { self.module }, self.function)
    }

    /// Short, for a drawing.
    fn label(&self) -> String {
        label(self.name, self.owner, self.has_namesakes)
    }
}

impl GraphMutation {
    fn of(facts: &[&MutationFacts], queries: &[GraphQuery]) -> Self {
        let MutationFacts { name, place: SourcePlace { module, file, line, .. }, .. } = *facts[0];
        let owner = self_type(facts[0].id().owner);
        let targets = facts.iter().flat_map(|facts| facts.targets);
        let targets = targets.map(|target| GraphTarget::of(target, (module, owner), queries)).collect();
        Self { function: name, module, owner, file, line, targets, has_namesakes: false }
    }

    /// With its module, or with its type if it needs that.
    fn path(&self) -> String {
        format!("{}::{}", if self.has_namesakes { self.owner } else { self.module }, self.function)
    }

    /// Short, for a drawing.
    fn label(&self) -> String {
        label(self.function, self.owner, self.has_namesakes)
    }
}

fn label(name: &str, owner: &str, has_namesakes: bool) -> String {
    if has_namesakes { format!("{}::{name}", last_segment(owner)) } else { name.to_owned() }
}

impl GraphTarget {
    /// `from`: the module and the owner of the mutation.
    fn of(&TargetFacts { text, kind }: &TargetFacts, from: (&str, &str), queries: &[GraphQuery]) -> Self {
        let none = Vec::new;
        let (kind, (queries, perhaps)) = match kind {
            NamedTarget::Query { path, name, is_one_key } => {
                let kind = if is_one_key { GraphTargetKind::Key } else { GraphTargetKind::Query };
                (kind, (resolve::by_name(path, name, from, queries), none()))
            }
            NamedTarget::Tag(tag) => (GraphTargetKind::Tag, resolve::by_tag(tag, queries)),
            NamedTarget::UnknownTag => (GraphTargetKind::Tag, (none(), resolve::with_tags(queries))),
            NamedTarget::All => (GraphTargetKind::All, ((0..queries.len()).collect(), none())),
        };
        Self { text, kind, queries, perhaps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reaches_every_query() {
        let query = Query::new("get", "m", &[]);
        let queries = [GraphQuery::of(&query), GraphQuery::of(&query)];
        let target = GraphTarget::of(&TargetFacts::all("all"), ("other", ""), &queries);
        assert_eq!((target.kind, target.queries, target.perhaps), (GraphTargetKind::All, vec![0, 1], vec![]));
    }
}
