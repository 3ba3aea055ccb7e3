//! The options of a query that are known at compile time.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, ExprMacro, Lit, LitStr, Token};

use crate::parse::duration;
use crate::parse::options::{QueryOptions, StaleOptions};
use crate::parse::tag_text::is_formatted;
use crate::parse::tokens::ungrouped;

pub(crate) fn is_static_ttl(ttl: &Expr) -> bool {
    duration::of_literal(ttl).is_some()
}

/// A tag without arguments.
pub(crate) fn static_tag(given: &Expr) -> Option<&LitStr> {
    match ungrouped(given) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if !is_formatted(&text.value()) => Some(text),
        _ => None,
    }
}

/// The text of a tag that is a string, or is made by `format!`.
pub(crate) fn tag_text(tag: &Expr) -> Option<String> {
    match ungrouped(tag) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Macro(ExprMacro { mac, .. }) if mac.path.segments.last()?.ident == "format" => {
            let arguments = mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated).ok()?;
            tag_text(arguments.first()?)
        }
        _ => None,
    }
}

/// The static options of a query, each after a comma. Those that may be wrong expressions only if all is valid.
pub(crate) fn facts(options: &QueryOptions, is_valid: bool) -> TokenStream {
    let capacity = options.capacity.get().map(|entries| quote!(, capacity = #entries));
    let ttl = options.ttl.get().and_then(static_duration).map(|ttl| quote!(, ttl = #ttl));
    let own_ttl = options.own_ttl.get().map(|()| quote!(, own_ttl = true));
    let tags: Vec<_> = options.tags.get().into_iter().flatten().filter_map(static_tag).collect();
    let tags = (!tags.is_empty()).then(|| quote!(, tags = &[#(#tags),*]));
    let others = || options.tags.get().into_iter().flatten().filter(|given| static_tag(given).is_none());
    let formatted: Vec<_> = others().filter_map(tag_text).collect();
    let formatted = (!formatted.is_empty()).then(|| quote!(, formatted_tags = &[#(#formatted),*]));
    let has_others = options.tags_from.get().is_some() || others().any(|tag| tag_text(tag).is_none());
    let others = has_others.then(|| quote!(, other_tags = true));
    let value_ttl = options.ttl_from.get().map(|_| quote!(, value_ttl = true));
    let jitter = options.jitter.get().map(|parts_per_million| quote!(, jitter = #parts_per_million));
    let shared = options.shared.get().map(|()| quote!(, shared = true));
    let stale = is_valid.then(|| stale_facts(&options.stale));
    quote!(#capacity #ttl #own_ttl #tags #formatted #others #value_ttl #jitter #shared #stale)
}

/// What a macro gets before its arguments if the query is shared.
pub(crate) fn shared(options: &QueryOptions) -> Option<TokenStream> {
    options.shared.get().map(|()| quote_spanned!(Span::mixed_site()=> @shared))
}

fn stale_facts(options: &StaleOptions) -> TokenStream {
    let times = options.times().into_iter().filter_map(|setting| {
        let (key, given) = (setting.key()?, setting.get()?);
        // An error about a constant appears under it, and none about the fact under the option.
        let fact = Ident::new(&key.to_string(), Span::mixed_site());
        let time = static_duration(given).unwrap_or_else(|| given.to_token_stream());
        Some(quote!(, #fact = #time))
    });
    quote!(#(#times)*)
}

fn static_duration(given: &Expr) -> Option<TokenStream> {
    let duration = duration::of_literal(given)?;
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    Some(quote!(::core::time::Duration::new(#seconds, #nanos)))
}
