//! `#[cached_impl]`: the attributes in an `impl` of a trait, which has no room for what stands beside queries.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Error, Meta, Path};

use crate::attribute::{mutation, query};
use crate::errors::Errors;
use crate::expand::enclosing::{HiddenTrait, Home};
use crate::expand::hidden_trait::hidden_trait;
use crate::expand::items::Code;
use crate::fallback;
use crate::parse::block::{Block, Item, Kind, is_query, kind, without_attributes};
use crate::parse::function::{Method, is_named};
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
        Item::Annotated(method) => Some(method),
        Item::Other(_) => None,
    });
    let queries: BTreeSet<_> =
        functions.clone().filter(|method| is_query(method)).map(|method| method.name()).collect();
    if let Some(again) = block.head.attributes().iter().find(|attribute| is_named(attribute, "cached_impl")) {
        return Err(Error::new_spanned(again.path(), "one `#[cached_impl]` is enough: keep one"));
    }
    if functions.clone().count() == 0 {
        let message =
            "nothing in it is annotated: put `#[cached_query]` on what it reads, or leave `#[cached_impl]` away";
        return Err(Error::new(Span::call_site(), message));
    }
    if functions.clone().any(|method| method.is_rewritten()) {
        return Err(Error::new(Span::call_site(), BELOW_ASYNC_TRAIT));
    }
    let (name, generics) = (block.head.hidden_name(), block.head.generics().clone());
    let hidden = HiddenTrait { name, generics, queries, is_concrete: block.head.is_concrete() };
    let mut errors = Errors::default();
    let (mut items, mut beside) = (TokenStream::new(), Code::default());
    for item in &block.items {
        match item {
            Item::Other(other) => items.extend(other.clone()),
            Item::Annotated(method) => {
                items.extend(annotated(method, &Home::Hidden(&hidden), &mut beside, &mut errors)?);
            }
        }
    }
    let imports = functions.flat_map(|method| &method.attributes).filter(|attribute| kind(attribute).is_some());
    let imports = used(imports.map(Attribute::path));
    let errors = errors.into_result().err().map(|errors| errors.to_compile_error());
    let head = block.head.around(&items);
    let beside = (!hidden.queries.is_empty()).then(|| hidden_trait(&block.head, &hidden.name, &beside));
    Ok(quote!(#head #beside #imports #errors))
}

/// Uses the paths of attributes, which are expanded here and not looked up: or they would be told to be imported for
/// nothing.
fn used<'a>(paths: impl Iterator<Item = &'a Path>) -> TokenStream {
    let distinct: BTreeMap<String, &Path> = paths.map(|path| (path.to_token_stream().to_string(), path)).collect();
    let paths = distinct.values();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #(
                #[allow(unused_imports, reason = "so that it is not told to be unused where it is imported")]
                use #paths as _;
            )*
        };
    }
}

/// Expands the attributes of one function, the first of them first, which the next ones then find around the body.
fn annotated(method: &Method, home: &Home<'_>, beside: &mut Code, errors: &mut Errors) -> syn::Result<TokenStream> {
    let mut method = method.clone();
    while let Some((position, kind)) = first_of_ours(&method) {
        let attribute = method.attributes.remove(position);
        let options = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) => TokenStream::new(),
            Meta::NameValue(meta) => return Err(Error::new_spanned(meta, "options stand in parentheses")),
        };
        let expanded = match kind {
            Kind::Query => query(options, &method, home),
            Kind::Mutation => mutation(options, &method, home),
        };
        beside.extend(expanded.beside);
        if let Some(more) = expanded.errors {
            errors.push(more);
        }
        method = syn::parse2(expanded.function)?;
    }
    Ok(fallback::function(&method))
}

fn first_of_ours(method: &Method) -> Option<(usize, Kind)> {
    let mut kinds = method.attributes.iter().map(kind).enumerate();
    kinds.find_map(|(position, kind)| Some((position, kind?)))
}
