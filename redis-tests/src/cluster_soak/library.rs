//! What a process reads and writes: counters, by queries of all kinds, and by mutations of all kinds.

use std::{cell::RefCell, sync::Arc, thread, time::Duration};

use cache_core::{Cache, HasCache, PublishError, cached_query, invalidates};
use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    database::Database,
    world::{ROWS_OF_GROUP, ROWS_OF_TENANT},
};

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(crate) struct Row {
    pub(crate) id: u16,
    pub(crate) counter: u64,
}

/// The rows of one tenant, whose scope the handle of the cache has. Through that of the whole cache nothing is read.
#[derive(HasCache)]
pub(crate) struct Rows {
    pub(crate) database: Arc<Database>,
    pub(crate) cache: Cache,
}

thread_local! {
    static RNG: RefCell<Rng> = RefCell::new(Rng::new());
}

/// Makes the choices of this thread depend on a seed.
pub(crate) fn seed_thread(seed: u64) {
    RNG.with(|rng| rng.borrow_mut().seed(seed));
}

pub(crate) fn random(below: u64) -> u64 {
    RNG.with(|rng| rng.borrow_mut().u64(..below))
}

/// Loads and writes that take long are overtaken by others.
fn dawdle() {
    let millis = match random(100) {
        0 => 100 + random(700),
        1..10 => random(20),
        _ => return,
    };
    thread::sleep(Duration::from_millis(millis));
}

#[must_use]
pub(crate) fn group_of(id: u16) -> u16 {
    id / ROWS_OF_GROUP
}

#[must_use]
pub(crate) fn tenant_of(id: u16) -> u16 {
    id / ROWS_OF_TENANT
}

fn ids_of_group(group: u16) -> impl Iterator<Item = u16> {
    (0..ROWS_OF_GROUP).map(move |at| group * ROWS_OF_GROUP + at)
}

impl Rows {
    fn load(&self, ids: impl Iterator<Item = u16>) -> Vec<Row> {
        let ids: Vec<u16> = ids.collect();
        let counters = self.database.read(&ids);
        // Between what was read and what is stored others write.
        dawdle();
        ids.into_iter().zip(counters).map(|(id, counter)| Row { id, counter }).collect()
    }

    fn increment(&self, ids: &[u16]) -> Vec<Row> {
        dawdle();
        let counters = self.database.increment(ids);
        dawdle();
        ids.iter().zip(counters).map(|(&id, counter)| Row { id, counter }).collect()
    }
}

/// By key, by name, by tag, all at once, nested, in memory alone, and async.
impl Rows {
    #[cached_query(ttl = "10m", shared, tags("group:{group}"))]
    pub(crate) fn row(&self, group: u16, id: u16) -> Row {
        let _ = group;
        self.load([id].into_iter())[0]
    }

    #[cached_query(ttl = "10m", tags("group:{group}"))]
    pub(crate) fn row_in_memory(&self, group: u16, id: u16) -> Row {
        let _ = group;
        self.load([id].into_iter())[0]
    }

    #[cached_query(ttl = "10m", shared, tags("group:{group}"))]
    pub(crate) async fn row_async(&self, group: u16, id: u16) -> Row {
        let _ = group;
        self.load([id].into_iter())[0]
    }

    /// Depends on the database by what it reads alone.
    #[cached_query(ttl = "10m", shared)]
    pub(crate) fn nested(&self, group: u16) -> Vec<Row> {
        ids_of_group(group).map(|id| self.row(group, id)).collect()
    }

    #[cached_query(ttl = "10m")]
    pub(crate) fn nested_in_memory(&self, group: u16) -> Vec<Row> {
        self.nested(group)
    }

    #[cached_query(ttl = "10m", shared, tags("group:{group}"))]
    pub(crate) fn tagged(&self, group: u16) -> Vec<Row> {
        self.load(ids_of_group(group))
    }

    #[cached_query(ttl = "10m", shared)]
    pub(crate) fn tenant(&self, tenant: u16) -> Vec<Row> {
        self.load((0..ROWS_OF_TENANT).map(move |at| tenant * ROWS_OF_TENANT + at))
    }
}

impl Rows {
    #[invalidates(row(group, id), row_in_memory(group, id), row_async(group, id), tagged(group), tenant(tenant_of(id)))]
    pub(crate) fn write_by_key(&self, group: u16, id: u16) -> Vec<Row> {
        self.increment(&[id])
    }

    #[invalidates(row(group, id), row_in_memory(group, id), row_async(group, id), tagged(group), tenant(tenant_of(id)))]
    pub(crate) async fn write_async(&self, group: u16, id: u16) -> Vec<Row> {
        self.increment(&[id])
    }

    #[invalidates("row", "row_in_memory", "row_async", "tagged", "tenant")]
    pub(crate) fn write_by_name(&self, id: u16) -> Vec<Row> {
        self.increment(&[id])
    }

    #[invalidates(tags("group:{group}"), "tenant")]
    pub(crate) fn write_by_tag(&self, group: u16, ids: &[u16]) -> Vec<Row> {
        let _ = group;
        self.increment(ids)
    }

    #[invalidates(all)]
    pub(crate) fn write_and_forget_all(&self, id: u16) -> Vec<Row> {
        self.increment(&[id])
    }

    /// Names what it does not know to have changed: others name targets at run time.
    pub(crate) fn write_then_name(&self, id: u16) -> Vec<Row> {
        let written = self.increment(&[id]);
        self.cache.invalidate(["row", "row_in_memory", "row_async", "tagged", "tenant"]);
        written
    }

    #[invalidates(
        row(group, id),
        row_in_memory(group, id),
        row_async(group, id),
        tagged(group),
        tenant(tenant_of(id)),
        on_unreachable = "fail"
    )]
    pub(crate) fn write_announced(&self, group: u16, id: u16) -> Result<Vec<Row>, PublishError> {
        Ok(self.increment(&[id]))
    }

    /// Two rows, by two mutations in one transaction. The database has both writes at its commit.
    pub(crate) fn write_two(&self, ids: [u16; 2]) -> Vec<Row> {
        let transaction = self.cache.transaction();
        let inside = Self { database: Arc::clone(&self.database), cache: transaction.cache() };
        for id in ids {
            inside.write_at_commit(group_of(id), id);
        }
        transaction.commit_after(|| self.increment(&ids))
    }

    #[invalidates(row(group, id), row_in_memory(group, id), row_async(group, id), tagged(group), tenant(tenant_of(id)))]
    fn write_at_commit(&self, group: u16, id: u16) {
        let _ = (group, id);
    }
}
