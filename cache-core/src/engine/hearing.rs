//! What other processes have invalidated.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::history::Writer;
use crate::shared::follower::Memory;
use crate::shared::mark::{self, Mark};
use crate::shared::record::{Place, Record};
use crate::sync::Arc;
use crate::version::scope::Scope;

impl Memory for Engine {
    fn apply(&self, record: &Record) {
        let by = Writer::Tier("another process");
        let named: Vec<(Option<Arc<Scope>>, &str)> = record
            .places
            .iter()
            .map(|Place { scope, mark }| (scope.as_deref().map(|scope| self.scope(scope)), &**mark))
            .collect();
        let any_key: Vec<_> = named
            .iter()
            .filter_map(|(scope, mark)| match mark::parse(mark) {
                Some(Mark::Key(name)) => Some((scope.as_ref(), mark::of_any_key(name))),
                _ => None,
            })
            .collect();
        let targets: Vec<_> = named
            .iter()
            .map(|(scope, mark)| {
                let target = if *mark == mark::EVERYTHING { TargetRef::Everything } else { TargetRef::Tag(mark) };
                ScopedTarget { scope: scope.as_ref(), target, by }
            })
            .collect();
        if let Some(lasts) = record.intent {
            self.suspend_for(&targets, (record.origin, record.token), Duration::from_millis(lasts));
        }
        self.invalidate_marked(&targets, &any_key, |_| ());
        if let Some(ended) = record.ends {
            self.resume_after((record.origin, ended));
        }
    }

    fn forget_everything(&self, why: &'static str) {
        let by = Writer::Tier(why);
        self.invalidate_marked(&[ScopedTarget { scope: None, target: TargetRef::Everything, by }], &[], |_| ());
    }
}
