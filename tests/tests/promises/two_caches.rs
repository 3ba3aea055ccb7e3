//! Two repositories with a cache each: the write of one names the query of the other.

use std::process::Command;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

#[derive(HasCache)]
struct Orders {
    cache: Cache,
}

impl Orders {
    #[invalidates(Users::get(id))]
    fn ship(&self, id: u32) {
        let _ = id;
    }
}

/// Set in the process whose standard error is read.
const CHILD: &str = "CACHE_TESTS_TWO_CACHES";

#[test]
fn a_write_that_forgets_in_the_wrong_cache_is_reported_once() {
    const NAME: &str = "two_caches::a_write_that_forgets_in_the_wrong_cache_is_reported_once";
    if std::env::var_os(CHILD).is_some() {
        let (users, orders) = (Users { cache: Cache::new() }, Orders { cache: Cache::new() });
        orders.ship(1);
        eprintln!("no other cache has the query yet");
        users.get(1);
        orders.ship(1);
        orders.ship(2);
        Orders { cache: users.cache.clone() }.ship(1);
        return;
    }
    let tests = std::env::current_exe().expect("the tests are a program");
    let output = Command::new(tests).args(["--exact", NAME, "--nocapture"]).env(CHILD, "1").output();
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let reports: Vec<_> = told.lines().filter(|line| line.starts_with("cache-core: ")).collect();
    if !cfg!(debug_assertions) {
        return assert!(reports.is_empty(), "{told}");
    }
    let [report] = reports[..] else { panic!("{told}") };
    let (place, remedy) = ("two_caches.rs:", "Give both repositories clones of one `Cache`");
    assert!(
        report.matches(place).count() == 2 && report.contains("Users::get`") && report.contains(remedy),
        "{report}"
    );
    assert!(told.find("no other cache") < told.find("cache-core: "), "{told}");
}
