//! From an attribute on a function to code.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::expand::enclosing::Enclosing;
use crate::expand::items::{HiddenItems, Query};
use crate::expand::key::Key;
use crate::parse::function::{Function, is_named};
use crate::parse::list::List;
use crate::parse::options::QueryOptions;
use crate::parse::targets::Invalidations;
use crate::{fallback, validate};

pub(crate) struct Expanded {
    pub(crate) function: TokenStream,
    /// The items that targets refer to.
    pub(crate) hidden_items: HiddenItems,
    pub(crate) errors: Option<syn::Error>,
}

pub(crate) fn cached_query(options: TokenStream, item: &TokenStream) -> TokenStream {
    alone(item, |function| query(options, function, &Enclosing::Unknown))
}

pub(crate) fn invalidates(targets: TokenStream, item: &TokenStream) -> TokenStream {
    alone(item, |function| mutation(targets, function, &Enclosing::Unknown))
}

/// Expands an attribute outside of `#[cached_impl]`.
fn alone(item: &TokenStream, expand: impl FnOnce(&Function) -> Expanded) -> TokenStream {
    match syn::parse2(item.clone()) {
        Ok(function) => {
            let Expanded { function, hidden_items: HiddenItems { items, .. }, errors } = expand(&function);
            let errors = errors.map(|errors| errors.to_compile_error());
            quote!(#function #items #errors)
        }
        Err(error) => fallback::raw(item, &error),
    }
}

pub(crate) fn query(options: TokenStream, function: &Function, enclosing: &Enclosing<'_>) -> Expanded {
    let (options, mut errors) = QueryOptions::parse(options);
    let list = options.each.get().and_then(|named| match List::find(function, named) {
        Ok(list) => Some(list),
        Err(error) => {
            errors.push(error);
            None
        }
    });
    validate::cached_query(function, list.as_ref(), &options, &mut errors);
    let errors = errors.into_result().err();
    // The items are about one id of a list.
    let of_one = list.as_ref().map_or(function, |list| &list.of_one);
    let key = Key::of(of_one, &options);
    let is_valid = errors.is_none();
    let query = Query { function: of_one, list: list.as_ref(), options: &options, key: &key, enclosing, is_valid };
    let expanded = match &list {
        _ if !is_valid => fallback::function(function),
        Some(list) => expand::each::query(&query, list, function),
        None => expand::query::query(&query),
    };
    // A second attribute would define the same items. An `impl` of a trait, as around a rewritten function, cannot have
    // them.
    let is_last = !function.attributes.iter().any(|attribute| is_named(attribute, "cached_query"));
    let hidden_items = if is_last && !function.is_rewritten() { query.hidden_items() } else { HiddenItems::default() };
    Expanded { function: expanded, hidden_items, errors }
}

pub(crate) fn mutation(targets: TokenStream, function: &Function, enclosing: &Enclosing<'_>) -> Expanded {
    let (invalidations, mut errors) = Invalidations::parse(targets);
    validate::invalidates(function, &invalidations, &mut errors);
    let errors = errors.into_result().err();
    let function = match errors {
        None => expand::mutation::mutation(function, &invalidations, enclosing),
        Some(_) => fallback::function(function),
    };
    Expanded { function, hidden_items: HiddenItems::default(), errors }
}
