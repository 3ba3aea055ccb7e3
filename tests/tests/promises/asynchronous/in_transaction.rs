//! Functions that say that they are called in a transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::block_on;

struct Transaction(u32);

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(in_transaction, skip(transaction))]
    async fn read(&self, transaction: &mut Transaction, id: u32) -> u32 {
        transaction.0 + id
    }

    /// The flag, where nothing tells that there is a transaction.
    #[cached_query(in_transaction = true)]
    async fn read_inside(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(in_transaction = false, skip(transaction))]
    async fn no_transaction(&self, transaction: &Transaction, id: u32) -> u32 {
        transaction.0 + id
    }

    #[invalidates(get(id), in_transaction)]
    async fn write(&self, transaction: &mut Transaction, id: u32) {
        transaction.0 += id;
    }

    #[invalidates(get(id), in_transaction)]
    async fn write_shared(&self, transaction: &Arc<Mutex<Transaction>>, id: u32) {
        transaction.lock().unwrap().0 += id;
    }

    #[invalidates(get(id), in_transaction = false)]
    async fn write_no_transaction(&self, transaction: &mut Transaction, id: u32) {
        transaction.0 += id;
    }

    /// It commits in its body.
    #[invalidates(get(id))]
    async fn commits(&self, transaction: Transaction, id: u32) -> u32 {
        transaction.0 + id
    }

    /// What a closure takes does not count.
    #[invalidates(get(id))]
    async fn with(&self, id: u32, write: impl FnOnce(&mut Transaction)) {
        write(&mut Transaction(id));
    }
}

trait Tracks {
    async fn find(&self, id: u32) -> u32;
    async fn change(&self, id: u32);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(in_transaction)]
    async fn find(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(find(id), in_transaction)]
    async fn change(&self, id: u32) {}
}

#[cached_query(in_transaction, cache = cache, skip(cache))]
async fn of_function(cache: &Cache, id: u32) -> u32 {
    let _ = cache;
    id
}

fn message(call: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("it is called through no transaction");
    panic.downcast_ref::<String>().expect("it is a text").clone()
}

#[test]
fn p17_a_call_through_another_handle_panics_and_names_the_function() {
    let repo = Repo { cache: Cache::new() };
    let scoped = Repo { cache: repo.cache.scope("a") };
    for repo in [&repo, &scoped] {
        let calls: [(&str, &dyn Fn()); 7] = [
            ("`read`", &|| _ = block_on(repo.read(&mut Transaction(1), 1))),
            ("`read_inside`", &|| _ = block_on(repo.read_inside(1))),
            ("`write`", &|| block_on(repo.write(&mut Transaction(1), 1))),
            ("`write_shared`", &|| block_on(repo.write_shared(&Arc::new(Mutex::new(Transaction(1))), 1))),
            ("`find`", &|| _ = block_on(repo.find(1))),
            ("`change`", &|| block_on(repo.change(1))),
            ("`of_function`", &|| _ = block_on(of_function(&repo.cache, 1))),
        ];
        for (name, call) in calls {
            let message = message(call);
            assert!(message.starts_with(name), "{message}");
        }
    }
    assert!(repo.cache.is_empty());
}

#[test]
fn p17_a_call_through_the_handle_of_a_transaction_runs() {
    block_on(async {
        let repo = Repo { cache: Cache::new() };
        let transaction = repo.cache.transaction();
        let inside = Repo { cache: transaction.cache() };
        let mut begun = Transaction(1);
        assert_eq!(inside.read(&mut begun, 1).await, 2);
        inside.write(&mut begun, 1).await;
        inside.write_shared(&Arc::new(Mutex::new(Transaction(1))), 1).await;
        inside.change(1).await;
        let read = (inside.read_inside(1).await, inside.find(1).await, of_function(&inside.cache, 1).await);
        assert_eq!((read, begun.0), ((1, 1, 1), 2));
    });
}

#[test]
fn p17_without_the_flag_any_handle_will_do() {
    block_on(async {
        let repo = Repo { cache: Cache::new() };
        repo.get(1).await;
        assert_eq!(repo.no_transaction(&Transaction(1), 1).await, 2);
        repo.write_no_transaction(&mut Transaction(1), 1).await;
        assert_eq!(repo.cache.len(), 1);
        repo.get(1).await;
        assert_eq!(repo.commits(Transaction(1), 1).await, 2);
        assert_eq!(repo.cache.len(), 1);
        repo.get(1).await;
        repo.with(1, |_| ()).await;
        assert_eq!(repo.cache.len(), 1);
    });
}
