//! Whether a write is in progress.

use crate::sync::{Arc, AtomicU64, Ordering};

/// Counts the writes of a cache: mutations from before their body until they have invalidated, and transactions from the
/// first target that they hold until their end.
#[derive(Default)]
pub(crate) struct Writes {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A write in progress.
pub(crate) struct Write(Arc<Writes>);

impl Write {
    pub(crate) fn begin(writes: &Arc<Writes>) -> Self {
        writes.begun.fetch_add(1, Ordering::SeqCst);
        Self(writes.clone())
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// The writes so far, when none was in progress.
#[derive(Clone, Copy)]
pub(crate) struct Calm {
    begun: u64,
}

impl Writes {
    /// `None` if a write is in progress.
    pub(crate) fn calm(&self) -> Option<Calm> {
        // In this order: as many had ended at the second reading.
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(Calm { begun })
    }

    /// Whether no write has begun since.
    pub(crate) fn is_still(&self, Calm { begun }: Calm) -> bool {
        self.begun.load(Ordering::SeqCst) == begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_calm_while_no_write_is_in_progress() {
        let writes = Arc::new(Writes::default());
        let before = writes.calm().expect("nothing has begun");
        let write = Write::begin(&writes);
        assert!(writes.calm().is_none() && !writes.is_still(before));
        drop(write);
        assert!(!writes.is_still(before), "one has begun and ended since");
        assert!(writes.calm().is_some_and(|calm| writes.is_still(calm)));
    }
}
