//! What the expansions of the attributes call. Not covered by semantic versioning.
//!
//! A cached function becomes a [`look_up`](look_up()), and on a miss a [`Miss::load`] or [`Miss::load_async`]: two
//! calls, as the key borrows the arguments that the body takes. A mutation becomes a [`Mutation`] and a
//! [`PendingInvalidation::run`].

mod caches;
mod entry;
mod from_value;
#[cfg(feature = "shared")]
mod holder;
mod in_transaction;
pub(crate) mod key;
mod look_up;
mod macros;
pub(crate) mod mutation;
mod needs_result;
mod probe;
mod put;
#[cfg(feature = "shared")]
mod refused;
#[cfg(feature = "shared")]
mod shared;
mod target;
#[cfg(feature = "shared")]
mod unambiguous;

#[cfg(feature = "macros")]
pub use cache_macros::entry_of_call;
pub use inventory;

pub use crate::audit::inspect::{Inspector, Values};
pub use crate::flight::promise::SharedError;
pub use crate::load::batch::{Batch, ListId, Pairs};
pub use crate::load::judge::{CacheIf, Judge, Judged, KeepAll, TagsFrom, TtlFrom, Unjudged, Weight};
pub use crate::load::miss::{Loading, Miss};
pub use crate::load::outcome::{Fallible, Outcome, Plain, Returned, SharedFallible, Whole, plain};
pub use crate::private::caches::{Caches, OfFunction, OfMethod, OtherCache};
pub use crate::private::entry::{AnyQueryEntry, for_entry};
pub use crate::private::from_value::{FromResult, FromValue, ValueTargets};
#[cfg(feature = "shared")]
pub use crate::private::holder::{OtherResults, Results, SendResults};
pub use crate::private::in_transaction::in_transaction;
pub use crate::private::key::{
    Argument, Borrowing, Each, Hidden, KeyPart, Part, Parts, Secret, Shown, StorableKey, Tuple, ValidKey, argument,
    each,
};
pub use crate::private::look_up::{CacheValue, Instance, instance, look_up, receiver, tags_of, type_of};
pub use crate::private::mutation::{Mutation, PendingInvalidation, RunningMutation, in_cache, of_function, of_method};
pub use crate::private::needs_result::{HasErrors, needs_result};
pub use crate::private::probe::{List, ListOfTargets, OptionInTarget, Question, Questioned, list, question};
pub use crate::private::put::PutTarget;
#[cfg(feature = "shared")]
pub use crate::private::refused::{FromPublishError, Refusing, refused};
#[cfg(feature = "shared")]
pub use crate::private::shared::{
    Candidate, SharedKey, SharedPart, SharedParts, SharedValue, candidate, shared_key_ref, unnamed_type, value_encoding,
};
// After the error about the feature, a target of a query with `shared` causes no other.
#[cfg(not(feature = "shared"))]
pub use crate::private::target::key_ref as shared_key_ref;
pub use crate::private::target::{
    Elsewhere, EntryToPut, InGlobal, InSelf, KeyOfSelf, KnownToFunctions, KnownToMethods, Names, Place, PutValues,
    Target, TargetKind, TargetList, Targets, UnderscoreForSkippedArgument, key_of_self, key_ref, list_in_cache,
    list_of_function, list_of_method,
};
pub use crate::query::mutation_facts::{MutationFacts, TargetFacts};
pub use crate::query::registered::{RegisteredMutation, RegisteredQuery};
pub use crate::query::{KeyRef, Query, QueryRef, Site};
#[cfg(feature = "shared")]
pub use crate::waiting::Held;
pub use crate::waiting::{Holder, Unheld};
pub use crate::{
    __cache_announced as announced, __cache_facts as facts, __cache_holder as holder, __cache_inspected as inspected,
    __cache_items as items, __cache_look_up as look_up_or_return, __cache_look_up_one as look_up_one,
    __cache_mutation_facts as mutation_facts, __cache_needs_result as needs_result, __cache_needs_tier as needs_tier,
    __cache_outcome as outcome, __cache_query as query, __cache_returns as returns, __cache_share as share,
    __cache_shared_part as shared_part, __cache_suggest as suggest, __cache_typed_entry as typed_entry,
};

/// Traits for method lookup, imported without names.
pub mod probing {
    pub use crate::audit::inspect::{Compared as _, ComparedAndShown as _, Incomparable as _, OnlyShown as _};
    pub use crate::load::outcome::{ReturnedFallible as _, ReturnedPlain as _};
    #[cfg(feature = "shared")]
    pub use crate::private::holder::{OtherResults as _, SendResults as _};
    pub use crate::private::key::{
        NoPart as _, OpaquePart as _, OpaqueReferencePart as _, OptionPart as _, PlainPart as _, ReferencePart as _,
        UnstorablePart as _,
    };
    pub use crate::private::needs_result::{HasErrors, needs_result};
    pub use crate::private::probe::{
        BorrowedItem as _, BorrowedList as _, ClonedList as _, CopiedItem as _, CopiedNoItem as _, NoItem as _,
        NoList as _, PointedItem as _, PointedList as _, TwicePointedList as _,
    };
    #[cfg(feature = "shared")]
    pub use crate::private::shared::{ReadablePart as _, UnreadablePart as _};
}
