//! The function around the body of a query.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, Path};

use crate::expand::body::{body_of, cache};
use crate::expand::facts::{fixed_tag, is_fixed};
use crate::expand::items::Beside;
use crate::expand::key::respan;
use crate::expand::outcome::may_share_error;
use crate::parse::function::Method;
use crate::parse::options::{QueryOptions, ungrouped};
use crate::parse::types::is_plain;

/// The function around the body of a query.
pub(crate) fn query(beside: &Beside<'_>) -> TokenStream {
    let Beside { method, options, key, .. } = *beside;
    let Method { attributes, visibility, body, .. } = method;
    let krate = options.common.krate();
    let (signature, site, instance) = (method.name_arguments(), beside.site(), beside.instance());
    let (cache, parts) = (cache(method, &options.common, &krate), key.parts(&krate));
    let (judge, options) = (judge(options, &krate), entry(options));
    let returns = method.returns();
    // With the span of the type: an error about the value appears under it.
    let at_type = respan(&krate, returns.span());
    let outcome = if returns.is_some_and(is_plain) {
        quote_spanned!(returns.span()=> #at_type::private::plain::<#returns>())
    } else if may_share_error(method, beside.home) {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome())
    } else {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome_unshared())
    };
    let body = body_of(method, returns, &body.stream(), &krate);
    let load = if method.is_async() { quote!(load_async(#body).await) } else { quote!(load(#body)) };
    // In a statement of its own: what formats a tag is not `Send`, and must not be alive while a body is awaited.
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        let __cache_miss = #krate::private::miss!(#site, #cache, #parts, #outcome, #instance) #options #judge;
        __cache_miss.#load
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// The options of an entry that depend on the call, as calls of a miss.
fn entry(options: &QueryOptions) -> TokenStream {
    let ttl = options.ttl.get().filter(|ttl| !is_fixed(ttl));
    // Closures: a `?` or a `return` in the user's expression is not to end the function.
    let mut calls = ttl.map_or_else(TokenStream::new, |ttl| quote_spanned!(Span::mixed_site()=> .ttl(|| #ttl)));
    for tag in options.tags.get().into_iter().flatten().filter(|tag| fixed_tag(tag).is_none()) {
        calls.extend(match ungrouped(tag) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                quote_spanned!(Span::mixed_site()=> .formatted_tag(::core::format_args!(#text)))
            }
            tag => quote_spanned!(Span::mixed_site()=> .tag(|| #tag)),
        });
    }
    calls
}

/// The options that depend on the loaded value, as calls of a miss.
fn judge(options: &QueryOptions, krate: &Path) -> TokenStream {
    let keep_if = options.cache_if.get().map(|keep_if| quote_spanned!(Span::mixed_site()=> .keep_if(#keep_if)));
    let tags_from = options.tags_from.get().map(|tags_from| {
        quote_spanned!(Span::mixed_site()=> .tags_from(|__cache_value| #krate::private::tags_of(__cache_value, #tags_from)))
    });
    quote!(#keep_if #tags_from)
}
