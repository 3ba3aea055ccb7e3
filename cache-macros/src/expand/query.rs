//! The function around the body of a query.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, Path};

use crate::expand::body::{body_of, cache};
use crate::expand::facts::{is_static_ttl, static_tag};
use crate::expand::items::Query;
use crate::expand::key::respan;
use crate::expand::outcome::may_share_error;
use crate::parse::function::Function;
use crate::parse::options::{QueryOptions, ungrouped};
use crate::parse::types::is_plain;

pub(crate) fn query(query: &Query<'_>) -> TokenStream {
    let Query { function, options, key, .. } = *query;
    let Function { attributes, visibility, body, .. } = function;
    let krate = options.common.krate();
    let (signature, query_ref, instance) = (function.name_arguments(), query.query_ref(), query.instance());
    let (cache, parts) = (cache(function, &options.common, &krate), key.parts(&krate));
    let (value_options, entry_options) = (value_options(options, &krate), entry_options(options));
    let returns = function.returns();
    // Errors about the value appear under the type.
    let at_type = respan(&krate, returns.span());
    let outcome = if returns.is_some_and(is_plain) {
        quote_spanned!(returns.span()=> #at_type::private::plain::<#returns>())
    } else if may_share_error(function, query.enclosing) {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome())
    } else {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome_unshared())
    };
    let body = body_of(function, returns, &body.stream(), &krate);
    let load = if function.is_async() { quote!(load_async(#body).await) } else { quote!(load(#body)) };
    // A separate statement: `format_args!` is not `Send`, and must be dropped before a body is awaited.
    let around = function.braced(quote_spanned! {Span::mixed_site()=>
        let __cache_miss = #krate::private::look_up_or_return!(#query_ref, #cache, #parts, #outcome, #instance) #entry_options #value_options;
        __cache_miss.#load
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// Calls of the miss for options that depend on the arguments.
fn entry_options(options: &QueryOptions) -> TokenStream {
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

/// Calls of the miss for options that depend on the loaded value.
fn value_options(options: &QueryOptions, krate: &Path) -> TokenStream {
    let cache_if = options.cache_if.get().map(|cache_if| quote_spanned!(Span::mixed_site()=> .cache_if(#cache_if)));
    let tags_from = options.tags_from.get().map(|tags_from| {
        quote_spanned!(Span::mixed_site()=> .tags_from(|__cache_value| #krate::private::tags_of(__cache_value, #tags_from)))
    });
    quote!(#cache_if #tags_from)
}
