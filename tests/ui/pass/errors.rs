//! Errors of every kind. Of some it can be proven that they may be shared with those who wait for a load, of others not:
//! nothing is asked of them.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::block_on;

#[derive(HasCache)]
struct Repo {
    name: String,
    cache: Cache,
}

#[derive(Debug)]
struct NotClone;

#[derive(Clone, Debug)]
struct Clonable;

#[derive(Clone, Debug)]
struct Borrowed<'a>(#[allow(dead_code, reason = "it is borrowed")] &'a str);

/// Not every instance of it can be cloned.
#[derive(Clone, Debug)]
struct Of<E>(#[allow(dead_code, reason = "it is there for its type")] E);

impl fmt::Display for NotClone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not clone")
    }
}

impl Error for NotClone {}

type Aliased<T> = Result<T, Clonable>;
type AliasedNotClone<T> = Result<T, NotClone>;
type Boxed<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Swapped<E, T> = Result<T, E>;

fn even<E>(id: u32, error: E) -> Result<u32, E> {
    if id % 2 == 0 { Ok(id) } else { Err(error) }
}

macro_rules! queries {
    ($($name:ident $async_name:ident -> $returned:ty, $error:expr;)+) => {
        impl Repo {
            $(
                #[cached_query]
                fn $name(&self, id: u32) -> $returned {
                    even(id, $error)
                }

                #[cached_query]
                async fn $async_name(&self, id: u32) -> $returned {
                    even(id, $error)
                }
            )+

            fn all(&self) {
                $(
                    let before = self.cache.len();
                    assert!(self.$name(1).is_err() && self.$name(2).is_ok() && self.$name(2).is_ok());
                    assert!(block_on(self.$async_name(1)).is_err() && block_on(self.$async_name(2)).is_ok());
                    assert_eq!(self.cache.len(), before + 2, stringify!($name));
                )+
            }
        }
    };
}

