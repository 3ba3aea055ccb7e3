//! The queries and mutations of the program, whether they run or not.

use std::collections::BTreeMap;

#[cfg(feature = "shared")]
use crate::query::FunctionId;
use crate::query::Query;
use crate::query::mutation_facts::{MutationFacts, TargetFacts};

/// A query, as expansions submit it.
#[derive(Debug)]
pub struct RegisteredQuery(pub &'static Query);

/// A mutation, as expansions submit it.
#[derive(Debug)]
pub struct RegisteredMutation(pub &'static MutationFacts);

inventory::collect!(RegisteredQuery);
inventory::collect!(RegisteredMutation);

/// Each one once, although expansions may state its facts several times.
pub(crate) fn queries() -> impl Iterator<Item = &'static Query> {
    let all = inventory::iter::<RegisteredQuery>.into_iter().map(|query| query.0);
    all.map(|query| (query.id(), query)).collect::<BTreeMap<_, _>>().into_values()
}

/// Around which item a query stands in the program: a type, or a type as a trait. `None` if another query of that name does,
/// too: only their places differ, which change with each edit.
#[cfg(feature = "shared")]
pub(crate) fn item_of(number: u32) -> Option<&'static str> {
    let FunctionId { module, name, owner, .. } = queries().find(|query| query.number_so_far() == number)?.id();
    let is_alike = |id: FunctionId| (id.module, id.name, id.owner) == (module, name, owner);
    (queries().filter(|query| is_alike(query.id())).count() == 1).then_some(owner)
}

/// Each one with the facts of all of its attributes.
pub(crate) fn mutations() -> impl Iterator<Item = Vec<&'static MutationFacts>> {
    let mut all = BTreeMap::<_, Vec<&MutationFacts>>::new();
    for RegisteredMutation(facts) in inventory::iter::<RegisteredMutation> {
        all.entry(facts.id()).or_default().push(facts);
    }
    let text = |target: &TargetFacts| target.text;
    all.into_values().map(move |mut facts| {
        // The linker decides in which order they come.
        facts.sort_by(|one, other| one.targets.iter().map(text).cmp(other.targets.iter().map(text)));
        facts
    })
}
