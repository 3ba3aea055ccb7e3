//! What a full audit has found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use cache_core::{Audit, Cache, MutationInfo, StaleFinding};

#[derive(Clone, Default)]
pub(crate) struct Findings(Arc<Mutex<Vec<StaleFinding>>>);

impl Findings {
    /// A cache that audits every hit.
    pub(crate) fn cache(&self) -> Cache {
        Cache::builder().audit(self.audit()).build()
    }

    pub(crate) fn audit(&self) -> Audit {
        let list = self.clone();
        Audit::sample(1.0).on_finding(move |finding| list.add(finding))
    }

    pub(crate) fn add(&self, finding: &StaleFinding) {
        self.0.lock().unwrap().push(finding.clone());
    }

    pub(crate) fn take(&self) -> Vec<StaleFinding> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// The queries that were wrong after each mutation.
pub(crate) type Pairs = BTreeMap<String, BTreeSet<&'static str>>;

pub(crate) fn pairs<const N: usize>(pairs: [(&str, &'static str); N]) -> Pairs {
    let mut all = Pairs::new();
    for (mutation, query) in pairs {
        all.entry(mutation.to_owned()).or_default().insert(query);
    }
    all
}

/// The function; for the commit of a transaction those that wrote in it.
pub(crate) fn name_of(mutation: &MutationInfo) -> String {
    if mutation.function != "commit" {
        return mutation.function.to_owned();
    }
    let wrote: BTreeSet<_> = mutation.targets.iter().map(|target| target.by).collect();
    format!("commit of {}", Vec::from_iter(wrote).join(" and "))
}
