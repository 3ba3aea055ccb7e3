//! What is common to queries and mutations: the user's body, and the cache.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Path, Type};

use crate::expand::key::respan;
use crate::parse::function::Method;
use crate::parse::options::CommonOptions;

/// The user's code: a closure, or the future of an `async fn`.
pub(crate) fn body_of(method: &Method, returns: Option<&Type>, code: &TokenStream, krate: &Path) -> TokenStream {
    if !method.is_async() {
        let arrow = returns.map(|ty| quote!(-> #ty));
        return quote_spanned!(Span::mixed_site()=> move || #arrow { #code });
    }
    let returns = returns.filter(|ty| !matches!(ty, Type::Never(_))).map(|ty| {
        // Under the type, where the compiler says from what it knows it.
        let span = Span::mixed_site().located_at(ty.span());
        let krate = respan(krate, span);
        quote_spanned!(span=> #krate::private::returns!(#ty);)
    });
    quote_spanned!(Span::mixed_site()=> async move { #returns #code })
}

/// An expression for the cache, as a reference.
pub(crate) fn cache(method: &Method, options: &CommonOptions, krate: &Path) -> TokenStream {
    if let Some(cache) = options.cache.get() {
        return quote!(#cache);
    }
    let of_self = method.this(krate).map(|this| quote_spanned!(Span::mixed_site()=> #krate::HasCache::cache(#this)));
    of_self.unwrap_or_else(|| quote_spanned!(Span::mixed_site()=> #krate::Cache::global()))
}
