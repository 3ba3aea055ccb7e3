//! Keys made from the arguments of a function: hashed and compared borrowed, owned only when stored.
//!
//! A key is a list of parts, `(part, (part, ()))`. The part of an `Option<&str>` is an `Option` of the part of a `str`.

use std::borrow::{Borrow, ToOwned};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem::discriminant;

/// An argument that can be part of a key.
pub trait KeyPart: Hash + Eq + ToOwned<Owned: Borrow<Self> + Eq + Send + Sync + 'static> {}

impl<B> KeyPart for B where B: Hash + Eq + ToOwned<Owned: Borrow<B> + Eq + Send + Sync + 'static> + ?Sized {}

/// The error for a type that is no [`KeyPart`]. Nothing implements it, so the compiler does not propose to borrow the
/// argument; `U`, a type that cannot be written, prevents proposals of bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "this is no key",
    note = "leave the argument out with `skip(..)`, or say with `key(..)` what the key is instead",
    note = "a key is an owned type with `Hash`, `Eq`, `Clone`, `Send` and `Sync`, or a reference to one, to a `str` or to a slice: derive the traits for your own type, or add the bounds `Hash + Eq + Clone + Send + Sync + 'static` to a generic one"
)]
pub trait ValidKey<U> {}

/// For a type that has `Hash` and `Eq`, but is no [`KeyPart`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key: it has `Hash` and `Eq`, but not all of `Clone`, `Send`, `Sync` and `'static`",
    label = "this cannot be stored as a key",
    note = "add `#[derive(Clone)]` to your own type, or the bounds `Clone + Send + Sync + 'static` to a generic one",
    note = "or leave the argument out with `skip(..)`, or say with `key(..)` what the key is instead"
)]
pub trait StorableKey<U> {}

/// One argument, borrowed from the caller. `S` is how listings show it.
#[derive(Debug)]
pub struct Part<'a, B: ?Sized, S>(&'a B, PhantomData<S>);

impl<'a, B: ?Sized, S> Part<'a, B, S> {
    fn of(borrowed: &'a B) -> Self {
        Self(borrowed, PhantomData)
    }

    #[cfg(feature = "shared")]
    pub(super) fn argument(&self) -> &'a B {
        self.0
    }
}

impl Part<'static, (), Hidden> {
    /// Stands for what is no part.
    pub(super) fn nothing() -> Self {
        Self::of(&())
    }
}

// Not derived, which would ask for copies of `B` and `S`.
#[cfg(feature = "shared")]
impl<B: ?Sized, S> Clone for Part<'_, B, S> {
    fn clone(&self) -> Self {
        *self
    }
}

#[cfg(feature = "shared")]
impl<B: ?Sized, S> Copy for Part<'_, B, S> {}

impl<'a, B: KeyPart + fmt::Debug + ?Sized> Part<'a, B, Shown> {
    /// An argument with `Debug`.
    pub fn shown(argument: &'a B) -> Self {
        Self::of(argument)
    }
}

/// An argument whose traits decide its part.
///
/// Method lookup on `(&&&&argument(..)).__cache_part()` takes the first of these traits that applies: methods that take
/// three references, then four, two, one and none, and `self` last.
#[derive(Debug)]
pub struct Argument<'a, B: ?Sized, U>(&'a B, PhantomData<U>);

/// Wraps an argument, with a type that cannot be written: see [`ValidKey`].
#[inline]
pub fn argument<B: ?Sized>(argument: &B) -> Argument<'_, B, impl Copy> {
    fn of<B: ?Sized, U>(argument: &B, _: U) -> Argument<'_, B, U> {
        Argument(argument, PhantomData)
    }
    of(argument, unnamed)
}

/// See [`ValidKey`]. The type is the same wherever it is used.
pub(crate) fn unnamed() {}

/// A reference: its referent is the part.
pub trait ReferencePart<'a, B: ?Sized> {
    /// The part.
    fn __cache_part(&self) -> Part<'a, B, Shown>;
}

impl<'a, B: KeyPart + fmt::Debug + ?Sized, U> ReferencePart<'a, B> for &&&Argument<'_, &'a B, U> {
    fn __cache_part(&self) -> Part<'a, B, Shown> {
        Part::of(self.0)
    }
}

/// An optional reference.
pub trait OptionPart<'a, B: ?Sized> {
    /// The part.
    fn __cache_part(&self) -> Option<Part<'a, B, Shown>>;
}

impl<'a, B: KeyPart + fmt::Debug + ?Sized, U> OptionPart<'a, B> for &&&Argument<'_, Option<&'a B>, U> {
    fn __cache_part(&self) -> Option<Part<'a, B, Shown>> {
        self.0.map(Part::of)
    }
}

/// A reference to a value without `Debug`.
pub trait OpaqueReferencePart<'a, B: ?Sized> {
    /// The part.
    fn __cache_part(&self) -> Part<'a, B, Hidden>;
}

