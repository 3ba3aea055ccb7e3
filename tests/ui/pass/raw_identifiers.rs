//! Names that are keywords.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct r#Type {
    r#match: u32,
    cache: Cache,
}

impl r#Type {
    #[cached_query(ttl = "5m", tags("{type}", "{in}:{type}"))]
    fn r#try(&self, r#type: u32, r#in: &str) -> u32 {
        r#type + self.r#match + u32::try_from(r#in.len()).unwrap()
    }

    #[cached_query(ttl = "5m", skip(r#in))]
    fn r#fn(&self, r#type: u32, r#in: u32) -> u32 {
        r#type + r#in
    }

    #[invalidates("r#try", r#fn(r#type, 1))]
    fn r#loop(&self, r#type: u32) {}

    #[cached_query(ttl = "5m")]
    fn r#match(&self, r#type: u32) -> u32 {
        r#type
    }

    #[invalidates("r#match")]
    fn by_name(&self) {}

    #[invalidates(r#match)]
    fn by_name_without_quotes(&self) {}

    #[invalidates("Self::r#match")]
    fn by_path(&self) {}

    #[invalidates(r#match(r#type))]
    fn by_key(&self, r#type: u32) {}

    #[invalidates(|of| { Self::r#match(*of) })]
    fn by_result(&self, r#type: u32) -> u32 {
        r#type
    }

    #[invalidates("try", tags("{in}:1"))]
    fn r#while(&self, r#in: &str) {}
}

mod r#mod {
    #[cache_core::cached_query(ttl = "5m", name = "fn")]
    pub(crate) fn r#fn(r#in: u32) -> u32 {
        r#in
    }
}

#[invalidates("r#mod::r#fn")]
fn change() {}

fn main() {
    let of = r#Type { r#match: 1, cache: Cache::new() };
    assert_eq!((of.r#try(1, "a"), of.r#try(2, "a"), of.r#fn(1, 2), of.r#fn(2, 2)), (3, 4, 3, 4));
    assert!(of.cache.entries().iter().any(|entry| entry.query == "try" && entry.arguments == "type = 1, in = \"a\""));
    let forget: [fn(&r#Type); 6] = [
        |of| of.by_name(),
        |of| of.by_name_without_quotes(),
        |of| of.by_path(),
        |of| of.by_key(1),
        |of| assert_eq!(of.by_result(1), 1),
        |of| of.cache.invalidate(["match"]),
    ];
    for forget in forget {
        let before = of.cache.len();
        assert_eq!(of.r#match(1), 1);
        assert_eq!(of.cache.len(), before + 1);
        forget(&of);
        assert_eq!(of.cache.len(), before);
    }
    of.r#loop(1);
    assert_eq!(of.cache.len(), 1);
    of.r#while("a");
    assert_eq!(r#mod::r#fn(1), 1);
    change();
    assert_eq!((of.cache.len(), Cache::global().len()), (1, 0));
}
