//! Receivers that are pinned.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::block_on;

#[derive(HasCache)]
struct Repo {
    tenant: u32,
    cache: Cache,
}

/// Also where there are no arguments to be seen in it.
type Pinned<'a, T> = Pin<&'a T>;
type PinnedRepo<'a> = Pin<&'a Repo>;

/// What forgets by name, by key and by result, for a receiver.
macro_rules! mutations {
    ($([$receiver:ty] $by_name:ident $by_key:ident $by_result:ident $async_name:ident $async_key:ident $async_result:ident)+) => {
        impl Repo {
            $(
                #[invalidates("get")]
                fn $by_name(self: $receiver) {}

                #[invalidates(get(id), keyed_by_self(id))]
                fn $by_key(self: $receiver, id: u32) {}

                #[invalidates(|id| get(*id))]
                fn $by_result(self: $receiver) -> Result<u32, String> {
                    Ok(self.tenant)
                }

                #[invalidates("get")]
                async fn $async_name(self: $receiver) {}

                #[invalidates(get(id), keyed_by_self(id))]
                async fn $async_key(self: $receiver, id: u32) {}

                #[invalidates(|id| get(*id))]
                async fn $async_result(self: $receiver) -> Result<u32, String> {
                    Ok(self.tenant)
                }
            )+
        }
    };
}

mutations! {
    [Pin<&Self>] a0 a1 a2 a3 a4 a5
    [Pin<&mut Self>] b0 b1 b2 b3 b4 b5
    [Pin<Box<Self>>] c0 c1 c2 c3 c4 c5
    [Pin<Arc<Self>>] d0 d1 d2 d3 d4 d5
    [Pin<Rc<Self>>] e0 e1 e2 e3 e4 e5
    [&Pin<&Self>] f0 f1 f2 f3 f4 f5
    [&mut Pin<&mut Self>] g0 g1 g2 g3 g4 g5
    [&Pin<Box<Self>>] h0 h1 h2 h3 h4 h5
    [Pin<&Arc<Self>>] i0 i1 i2 i3 i4 i5
    [Box<Pin<Rc<Self>>>] j0 j1 j2 j3 j4 j5
    [std::pin::Pin<Pin<&Self>>] k0 k1 k2 k3 k4 k5
    [Pinned<'_, Self>] l0 l1 l2 l3 l4 l5
    [PinnedRepo<'_>] m0 m1 m2 m3 m4 m5
    [Pin<&mut Repo>] n0 n1 n2 n3 n4 n5
    [Rc<Self>] o0 o1 o2 o3 o4 o5
    [Box<Self>] p0 p1 p2 p3 p4 p5
    [&Rc<Arc<Self>>] q0 q1 q2 q3 q4 q5
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(key(self.tenant, id))]
    fn keyed_by_self(self: Pin<&Self>, id: u32) -> u32 {
        self.tenant + id
    }

    #[cached_query]
    fn by_pinned_arc(self: Pin<Arc<Self>>, id: u32) -> u32 {
        self.tenant + id
    }

    #[cached_query]
    fn by_reference_to_pin(self: &Pin<&Self>, id: u32) -> u32 {
        self.tenant + id
    }

    #[cached_query]
    fn by_path_to_pin(self: std::pin::Pin<&Self>, id: u32) -> u32 {
        self.tenant + id
    }

    #[cached_query(ttl = "5m")]
    async fn async_pinned(self: Pin<&Self>, id: u32) -> u32 {
        self.tenant + id
    }

    #[cached_query(ttl = "5m")]
    async fn async_pinned_arc(self: Pin<Arc<Self>>, id: u32) -> u32 {
        self.tenant + id
    }

    /// What is pinned may be changed.
    #[invalidates("keyed_by_self", by_pinned_arc(id), "async_pinned")]
    fn rename(mut self: Pin<&mut Self>, id: u32) {
        self.as_mut().tenant = id;
        self.tenant += 1;
    }
}

trait Tracks {
    fn track(self: Pin<&Self>, id: u32) -> u32;
    fn remove(self: Pin<&mut Self>, id: u32);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query]
    fn track(self: Pin<&Self>, id: u32) -> u32 {
        id
    }

    #[invalidates(track(id))]
    fn remove(self: Pin<&mut Self>, id: u32) {}
}

/// Calls all mutations of one receiver, each of which is to forget one entry.
macro_rules! check {
    ($($of:expr => $by_name:ident $by_key:ident $by_result:ident $async_name:ident $async_key:ident $async_result:ident)+) => {
        $(
            forgets(1, |of| $of(of, |of| of.$by_name()));
            forgets(2, |of| $of(of, |of| of.$by_key(7)));
            forgets(1, |of| $of(of, |of| assert_eq!(of.$by_result(), Ok(7))));
            forgets(1, |of| $of(of, |of| block_on(of.$async_name())));
            forgets(2, |of| $of(of, |of| block_on(of.$async_key(7))));
            forgets(1, |of| $of(of, |of| assert_eq!(block_on(of.$async_result()), Ok(7))));
        )+
    };
}

