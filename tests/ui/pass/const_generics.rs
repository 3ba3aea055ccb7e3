//! Types and functions with constants for generic arguments.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Ring<const N: usize> {
    cache: Cache,
}

impl<const N: usize> Ring<N> {
    #[cached_query(ttl = "5m")]
    fn slot(&self, at: usize) -> usize {
        at % N
    }

    #[cached_query(ttl = "5m")]
    fn sums<const M: usize>(&self, of: [u32; M]) -> [u32; M] {
        of.map(|each| each + u32::try_from(N).unwrap())
    }

    #[cached_query(ttl = "5m")]
    fn borrowed<const M: usize>(&self, of: &[u32; M]) -> u32 {
        of.iter().sum()
    }

    #[invalidates(slot(at))]
    fn turn(&self, at: usize) {}

    #[invalidates("slot", "sums", "borrowed")]
    fn clear(&self) {}
}

fn main() {
    let cache = Cache::new();
    let (three, five) = (Ring::<3> { cache: cache.clone() }, Ring::<5> { cache: cache.clone() });
    assert_eq!((three.slot(4), five.slot(4)), (1, 4));
    assert_eq!((three.sums([1]), three.sums([1, 2])), ([4], [4, 5]));
    assert_eq!((three.borrowed(&[1]), three.borrowed(&[1, 2])), (1, 3));
    assert_eq!(cache.len(), 6);
    three.turn(4);
    assert_eq!(cache.len(), 5);
    three.clear();
    assert_eq!(cache.len(), 1);
}
