//! What a target iterates over, and what it unwraps with `?`: found by method lookup on references, as in
//! [`key`](super::key).
//!
//! Method lookup on `(&&&&x).method()` takes the first trait that applies: that of `&&&X`, then of `&&X`, `&X` and `X`,
//! and last one whose method takes `self`.

use std::iter::Empty;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::private::key::unnamed;

/// The error for what is no list. Nothing implements it; `U`, a type that cannot be written, prevents proposals of
/// bounds.
#[diagnostic::on_unimplemented(
    message = "`for` in a target needs a list, and `{Self}` is none",
    label = "this is no list",
    note = "a list is what `for` iterates over by reference, as a slice, a `Vec`, a set, a map or an `Arc` of one, or an iterator that is `Clone`",
    note = "collect another iterator, or write the target without `for` if it names one entry"
)]
pub trait ListOfTargets<U> {}

/// What is iterated over.
#[derive(Debug)]
pub struct List<'a, C: ?Sized, U>(&'a C, PhantomData<U>);

/// What a `for` in a target iterates over. It is borrowed: the body may still take it.
pub fn list<C: ?Sized>(list: &C) -> List<'_, C, impl Copy> {
    fn of<C: ?Sized, U>(list: &C, _: U) -> List<'_, C, U> {
        List(list, PhantomData)
    }
    of(list, unnamed)
}

/// A collection.
pub trait BorrowedList<'a, C: ?Sized> {
    /// Its items, by reference.
    fn __cache_items(&self) -> <&'a C as IntoIterator>::IntoIter
    where
        &'a C: IntoIterator;
}

impl<'a, C: ?Sized, U> BorrowedList<'a, C> for &&&List<'a, C, U>
where
    &'a C: IntoIterator,
{
    fn __cache_items(&self) -> <&'a C as IntoIterator>::IntoIter {
        self.0.into_iter()
    }
}

/// A pointer to a collection.
pub trait PointedList<'a, C: ?Sized> {
    /// Its items, by reference.
    fn __cache_items(&self) -> <&'a C as IntoIterator>::IntoIter
    where
        &'a C: IntoIterator;
}

impl<'a, P: Deref + ?Sized, U> PointedList<'a, P::Target> for &&List<'a, P, U>
where
    &'a P::Target: IntoIterator,
{
    fn __cache_items(&self) -> <&'a P::Target as IntoIterator>::IntoIter {
        self.0.deref().into_iter()
    }
}

/// A pointer to a pointer to a collection, as a reference to an `Arc`.
pub trait TwicePointedList<'a, C: ?Sized> {
    /// Its items, by reference.
    fn __cache_items(&self) -> <&'a C as IntoIterator>::IntoIter
    where
        &'a C: IntoIterator;
}

impl<'a, P: Deref<Target: Deref> + ?Sized, U> TwicePointedList<'a, <P::Target as Deref>::Target> for &List<'a, P, U>
where
    &'a <P::Target as Deref>::Target: IntoIterator,
{
    fn __cache_items(&self) -> <&'a <P::Target as Deref>::Target as IntoIterator>::IntoIter {
        self.0.deref().deref().into_iter()
    }
}

/// An iterator.
pub trait ClonedList<C> {
    /// The items of a clone.
    fn __cache_items(&self) -> C::IntoIter
    where
        C: IntoIterator;
}

impl<C: Clone + IntoIterator, U> ClonedList<C> for List<'_, C, U> {
    fn __cache_items(&self) -> C::IntoIter {
        self.0.clone().into_iter()
    }
}

/// No list.
pub trait NoList<'a, C: ?Sized, U> {
    /// Does not compile without [`ListOfTargets`], and causes no other error.
    fn __cache_items(self) -> Empty<&'a C>
    where
        C: ListOfTargets<U>;
}

impl<'a, C: ?Sized, U> NoList<'a, C, U> for List<'a, C, U> {
    fn __cache_items(self) -> Empty<&'a C>
    where
        C: ListOfTargets<U>,
    {
        std::iter::empty()
    }
}

/// The error for a `?` on another type than an `Option`. `U` prevents proposals of bounds.
#[diagnostic::on_unimplemented(
    message = "`?` in a target is for an `Option`, and `{Self}` is none",
    label = "this is no `Option`",
    note = "where the `Option` is `None`, the target is the whole query, or everything for a tag: nothing is returned",
    note = "for a `Result` write `.ok()?`, or `.as_ref().ok()?` if the body needs it"
)]
pub trait OptionInTarget<U> {}

impl<T, U> OptionInTarget<U> for Option<T> {}

/// What `?` is known for elsewhere.
pub trait Questioned {
    /// What it may have.
    type Item;
    /// What it has.
    fn item(&self) -> Option<&Self::Item>;
}

impl<T> Questioned for Option<T> {
    type Item = T;

    fn item(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// Refused: see [`OptionInTarget`].
impl<T, E> Questioned for Result<T, E> {
    type Item = T;

    fn item(&self) -> Option<&T> {
        self.as_ref().ok()
    }
}

/// What is before a `?`.
#[derive(Debug)]
pub struct Question<'a, Q: ?Sized, U>(&'a Q, PhantomData<U>);

/// What is before a `?` in a target.
pub fn question<Q: ?Sized>(questioned: &Q) -> Question<'_, Q, impl Copy> {
    fn of<Q: ?Sized, U>(questioned: &Q, _: U) -> Question<'_, Q, U> {
        Question(questioned, PhantomData)
    }
    of(questioned, unnamed)
}

/// An `Option` of a value that is `Copy`.
pub trait CopiedItem<Q: Questioned, U> {
    /// The value.
    fn __cache_item(&self) -> Option<Q::Item>
    where
        Q: OptionInTarget<U>;
}

