//! Queries with `shared`: their keys and values as bytes that each process writes the same way.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::ser::{SerializeSeq, SerializeTuple};
use serde::{Serialize, Serializer};

use crate::TierError;
use crate::engine::hash::hash_key;
use crate::load::outcome::Outcome;
use crate::private::key::{Borrowing, Each, Hidden, KeyPart, Part, Parts, Show, Tuple, unnamed};
use crate::private::unambiguous::Unambiguous;
use crate::query::{KeyHash, KeyRef, QueryRef};
use crate::shared::encoding::{ValueEncoding, write_part};
use crate::shared::mark::key_hash;

/// The error for a part of a key that has no `Serialize`. `U`, a type that cannot be written, prevents proposals of bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of the key of a `shared` query: it has no `Serialize`",
    label = "other processes cannot read this",
    note = "derive serde's `Serialize` for your own type, turn on serde's feature `rc` for an `Arc`, or add the bound `Serialize` to a generic one",
    note = "or say with `key(..)` what the key is instead, or leave out `shared`"
)]
pub trait SharedKey<U> {}

/// A value that other processes can read. `U`, a type that cannot be written, prevents proposals of bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a `shared` query: it has no `Serialize` and `DeserializeOwned`",
    label = "other processes cannot read this",
    note = "derive serde's `Serialize` and `Deserialize` for your own type, turn on serde's feature `rc` for an `Arc`, or add the bounds `Serialize + DeserializeOwned` to a generic one",
    note = "or leave out `shared`"
)]
pub trait SharedValue<U>: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned, U> SharedValue<U> for T {}

/// See [`SharedValue`].
#[must_use]
pub fn unnamed_type() -> impl Copy {
    unnamed
}

/// How the values of a query become bytes.
pub fn value_encoding<O: Outcome<Value: SharedValue<U>>, U>(_outcome: O, _: U) -> ValueEncoding<O::Value> {
    ValueEncoding::new()
}

/// A part of a key that other processes can read.
pub trait SharedPart: Borrowing {
    /// As the owned part is serialized.
    ///
    /// # Errors
    ///
    /// Those of `serializer`, or of the `Serialize` of the argument.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl<B: KeyPart + Serialize + ?Sized, S: Show<B>> SharedPart for Part<'_, B, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.argument().serialize(serializer)
    }
}

impl<P: SharedPart> SharedPart for Option<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(part) => serializer.serialize_some(&Serialized(part)),
            None => serializer.serialize_none(),
        }
    }
}

impl<L: SharedParts> SharedPart for Tuple<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(L::LEN)?;
        self.0.serialize_each(&mut tuple)?;
        tuple.end()
    }
}

impl<'a, T, P: SharedPart, F: Fn(&'a T) -> P> SharedPart for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.parts();
        let mut list = serializer.serialize_seq(Some(parts.len()))?;
        for part in parts {
            list.serialize_element(&Serialized(&part))?;
        }
        list.end()
    }
}

/// A key that other processes can read.
pub trait SharedParts: Parts {
    /// Appends each part. The bytes of one say where they end, so keys that differ have different ones.
    ///
    /// # Errors
    ///
    /// Those of the `Serialize` of an argument.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), TierError>;

    /// Serializes each part, as an element of a tuple.
    ///
    /// # Errors
    ///
    /// Those of `tuple`, or of the `Serialize` of an argument.
    fn serialize_each<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error>;
}

impl SharedParts for () {
    fn write(&self, _: &mut Vec<u8>) -> Result<(), TierError> {
        Ok(())
    }

    fn serialize_each<S: SerializeTuple>(&self, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<P: SharedPart, Rest: SharedParts> SharedParts for (P, Rest) {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), TierError> {
        write_part(&Unambiguous(&Serialized(&self.0)), bytes)?;
        self.1.write(bytes)
    }

    fn serialize_each<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error> {
        tuple.serialize_element(&Serialized(&self.0))?;
        self.1.serialize_each(tuple)
    }
}

/// A part, for a serializer.
struct Serialized<'a, P>(&'a P);

