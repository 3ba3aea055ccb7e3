//! The function around the body of a query.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

use crate::expand::body::{body_of, cache};
use crate::expand::facts::shared;
use crate::expand::items::Query;
use crate::expand::key::respan;
use crate::expand::options::{entry_options, owned_value_options, value_options};
use crate::expand::outcome::outcome;
use crate::parse::function::Function;
use crate::parse::options::QueryOptions;

pub(crate) fn query(query: &Query<'_>) -> TokenStream {
    let Query { function, options, key, enclosing, .. } = *query;
    let Function { attributes, visibility, body, .. } = function;
    let krate = options.common.krate();
    let (signature, query_ref, instance) = (function.name_arguments(), query.query_ref(), query.instance());
    let (cache, parts) = (cache(function, &options.common, &krate), key.parts(&krate));
    let is_background = options.stale.background.get().is_some();
    let value_options =
        if is_background { owned_value_options(options, &krate) } else { value_options(options, &krate) };
    let entry_options = entry_options(options);
    let (returns, outcome) = (function.returns(), outcome(function, enclosing, &krate));
    let needs_result = needs_result(options, &outcome, &krate);
    let (needs_tier, shared) = (needs_tier(options, &krate), shared(options));
    let body = body_of(function, returns, &body.stream(), &krate);
    let load = match (is_background, function.is_async()) {
        (false, false) => quote!(load(#body)),
        (false, true) => quote!(load_async(#body).await),
        (true, false) => quote!(load_in_background(#body)),
        (true, true) => quote!(load_in_background_async(#body).await),
    };
    // A separate statement: `format_args!` is not `Send`, and must be dropped before a body is awaited.
    let around = function.braced(quote_spanned! {Span::mixed_site()=>
        #needs_result
        #needs_tier
        let __cache_miss = #krate::private::look_up_or_return!(#shared #query_ref, #cache, #parts, #outcome, #instance) #entry_options #value_options;
        __cache_miss.#load
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// A statement that does not compile without the feature `shared`, with the error under the option.
fn needs_tier(options: &QueryOptions, krate: &Path) -> Option<TokenStream> {
    let key = options.shared.key()?;
    let (span, krate) = (key.span(), respan(krate, key.span()));
    Some(quote_spanned!(span=> #krate::private::needs_tier!("shared");))
}

/// A statement that does not compile unless the function returns a `Result`, with the error under the option.
pub(crate) fn needs_result(options: &QueryOptions, outcome: &TokenStream, krate: &Path) -> Option<TokenStream> {
    let span = options.stale.stale_if_error.key()?.span();
    let krate = respan(krate, span);
    Some(quote_spanned!(span=> #krate::private::needs_result!(#outcome);))
}
