//! With diesel, a repository has the connection behind a lock, as its queries take `&self` and diesel a `&mut`.
//! A unit of work locks it once, makes the same repository of the locked connection and of the handle of a transaction,
//! and calls diesel's transaction manager: the commit is apart from the work, and [`commit_after`] wraps it.
//! Where a spare invalidation after a rollback does not matter, [`commit_after`] may also wrap all of diesel's own
//! `connection.transaction(|connection| ..)`, as in [`Shop::buy_in_a_closure`].
//!
//! [`commit_after`]: cache_core::CacheTransaction::commit_after

use std::sync::{Mutex, MutexGuard};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;

diesel::table! {
    /// What the shop has.
    item (id) {
        /// Its id.
        id -> Integer,
        /// How many there are.
        stock -> Integer,
    }
}

/// A shop, or inside of a transaction the part of it that works on its connection.
#[derive(HasCache)]
pub struct Shop<'c> {
    connection: Mutex<&'c mut SqliteConnection>,
    cache: Cache,
}

impl<'c> Shop<'c> {
    /// A shop on a connection.
    pub fn new(connection: &'c mut SqliteConnection, cache: Cache) -> Self {
        Self { connection: Mutex::new(connection), cache }
    }

    fn connection(&self) -> MutexGuard<'_, &'c mut SqliteConnection> {
        self.connection.lock().expect("no panic has left the connection in a transaction")
    }

    /// How many there are of an item.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item.
    #[cached_query(ttl = "5m")]
    pub fn stock(&self, id: i32) -> QueryResult<i32> {
        item::table.find(id).select(item::stock).first(&mut **self.connection())
    }

    /// Takes one of an item.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item.
    #[invalidates(stock(id))]
    pub fn take(&self, id: i32) -> QueryResult<()> {
        let take = diesel::update(item::table.find(id)).set(item::stock.eq(item::stock - 1));
        match take.execute(&mut **self.connection())? {
            0 => Err(Error::NotFound),
            _ => Ok(()),
        }
    }

    /// Takes one of each item, or none. Returns what is left of each.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item.
    pub fn buy(&self, ids: &[i32]) -> QueryResult<Vec<i32>> {
        let mut connection = self.connection();
        let transaction = self.cache.transaction();
        AnsiTransactionManager::begin_transaction(&mut **connection)?;
        let work = Shop::new(&mut connection, transaction.cache()).take_all(ids);
        match work {
            Ok(left) => {
                transaction.commit_after(|| AnsiTransactionManager::commit_transaction(&mut **connection))?;
                Ok(left)
            }
            Err(error) => {
                AnsiTransactionManager::rollback_transaction(&mut **connection)?;
                transaction.rollback();
                Err(error)
            }
        }
    }

    /// As [`buy`](Self::buy), with diesel's closure.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item. The cache cannot tell a rollback from a commit that has failed: what
    /// was written is invalidated, and not stored for the grace of a commit.
    pub fn buy_in_a_closure(&self, ids: &[i32]) -> QueryResult<Vec<i32>> {
        let mut connection = self.connection();
        let transaction = self.cache.transaction();
        let inside = transaction.cache();
        transaction.commit_after(|| connection.transaction(|connection| Shop::new(connection, inside).take_all(ids)))
    }

    fn take_all(&self, ids: &[i32]) -> QueryResult<Vec<i32>> {
        ids.iter().try_for_each(|id| self.take(*id))?;
        // They are not committed yet: inside of the transaction this loads, and stores nothing.
        ids.iter().map(|id| self.stock(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Shop;
    use cache_core::Cache;
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::result::Error;
    use diesel::sqlite::SqliteConnection;

    /// Five each of items 1 and 2.
    fn connect() -> SqliteConnection {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let schema = "CREATE TABLE item (id INTEGER PRIMARY KEY, stock INTEGER NOT NULL) STRICT;
                      INSERT INTO item VALUES (1, 5), (2, 5);";
        connection.batch_execute(schema).unwrap();
        connection
    }

    type Buy = fn(&Shop<'_>, &[i32]) -> QueryResult<Vec<i32>>;

    const BUYS: [Buy; 2] = [|shop, ids| shop.buy(ids), |shop, ids| shop.buy_in_a_closure(ids)];

    #[test]
    fn a_unit_of_work_invalidates_when_it_is_committed() {
        for buy in BUYS {
            let mut connection = connect();
            let shop = Shop::new(&mut connection, Cache::new());
            assert_eq!((shop.stock(1), shop.stock(2)), (Ok(5), Ok(5)));
            assert_eq!(buy(&shop, &[1, 1]), Ok(vec![3, 3]), "it reads what is not committed yet");
            assert_eq!((shop.stock(1), shop.stock(2)), (Ok(3), Ok(5)));
            assert_eq!(shop.cache.stats().hits, 1, "of the item that was not taken");
        }
    }

    #[test]
    fn a_unit_of_work_that_is_rolled_back_changes_nothing() {
        for buy in BUYS {
            let mut connection = connect();
            let shop = Shop::new(&mut connection, Cache::new());
            assert_eq!(buy(&shop, &[1, 3]), Err(Error::NotFound));
            assert_eq!((shop.stock(1), shop.stock(2)), (Ok(5), Ok(5)));
        }
    }

    #[test]
    fn a_rollback_invalidates_nothing() {
        let mut connection = connect();
        let shop = Shop::new(&mut connection, Cache::new());
        shop.stock(1).unwrap();
        shop.buy(&[1, 3]).unwrap_err();
        shop.stock(1).unwrap();
        assert_eq!((shop.cache.stats().hits, shop.cache.stats().invalidations), (1, 0));
    }
}
