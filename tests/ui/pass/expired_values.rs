//! Values that are served when they are old, and that say how old.
#![deny(warnings)]

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_impl, cached_query};
use futures_lite::future::block_on;

type Answer<T> = Result<T, Failed>;

#[derive(Clone, Debug)]
struct Failed;

#[derive(Clone)]
struct Page {
    max_age: Duration,
    text: String,
}

impl Page {
    fn max_age(&self) -> Duration {
        self.max_age
    }

    fn weight(&self) -> usize {
        self.text.len()
    }

    fn is_whole(&self) -> bool {
        !self.text.is_empty()
    }
}

const AHEAD: Duration = Duration::from_secs(60);

const fn pause() -> Duration {
    Duration::from_millis(500)
}

mod times {
    use std::time::Duration;

    pub const GRACE: Duration = Duration::from_secs(30);
}

#[derive(HasCache)]
struct Repo {
    longest: usize,
    cache: Cache,
}

impl Repo {
    #[cached_query(
        ttl = "5m",
        jitter = "2.5%",
        stale_if_error = 3600,
        retry_after = pause(),
        refresh_ahead = AHEAD,
        stale_while_revalidate = times::GRACE
    )]
    fn page(&self, url: &str) -> Answer<Page> {
        Ok(Page { max_age: AHEAD, text: url.to_owned() })
    }

    #[cached_query(ttl_from = Page::max_age, weight = Page::weight, own_ttl, stale_if_error = "1h")]
    fn by_functions(&self, url: &str) -> Result<Page, Box<dyn std::error::Error>> {
        Ok(Page { max_age: AHEAD, text: url.parse()? })
    }

    #[cached_query(
        ttl_from = |page| page.max_age.min(AHEAD),
        weight = |page| page.text.len().min(self.longest),
        cache_if = |page| page.text.len() >= lowest
    )]
    fn by_closures(&self, url: &str, lowest: usize) -> Page {
        Page { max_age: AHEAD, text: url.repeat(lowest) }
    }

    #[cached_query(ttl_from = |found| if found.is_some() { AHEAD } else { pause() })]
    async fn find(&self, url: &str) -> Option<Page> {
        (url == "a").then(|| Page { max_age: AHEAD, text: url.to_owned() })
    }

    #[cached_query(stale_if_error = "1h")]
    async fn generic<E: From<Failed>>(&self, url: &str) -> Result<usize, E> {
        if url.is_empty() { Err(Failed.into()) } else { Ok(url.len()) }
    }

    #[cached_query(
        ttl = "5m",
        stale_while_revalidate = "30s",
        background,
        cache_if = Page::is_whole,
        tags_from = |page| [page.text.clone()],
        weight = Page::weight
    )]
    fn in_background(self: Arc<Self>, url: String) -> Page {
        Page { max_age: AHEAD, text: url + &self.longest.to_string() }
    }

    #[cached_query(
        ttl_from = Page::max_age,
        stale_if_error = "1h",
        refresh_ahead = "10s",
        background,
        soft_timeout = "200ms"
    )]
    async fn with_timeout(self: Arc<Self>, url: Arc<str>, kind: &'static str) -> Answer<Page> {
        let text = self.find(&url).await.ok_or(Failed)?.text;
        Ok(Page { max_age: AHEAD, text: text + kind })
    }
}

#[cached_query(refresh_ahead = "1m", background)]
async fn rate<T: Into<f64> + std::hash::Hash + Eq + Clone + Send + Sync + std::fmt::Debug + 'static>(of: T) -> f64 {
    of.into()
}

trait Pages {
    fn get(self: Arc<Self>, url: String) -> Answer<usize>;
}

#[cached_impl]
impl Pages for Repo {
    #[cached_query(ttl = "1h", jitter = "50%", stale_if_error = "1d", refresh_ahead = "1m", background)]
    fn get(self: Arc<Self>, url: String) -> Answer<usize> {
        Ok(url.len())
    }
}

fn main() {
    let repo = Arc::new(Repo { longest: 5, cache: Cache::new() });
    assert_eq!(repo.page("a").map(|page| page.text).ok().as_deref(), Some("a"));
    assert_eq!(repo.by_functions("a").map(|page| page.text).ok().as_deref(), Some("a"));
    assert_eq!(repo.by_closures("a", 2).text, "aa");
    assert_eq!(repo.clone().in_background("a".to_owned()).text, "a5");
    assert_eq!(repo.clone().get("abc".to_owned()).ok(), Some(3));
    block_on(async {
        assert!(repo.find("b").await.is_none());
        assert_eq!(repo.generic::<Failed>("abc").await.ok(), Some(3));
        let page = repo.clone().with_timeout(Arc::from("a"), "z").await;
        assert_eq!(page.map(|page| page.text).ok().as_deref(), Some("az"));
        assert!((rate(7_u32).await - 7.0).abs() < f64::EPSILON);
    });
}