impl<P: SharedPart> Serialize for Serialized<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A part whose traits decide whether others can read it: found by method lookup on `(&&candidate(..))`, as in
/// `private::key`.
pub struct Candidate<P, U>(P, PhantomData<U>);

/// Wraps a part, with a type that cannot be written: see [`SharedKey`].
#[inline]
pub fn candidate<P>(part: P) -> Candidate<P, impl Copy> {
    fn of<P, U>(part: P, _: U) -> Candidate<P, U> {
        Candidate(part, PhantomData)
    }
    of(part, unnamed)
}

impl<P, U> fmt::Debug for Candidate<P, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Candidate")
    }
}

/// A part that others can read.
pub trait ReadablePart<P> {
    /// The part.
    fn __cache_shared_part(&self) -> P;
}

impl<P: SharedPart + Copy, U> ReadablePart<P> for &Candidate<P, U> {
    fn __cache_shared_part(&self) -> P {
        self.0
    }
}

/// A part that others cannot read.
pub trait UnreadablePart<B: ?Sized, U> {
    /// Does not compile without [`SharedKey`], and causes no other error.
    fn __cache_shared_part(&self) -> Part<'static, (), Hidden>
    where
        B: SharedKey<U>;
}

impl<B: ?Sized, S, U> UnreadablePart<B, U> for Candidate<Part<'_, B, S>, U> {
    fn __cache_shared_part(&self) -> Part<'static, (), Hidden>
    where
        B: SharedKey<U>,
    {
        Part::nothing()
    }
}

impl<B: ?Sized, S, U> UnreadablePart<B, U> for Candidate<Option<Part<'_, B, S>>, U> {
    fn __cache_shared_part(&self) -> Part<'static, (), Hidden>
    where
        B: SharedKey<U>,
    {
        Part::nothing()
    }
}

