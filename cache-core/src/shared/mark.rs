//! Marks: names of what is invalidated that are the same in each process. Entries of a cache with a tier have them as tags.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Of the bytes of a key. Keys with an equal hash are invalidated together; 0 stands for no hash.
pub(crate) fn key_hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish().max(1)
}
