//! What a loaded value says of its entry: whether it is stored, with which tags, for how long, and how heavy it is.

use std::marker::PhantomData;
use std::time::Duration;

use crate::tag::Tag;

/// Decides whether a value is stored, and how; `None` if it is not.
pub trait Judge<V> {
    /// Decides once.
    fn judge(self, value: &V) -> Option<Judged>;
}

/// What a value that is stored says of its entry.
#[derive(Debug, Default)]
pub struct Judged {
    /// Beside those known before the load.
    pub(crate) tags: Vec<Tag>,
    /// `None`: as known before the load.
    pub(crate) ttl: Option<Duration>,
    /// `None`: 1.
    pub(crate) weight: Option<usize>,
}

/// Every value is stored.
#[derive(Clone, Debug)]
pub struct KeepAll;

/// A value is stored if a condition is true for it.
#[derive(Clone, Debug)]
pub struct CacheIf<F>(pub(crate) F);

/// A value that `J` stores has tags of its own.
#[derive(Clone, Debug)]
pub struct TagsFrom<J, F, I>(pub(crate) J, pub(crate) F, pub(crate) PhantomData<fn() -> I>);

/// A value that `J` stores has a time to live of its own.
#[derive(Clone, Debug)]
pub struct TtlFrom<J, F>(pub(crate) J, pub(crate) F);

/// A value that `J` stores has a weight of its own. Without a function it is not asked for: nothing limits the weight.
#[derive(Clone, Debug)]
pub struct Weight<J, F>(pub(crate) J, pub(crate) Option<F>);

/// No value is stored.
#[derive(Clone, Debug)]
pub struct Unjudged;

impl<V> Judge<V> for Unjudged {
    fn judge(self, _: &V) -> Option<Judged> {
        None
    }
}

impl<V> Judge<V> for KeepAll {
    fn judge(self, _: &V) -> Option<Judged> {
        Some(Judged::default())
    }
}

impl<V, F: FnOnce(&V) -> bool> Judge<V> for CacheIf<F> {
    fn judge(self, value: &V) -> Option<Judged> {
        (self.0)(value).then(Judged::default)
    }
}

impl<V, J, F, I> Judge<V> for TagsFrom<J, F, I>
where
    J: Judge<V>,
    F: FnOnce(&V) -> I,
    I: IntoIterator<Item: Into<Tag>>,
{
    fn judge(self, value: &V) -> Option<Judged> {
        let mut judged = self.0.judge(value)?;
        judged.tags.extend((self.1)(value).into_iter().map(Into::into));
        Some(judged)
    }
}

impl<V, J: Judge<V>, F: FnOnce(&V) -> Duration> Judge<V> for TtlFrom<J, F> {
    fn judge(self, value: &V) -> Option<Judged> {
        let judged = self.0.judge(value)?;
        Some(Judged { ttl: Some((self.1)(value)), ..judged })
    }
}

impl<V, J: Judge<V>, F: FnOnce(&V) -> usize> Judge<V> for Weight<J, F> {
    fn judge(self, value: &V) -> Option<Judged> {
        let judged = self.0.judge(value)?;
        match self.1 {
            Some(weight) => Some(Judged { weight: Some(weight(value)), ..judged }),
            None => Some(judged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_all_of_its_entry_and_the_last_word_counts() {
        let tags = TagsFrom(KeepAll, |value: &u32| [value.to_string()], PhantomData);
        let twice =
            TtlFrom(TtlFrom(tags, |_: &u32| Duration::ZERO), |value: &u32| Duration::from_secs(u64::from(*value)));
        let judged = Weight(twice, Some(|value: &u32| *value as usize + 1)).judge(&7).expect("it is stored");
        assert_eq!(judged.tags, [Tag::from("7")]);
        assert_eq!((judged.ttl, judged.weight), (Some(Duration::from_secs(7)), Some(8)));
    }

    #[test]
    fn a_value_that_is_refused_is_asked_nothing() {
        let refused = TagsFrom(CacheIf(|_: &u32| false), |_: &u32| -> [Tag; 1] { unreachable!() }, PhantomData);
        let refused = TtlFrom(refused, |_: &u32| unreachable!());
        assert!(Weight(refused, Some(|_: &u32| unreachable!())).judge(&7).is_none());
    }

    #[test]
    fn nobody_weighs_what_is_not_limited() {
        let judged = Weight::<_, fn(&u32) -> usize>(KeepAll, None).judge(&7).expect("it is stored");
        assert_eq!(judged.weight, None);
    }
}
