//! The item around an annotated function, and how the function refers to the items of queries.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::{ExprPath, Generics};

use crate::parse::function::Function;

pub(crate) enum Enclosing<'a> {
    /// A module, an `impl` or a trait.
    Unknown,
    Block(&'a HiddenTrait),
}

/// The trait with the hidden items of a block.
pub(crate) struct HiddenTrait {
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) queries: BTreeSet<String>,
    /// Whether `Self` is one type without borrows.
    pub(crate) is_concrete: bool,
}

impl Enclosing<'_> {
    /// Whether it is certainly in an `impl` or a trait.
    pub(crate) fn is_associated(&self, function: &Function) -> bool {
        matches!(self, Self::Block(_)) || function.is_associated()
    }

    /// The path of the constant of a query.
    pub(crate) fn constant(&self, function: &Function, query: &ExprPath) -> TokenStream {
        self.reference(function, query, constant_name)
    }

    /// The path of the function that makes a key of a query.
    pub(crate) fn key_function(&self, function: &Function, query: &ExprPath) -> TokenStream {
        self.reference(function, query, key_name)
    }

    /// The path of the function that makes a key of a query without its skipped arguments.
    pub(crate) fn skipping_key_function(&self, function: &Function, query: &ExprPath) -> TokenStream {
        self.reference(function, query, skipping_key_name)
    }

    /// The path of the function that makes an entry of a query.
    pub(crate) fn entry_function(&self, function: &Function, query: &ExprPath) -> TokenStream {
        self.reference(function, query, entry_name)
    }

    /// No added identifier has the span of the target: from there an editor goes to the query alone. The punctuation
    /// has it, for errors about the whole expression.
    fn reference(&self, function: &Function, query: &ExprPath, rename: fn(&Ident) -> Ident) -> TokenStream {
        let mut renamed = query.clone();
        let last = renamed.path.segments.last_mut().expect("a path is not empty");
        let name = last.ident.clone();
        last.ident = rename(&name);
        let (path, span) = (&renamed.path, name.span());
        let last = path.segments.last();
        let self_type = Ident::new("Self", Span::mixed_site());
        if self.is_hidden(query) {
            let Self::Block(HiddenTrait { name: hidden, generics, .. }) = self else { unreachable!("it is hidden") };
            let (_, arguments, _) = generics.split_for_impl();
            let hidden = quote_spanned!(Span::mixed_site()=> as #hidden #arguments);
            return quote_spanned!(span=> <#self_type #hidden>::#last);
        }
        if self.is_own(function, query) {
            return quote_spanned!(span=> <#self_type>::#path);
        }
        renamed.to_token_stream()
    }

    /// Whether a target is a query in the hidden trait.
    pub(crate) fn is_hidden(&self, query: &ExprPath) -> bool {
        let segments = &query.path.segments;
        let is_of_self = segments.len() == 1 || (segments.len() == 2 && segments[0].ident == "Self");
        let name = segments.last().map(|last| last.ident.unraw().to_string());
        let is_plain = query.qself.is_none() && query.path.leading_colon.is_none();
        matches!(self, Self::Block(hidden) if is_plain && is_of_self && name.is_some_and(|name| hidden.queries.contains(&name)))
    }

    /// Whether a target is a query of `Self`: a single name in an `impl` or a trait.
    pub(crate) fn is_own(&self, function: &Function, query: &ExprPath) -> bool {
        query.qself.is_none()
            && query.path.leading_colon.is_none()
            && query.path.segments.len() == 1
            && self.is_associated(function)
    }
}

pub(crate) fn constant_name(query: &Ident) -> Ident {
    prefixed("__cached_query_", query)
}

pub(crate) fn key_name(query: &Ident) -> Ident {
    prefixed("__cached_key_", query)
}

/// The compiler reports this name for a query that skips no argument.
pub(crate) fn skipping_key_name(query: &Ident) -> Ident {
    prefixed("__cached_key_without_skipped_arguments_of_", query)
}

/// The function that makes the entry of a call.
pub(crate) fn entry_name(query: &Ident) -> Ident {
    prefixed("__cached_entry_", query)
}

fn prefixed(prefix: &str, query: &Ident) -> Ident {
    let name = query.unraw().to_string();
    // The compiler may have suggested the prefixed name.
    let name = name.strip_prefix(prefix).unwrap_or(&name);
    Ident::new(&format!("{prefix}{name}"), query.span())
}

/// A name with the location of the attribute.
pub(crate) fn at_attribute(name: &Ident) -> Ident {
    let mut name = name.clone();
    name.set_span(Span::call_site().resolved_at(name.span()));
    name
}
