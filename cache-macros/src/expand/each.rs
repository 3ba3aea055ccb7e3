//! The function around the body of a query that is cached by each id of a list.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Ident, PatType, Signature, Type};

use crate::expand::body::{borrowing_body_of, cache};
use crate::expand::enclosing::entry_name;
use crate::expand::items::Query;
use crate::expand::options::{entry_options, value_options};
use crate::expand::outcome::outcome;
use crate::expand::query::needs_result;
use crate::expand::skipped::Skipped;
use crate::parse::function::Function;
use crate::parse::list::{List, Shape};
use crate::parse::patterns::{bindings, make_immutable, mutability};
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
    let bindings = Bindings { list, skipped: Skipped::of(query.function, key) };
    let signature = bindings.without_mut(function.name_arguments());
    let List { name, id, ty, .. } = list;
    // An error about the list appears under its type.
    let iter = quote_spanned!(Span::mixed_site().located_at(ty.span())=> #name.iter());
    let body = borrowing_body_of(function, returns, &bindings.code(function), &krate);
    let (next, run) = if function.is_async() {
        (quote!(to_load_async().await), quote!(instrument(#body).await))
    } else {
        (quote!(to_load()), quote!(within(#body)))
    };
    let returns = returns.map(|ty| quote!(: #ty));
    // Its name is an advice, which the compiler shows for `entry!`.
    let mut entry = entry_name(&signature.ident);
    entry.set_span(Span::mixed_site());
    let no_entry = quote_spanned! {Span::mixed_site()=>
        #krate::private::suggest!(a_query_with_each_has_no_entries__so_call_it: #entry;);
    };
    let around = function.braced(quote_spanned! {Span::mixed_site()=>
        #no_entry
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
                )
                .map_err(|__cache_miss| #krate::private::inspected!(__cache_miss) #entry_options #value_options);
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

/// What the arguments are in the body, which may run more than once.
struct Bindings<'a> {
    list: &'a List<'a>,
    skipped: Skipped<'a>,
}

/// How the body gets what an argument is called.
#[derive(PartialEq, Eq)]
enum Bound {
    Ids,
    Cloned,
    /// A shared reference.
    Copied,
    Borrowed,
}

impl Bindings<'_> {
    fn of(&self, argument: &PatType, name: &Ident) -> Bound {
        match bare_type(&argument.ty) {
            _ if name == self.list.name => Bound::Ids,
            Type::Reference(reference) if reference.mutability.is_none() => Bound::Copied,
            Type::Reference(_) => Bound::Borrowed,
            _ if self.skipped.has(name) => Bound::Borrowed,
            _ => Bound::Cloned,
        }
    }

    /// The body, for some of the ids.
    fn code(&self, function: &Function) -> TokenStream {
        let bound = function.typed_arguments().flat_map(|argument| {
            let cfgs = argument.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
            let cfgs: TokenStream = cfgs.map(ToTokens::to_token_stream).collect();
            bindings(&argument.pat).into_iter().filter_map(move |binding| {
                let (name, mutable) = (&binding.ident, mutability(binding));
                let (before, value) = match self.of(argument, name) {
                    Bound::Ids => self.ids(),
                    Bound::Cloned => {
                        let span = Span::mixed_site().located_at(name.span());
                        (None, quote_spanned!(span=> ::core::clone::Clone::clone(&#name)))
                    }
                    Bound::Copied if mutable.is_some() => (None, name.to_token_stream()),
                    Bound::Copied | Bound::Borrowed => return None,
                };
                // What the body does not mention is still part of the key.
                Some(quote_spanned! {Span::mixed_site()=>
                    #before
                    #cfgs
                    let #mutable #name = #value;
                    #cfgs
                    let _ = &#name;
                })
            })
        });
        let (bound, body) = (bound.collect::<TokenStream>(), function.body.stream());
        quote!(#bound #body)
    }

    /// The list that the body gets, as it is declared, after a statement.
    fn ids(&self) -> (Option<TokenStream>, TokenStream) {
        let collected = |ty: &Type| {
            let span = Span::mixed_site().located_at(ty.span());
            quote_spanned!(span=> <#ty as ::core::iter::FromIterator<_>>::from_iter(__cache_ids))
        };
        match &self.list.shape {
            Shape::Slice => (None, quote_spanned!(Span::mixed_site()=> &__cache_ids[..])),
            Shape::Vec => (None, quote_spanned!(Span::mixed_site()=> __cache_ids)),
            Shape::ReferenceToVec => (None, quote_spanned!(Span::mixed_site()=> &__cache_ids)),
            Shape::Other(ty) => (None, collected(ty)),
            Shape::ReferenceToOther(ty) => {
                let collected = collected(ty);
                let before = quote_spanned!(Span::mixed_site()=> let __cache_ids = #collected;);
                (Some(before), quote_spanned!(Span::mixed_site()=> &__cache_ids))
            }
        }
    }

    /// The arguments around the body do not change, but for those that it borrows.
    fn without_mut(&self, mut signature: Signature) -> Signature {
        for input in &mut signature.inputs {
            if let FnArg::Typed(argument) = input {
                let before = argument.clone();
                make_immutable(&mut argument.pat, &|name| self.of(&before, name) != Bound::Borrowed);
            }
        }
        signature
    }
}
