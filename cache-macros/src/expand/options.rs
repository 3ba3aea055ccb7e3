//! Calls of a miss, or of the request for an entry, for the options of a query that are not known at compile time.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Path};

use crate::expand::facts::{is_static_ttl, static_tag};
use crate::parse::function::Function;
use crate::parse::options::QueryOptions;
use crate::parse::tokens;
use crate::parse::tokens::ungrouped;

/// For options that depend on the arguments.
pub(crate) fn entry_options(options: &QueryOptions) -> TokenStream {
    let ttl = options.ttl.get().filter(|ttl| !is_static_ttl(ttl));
    // A `?` or a `return` in a closure does not end the function.
    let mut calls = ttl.map_or_else(TokenStream::new, |ttl| quote_spanned!(Span::mixed_site()=> .ttl(|| #ttl)));
    for tag in options.tags.get().into_iter().flatten().filter(|tag| static_tag(tag).is_none()) {
        calls.extend(match ungrouped(tag) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                quote_spanned!(Span::mixed_site()=> .formatted_tag(::core::format_args!(#text)))
            }
            tag => quote_spanned!(Span::mixed_site()=> .tag(|| #tag)),
        });
    }
    calls
}

/// For options that depend on the value, of an entry that outlives the arguments.
pub(crate) fn judge_of_entry(function: &Function, options: &QueryOptions, krate: &Path) -> TokenStream {
    let given: TokenStream = options.of_value().map(ToTokens::to_token_stream).collect();
    let names_argument = function.arguments().any(|argument| tokens::uses(&given, &argument.name));
    let names_self = tokens::has_ident(given, &|ident, begins_path| ident == "self" && !begins_path);
    if names_argument || names_self {
        return quote_spanned!(Span::mixed_site()=> .unjudged());
    }
    owned_value_options(options, krate)
}

/// For options that depend on the value alone, of a load or an entry that outlives the call.
pub(crate) fn owned_value_options(options: &QueryOptions, krate: &Path) -> TokenStream {
    calls_of_value(options, krate, |given| {
        // A function's type borrows what its generic arguments do; a closure's borrows what it captures.
        if let Expr::Path(_) = ungrouped(given) {
            quote_spanned!(Span::mixed_site()=> |__cache_value| #given(__cache_value))
        } else {
            given.to_token_stream()
        }
    })
}

/// For options that depend on the value.
pub(crate) fn value_options(options: &QueryOptions, krate: &Path) -> TokenStream {
    calls_of_value(options, krate, ToTokens::to_token_stream)
}

fn calls_of_value(options: &QueryOptions, krate: &Path, function: fn(&Expr) -> TokenStream) -> TokenStream {
    let cache_if = options.cache_if.get().map(function);
    let cache_if = cache_if.map(|cache_if| quote_spanned!(Span::mixed_site()=> .cache_if(#cache_if)));
    let tags_from = options.tags_from.get().map(|tags_from| {
        quote_spanned!(Span::mixed_site()=> .tags_from(|__cache_value| #krate::private::tags_of(__cache_value, #tags_from)))
    });
    let ttl_from = options.ttl_from.get().map(function);
    let ttl_from = ttl_from.map(|ttl_from| quote_spanned!(Span::mixed_site()=> .ttl_from(#ttl_from)));
    let weight = options.weight.get().map(function);
    let weight = weight.map(|weight| quote_spanned!(Span::mixed_site()=> .weight(#weight)));
    quote!(#cache_if #tags_from #ttl_from #weight)
}
