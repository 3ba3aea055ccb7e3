//! Queries that share a name, scopes that share none, and answers that there is no entry.

use cache_core::{Cache, HasCache, cached_impl, cached_query};

use crate::library::{Database, Library};
use crate::tier::Server;

#[derive(HasCache)]
struct Shop {
    cache: Cache,
}

trait Albums {
    fn count(&self) -> u64;
}

trait Tracks {
    fn count(&self) -> u64;
}

#[cached_impl]
impl Albums for Shop {
    #[cached_query(ttl = "1h", shared)]
    fn count(&self) -> u64 {
        1
    }
}

#[cached_impl]
impl Tracks for Shop {
    #[cached_query(ttl = "1h", shared)]
    fn count(&self) -> u64 {
        2
    }
}

#[test]
fn p10_methods_of_one_name_of_two_traits_are_apart_also_if_each_process_asks_for_another() {
    let server = Server::default();
    let [first, second] = [(); 2].map(|()| Shop { cache: server.process() });
    assert_eq!((Albums::count(&first), Tracks::count(&second)), (1, 2));
    assert_eq!((Tracks::count(&first), Albums::count(&second)), (2, 1));
}

#[test]
fn p10_a_scope_without_a_name_is_not_the_root() {
    #[derive(HasCache)]
    struct Tenant {
        cache: Cache,
        number: u64,
    }

    impl Tenant {
        #[cached_query(ttl = "1h", shared)]
        fn number(&self) -> u64 {
            self.number
        }
    }

    let server = Server::default();
    let [first, second] = [(); 2].map(|()| server.process());
    assert_eq!(Tenant { cache: first, number: 1 }.number(), 1);
    assert_eq!(Tenant { cache: second.scope(""), number: 2 }.number(), 2);
    assert_eq!(Tenant { cache: second, number: 3 }.number(), 1);
}

#[test]
fn p21_what_was_made_of_an_absence_is_not_taken_after_a_write_of_its_key() {
    let (server, database) = (Server::default(), Database::default());
    let [first, second, third] = [(); 3].map(|()| Library::new(&database, server.process()));
    assert_eq!((first.read_through(1), second.read_through(1)), (0, 0));
    second.write(1);
    assert_eq!((first.read_through(1), second.read_through(1), third.read_through(1)), (1, 1, 1));
}