impl<'a, B: KeyPart + ?Sized, U> OpaqueReferencePart<'a, B> for &&&&Argument<'_, &'a B, U> {
    fn __cache_part(&self) -> Part<'a, B, Hidden> {
        Part::of(self.0)
    }
}

/// A value with `Debug`.
pub trait PlainPart<'a, B: ?Sized> {
    /// The part.
    fn __cache_part(&self) -> Part<'a, B, Shown>;
}

impl<'a, B: KeyPart + fmt::Debug + ?Sized, U> PlainPart<'a, B> for &&Argument<'a, B, U> {
    fn __cache_part(&self) -> Part<'a, B, Shown> {
        Part::of(self.0)
    }
}

/// A value without `Debug`.
pub trait OpaquePart<'a, B: ?Sized> {
    /// The part.
    fn __cache_part(&self) -> Part<'a, B, Hidden>;
}

impl<'a, B: KeyPart + ?Sized, U> OpaquePart<'a, B> for &Argument<'a, B, U> {
    fn __cache_part(&self) -> Part<'a, B, Hidden> {
        Part::of(self.0)
    }
}

/// No part, for a type that has `Hash` and `Eq`.
pub trait UnstorablePart<B: ?Sized, U> {
    /// Does not compile without [`StorableKey`], and causes no other error.
    fn __cache_part(&self) -> Part<'static, (), Hidden>
    where
        B: StorableKey<U>;
}

impl<B: Hash + Eq + ?Sized, U> UnstorablePart<B, U> for Argument<'_, B, U> {
    fn __cache_part(&self) -> Part<'static, (), Hidden>
    where
        B: StorableKey<U>,
    {
        Part::nothing()
    }
}

/// No part.
pub trait NoPart<B: ?Sized, U> {
    /// Does not compile without [`ValidKey`], and causes no other error.
    fn __cache_part(self) -> Part<'static, (), Hidden>
    where
        B: ValidKey<U>;
}

impl<B: ?Sized, U> NoPart<B, U> for Argument<'_, B, U> {
    fn __cache_part(self) -> Part<'static, (), Hidden>
    where
        B: ValidKey<U>,
    {
        Part::nothing()
    }
}

impl<B: ?Sized, U> Clone for Argument<'_, B, U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: ?Sized, U> Copy for Argument<'_, B, U> {}

/// How listings show an argument of type `B`.
pub trait Show<B: ?Sized>: 'static {
    /// Writes it out.
    ///
    /// # Errors
    ///
    /// Those of `out`, or of the `Debug` of the argument.
    fn show(argument: &B, out: &mut dyn fmt::Write) -> fmt::Result;
}

/// By `Debug`.
#[derive(Debug)]
pub struct Shown;

/// As `_`.
#[derive(Debug)]
pub struct Hidden;

impl<B: fmt::Debug + ?Sized> Show<B> for Shown {
    fn show(argument: &B, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{argument:?}")
    }
}

impl<B: ?Sized> Show<B> for Hidden {
    fn show(_: &B, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str("_")
    }
}

/// A part of a key, borrowed.
pub trait Borrowing {
    /// The owned part.
    type Owned: Eq + Send + Sync + 'static;
    /// Hashes it.
    fn hash<H: Hasher>(&self, hasher: &mut H);
    /// Whether it equals an owned part.
    fn is(&self, owned: &Self::Owned) -> bool;
    /// Makes the owned part.
    fn to_owned(&self) -> Self::Owned;
    /// Copies an owned part.
    fn duplicate(owned: &Self::Owned) -> Self::Owned;
    /// Writes an owned part.
    ///
    /// # Errors
    ///
    /// Those of `out`, or of the `Debug` of an argument.
    fn show(owned: &Self::Owned, out: &mut dyn fmt::Write) -> fmt::Result;
}

impl<B: KeyPart + ?Sized, S: Show<B>> Borrowing for Part<'_, B, S> {
    type Owned = B::Owned;

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }

    fn is(&self, owned: &B::Owned) -> bool {
        self.0 == owned.borrow()
    }

    fn to_owned(&self) -> B::Owned {
        self.0.to_owned()
    }

    fn duplicate(owned: &B::Owned) -> B::Owned {
        owned.borrow().to_owned()
    }

    fn show(owned: &B::Owned, out: &mut dyn fmt::Write) -> fmt::Result {
        S::show(owned.borrow(), out)
    }
}

