//! The macros that expansions call.

/// The facts of a query: of a type, or with `_` of the surrounding `impl` or module.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_query {
    ($place:ident, _, $($facts:tt)*) => {
        $crate::private::QueryRef::<$crate::private::$place>::around(&|| (), $crate::private::facts!($($facts)*))
    };
    ($place:ident, $owner:ty, $($facts:tt)*) => {
        $crate::private::QueryRef::<$crate::private::$place>::of::<$owner>($crate::private::facts!($($facts)*))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cache_facts {
    // For the graph. Of the places that state the facts of a query, one registers them.
    ($name:literal, @registered $($facts:tt)*) => {{
        $crate::private::facts!(@static $name, $($facts)*);
        $crate::private::inventory::submit! { $crate::private::RegisteredQuery(&__CACHE_QUERY) }
        &__CACHE_QUERY
    }};
    (@static $name:literal, [$($parts:tt)*] $(, $fact:ident = $value:expr)*) => {
        static __CACHE_QUERY: $crate::private::Query =
            $crate::private::Query::new($name, ::core::module_path!(), &[$($parts)*]).item(&|| ())$(.$fact($value))*;
    };
    ($name:literal, [$($parts:tt)*] $($facts:tt)*) => {{
        $crate::private::facts!(@static $name, [$($parts)*] $($facts)*);
        &__CACHE_QUERY
    }};
}

/// The facts of a mutation.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_mutation_facts {
    ($name:literal $(, $kind:ident($($text:literal),*))*) => {{
        static __CACHE_MUTATION: $crate::private::MutationFacts = $crate::private::MutationFacts::new(
            $name,
            ::core::module_path!(),
            &[$($crate::private::TargetFacts::$kind($($text),*)),*],
        )
        .item(&|| ());
        $crate::private::inventory::submit! { $crate::private::RegisteredMutation(&__CACHE_MUTATION) }
        &__CACHE_MUTATION
    }};
}

