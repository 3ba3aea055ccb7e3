//! Keys made of a function's arguments: hashed and compared as the caller holds them, owned only when a
//! value is to be stored.
//!
//! The arguments come as a list, `(Part(&a), (Part(&b), ()))`, so that there may be any number of them.

use std::borrow::{Borrow, ToOwned};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// What an argument must be to take part in a key. Implemented for every type that can.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "this argument is no key",
    note = "a key is an owned type with `Hash`, `Eq`, `Clone`, `Send` and `Sync`, or a reference to one, to a `str` or to a slice",
    note = "floats, connections and types that hold references are not; derive the traits for a type of your own"
)]
pub trait KeyPart: Hash + Eq + ToOwned<Owned: Borrow<Self> + Eq + Send + Sync + 'static> {}

#[diagnostic::do_not_recommend]
impl<B> KeyPart for B where B: Hash + Eq + ToOwned<Owned: Borrow<B> + Eq + Send + Sync + 'static> + ?Sized {}

/// One argument, borrowed from the caller. `S` says how a listing shows it.
#[derive(Debug)]
pub struct Part<'a, B: ?Sized, S>(&'a B, PhantomData<S>);

/// An argument of which it is not known yet what can be done with it.
///
/// The lookup of `(&Argument(..)).part()` decides. It takes the first that applies of an inherent method, a
/// method of a trait, and a method of a trait that needs one more reference.
#[derive(Debug)]
pub struct Argument<'a, B: ?Sized>(pub &'a B);

impl<'a, B: KeyPart + fmt::Debug + ?Sized> Argument<'a, B> {
    /// A part of the key, with `Debug`.
    pub fn part(&self) -> Part<'a, B, Shown> {
        Part(self.0, PhantomData)
    }
}

/// A part of the key, without `Debug`.
pub trait OpaquePart<'a, B: ?Sized> {
    /// The part.
    fn part(&self) -> Part<'a, B, Hidden>;
}

impl<'a, B: KeyPart + ?Sized> OpaquePart<'a, B> for Argument<'a, B> {
    fn part(&self) -> Part<'a, B, Hidden> {
        Part(self.0, PhantomData)
    }
}

/// What can't be part of a key.
pub trait NoPart<B: ?Sized> {
    /// Does not compile, for want of `KeyPart`. That is the one error: the type that is returned instead of
    /// the part leads to no other.
    fn part(&self) -> Part<'static, (), Hidden>
    where
        B: KeyPart;
}

impl<B: ?Sized> NoPart<B> for &Argument<'_, B> {
    fn part(&self) -> Part<'static, (), Hidden>
    where
        B: KeyPart,
    {
        Part(&(), PhantomData)
    }
}

/// How a listing shows an argument of type `B`.
pub trait Show<B: ?Sized>: 'static {
    /// Writes it out.
    ///
    /// # Errors
    ///
    /// When `out` has one, or the `Debug` of the argument.
    fn show(argument: &B, out: &mut dyn fmt::Write) -> fmt::Result;
}

/// By its `Debug`.
#[derive(Debug)]
pub struct Shown;

/// As a mere `_`.
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

/// A list of arguments.
pub trait Parts {
    /// The same list, owned: the key that is stored.
    type Owned: Eq + Send + Sync + 'static;
    /// Hashes the arguments.
    fn hash<H: Hasher>(&self, hasher: &mut H);
    /// Whether a stored key is of the same arguments.
    fn are(&self, stored: &Self::Owned) -> bool;
    /// Makes the key that is to be stored.
    fn to_owned(&self) -> Self::Owned;
    /// Writes out a stored key, as in `limit = 10, offset = 0`.
    ///
    /// # Errors
    ///
    /// When `out` has one, or the `Debug` of an argument.
    fn show(stored: &Self::Owned, names: &[&str], out: &mut dyn fmt::Write) -> fmt::Result;
}

impl Parts for () {
    type Owned = ();

    fn hash<H: Hasher>(&self, _: &mut H) {}

    fn are(&self, (): &()) -> bool {
        true
    }

    fn to_owned(&self) {}

    fn show((): &(), _: &[&str], _: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
}

impl<B: KeyPart + ?Sized, S: Show<B>, Rest: Parts> Parts for (Part<'_, B, S>, Rest) {
    type Owned = (B::Owned, Rest::Owned);

    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.0.hash(hasher);
        self.1.hash(hasher);
    }

    fn are(&self, (first, rest): &Self::Owned) -> bool {
        self.0.0 == first.borrow() && self.1.are(rest)
    }

    fn to_owned(&self) -> Self::Owned {
        (self.0.0.to_owned(), self.1.to_owned())
    }

    fn show((first, rest): &Self::Owned, names: &[&str], out: &mut dyn fmt::Write) -> fmt::Result {
        let (name, names) = names.split_first().map_or(("", names), |(name, names)| (*name, names));
        write!(out, "{name} = ")?;
        S::show(first.borrow(), out)?;
        if !names.is_empty() {
            out.write_str(", ")?;
        }
        Rest::show(rest, names, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_borrowed_and_shown_by_name() {
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct Secret(u8);

        let (text, numbers, secret) = (String::from("a"), [1, 2], Secret(3));
        let parts = (Argument(text.as_str()).part(), (Argument(&numbers[..]).part(), (Argument(&secret).part(), ())));
        let stored = Parts::to_owned(&parts);
        assert!(parts.are(&stored));
        assert!(!parts.are(&(String::from("b"), (vec![1, 2], (Secret(3), ())))));

        let mut out = String::new();
        show(&parts, &stored, &["text", "numbers", "secret"], &mut out);
        assert_eq!(out, r#"text = "a", numbers = [1, 2], secret = _"#);
    }

    fn show<P: Parts>(_: &P, stored: &P::Owned, names: &[&str], out: &mut String) {
        P::show(stored, names, out).expect("a string takes all");
    }
}
