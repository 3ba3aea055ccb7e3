//! A program whose package knows `cache-core` by another name, and by no other.
#![deny(warnings)]

use renamed::{Cache, HasCache, cached_impl, cached_query, invalidates};

#[derive(HasCache)]
#[cache(crate = ::renamed)]
struct Repo {
    tenant: u32,
    cache: Cache,
}

impl Repo {
    #[cached_query(
        ttl = "5m",
        capacity = 10,
        tags("id:{id}"),
        tags_from = |value| [value.to_string()],
        cache_if = |value| *value > 0,
        crate = ::renamed
    )]
    fn get(&self, id: u32, text: &str) -> Result<usize, String> {
        Ok(id as usize + text.len())
    }

    #[cached_query(ttl = std::time::Duration::from_secs(1), key(self.tenant, at.to_bits()), crate = ::renamed)]
    fn keyed(&self, at: f64) -> u64 {
        at.to_bits()
    }

    #[cached_query(skip(_loud), cache = &self.cache, name = "other", crate = ::renamed)]
    fn skipped(&self, (a, b): (u32, u32), _loud: bool) -> u32 {
        a + b
    }

    #[cached_query(crate = ::renamed)]
    fn total(of: u32) -> u32 {
        of
    }

    #[invalidates("get", keyed(1.0), tags("id:{id}"), on = "ok", crate = ::renamed)]
    #[invalidates(skipped((id, id), true), cache = &self.cache, crate = ::renamed)]
    #[invalidates("Self::total", cache = Cache::global(), crate = ::renamed)]
    fn change(&self, id: u32) {}

    #[invalidates(|id| get(*id, ""), crate = ::renamed)]
    fn make(&self) -> Result<u32, String> {
        Ok(1)
    }

    #[invalidates(all, crate = ::renamed)]
    fn clear(&self) {}
}

trait Tracks {
    fn track(&self, id: u32) -> u32;
    fn change_track(&self, id: u32);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m", crate = ::renamed)]
    fn track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(track(id), crate = ::renamed)]
    fn change_track(&self, id: u32) {}
}

#[cached_impl]
trait Provided: HasCache {
    #[cached_query(ttl = "5m", crate = ::renamed)]
    fn provided(&self, id: u32) -> u32 {
        id
    }
}

impl Provided for Repo {}

#[cached_query(ttl = "5m", tags("day:{day}"), crate = ::renamed)]
fn rate(day: u32) -> u32 {
    day
}

#[invalidates(rate(day), tags("day:{day}"), crate = ::renamed)]
fn publish(day: u32) {}

impl Repo {
    #[cached_query(ttl = "5m", tags("id:{id}"), tags_from = |text| [text.clone()], crate = ::renamed)]
    async fn text(&self, id: u32) -> Result<String, std::num::TryFromIntError> {
        let id = u8::try_from(id)?;
        Ok(id.to_string())
    }

    #[invalidates(text(id), on = "ok", crate = ::renamed)]
    #[invalidates(|id| text(*id), crate = ::renamed)]
    async fn change_text(&self, id: u32) -> Result<u32, std::num::TryFromIntError> {
        Ok(u8::try_from(id)?.into())
    }
}

#[async_trait::async_trait]
trait Texts {
    async fn long(&self, id: u32) -> String;
    async fn change_long(&self, id: u32);
}

#[cached_impl]
#[async_trait::async_trait]
impl Texts for Repo {
    #[cached_query(ttl = "5m", crate = ::renamed)]
    async fn long(&self, id: u32) -> String {
        id.to_string()
    }

    #[invalidates(long(id), crate = ::renamed)]
    async fn change_long(&self, id: u32) {}
}

async fn tasks(repo: &Repo) {
    let _ = (repo.text(1).await, repo.long(1).await, repo.change_text(1).await);
    repo.change_long(1).await;
}

fn main() {
    let repo = Repo { tenant: 1, cache: Cache::new() };
    let _ = (repo.get(1, "a"), repo.keyed(1.0), repo.skipped((1, 2), true), Repo::total(1));
    let _ = (repo.track(1), repo.provided(1), repo.make(), rate(1));
    repo.change(1);
    repo.change_track(1);
    repo.clear();
    publish(1);
    futures_lite::future::block_on(tasks(&repo));
}