impl<Q: Questioned<Item: Copy>, U> CopiedItem<Q, U> for &&&Question<'_, Q, U> {
    fn __cache_item(&self) -> Option<Q::Item>
    where
        Q: OptionInTarget<U>,
    {
        self.0.item().copied()
    }
}

/// An `Option` of another value.
pub trait BorrowedItem<'a, Q: Questioned, U> {
    /// The value.
    fn __cache_item(&self) -> Option<&'a Q::Item>
    where
        Q: OptionInTarget<U>;
}

impl<'a, Q: Questioned, U> BorrowedItem<'a, Q, U> for &&Question<'a, Q, U> {
    fn __cache_item(&self) -> Option<&'a Q::Item>
    where
        Q: OptionInTarget<U>,
    {
        self.0.item()
    }
}

/// A pointer to an `Option`.
pub trait PointedItem<'a, Q: Questioned, U> {
    /// The value.
    fn __cache_item(&self) -> Option<&'a Q::Item>
    where
        Q: OptionInTarget<U>;
}

impl<'a, P: Deref<Target: Questioned + Sized>, U> PointedItem<'a, P::Target, U> for &Question<'a, P, U> {
    fn __cache_item(&self) -> Option<&'a <P::Target as Questioned>::Item>
    where
        P::Target: OptionInTarget<U>,
    {
        self.0.deref().item()
    }
}

/// Something else that is `Copy`.
pub trait CopiedNoItem<Q, U> {
    /// Does not compile without [`OptionInTarget`], and causes no other error.
    fn __cache_item(&self) -> Option<Q>
    where
        Q: OptionInTarget<U>;
}

impl<Q: Copy, U> CopiedNoItem<Q, U> for Question<'_, Q, U> {
    fn __cache_item(&self) -> Option<Q>
    where
        Q: OptionInTarget<U>,
    {
        Some(*self.0)
    }
}

/// Something else.
pub trait NoItem<'a, Q: ?Sized, U> {
    /// Does not compile without [`OptionInTarget`], and causes no other error.
    fn __cache_item(self) -> Option<&'a Q>
    where
        Q: OptionInTarget<U>;
}

impl<'a, Q: ?Sized, U> NoItem<'a, Q, U> for Question<'a, Q, U> {
    fn __cache_item(self) -> Option<&'a Q>
    where
        Q: OptionInTarget<U>,
    {
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use super::*;

    macro_rules! items {
        ($list:expr) => {{
            let mut items = Vec::new();
            for item in (&&&&list(&($list))).__cache_items() {
                items.push(item.to_string());
            }
            items
        }};
    }

    #[test]
    fn a_list_is_borrowed() {
        let (vec, array) = (vec![1, 2], [1, 2]);
        assert_eq!(items!(vec), ["1", "2"]);
        assert_eq!(items!(array), ["1", "2"]);
        assert_eq!(items!(&vec), ["1", "2"]);
        assert_eq!(items!(&vec[..]), ["1", "2"]);
        assert_eq!(items!(vec[..]), ["1", "2"]);
        assert_eq!(items!(&Arc::new(vec.clone())), ["1", "2"]);
        assert_eq!(items!(Arc::<[i32]>::from([1, 2])), ["1", "2"]);
        assert_eq!(items!(&Arc::<[i32]>::from([1, 2])), ["1", "2"]);
        assert_eq!(items!(Box::<[i32]>::from([1, 2])), ["1", "2"]);
        assert_eq!(items!(BTreeSet::from([2, 1])), ["1", "2"]);
        assert_eq!(items!(Some(3)), ["3"]);
        let map = BTreeMap::from([(1, 'a')]);
        let mut pairs = Vec::new();
        for (number, letter) in (&&&&list(&map)).__cache_items() {
            pairs.push((*number, *letter));
        }
        assert_eq!(pairs, [(1, 'a')]);
    }

    /// Not `Clone`, and without a copy of the list.
    #[test]
    fn the_items_need_no_clone() {
        struct Id(u32);

        let ids = vec![Id(1), Id(2)];
        let mut sum = 0;
        for id in (&&&&list(&ids)).__cache_items() {
            sum += id.0;
        }
        assert_eq!(sum, 3);
    }

    #[test]
    fn an_iterator_is_cloned() {
        assert_eq!(items!(1..3), ["1", "2"]);
        let numbers = [1, 2, 3];
        assert_eq!(items!(numbers.iter().filter(|number| **number > 1)), ["2", "3"]);
        let iterator = numbers.iter();
        assert_eq!(items!(iterator), ["1", "2", "3"]);
        assert_eq!(iterator.count(), 3, "it was not advanced");
    }

    macro_rules! item {
        ($questioned:expr) => {
            (&&&&question(&($questioned))).__cache_item()
        };
    }

    #[test]
    fn a_copy_is_taken_of_what_is_copy_and_a_reference_of_the_rest() {
        struct Opaque;

        let text = String::from("a");
        let (number, none, some_text, opaque) = (Some(1_u8), None::<u8>, Some(text.clone()), Some(Opaque));
        assert_eq!((item!(number), item!(none)), (Some(1_u8), None));
        assert_eq!(item!(Some(&text)), Some(&text));
        assert_eq!(item!(some_text).map(String::as_str), Some("a"));
        assert!(matches!(item!(opaque), Some(Opaque)));
        let (reference, boxed) = (&number, Box::new(some_text));
        assert_eq!(item!(reference), Some(&1_u8));
        assert_eq!(item!(boxed).map(String::as_str), Some("a"));
    }
}