/// What `#[invalidates]` refers to: the constant of a query and the function that makes its keys.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_items {
    // Declared in a trait.
    (
        const $constant:ident: $place:ident;
        $(key [$($signature:tt)*] $(of $this:ident)? $(where [$($bounds:tt)*])?;)*
        $(entry [$($entry:tt)*] -> [$returned:ty] $(where [$($entry_bounds:tt)*])?;)?
    ) => {
        $crate::private::items! { @hidden const $constant: $crate::private::QueryRef<$crate::private::$place>; }
        $($crate::private::items! {
            @hidden
            $($signature)* -> $crate::private::items!(@returns $place $($this)?) $($($bounds)*)?;
        })*
        $($crate::private::items! {
            @hidden
            $($entry)* -> $crate::private::AnyQueryEntry<$returned> $($($entry_bounds)*)?;
        })?
    };
    // Defined.
    (
        $vis:vis const $constant:ident = [$place:ident, $owner:tt, $name:literal, $($facts:tt)*];
        $(key $key_vis:vis [$($signature:tt)*] $(of $this:ident)? $(where [$($bounds:tt)*])? = $key:tt;)*
        $(entry $entry_vis:vis [$($entry:tt)*] -> [$returned:ty] $(where [$($entry_bounds:tt)*])? = $request:tt;)?
    ) => {
        $crate::private::items! {
            @hidden
            $vis const $constant: $crate::private::QueryRef<$crate::private::$place> =
                $crate::private::query!($place, $owner, $name, @registered $($facts)*);
        }
        $($crate::private::items! {
            @hidden
            #[inline]
            $key_vis $($signature)* -> $crate::private::items!(@returns $place $($this)?) $($($bounds)*)? {
                use $crate::private::probing::*;
                $crate::private::items!(@key $key)
            }
        })*
        $($crate::private::items! {
            @hidden
            #[inline]
            $entry_vis $($entry)* -> $crate::private::AnyQueryEntry<$returned> $($($entry_bounds)*)? {
                use $crate::private::probing::*;
                $crate::private::items!(@entry $returned, $request)
            }
        })?
    };
    (@returns $place:ident) => {
        $crate::private::KeyRef<$crate::private::$place>
    };
    (@returns $place:ident $this:ident) => {
        $crate::private::KeyOfSelf<Self, impl FnOnce(&Self) -> $crate::private::KeyRef<$crate::private::$place>>
    };
    (@hidden $($item:tt)*) => {
        #[doc(hidden)]
        #[allow(
            unused, deprecated, nonstandard_style, private_interfaces, private_bounds, clippy::all, clippy::pedantic,
            reason = "it repeats the signature of the query"
        )]
        $($item)*
    };
    (@entry $returned:ty, ([
        @shared $query:expr, $cache:expr, $parts:expr, $outcome:expr, $generics:expr
    ] $($options:tt)*)) => {
        match $parts {
            __cache_parts => $crate::private::share!(
                $crate::private::items!(@miss $query, $cache, __cache_parts, $outcome, $generics),
                __cache_parts,
                $outcome
            ) $($options)* .entry::<$returned>(),
        }
    };
    (@entry $returned:ty, ([$query:expr, $cache:expr, $parts:expr, $outcome:expr, $generics:expr] $($options:tt)*)) => {
        $crate::private::items!(@miss $query, $cache, $parts, $outcome, $generics) $($options)* .entry::<$returned>()
    };
    (@miss $query:expr, $cache:expr, $parts:expr, $outcome:expr, $generics:expr) => {
        match $crate::private::look_up(
            &$query,
            &$crate::private::for_entry($cache),
            &$parts,
            $outcome,
            &$crate::private::instance(|| (), $generics),
        ) {
            ::core::result::Result::Ok(_) => ::core::unreachable!(),
            ::core::result::Result::Err(__cache_miss) => __cache_miss,
        }
    };
    // The query has an error, which is reported once.
    (@key ()) => {
        ::core::unreachable!()
    };
    // A query that is cached by each id of a list: its key has a reference to one.
    (@key (&$id:ident, |$this:ident| $query:expr, $parts:expr, $instance:expr)) => {
        $crate::private::key_of_self(move |$this: &Self| {
            let $id = &$id;
            $crate::private::key_ref(&$query, &$parts, $instance)
        })
    };
    (@key (&$id:ident, $query:expr, $parts:expr, $instance:expr)) => {{
        let $id = &$id;
        $crate::private::key_ref(&$query, &$parts, $instance)
    }};
    (@key (@shared |$this:ident| $query:expr, $parts:expr, $instance:expr)) => {
        $crate::private::key_of_self(move |$this: &Self| $crate::private::shared_key_ref(&$query, &$parts, $instance))
    };
    (@key (@shared $query:expr, $parts:expr, $instance:expr)) => {
        $crate::private::shared_key_ref(&$query, &$parts, $instance)
    };
    (@key (|$this:ident| $query:expr, $parts:expr, $instance:expr)) => {
        $crate::private::key_of_self(move |$this: &Self| $crate::private::key_ref(&$query, &$parts, $instance))
    };
    (@key ($query:expr, $parts:expr, $instance:expr)) => {
        $crate::private::key_ref(&$query, &$parts, $instance)
    };
}

/// Returns from the function on a hit, or evaluates to a [`Miss`](crate::private::Miss).
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_look_up {
    // Other processes may have it. The key is made once: a `key(..)` may be expensive.
    (@shared $query:expr, $cache:expr, $parts:expr, $outcome:expr, $generics:expr) => {{
        #[allow(unused_imports, reason = "whether it is needed depends on types")]
        use $crate::private::probing::*;
        #[allow(clippy::used_underscore_binding, reason = "what is not used in the body is still part of the key")]
        match $parts {
            __cache_parts => $crate::private::share!(
                $crate::private::look_up_or_return!($query, $cache, __cache_parts, $outcome, $generics),
                __cache_parts,
                $outcome
            ),
        }
    }};
    ($query:expr, $cache:expr, $parts:expr, $outcome:expr, $generics:expr) => {
        match $crate::private::look_up_one!($query, $cache, $parts, $outcome, $generics) {
            ::core::result::Result::Ok(__cache_hit) => return __cache_hit,
            ::core::result::Result::Err(__cache_miss) => $crate::private::inspected!(__cache_miss),
        }
    };
}

/// Tells a [`Miss`](crate::private::Miss) how its values are compared.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_inspected {
    ($miss:ident) => {{
        #[allow(unused_imports, reason = "whether it is needed depends on types")]
        use $crate::private::probing::*;
        let __cache_inspector = (&&&&$miss.values()).__cache_inspector();
        $miss.inspected_by(__cache_inspector)
    }};
}

/// A hit, or a [`Miss`](crate::private::Miss).
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_look_up_one {
    ($query:expr, $cache:expr, $parts:expr, $outcome:expr, $generics:expr) => {{
        #[allow(unused_imports, reason = "whether it is needed depends on types")]
        use $crate::private::probing::*;
        #[allow(clippy::used_underscore_binding, reason = "what is not used in the body is still part of the key")]
        $crate::private::look_up(&$query, $cache, &$parts, $outcome, &$crate::private::instance(|| (), $generics))
    }};
}