queries! {
    not_clone async_not_clone -> Result<u32, NotClone>, NotClone;
    clonable async_clonable -> Result<u32, Clonable>, Clonable;
    by_path async_by_path -> std::result::Result<u32, self::Clonable>, Clonable;
    aliased async_aliased -> Aliased<u32>, Clonable;
    aliased_not_clone async_aliased_not_clone -> AliasedNotClone<u32>, NotClone;
    swapped async_swapped -> Swapped<Clonable, u32>, Clonable;
    boxed async_boxed -> Boxed<u32>, NotClone.into();
    boxed_here async_boxed_here -> Result<u32, Box<dyn Error + Send + Sync>>, NotClone.into();
    boxed_static async_boxed_static -> Result<u32, Box<dyn Error + Send + Sync + 'static>>, NotClone.into();
    in_arc async_in_arc -> Result<u32, Arc<dyn Error + Send + Sync>>, Arc::new(NotClone);
    text async_text -> Result<u32, &'static str>, "odd";
    texts async_texts -> Result<u32, [Option<&'static str>; 2]>, [None, Some("odd")];
    not_send async_not_send -> Result<u32, Rc<str>>, "odd".into();
    not_sync async_not_sync -> Result<u32, Cell<u32>>, Cell::new(1);
    nothing async_nothing -> Result<u32, ()>, ();
    function async_function -> Result<u32, fn(&str) -> &str>, |text| text;
    static_borrow async_static_borrow -> Result<u32, Borrowed<'static>>, Borrowed("odd");
    of_clone async_of_clone -> Result<u32, Of<u32>>, Of(1);
    of_not_clone async_of_not_clone -> Result<u32, Of<NotClone>>, Of(NotClone);
    of_itself async_of_itself -> Result<u32, Result<u32, NotClone>>, Err(NotClone);
}

/// What an error borrows lives as long as the caller says: it is never stored.
impl Repo {
    #[cached_query]
    fn of_self(&self, id: u32) -> Result<u32, &str> {
        even(id, &self.name)
    }

    #[cached_query]
    fn of_elided(&self, id: u32) -> Result<u32, Borrowed<'_>> {
        even(id, Borrowed(&self.name))
    }

    #[cached_query(skip(text))]
    fn of_argument<'a>(&self, id: u32, text: &'a str) -> Result<u32, Borrowed<'a>> {
        even(id, Borrowed(text))
    }

    #[cached_query]
    fn of_dyn(&self, id: u32) -> Result<u32, Box<dyn fmt::Debug + '_>> {
        even(id, Box::new(&self.name))
    }

    #[cached_query]
    async fn async_of_self(&self, id: u32) -> Result<u32, &str> {
        even(id, &self.name)
    }

    #[cached_query(skip(error))]
    fn generic<E>(&self, id: u32, error: E) -> Result<u32, E> {
        even(id, error)
    }

    #[cached_query(skip(error))]
    fn generic_clone<E: Clone + Send + Sync>(&self, id: u32, error: E) -> Result<u32, E> {
        even(id, error)
    }

    #[cached_query(skip(error))]
    fn generic_unpin<E: Clone + Send + Sync + Unpin>(&self, id: u32, error: E) -> Result<u32, Of<E>> {
        even(id, Of(error))
    }

    #[cached_query(skip(error))]
    fn generic_static<E: Clone + Send + Sync + 'static>(&self, id: u32, error: E) -> Result<u32, E> {
        even(id, error)
    }

    #[cached_query(skip(error))]
    async fn async_generic<E: Clone + Send + Sync>(&self, id: u32, error: E) -> Swapped<E, u32> {
        even(id, error)
    }

    #[cached_query(skip(of))]
    fn converted<T: TryInto<u32, Error: Clone + Send + Sync>>(&self, id: u32, of: T) -> Result<u32, T::Error> {
        of.try_into().map(|of| of + id)
    }

    fn borrowed(&self) {
        let text = String::from("odd");
        let before = self.cache.len();
        assert!(self.of_self(1) == Err("name") && self.of_self(2) == Ok(2));
        assert!(self.of_elided(1).is_err() && self.of_elided(2).is_ok());
        assert!(self.of_argument(1, &text).is_err() && self.of_argument(2, &text).is_ok());
        assert!(self.of_dyn(1).is_err() && self.of_dyn(2).is_ok());
        assert!(block_on(self.async_of_self(1)).is_err() && block_on(self.async_of_self(2)).is_ok());
        assert!(self.generic(1, &*text).is_err() && self.generic(2, &*text).is_ok());
        assert!(self.generic_clone(1, &*text).is_err() && self.generic_clone(2, &*text).is_ok());
        assert!(self.generic_unpin(1, &*text).is_err() && self.generic_unpin(2, &*text).is_ok());
        assert!(self.generic_static(1, "odd").is_err() && self.generic_static(2, "odd").is_ok());
        assert!(block_on(self.async_generic(1, &*text)).is_err() && block_on(self.async_generic(2, &*text)).is_ok());
        assert!(self.converted(1, -1_i32).is_err() && self.converted(2, 0_i32).is_ok());
        assert_eq!(self.cache.len(), before + 11);
    }
}

/// Free functions know no more.
#[cached_query(skip(error))]
fn free<E: Clone + Send + Sync>(id: u32, error: E) -> Result<u32, E> {
    even(id, error)
}

/// A `Self` that borrows.
#[derive(HasCache)]
struct View<'a> {
    name: &'a str,
    cache: Cache,
}

impl<'a> View<'a> {
    #[cached_query]
    fn get(&self, id: u32) -> Result<u32, Borrowed<'a>> {
        even(id, Borrowed(self.name))
    }

    #[cached_query]
    fn get_self(&self, id: u32) -> Result<u32, Self> {
        even(id, Self { name: self.name, cache: self.cache.clone() })
    }

    #[cached_query]
    fn get_owned(&self, id: u32) -> Result<u32, Clonable> {
        even(id, Clonable)
    }
}

/// The parameters of an `impl` are not seen where it is of no trait.
#[derive(HasCache)]
struct Generic<E> {
    error: E,
    cache: Cache,
}

impl<E: Clone + Send + Sync> Generic<E> {
    #[cached_query]
    fn get(&self, id: u32) -> Result<u32, E> {
        even(id, self.error.clone())
    }

    #[cached_query]
    fn get_within(&self, id: u32) -> Result<u32, Of<E>> {
        even(id, Of(self.error.clone()))
    }

    #[cached_query]
    fn get_aliased(&self, id: u32) -> Swapped<Option<E>, u32> {
        even(id, Some(self.error.clone()))
    }

    #[cached_query]
    async fn async_get(&self, id: u32) -> Result<u32, E> {
        even(id, self.error.clone())
    }
}

trait Database {
    type Error;
    fn error(&self) -> Self::Error;
}

