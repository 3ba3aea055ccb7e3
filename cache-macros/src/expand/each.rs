//! The function around the body of a query that is cached by each id of a list.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, PatIdent, Signature, Token, Type};

use crate::expand::body::{borrowing_body_of, cache};
use crate::expand::items::Query;
use crate::expand::options::{entry_options, value_options};
use crate::expand::outcome::outcome;
use crate::expand::query::needs_result;
use crate::expand::skipped::Skipped;
use crate::parse::function::Function;
use crate::parse::list::{List, Shape};
use crate::parse::patterns::{bindings, make_immutable};
use crate::parse::types::bare_type;

/// All ids are looked up. The body runs for those that no other call loads, and for what these calls leave.
pub(crate) fn query(query: &Query<'_>, list: &List<'_>, function: &Function) -> TokenStream {
    let Query { options, key, enclosing, .. } = *query;
    let Function { attributes, visibility, .. } = function;
    let krate = options.common.krate();
    let (query_ref, instance) = (query.query_ref(), query.instance());
    let (cache, parts) = (cache(function, &options.common, &krate), key.parts(&krate));
    let (value_options, entry_options) = (value_options(options, &krate), entry_options(options));
    let (returns, outcome) = (function.returns(), outcome(function, enclosing, &krate));
    let needs_result = needs_result(options, &outcome, &krate);
    let signature = without_mut(function.name_arguments());
    let List { name, id, ty, .. } = list;
    // An error about the list appears under its type.
    let iter = quote_spanned!(Span::mixed_site().located_at(ty.span())=> #name.iter());
    let body = borrowing_body_of(function, returns, &code(query, list, function), &krate);
    let (next, run) = if function.is_async() {
        (quote!(next_async().await), quote!(instrument(#body).await))
    } else {
        (quote!(next()), quote!(within(#body)))
    };
    let with_options = (!entry_options.is_empty() || !value_options.is_empty()).then(
        || quote_spanned!(Span::mixed_site()=> .map_err(|__cache_miss| __cache_miss #entry_options #value_options)),
    );
    let returns = returns.map(|ty| quote!(: #ty));
    let around = function.braced(quote_spanned! {Span::mixed_site()=>
        #needs_result
        let mut __cache_batch = {
            #[allow(unused_imports, reason = "whether it is needed depends on the type")]
            use #krate::private::probing::*;
            #krate::private::Batch::new(#outcome)
        };
        for #id in #iter {
            if __cache_batch.is_new(#id) {
                let __cache_found = #krate::private::look_up_one!(
                    #query_ref, #cache, #parts, __cache_batch.outcome(), #instance
                ) #with_options;
                __cache_batch.add(#id, __cache_found);
            }
        }
        while let ::core::option::Option::Some(__cache_ids) = __cache_batch.#next {
            let __cache_context = __cache_batch.context();
            let __cache_result #returns = __cache_context.#run;
            if let ::core::option::Option::Some(__cache_returned) = __cache_batch.end(__cache_result) {
                return __cache_returned;
            }
        }
        __cache_batch.into_returned()
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// The body, for some of the ids. It may run again: what it may move is cloned.
fn code(query: &Query<'_>, list: &List<'_>, function: &Function) -> TokenStream {
    let skipped = Skipped::of(query.function, query.key);
    let clones = function.typed_arguments().map(|argument| {
        let cfgs: Vec<_> = argument.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
        let is_reference = matches!(bare_type(&argument.ty), Type::Reference(_));
        let bindings = bindings(&argument.pat).into_iter();
        let owned =
            bindings.filter(|PatIdent { ident, .. }| !is_reference && ident != list.name && !skipped.has(ident));
        let clones = owned.map(|binding| {
            let (name, mutable) = (&binding.ident, mutability(binding));
            let clone = quote_spanned! {Span::mixed_site().located_at(name.span())=>
                ::core::clone::Clone::clone(&#name)
            };
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                let #mutable #name = #clone;
                #(#cfgs)*
                let _ = &#name;
            }
        });
        quote!(#(#clones)*)
    });
    let (ids, body) = (ids(list, function), function.body.stream());
    quote!(#ids #(#clones)* #body)
}

/// The list that the body gets, as it is declared.
fn ids(list: &List<'_>, function: &Function) -> TokenStream {
    let List { name, shape, .. } = list;
    let mut bindings = function.typed_arguments().flat_map(|argument| bindings(&argument.pat));
    let mutable = bindings.find(|binding| binding.ident == **name).and_then(mutability);
    let collected = |ty: &Type| {
        let span = Span::mixed_site().located_at(ty.span());
        quote_spanned!(span=> <#ty as ::core::iter::FromIterator<_>>::from_iter(__cache_ids))
    };
    let (before, ids) = match shape {
        Shape::Slice => (None, quote_spanned!(Span::mixed_site()=> &__cache_ids[..])),
        Shape::Vec => (None, quote_spanned!(Span::mixed_site()=> __cache_ids)),
        Shape::ReferenceToVec => (None, quote_spanned!(Span::mixed_site()=> &__cache_ids)),
        Shape::Other(ty) => (None, collected(ty)),
        Shape::ReferenceToOther(ty) => {
            let collected = collected(ty);
            let before = quote_spanned!(Span::mixed_site()=> let __cache_ids = #collected;);
            (Some(before), quote_spanned!(Span::mixed_site()=> &__cache_ids))
        }
    };
    quote_spanned! {Span::mixed_site()=>
        #before
        let #mutable #name = #ids;
        let _ = &#name;
    }
}

fn mutability(binding: &PatIdent) -> Option<&Token![mut]> {
    binding.mutability.as_ref().filter(|_| binding.by_ref.is_none())
}

/// Around the body no argument changes.
fn without_mut(mut signature: Signature) -> Signature {
    for input in &mut signature.inputs {
        if let FnArg::Typed(argument) = input {
            make_immutable(&mut argument.pat);
        }
    }
    signature
}
