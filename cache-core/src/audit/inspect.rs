//! How two answers of one type are compared and shown: by method lookup at the expansion, which takes the first of these
//! traits whose bounds hold. In generic code only the bounds that are written there are known.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

/// Compares and shows values, as far as their type can.
pub struct Inspector<V> {
    /// `None` if it cannot tell.
    pub(crate) differ: fn(&V, &V) -> Option<bool>,
    pub(crate) show: fn(&V) -> Option<String>,
}

impl<V> Clone for Inspector<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Inspector<V> {}

impl<V> Debug for Inspector<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inspector")
    }
}

/// The type of the values of a query.
pub struct Values<V>(PhantomData<fn(V)>);

impl<V> Values<V> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V> Debug for Values<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values")
    }
}

fn by_eq<V: PartialEq>(one: &V, other: &V) -> Option<bool> {
    // What does not equal itself, such as a NaN, cannot be compared.
    #[expect(clippy::eq_op, reason = "it is what is asked")]
    let is_reflexive = one == one && other == other;
    is_reflexive.then(|| one != other)
}

fn by_debug<V: Debug>(one: &V, other: &V) -> Option<bool> {
    Some(format!("{one:?}") != format!("{other:?}"))
}

/// Compared by `PartialEq`, and shown.
pub trait ComparedAndShown<V> {
    #[doc(hidden)]
    fn __cache_inspector(&self) -> Inspector<V>;
}

impl<V: PartialEq + Debug> ComparedAndShown<V> for &&&Values<V> {
    fn __cache_inspector(&self) -> Inspector<V> {
        Inspector { differ: by_eq, show: |value| Some(format!("{value:?}")) }
    }
}

/// Compared by `PartialEq`.
pub trait Compared<V> {
    #[doc(hidden)]
    fn __cache_inspector(&self) -> Inspector<V>;
}

impl<V: PartialEq> Compared<V> for &&Values<V> {
    fn __cache_inspector(&self) -> Inspector<V> {
        Inspector { differ: by_eq, show: |_| None }
    }
}

/// Compared by what `Debug` shows.
pub trait OnlyShown<V> {
    #[doc(hidden)]
    fn __cache_inspector(&self) -> Inspector<V>;
}

impl<V: Debug> OnlyShown<V> for &Values<V> {
    fn __cache_inspector(&self) -> Inspector<V> {
        Inspector { differ: by_debug, show: |value| Some(format!("{value:?}")) }
    }
}

/// Not compared.
pub trait Incomparable<V> {
    #[doc(hidden)]
    fn __cache_inspector(&self) -> Inspector<V>;
}

impl<V> Incomparable<V> for Values<V> {
    fn __cache_inspector(&self) -> Inspector<V> {
        Inspector { differ: |_, _| None, show: |_| None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(PartialEq, Debug)]
    struct Both(u32);

    #[derive(PartialEq)]
    struct OnlyEq(u32);

    #[derive(Debug)]
    struct OnlyDebug(#[expect(dead_code, reason = "it is shown")] u32);

    struct Neither;

    fn values_of<V>(_: &V) -> Values<V> {
        Values::new()
    }

    macro_rules! inspect {
        ($one:expr, $other:expr) => {{
            let (one, other) = ($one, $other);
            let values = values_of(&one);
            let inspector = (&&&&values).__cache_inspector();
            ((inspector.differ)(&one, &other), (inspector.show)(&one))
        }};
    }

    #[test]
    fn values_are_compared_by_partial_eq_or_else_by_debug() {
        assert_eq!(inspect!(Both(1), Both(2)), (Some(true), Some("Both(1)".into())));
        assert_eq!(inspect!(OnlyEq(1), OnlyEq(1)), (Some(false), None));
        assert_eq!(inspect!(OnlyDebug(1), OnlyDebug(2)), (Some(true), Some("OnlyDebug(1)".into())));
        assert_eq!(inspect!(Neither, Neither), (None, None));
        assert_eq!(inspect!(f64::NAN, 1.0), (None, Some("NaN".into())));
    }
}
