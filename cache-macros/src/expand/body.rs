//! The user's body and the cache, of queries and mutations.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Path, Type};

use crate::expand::key::respan;
use crate::parse::function::Function;
use crate::parse::options::CommonOptions;

/// A closure, or the future of an `async fn`, with the arguments that the body mentions.
pub(crate) fn body_of(function: &Function, returns: Option<&Type>, code: &TokenStream, krate: &Path) -> TokenStream {
    body(function, returns, code, krate, &quote_spanned!(Span::mixed_site()=> move))
}

/// As [`body_of`], but for a body that may run again.
pub(crate) fn borrowing_body_of(
    function: &Function,
    returns: Option<&Type>,
    code: &TokenStream,
    krate: &Path,
) -> TokenStream {
    body(function, returns, code, krate, &TokenStream::new())
}

fn body(
    function: &Function,
    returns: Option<&Type>,
    code: &TokenStream,
    krate: &Path,
    capture: &TokenStream,
) -> TokenStream {
    if !function.is_async() {
        let arrow = returns.map(|ty| quote!(-> #ty));
        return quote_spanned!(Span::mixed_site()=> #capture || #arrow { #code });
    }
    let returns = returns.filter(|ty| !matches!(ty, Type::Never(_))).map(|ty| {
        // The compiler shows the type beside a wrong value.
        let span = Span::mixed_site().located_at(ty.span());
        let krate = respan(krate, span);
        quote_spanned!(span=> #krate::private::returns!(#ty);)
    });
    quote_spanned!(Span::mixed_site()=> async #capture { #returns #code })
}

pub(crate) fn cache(function: &Function, options: &CommonOptions, krate: &Path) -> TokenStream {
    let cache = match (options.cache.get(), function.this(krate)) {
        (Some(cache), _) => quote!(#cache),
        (None, Some(this)) => quote_spanned!(Span::mixed_site()=> #krate::HasCache::cache(#this)),
        (None, None) => quote_spanned!(Span::mixed_site()=> #krate::Cache::global()),
    };
    if options.in_transaction.get() != Some(&true) {
        return cache;
    }
    let name = function.name();
    quote_spanned!(Span::mixed_site()=> #krate::private::in_transaction(#cache, #name))
}
