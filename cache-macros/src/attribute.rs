//! From an attribute on a function to code, one stage after another.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::expand::enclosing::Home;
use crate::expand::items::{Beside, Code};
use crate::expand::key::Key;
use crate::parse::function::{Method, is_named};
use crate::parse::options::QueryOptions;
use crate::parse::targets::Invalidations;
use crate::{fallback, validate};

/// What an attribute makes of a function.
pub(crate) struct Expanded {
    pub(crate) function: TokenStream,
    /// What stands beside a query.
    pub(crate) beside: Code,
    pub(crate) errors: Option<syn::Error>,
}

pub(crate) fn cached_query(options: TokenStream, item: &TokenStream) -> TokenStream {
    alone(item, |method| query(options, method, &Home::Unknown))
}

pub(crate) fn invalidates(targets: TokenStream, item: &TokenStream) -> TokenStream {
    alone(item, |method| mutation(targets, method, &Home::Unknown))
}

/// What an attribute makes that stands on a function itself.
fn alone(item: &TokenStream, expand: impl FnOnce(&Method) -> Expanded) -> TokenStream {
    match syn::parse2(item.clone()) {
        Ok(method) => {
            let Expanded { function, beside: Code { items, .. }, errors } = expand(&method);
            let errors = errors.map(|errors| errors.to_compile_error());
            quote!(#function #items #errors)
        }
        Err(error) => fallback::raw(item, &error),
    }
}

pub(crate) fn query(options: TokenStream, method: &Method, home: &Home<'_>) -> Expanded {
    let (options, mut errors) = QueryOptions::parse(options);
    validate::cached_query(method, &options, &mut errors);
    let errors = errors.into_result().err();
    let key = Key::of(method, &options);
    let beside = Beside { method, options: &options, key: &key, home, is_sound: errors.is_none() };
    let function = if errors.is_none() { expand::query::query(&beside) } else { fallback::function(method) };
    // One that follows has the same names. In an `impl` of a trait, which this is if it was rewritten, all of it would
    // be told to be no part of the trait.
    let is_last = !method.attributes.iter().any(|attribute| is_named(attribute, "cached_query"));
    let beside = if is_last && !method.is_rewritten() { beside.code() } else { Code::default() };
    Expanded { function, beside, errors }
}

pub(crate) fn mutation(targets: TokenStream, method: &Method, home: &Home<'_>) -> Expanded {
    let (invalidations, mut errors) = Invalidations::parse(targets);
    validate::invalidates(method, &invalidations, &mut errors);
    let errors = errors.into_result().err();
    let function = match errors {
        None => expand::mutation::mutation(method, &invalidations, home),
        Some(_) => fallback::function(method),
    };
    Expanded { function, beside: Code::default(), errors }
}