impl<P: Borrowing> Borrowing for Option<P> {
    type Owned = Option<P::Owned>;

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        discriminant(self).hash(hasher);
        if let Some(part) = self {
            part.hash(hasher);
        }
    }

    fn is(&self, owned: &Self::Owned) -> bool {
        match (self, owned) {
            (Some(part), Some(owned)) => part.is(owned),
            (None, None) => true,
            _ => false,
        }
    }

    fn to_owned(&self) -> Self::Owned {
        self.as_ref().map(P::to_owned)
    }

    fn duplicate(owned: &Self::Owned) -> Self::Owned {
        owned.as_ref().map(P::duplicate)
    }

    fn show(owned: &Self::Owned, out: &mut dyn fmt::Write) -> fmt::Result {
        let Some(owned) = owned else { return out.write_str("None") };
        out.write_str("Some(")?;
        P::show(owned, out)?;
        out.write_str(")")
    }
}

/// A part that nobody may see.
pub struct Secret<P>(pub P);

impl<P> fmt::Debug for Secret<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET)
    }
}

/// What is shown of a secret.
const SECRET: &str = "***";

impl<P: Borrowing> Borrowing for Secret<P> {
    type Owned = P::Owned;

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }

    fn is(&self, owned: &P::Owned) -> bool {
        self.0.is(owned)
    }

    fn to_owned(&self) -> P::Owned {
        self.0.to_owned()
    }

    fn duplicate(owned: &P::Owned) -> P::Owned {
        P::duplicate(owned)
    }

    fn show(_: &P::Owned, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(SECRET)
    }
}

/// A tuple of parts, as a list.
#[derive(Debug)]
pub struct Tuple<L>(pub L);

impl<L: Parts> Borrowing for Tuple<L> {
    type Owned = L::Owned;

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }

    fn is(&self, owned: &L::Owned) -> bool {
        self.0.are(owned)
    }

    fn to_owned(&self) -> L::Owned {
        self.0.to_owned()
    }

    fn duplicate(owned: &L::Owned) -> L::Owned {
        L::duplicate(owned)
    }

    fn show(owned: &L::Owned, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str("(")?;
        L::show(owned, &[], out)?;
        out.write_str(")")
    }
}

/// See [`each`].
pub struct Each<'a, T, F>(&'a [T], F);

/// The items of a slice, as one part.
pub fn each<'a, T, P: Borrowing, F: Fn(&'a T) -> P>(items: &'a [T], part: F) -> Each<'a, T, F> {
    Each(items, part)
}

#[cfg(feature = "shared")]
impl<'a, T, P: Borrowing, F: Fn(&'a T) -> P> Each<'a, T, F> {
    pub(super) fn parts(&self) -> impl ExactSizeIterator<Item = P> {
        self.0.iter().map(&self.1)
    }
}

impl<T, F> fmt::Debug for Each<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Each")
    }
}

impl<'a, T, P: Borrowing, F: Fn(&'a T) -> P> Borrowing for Each<'a, T, F> {
    type Owned = Box<[P::Owned]>;

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_usize(self.0.len());
        for item in self.0 {
            self.1(item).hash(hasher);
        }
    }

    fn is(&self, owned: &Self::Owned) -> bool {
        self.0.len() == owned.len() && self.0.iter().zip(owned).all(|(item, owned)| self.1(item).is(owned))
    }

    fn to_owned(&self) -> Self::Owned {
        self.0.iter().map(|item| self.1(item).to_owned()).collect()
    }

    fn duplicate(owned: &Self::Owned) -> Self::Owned {
        owned.iter().map(P::duplicate).collect()
    }

    fn show(owned: &Self::Owned, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str("[")?;
        for (number, owned) in owned.iter().enumerate() {
            if number > 0 {
                out.write_str(", ")?;
            }
            P::show(owned, out)?;
        }
        out.write_str("]")
    }
}

/// A list of parts.
pub trait Parts {
    /// Their number.
    const LEN: usize;
    /// The owned list: the stored key.
    type Owned: Eq + Send + Sync + 'static;
    /// Hashes the parts.
    fn hash<H: Hasher>(&self, hasher: &mut H);
    /// Whether they equal a stored key.
    fn are(&self, stored: &Self::Owned) -> bool;
    /// Makes the key to store.
    fn to_owned(&self) -> Self::Owned;
    /// Copies a stored key.
    fn duplicate(stored: &Self::Owned) -> Self::Owned;
    /// Writes a stored key: `limit = 10, offset = 0`, or without names `10, 0`.
    ///
    /// # Errors
    ///
    /// Those of `out`, or of the `Debug` of an argument.
    fn show(stored: &Self::Owned, names: &[&str], out: &mut dyn fmt::Write) -> fmt::Result;
}

impl Parts for () {
    const LEN: usize = 0;
    type Owned = ();

    fn hash<H: Hasher>(&self, _: &mut H) {}

    fn are(&self, (): &()) -> bool {
        true
    }

    fn to_owned(&self) {}

    fn duplicate((): &()) {}