impl<'a> Database for &'a str {
    type Error = Borrowed<'a>;

    fn error(&self) -> Borrowed<'a> {
        Borrowed(self)
    }
}

#[derive(HasCache)]
struct Over<D> {
    database: D,
    cache: Cache,
}

impl<D: Database<Error: Clone + Send + Sync>> Over<D> {
    #[cached_query]
    fn get(&self, id: u32) -> Result<u32, D::Error> {
        even(id, self.database.error())
    }
}

trait Tracks {
    type Error;
    fn track(&self, id: u32) -> Result<u32, Self::Error>;
    fn named(&self, id: u32) -> Result<u32, Clonable>;
    fn change(&self, id: u32) -> Result<u32, Self::Error>;
}

#[cached_impl]
impl Tracks for Repo {
    type Error = Clonable;

    #[cached_query]
    fn track(&self, id: u32) -> Result<u32, Self::Error> {
        even(id, Clonable)
    }

    #[cached_query]
    fn named(&self, id: u32) -> Result<u32, Clonable> {
        even(id, Clonable)
    }

    #[invalidates(|id| track(*id))]
    fn change(&self, id: u32) -> Result<u32, Self::Error> {
        even(id, Clonable)
    }
}

#[cached_impl]
impl<'a> Tracks for View<'a> {
    type Error = Borrowed<'a>;

    #[cached_query]
    fn track(&self, id: u32) -> Result<u32, Self::Error> {
        even(id, Borrowed(self.name))
    }

    #[cached_query]
    fn named(&self, id: u32) -> Result<u32, Clonable> {
        even(id, Clonable)
    }

    #[invalidates(track(id))]
    fn change(&self, id: u32) -> Result<u32, Self::Error> {
        even(id, Borrowed(self.name))
    }
}

#[cached_impl]
impl<E: Clone + Send + Sync + Unpin> Tracks for Generic<E> {
    type Error = E;

    #[cached_query]
    fn track(&self, id: u32) -> Result<u32, E> {
        even(id, self.error.clone())
    }

    #[cached_query]
    fn named(&self, id: u32) -> Result<u32, Clonable> {
        even(id, Clonable)
    }

    #[invalidates(track(id))]
    fn change(&self, id: u32) -> Result<u32, Self::Error> {
        even(id, self.error.clone())
    }
}

#[cached_impl]
trait Provided: HasCache + 'static {
    type Error: Clone + Send + Sync;
    fn error(&self) -> Self::Error;

    #[cached_query]
    fn provided(&self, id: u32) -> Result<u32, Self::Error> {
        even(id, self.error())
    }
}

impl Provided for Repo {
    type Error = Clonable;

    fn error(&self) -> Clonable {
        Clonable
    }
}

fn tracks<T: Tracks>(of: &T, cache: &Cache) {
    let before = cache.len();
    assert!(of.track(1).is_err() && of.track(2).is_ok() && of.named(1).is_err() && of.named(2).is_ok());
    assert_eq!(cache.len(), before + 2);
    assert!(of.change(2).is_ok());
    assert_eq!(cache.len(), before + 1);
}

fn main() {
    let repo = Repo { name: "name".into(), cache: Cache::new() };
    repo.all();
    repo.borrowed();
    tracks(&repo, &repo.cache);
    assert!(repo.provided(1).is_err() && repo.provided(2).is_ok());

    let text = String::from("odd");
    assert!(free(1, &*text).is_err() && free(2, &*text).is_ok());
    let view = View { name: &text, cache: Cache::new() };
    assert!(view.get(1).is_err() && view.get(2).is_ok());
    assert!(view.get_self(1).is_err() && view.get_self(2).is_ok());
    assert!(view.get_owned(1).is_err() && view.get_owned(2).is_ok());
    tracks(&view, &view.cache);
    let generic = Generic { error: &*text, cache: Cache::new() };
    assert!(generic.get(1).is_err() && generic.get(2).is_ok());
    assert!(generic.get_within(1).is_err() && generic.get_within(2).is_ok());
    assert!(generic.get_aliased(1).is_err() && generic.get_aliased(2).is_ok());
    assert!(block_on(generic.async_get(1)).is_err() && block_on(generic.async_get(2)).is_ok());
    tracks(&generic, &generic.cache);
    let over = Over { database: &*text, cache: Cache::new() };
    assert!(over.get(1).is_err() && over.get(2).is_ok());
}
