//! The options of a query that are known at compile time.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::parse::options::{QueryOptions, ungrouped};
use crate::parse::{duration, tag_text};

pub(crate) fn is_static_ttl(ttl: &Expr) -> bool {
    static_ttl(ttl).is_some()
}

/// A tag without arguments.
pub(crate) fn static_tag(given: &Expr) -> Option<&LitStr> {
    match ungrouped(given) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if !tag_text::is_formatted(&text.value()) => Some(text),
        _ => None,
    }
}

/// The static options of a query, each after a comma.
pub(crate) fn facts(options: &QueryOptions) -> TokenStream {
    let capacity = options.capacity.get().map(|entries| quote!(, capacity = #entries));
    let ttl = options.ttl.get().and_then(static_ttl).map(|ttl| quote!(, ttl = #ttl));
    let own_ttl = options.own_ttl.get().map(|()| quote!(, own_ttl = true));
    let tags: Vec<_> = options.tags.get().into_iter().flatten().filter_map(static_tag).collect();
    let tags = (!tags.is_empty()).then(|| quote!(, tags = &[#(#tags),*]));
    quote!(#capacity #ttl #own_ttl #tags)
}

fn static_ttl(ttl: &Expr) -> Option<TokenStream> {
    match ungrouped(ttl) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let duration = duration::parse(&text.value()).expect("it was checked when it was read");
            let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
            Some(quote!(::core::time::Duration::new(#seconds, #nanos)))
        }
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => Some(quote!(::core::time::Duration::from_secs(#seconds))),
        _ => None,
    }
}
