//! With sea-orm, a repository has a [`DatabaseExecutor`], which is a `&DatabaseConnection` or a `&DatabaseTransaction`.
//! A unit of work makes the same repository of what `begin().await?` returns and of the handle of the cache's transaction:
//! it is of the same type, and so has the same queries.
//! Then [`commit_after_async`](cache_core::CacheTransaction::commit_after_async) wraps the commit.

use cache_core::{Cache, HasCache, cached_query, invalidates};
use sea_orm::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{DatabaseExecutor, QuerySelect, TransactionTrait};

/// What the shop has.
#[allow(missing_docs, reason = "the derive macro writes most of it")]
pub mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        /// How many there are.
        pub stock: i32,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A shop, or inside of a transaction the part of it that works on its connection.
#[derive(HasCache)]
pub struct Shop<'c> {
    database: DatabaseExecutor<'c>,
    cache: Cache,
}

impl<'c> Shop<'c> {
    /// A shop on a connection, or inside of a transaction.
    pub fn new(database: impl Into<DatabaseExecutor<'c>>, cache: Cache) -> Self {
        Self { database: database.into(), cache }
    }

    /// How many there are of an item.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item.
    #[cached_query(ttl = "5m")]
    pub async fn stock(&self, id: i32) -> Result<i32, DbErr> {
        let stock = item::Entity::find_by_id(id).select_only().column(item::Column::Stock);
        stock.into_tuple().one(&self.database).await?.ok_or_else(|| unknown(id))
    }

    /// Takes one of an item.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item.
    #[invalidates(stock(id))]
    pub async fn take(&self, id: i32) -> Result<(), DbErr> {
        let take = item::Entity::update_many().filter(item::Column::Id.eq(id));
        let take = take.col_expr(item::Column::Stock, Expr::col(item::Column::Stock).sub(1));
        match take.exec(&self.database).await?.rows_affected {
            0 => Err(unknown(id)),
            _ => Ok(()),
        }
    }

    /// Takes one of each item, or none. Returns what is left of each.
    ///
    /// # Errors
    ///
    /// If the database fails, or there is no such item.
    pub async fn buy(&self, ids: &[i32]) -> Result<Vec<i32>, DbErr> {
        let begun = self.database.begin().await?;
        let transaction = self.cache.transaction();
        let work = Shop::new(&begun, transaction.cache()).take_all(ids).await;
        match work {
            Ok(left) => {
                transaction.commit_after_async(begun.commit()).await?;
                Ok(left)
            }
            Err(error) => {
                begun.rollback().await?;
                transaction.rollback();
                Err(error)
            }
        }
    }

    async fn take_all(&self, ids: &[i32]) -> Result<Vec<i32>, DbErr> {
        for id in ids {
            self.take(*id).await?;
        }
        // They are not committed yet: inside of the transaction this loads, and stores nothing.
        let mut left = Vec::new();
        for id in ids {
            left.push(self.stock(*id).await?);
        }
        Ok(left)
    }
}

fn unknown(id: i32) -> DbErr {
    DbErr::RecordNotFound(format!("there is no item {id}"))
}

#[cfg(test)]
mod tests {
    use super::Shop;
    use cache_core::Cache;
    use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
    use tempfile::TempDir;

    /// Five each of items 1 and 2, in a file: of one in memory, each connection of the pool would have its own.
    async fn connect() -> (DatabaseConnection, TempDir) {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("shop.db").display());
        let database = Database::connect(url).await.unwrap();
        let schema = "PRAGMA journal_mode = WAL;
                      CREATE TABLE item (id INTEGER PRIMARY KEY, stock INTEGER NOT NULL) STRICT;
                      INSERT INTO item VALUES (1, 5), (2, 5);";
        database.execute_unprepared(schema).await.unwrap();
        (database, folder)
    }

    async fn stocks(shop: &Shop<'_>) -> [i32; 2] {
        [shop.stock(1).await.unwrap(), shop.stock(2).await.unwrap()]
    }

    #[tokio::test]
    async fn a_unit_of_work_invalidates_when_it_is_committed() {
        let (database, _folder) = connect().await;
        let shop = Shop::new(&database, Cache::new());
        assert_eq!(stocks(&shop).await, [5, 5]);
        let left = shop.buy(&[1, 1]).await.unwrap();
        assert_eq!(left, [3, 3], "it reads what is not committed yet");
        assert_eq!(stocks(&shop).await, [3, 5]);
        assert_eq!(shop.cache.stats().hits, 1, "of the item that was not taken");
    }

    #[tokio::test]
    async fn a_unit_of_work_that_is_rolled_back_changes_and_invalidates_nothing() {
        let (database, _folder) = connect().await;
        let shop = Shop::new(&database, Cache::new());
        assert_eq!(stocks(&shop).await, [5, 5]);
        shop.buy(&[1, 3]).await.unwrap_err();
        assert_eq!(stocks(&shop).await, [5, 5]);
        assert_eq!((shop.cache.stats().hits, shop.cache.stats().invalidations), (2, 0));
    }
}