fn forgets(entries: usize, change: impl FnOnce(Repo)) {
    let repo = repo();
    let cache = repo.cache.clone();
    repo.get(7);
    Pin::new(&repo).keyed_by_self(7);
    assert_eq!(cache.len(), 2);
    change(repo);
    assert_eq!(cache.len(), 2 - entries);
}

fn repo() -> Repo {
    Repo { tenant: 7, cache: Cache::new() }
}

fn by_ref(of: Repo, run: impl FnOnce(Pin<&Repo>)) {
    run(Pin::new(&of));
}

fn by_mut(mut of: Repo, run: impl FnOnce(Pin<&mut Repo>)) {
    run(Pin::new(&mut of));
}

fn by_box(of: Repo, run: impl FnOnce(Pin<Box<Repo>>)) {
    run(Box::pin(of));
}

fn by_arc(of: Repo, run: impl FnOnce(Pin<Arc<Repo>>)) {
    run(Arc::pin(of));
}

fn by_rc(of: Repo, run: impl FnOnce(Pin<Rc<Repo>>)) {
    run(Rc::pin(of));
}

fn by_ref_to_arc(of: Repo, run: impl FnOnce(Pin<&Arc<Repo>>)) {
    run(Pin::new(&Arc::new(of)));
}

fn by_box_of_rc(of: Repo, run: impl FnOnce(Box<Pin<Rc<Repo>>>)) {
    run(Box::new(Rc::pin(of)));
}

fn by_pin_of_pin(of: Repo, run: impl FnOnce(Pin<Pin<&Repo>>)) {
    run(Pin::new(Pin::new(&of)));
}

fn main() {
    check! {
        by_ref => a0 a1 a2 a3 a4 a5
        by_mut => b0 b1 b2 b3 b4 b5
        by_box => c0 c1 c2 c3 c4 c5
        by_arc => d0 d1 d2 d3 d4 d5
        by_rc => e0 e1 e2 e3 e4 e5
        (|of: Repo, run: fn(&Pin<&Repo>)| by_ref(of, |of| run(&of))) => f0 f1 f2 f3 f4 f5
        (|of: Repo, run: fn(&mut Pin<&mut Repo>)| by_mut(of, |mut of| run(&mut of))) => g0 g1 g2 g3 g4 g5
        (|of: Repo, run: fn(&Pin<Box<Repo>>)| by_box(of, |of| run(&of))) => h0 h1 h2 h3 h4 h5
        by_ref_to_arc => i0 i1 i2 i3 i4 i5
        by_box_of_rc => j0 j1 j2 j3 j4 j5
        by_pin_of_pin => k0 k1 k2 k3 k4 k5
        by_ref => l0 l1 l2 l3 l4 l5
        by_ref => m0 m1 m2 m3 m4 m5
        by_mut => n0 n1 n2 n3 n4 n5
        (|of: Repo, run: fn(Rc<Repo>)| run(Rc::new(of))) => o0 o1 o2 o3 o4 o5
        (|of: Repo, run: fn(Box<Repo>)| run(Box::new(of))) => p0 p1 p2 p3 p4 p5
        (|of: Repo, run: fn(&Rc<Arc<Repo>>)| run(&Rc::new(Arc::new(of)))) => q0 q1 q2 q3 q4 q5
    }

    let (mut of, shared) = (pin!(repo()), Arc::pin(repo()));
    assert_eq!((of.as_ref().keyed_by_self(1), of.as_ref().keyed_by_self(1)), (8, 8));
    assert_eq!((of.as_ref().by_reference_to_pin(1), of.as_ref().by_reference_to_pin(1)), (8, 8));
    assert_eq!((of.as_ref().by_path_to_pin(1), of.as_ref().by_path_to_pin(1)), (8, 8));
    assert_eq!((shared.clone().by_pinned_arc(1), shared.clone().by_pinned_arc(1)), (8, 8));
    assert_eq!(block_on(of.as_ref().async_pinned(1)), 8);
    assert_eq!(block_on(of.as_ref().async_pinned(1)), 8);
    assert_eq!(block_on(shared.clone().async_pinned_arc(1)), 8);
    assert_eq!(block_on(shared.clone().async_pinned_arc(1)), 8);
    assert_eq!((of.cache.len(), of.cache.stats().hits), (4, 4));
    assert_eq!((shared.cache.len(), shared.cache.stats().hits), (2, 2));
    of.as_mut().rename(2);
    assert_eq!((of.tenant, of.cache.len()), (3, 2));
    assert_eq!((of.as_ref().track(1), of.as_ref().track(2)), (1, 2));
    of.as_mut().remove(1);
    assert_eq!(of.cache.len(), 3);
}