    fn show((): &(), _: &[&str], _: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
}

impl<P: Borrowing, Rest: Parts> Parts for (P, Rest) {
    const LEN: usize = 1 + Rest::LEN;
    type Owned = (P::Owned, Rest::Owned);

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
        self.1.hash(hasher);
    }

    fn are(&self, (first, rest): &Self::Owned) -> bool {
        self.0.is(first) && self.1.are(rest)
    }

    fn to_owned(&self) -> Self::Owned {
        (self.0.to_owned(), self.1.to_owned())
    }

    fn duplicate((first, rest): &Self::Owned) -> Self::Owned {
        (P::duplicate(first), Rest::duplicate(rest))
    }

    fn show((first, rest): &Self::Owned, names: &[&str], out: &mut dyn fmt::Write) -> fmt::Result {
        let (name, names) = names.split_first().map_or((None, names), |(name, names)| (Some(name), names));
        if let Some(name) = name {
            write!(out, "{name} = ")?;
        }
        P::show(first, out)?;
        if Rest::LEN > 0 {
            out.write_str(", ")?;
        }
        Rest::show(rest, names, out)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;

    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Opaque(u8);

    macro_rules! part {
        ($argument:expr) => {
            (&&&&argument($argument)).__cache_part()
        };
    }

    fn shown<P: Parts>(parts: &P, names: &[&str]) -> String {
        let mut out = String::new();
        P::show(&parts.to_owned(), names, &mut out).expect("a string takes all");
        out
    }

    fn hash(parts: &impl Parts) -> u64 {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_key_is_found_borrowed_and_shown_by_name() {
        let (text, numbers, secret) = (String::from("a"), [1, 2], Opaque(3));
        let parts = (part!(text.as_str()), (part!(&numbers[..]), (part!(&secret), ())));
        let stored = Parts::to_owned(&parts);
        assert!(parts.are(&stored));
        assert!(!parts.are(&(String::from("b"), (vec![1, 2], (Opaque(3), ())))));
        assert_eq!(shown(&parts, &["text", "numbers", "secret"]), r#"text = "a", numbers = [1, 2], secret = _"#);
    }

    #[test]
    fn a_secret_part_is_a_key_that_is_not_shown() {
        let token = Some("t0ken");
        let of = |password: &'static str| (Secret(part!(password)), (Secret(part!(&token)), (part!(&7), ())));
        let parts = of("hunter2");
        let stored = Parts::to_owned(&parts);
        assert_eq!(stored, (String::from("hunter2"), (Some(String::from("t0ken")), (7, ()))));
        assert!(parts.are(&stored) && !of("hunter3").are(&stored));
        assert_ne!(hash(&parts), hash(&of("hunter3")));
        assert_eq!(shown(&parts, &["password", "token", "limit"]), "password = ***, token = ***, limit = 7");
        assert_eq!(format!("{:?}", parts.0), "***");
    }

    /// The attribute cannot see these types.
    #[test]
    fn references_are_seen_through() {
        let (text, secret, nothing) = ("a", &Opaque(3), None::<&str>);
        let references = Parts::to_owned(&(part!(&text), (part!(&secret), ())));
        assert!(references == (String::from("a"), (Opaque(3), ())));
        let options = Parts::to_owned(&(part!(&Some(text)), (part!(&nothing), ())));
        assert_eq!(options, (Some(String::from("a")), (None, ())));
    }

    #[test]
    fn borrowed_parts_of_an_argument_are_looked_up_as_they_are() {
        fn text<'a>(text: &&'a str) -> Part<'a, str, Shown> {
            Part::of(text)
        }
        let parts = |words: &'static [&'static str], word: Option<&'static str>, pair: (&'static str, u8)| {
            let pair = Tuple((text(&pair.0), (Part::<_, Shown>::of(Box::leak(Box::new(pair.1))), ())));
            (Each(words, text), (word.as_ref().map(text), (pair, ())))
        };
        let key = parts(&["a", "b"], Some("c"), ("d", 1));
        assert!(key.are(&Parts::to_owned(&key)));
        assert_eq!(shown(&key, &["words", "word", "pair"]), r#"words = ["a", "b"], word = Some("c"), pair = ("d", 1)"#);
        let others = [
            parts(&["a"], Some("c"), ("d", 1)),
            parts(&["a", "c"], Some("c"), ("d", 1)),
            parts(&["a", "b"], Some("d"), ("d", 1)),
            parts(&["a", "b"], None, ("d", 1)),
            parts(&["a", "b"], Some("c"), ("e", 1)),
            parts(&["a", "b"], Some("c"), ("d", 2)),
        ];
        for other in others {
            assert!(!key.are(&Parts::to_owned(&other)) && !other.are(&Parts::to_owned(&key)));
            assert_ne!(hash(&key), hash(&other));
        }
        assert_eq!(shown(&parts(&[], None, ("", 0)), &[]), r#"[], None, ("", 0)"#);
    }
}
