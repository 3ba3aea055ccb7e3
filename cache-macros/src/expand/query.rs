//! The function around the body of a query.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::expand::body::{body_of, cache};
use crate::expand::items::Query;
use crate::expand::options::{entry_options, value_options};
use crate::expand::outcome::outcome;
use crate::parse::function::Function;

pub(crate) fn query(query: &Query<'_>) -> TokenStream {
    let Query { function, options, key, enclosing, .. } = *query;
    let Function { attributes, visibility, body, .. } = function;
    let krate = options.common.krate();
    let (signature, query_ref, instance) = (function.name_arguments(), query.query_ref(), query.instance());
    let (cache, parts) = (cache(function, &options.common, &krate), key.parts(&krate));
    let (value_options, entry_options) = (value_options(options, &krate), entry_options(options));
    let (returns, outcome) = (function.returns(), outcome(function, enclosing, &krate));
    let body = body_of(function, returns, &body.stream(), &krate);
    let load = if function.is_async() { quote!(load_async(#body).await) } else { quote!(load(#body)) };
    // A separate statement: `format_args!` is not `Send`, and must be dropped before a body is awaited.
    let around = function.braced(quote_spanned! {Span::mixed_site()=>
        let __cache_miss = #krate::private::look_up_or_return!(#query_ref, #cache, #parts, #outcome, #instance) #entry_options #value_options;
        __cache_miss.#load
    });
    quote!(#(#attributes)* #visibility #signature #around)
}
