//! `#[cached_impl]`: expands the attributes in an `impl` of a trait, and puts their hidden items into a trait.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Error, Meta, Path};

use crate::attribute::{mutation, query};
use crate::errors::Errors;
use crate::expand::enclosing::{Enclosing, HiddenTrait};
use crate::expand::hidden_trait::hidden_trait;
use crate::expand::items::HiddenItems;
use crate::fallback;
use crate::parse::block::{Block, Item, Kind, is_query, kind, without_attributes};
use crate::parse::function::{Function, is_named};
use crate::validate::BELOW_ASYNC_TRAIT;

pub(crate) fn cached_impl(options: &TokenStream, item: &TokenStream) -> TokenStream {
    match expand(options, item) {
        Ok(tokens) => tokens,
        Err(error) => {
            let mut removed = Vec::new();
            let block = fallback::raw(&without_attributes(item.clone(), &mut removed), &error);
            let imports = (!removed.is_empty()).then(|| used(removed.iter().map(Attribute::path)));
            quote!(#block #imports)
        }
    }
}

fn expand(options: &TokenStream, item: &TokenStream) -> syn::Result<TokenStream> {
    let block = Block::parse(item)?;
    if !options.is_empty() {
        let message = "`#[cached_impl]` has no options: they go to `#[cached_query]` and `#[invalidates]`";
        return Err(Error::new_spanned(options, message));
    }
    let functions = block.items.iter().filter_map(|item| match item {
        Item::Annotated(function) => Some(function),
        Item::Other(_) => None,
    });
    let queries: BTreeSet<_> =
        functions.clone().filter(|function| is_query(function)).map(|function| function.name()).collect();
    if let Some(again) = block.head.attributes().iter().find(|attribute| is_named(attribute, "cached_impl")) {
        return Err(Error::new_spanned(again.path(), "one `#[cached_impl]` is enough: keep one"));
    }
    if functions.clone().count() == 0 {
        let message =
            "nothing in it is annotated: put `#[cached_query]` on the methods that read, or remove `#[cached_impl]`";
        return Err(Error::new(Span::call_site(), message));
    }
    if functions.clone().any(|function| function.is_rewritten()) {
        return Err(Error::new(Span::call_site(), BELOW_ASYNC_TRAIT));
    }
    let (name, generics) = (block.head.hidden_name(), block.head.generics().clone());
    let hidden = HiddenTrait { name, generics, queries, is_concrete: block.head.is_concrete() };
    let mut errors = Errors::default();
    let (mut items, mut hidden_items) = (TokenStream::new(), HiddenItems::default());
    for item in &block.items {
        match item {
            Item::Other(other) => items.extend(other.clone()),
            Item::Annotated(function) => {
                items.extend(annotated(function, &Enclosing::Block(&hidden), &mut hidden_items, &mut errors)?);
            }
        }
    }
    let imports = functions.flat_map(|function| &function.attributes).filter(|attribute| kind(attribute).is_some());
    let imports = used(imports.map(Attribute::path));
    let errors = errors.into_result().err().map(|errors| errors.to_compile_error());
    let head = block.head.around(&items);
    let hidden_items = (!hidden.queries.is_empty()).then(|| hidden_trait(&block.head, &hidden.name, &hidden_items));
    Ok(quote!(#head #hidden_items #imports #errors))
}

/// Uses the paths of attributes that are expanded here: otherwise the compiler reports their imports as unused.
fn used<'a>(paths: impl Iterator<Item = &'a Path>) -> TokenStream {
    let distinct: BTreeMap<String, &Path> = paths.map(|path| (path.to_token_stream().to_string(), path)).collect();
    let paths = distinct.values();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #(
                #[allow(unused_imports, reason = "the import is used by the attribute")]
                use #paths as _;
            )*
        };
    }
}

/// Expands the attributes of one function, the first one first: the others find it around the body.
fn annotated(
    function: &Function,
    enclosing: &Enclosing<'_>,
    hidden_items: &mut HiddenItems,
    errors: &mut Errors,
) -> syn::Result<TokenStream> {
    let mut function = function.clone();
    while let Some((position, kind)) = first_of_ours(&function) {
        let attribute = function.attributes.remove(position);
        let options = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) => TokenStream::new(),
            Meta::NameValue(meta) => return Err(Error::new_spanned(meta, "options go in parentheses")),
        };
        let expanded = match kind {
            Kind::Query => query(options, &function, enclosing),
            Kind::Mutation => mutation(options, &function, enclosing),
        };
        hidden_items.extend(expanded.hidden_items);
        if let Some(more) = expanded.errors {
            errors.push(more);
        }
        function = syn::parse2(expanded.function)?;
    }
    Ok(fallback::function(&function))
}

fn first_of_ours(function: &Function) -> Option<(usize, Kind)> {
    let mut kinds = function.attributes.iter().map(kind).enumerate();
    kinds.find_map(|(position, kind)| Some((position, kind?)))
}