/// Tells a miss how its key and its value are written.
#[cfg(feature = "shared")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_share {
    ($miss:expr, $parts:expr, $outcome:expr) => {
        $miss.shared(
            |__cache_bytes| $crate::private::SharedParts::write(&$parts, __cache_bytes),
            $crate::private::value_encoding($outcome, $crate::private::unnamed_type()),
        )
    };
}

/// A part of a key that other processes can read. The error appears where the macro is called.
#[cfg(feature = "shared")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_shared_part {
    ($part:expr) => {
        (&&$crate::private::candidate($part)).__cache_shared_part()
    };
}

/// Runs a mutation if it can be announced. The error appears where the macro is called.
#[cfg(feature = "shared")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_announced {
    ($pending:ident.run($body:expr)) => {
        $pending.run_announced(|__cache_error| $crate::private::refused(__cache_error), $body)
    };
    ($pending:ident.run_async($holder:expr, $body:expr)) => {
        $pending.run_announced_async($holder, |__cache_error| $crate::private::refused(__cache_error), $body)
    };
}

/// Where a result of a type waits; of an unknown one, nowhere.
#[cfg(feature = "shared")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_holder {
    () => {
        <$crate::private::Unheld<_> as ::core::default::Default>::default()
    };
    ($returned:ty) => {{
        #[allow(unused_imports, reason = "whether it is needed depends on the type")]
        use $crate::private::probing::*;
        (&&$crate::private::Results::<$returned>::new()).__cache_holder()
    }};
}

/// Without a tier nothing waits.
#[cfg(not(feature = "shared"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_holder {
    ($($returned:ty)?) => {
        <$crate::private::Unheld<_> as ::core::default::Default>::default()
    };
}

/// Refuses what needs a tier, without the feature. The error appears where the macro is called.
#[cfg(feature = "shared")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_needs_tier {
    ($option:literal) => {};
}

// Without the feature there is this error, and no other.

#[cfg(not(feature = "shared"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_needs_tier {
    ($option:literal) => {
        ::core::compile_error!(::core::concat!(
            "`",
            $option,
            "` needs a tier: add the crate `cache-redis`, or the feature `shared` of `cache-core`"
        ));
    };
}

#[cfg(not(feature = "shared"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_share {
    ($miss:expr, $parts:expr, $outcome:expr) => {
        $miss
    };
}

#[cfg(not(feature = "shared"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_shared_part {
    ($part:expr) => {
        $part
    };
}

#[cfg(not(feature = "shared"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_announced {
    ($pending:ident.$run:ident($($arguments:expr),*)) => {
        $pending.$run($($arguments),*)
    };
}

/// Refuses an outcome without errors. The error appears where the macro is called.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_needs_result {
    ($outcome:expr) => {{
        #[allow(unused_imports, reason = "whether it is needed depends on the type")]
        use $crate::private::probing::*;
        let __cache_outcome = $outcome;
        $crate::private::needs_result(&__cache_outcome);
    }};
}

/// One entry of a query, from its hidden function: its value is known where the return type is.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_typed_entry {
    ($entry:expr) => {
        match $entry {
            __cache_entry => {
                #[allow(unused_imports, reason = "whether it is needed depends on the type")]
                use $crate::private::probing::*;
                let __cache_outcome = __cache_entry.returned().__cache_outcome_unshared();
                __cache_entry.typed(__cache_outcome)
            }
        }
    };
}

/// How the result of a mutation is read. Its error is never shared.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_outcome {
    ($returned:ty) => {{
        #[allow(unused_imports, reason = "whether it is needed depends on the type")]
        use $crate::private::probing::*;
        $crate::private::Returned::<$returned>::new().__cache_outcome_unshared()
    }};
}

/// Gives an `async` block its return type: there is no syntax for it, and `?` needs it to convert errors.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_returns {
    ($returned:ty) => {
        if let ::core::option::Option::Some(__cache_returned) = ::core::option::Option::None::<$returned> {
            return __cache_returned;
        }
    };
}

/// A trait that no type implements, with the items that targets name. For a missing item the compiler names this trait:
/// its name is the advice.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_suggest {
    ($($advice:ident: $($item:ident),*;)*) => {$(
        #[allow(dead_code, nonstandard_style, reason = "it is there for its name")]
        trait $advice {
            $(const $item: ();)*
        }
    )*};
}
