//! One cache for all tenants of a service: a repository is built for each request, with a handle on its tenant's scope.
//!
//! `cargo run -p cache-core --example tenants`

use std::collections::BTreeMap;
use std::sync::Mutex;

use cache_core::{Cache, HasCache, cached_query, invalidates};

/// What the service has for as long as it runs.
#[derive(Default)]
struct Service {
    names: Mutex<BTreeMap<(String, u32), String>>, // think of a database per tenant
    cache: Cache,
}

/// What a request has.
#[derive(HasCache)]
struct Users<'a> {
    service: &'a Service,
    tenant: &'a str,
    cache: Cache,
}

impl Service {
    fn users<'a>(&'a self, tenant: &'a str) -> Users<'a> {
        Users { service: self, tenant, cache: self.cache.scope(tenant) }
    }
}

impl Users<'_> {
    #[cached_query(ttl = "5m")]
    fn name(&self, id: u32) -> Option<String> {
        self.service.names.lock().unwrap().get(&(self.tenant.to_owned(), id)).cloned()
    }

    #[invalidates(name(id))]
    fn rename(&self, id: u32, name: &str) {
        self.service.names.lock().unwrap().insert((self.tenant.to_owned(), id), name.to_owned());
    }
}

pub(crate) fn main() {
    let service = Service::default();
    service.users("acme").rename(7, "Ada");
    service.users("initech").rename(7, "Bill");

    // Each request has a repository of its own, and hits what the one before it has loaded.
    for _request in 0..3 {
        assert_eq!(service.users("acme").name(7).as_deref(), Some("Ada"));
        assert_eq!(service.users("initech").name(7).as_deref(), Some("Bill"));
    }
    assert_eq!((service.cache.stats().loads, service.cache.stats().hits), (2, 4));

    // A write of one tenant reaches nothing of another.
    service.users("acme").rename(7, "Grace");
    assert_eq!(service.users("acme").name(7).as_deref(), Some("Grace"));
    assert_eq!(service.users("initech").cache.len(), 1);

    // A tenant leaves; then a deployment changes everything.
    service.cache.scope("acme").invalidate_all();
    assert_eq!(service.cache.len(), 1);
    service.cache.invalidate(["name"]); // through the root: in every scope
    assert!(service.cache.is_empty());

    println!("{}", service.cache.stats());
}