/// One key of a query that is shared. If its bytes cannot be written, it means the whole query to other processes.
pub fn shared_key_ref<W, P: SharedParts, I>(query: &QueryRef<W>, parts: &P, _instance: I) -> KeyRef<W> {
    let hash = hash_key(|hasher| parts.hash(hasher));
    let mut bytes = Vec::new();
    let mark = parts.write(&mut bytes).map_or(0, |()| key_hash(&bytes));
    KeyRef::new(query, KeyHash { hash, instance: typeid::of::<I>(), mark })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::Hash;

    use serde::ser::Error;

    use super::*;
    use crate::private::key::{OptionPart as _, PlainPart as _, ReferencePart as _, Shown, argument, each};
    use crate::private::{InGlobal, key_ref};

    /// A part as the attribute finds it for an argument of any type.
    macro_rules! part {
        ($argument:expr) => {
            crate::private::shared_part!((&&&&argument(&$argument)).__cache_part())
        };
    }

    macro_rules! key {
        ($($argument:expr),*) => {
            key!(@parts $($argument,)*)
        };
        (@parts) => {
            ()
        };
        (@parts $first:expr, $($rest:expr,)*) => {
            (part!($first), key!(@parts $($rest,)*))
        };
    }

    macro_rules! bytes {
        ($($argument:expr),*) => {
            written(&key!($($argument),*))
        };
    }

    fn written(parts: &impl SharedParts) -> Vec<u8> {
        let mut bytes = Vec::new();
        parts.write(&mut bytes).expect("all of it can be written");
        bytes
    }

    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Unwritable;

    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("never"))
        }
    }

    #[derive(Clone, PartialEq, Eq, Hash, Serialize, Default, Debug)]
    struct Pair {
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        second: Option<u32>,
    }

    #[derive(Clone, PartialEq, Eq, Hash, Serialize, Debug)]
    struct Wrapped(Pair, Option<()>);

    #[derive(Clone, PartialEq, Eq, Hash, Serialize, Debug)]
    enum Genre {
        Jazz,
        Other(String),
        Pair(Option<()>, Option<()>),
        Sub {
            #[serde(skip_serializing_if = "Option::is_none")]
            of: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            like: Option<u32>,
        },
    }

    #[test]
    fn p10_keys_that_differ_have_different_bytes() {
        let nothing = None::<&str>;
        let all = [
            bytes!(),
            bytes!(1, 23),
            bytes!(12, 3),
            bytes!(1, 2, 3),
            bytes!("a", "bc"),
            bytes!("ab", "c"),
            bytes!("abc"),
            bytes!("", "abc"),
            bytes!(nothing),
            bytes!(""),
            bytes!(Some("a")),
            bytes!(vec!["a", "b"], "c"),
            bytes!(vec!["a"], "b", "c"),
            bytes!(vec!["a"], vec!["b", "c"]),
            bytes!(true),
            bytes!(false),
        ];
        for (number, bytes) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == bytes), Some(number), "{bytes:?}");
        }
    }

    #[test]
    fn p10_values_of_one_type_that_differ_have_different_bytes() {
        fn assert_differ<T: Serialize + Hash + Eq + Clone + fmt::Debug + Send + Sync + 'static>(all: &[T]) {
            let bytes: Vec<_> = all.iter().map(|value| bytes!(*value)).collect();
            for (number, own) in bytes.iter().enumerate() {
                assert_eq!(bytes.iter().position(|other| other == own), Some(number), "{:?}", all[number]);
            }
        }
        assert_differ(&[None, Some(None), Some(Some(0))]);
        assert_differ(&[None, Some(())]);
        assert_differ(&[vec![None], vec![Some(None)], vec![Some(Some(Pair::default()))]]);
        assert_differ(&[BTreeMap::from([(None::<u8>, Some(()))]), BTreeMap::from([(None, None)])]);
        assert_differ(&[
            Genre::Jazz,
            Genre::Other("Jazz".into()),
            Genre::Pair(None, Some(())),
            Genre::Pair(None, None),
            Genre::Sub { of: Some(1), like: None },
            Genre::Sub { of: None, like: Some(1) },
        ]);
        let pair = |first, second| Wrapped(Pair { first, second }, Some(()));
        let (first, second) = (pair(Some(1), None), pair(None, Some(1)));
        assert_differ(&[first.clone(), second, pair(None, None), Wrapped(first.0, None)]);
    }

    #[test]
    fn a_borrowed_part_has_the_bytes_of_the_owned_one() {
        fn text<'a>(text: &&'a str) -> Part<'a, str, Shown> {
            Part::shown(text)
        }
        assert_eq!(bytes!("a", 1), bytes!(String::from("a"), 1));
        assert_eq!(bytes!(Some("a"), None::<&str>), bytes!(Some(String::from("a")), None::<String>));
        let words = ["a", "b"];
        assert_eq!(written(&(each(&words, text), ())), bytes!(vec![String::from("a"), String::from("b")]));
        let pair = Tuple((text(&"a"), (Some(text(&"b")), ())));
        assert_eq!(written(&(pair, ())), bytes!((String::from("a"), Some(String::from("b")))));
        assert_eq!(bytes!(5_u8), bytes!(5_u64), "as in a release with a wider type");
    }

    #[test]
    fn a_target_has_the_mark_of_its_bytes_or_none() {
        let query: QueryRef<InGlobal> = crate::private::query!(InGlobal, _, "find", ["id"], shared = true);
        let (key, same) = (shared_key_ref(&query, &key!(7, "a"), ()), key_ref(&query, &key!(7, "a"), ()));
        assert_eq!(key.key.mark, key_hash(&bytes!(7, "a")));
        assert_eq!((key.key, same.key.mark), (same.key, 0));
        assert_ne!(key.key.mark, shared_key_ref(&query, &key!(7, "b"), ()).key.mark);
        assert_eq!(shared_key_ref(&query, &key!(7, Unwritable), ()).key.mark, 0);
    }
}
