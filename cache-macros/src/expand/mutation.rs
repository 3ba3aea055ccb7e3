//! The function around the body of a mutation.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{ExprPath, FnArg, Signature, Type};

use crate::expand::body::{body_of, cache};
use crate::expand::enclosing::{Enclosing, constant_name, key_name, skipping_key_name};
use crate::expand::key::respan;
use crate::expand::mutation_facts::mutation_facts;
use crate::expand::targets::{Mutation, for_each_key, last_name, probes};
use crate::parse::function::{Function, is_named, unnamed_argument};
use crate::parse::patterns::{bound_names, has_mutable_reference, plain_name};
use crate::parse::targets::{FromResult, Invalidations, KeyRef, Named, Target};
use crate::parse::tokens;
use crate::parse::types::has_impl_trait;

pub(crate) fn mutation(function: &Function, invalidations: &Invalidations, enclosing: &Enclosing<'_>) -> TokenStream {
    let Function { attributes, visibility, .. } = function;
    let krate = invalidations.common.krate();
    // The compiler would report braces around a single expression.
    let body = function.body.stream();
    let mutation = Mutation { function, invalidations, enclosing, krate: &krate };
    let (pending, suggestions, allowed) = (mutation.pending(), mutation.suggestions(), mutation.allowed());
    // The body would report an argument as unused that only a target or `cache = ..` mentions.
    let others = attributes.iter().filter(|attribute| is_named(attribute, "invalidates"));
    let outside = quote!(#pending #(#others)*);
    let (signature, arguments) = take_arguments(&function.signature, &outside);
    let used: Vec<_> =
        function.arguments().map(|argument| argument.name).filter(|name| tokens::mentions(&outside, name)).collect();
    let used = (!used.is_empty()).then(|| quote!(let _ = (#(&#used,)*);));
    // A closure captures only what it mentions: of `self` perhaps only a field.
    let whole_self = function.receiver().map(|receiver| {
        let this = &receiver.self_token;
        quote!(let _ = &#this;)
    });
    let code = quote_spanned!(Span::mixed_site()=> #whole_self #arguments #used #body);
    let body = body_of(function, mutation.returns(), &code, &krate);
    let run = mutation.run(&body);
    // A separate statement drops temporaries of the targets, such as guards, before the body runs.
    let around = function.braced(quote_spanned! {Span::mixed_site()=>
        #suggestions
        #allowed
        let __cache_pending = #pending;
        #run
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

impl Mutation<'_> {
    /// The return type, unless it has an `impl Trait`, which closures can only infer.
    fn returns(&self) -> Option<&Type> {
        self.function.returns().filter(|ty| !has_impl_trait(ty))
    }

    /// Reads the result, if a target or `on = ..` depends on it.
    fn outcome(&self) -> TokenStream {
        let krate = self.krate;
        let has_closure = self.invalidations.targets.iter().any(|target| match target {
            Target::FromResult(_) => true,
            Target::Named(named) => named.put().is_some(),
            Target::Query(_) | Target::All(_) => false,
        });
        let is_read = has_closure || self.invalidations.on.get().is_some() || self.fails_unreachable().is_some();
        match self.function.returns() {
            Some(ty) if is_read && !has_impl_trait(ty) => {
                quote_spanned!(Span::mixed_site()=> #krate::private::outcome!(#ty))
            }
            _ => quote_spanned!(Span::mixed_site()=> #krate::private::plain()),
        }
    }

    /// Runs the body, and invalidates.
    fn run(&self, body: &TokenStream) -> TokenStream {
        let krate = self.krate;
        let (run, holder, after) = if self.function.is_async() {
            let returned = match self.function.returns() {
                Some(Type::Never(_)) => None,
                Some(ty) => Some(ty).filter(|ty| !has_impl_trait(ty)).map(|ty| quote!(#ty)),
                None => Some(quote!(())),
            };
            let holder = quote_spanned!(Span::mixed_site()=> #krate::private::holder!(#returned),);
            (quote!(run_async), Some(holder), Some(quote!(.await)))
        } else {
            (quote!(run), None, None)
        };
        let Some(option) = self.fails_unreachable() else {
            return quote_spanned!(Span::mixed_site()=> __cache_pending.#run(#holder #body) #after);
        };
        // The error of a function that has none to return appears under the option.
        let span = Span::mixed_site().located_at(option.span());
        let (krate, pending) = (respan(self.krate, span), Ident::new("__cache_pending", Span::mixed_site()));
        let run = quote_spanned!(span=> #krate::private::announced!(#pending.#run(#holder #body)));
        quote_spanned!(span=> #krate::private::needs_tier!("on_unreachable"); #run #after)
    }

    /// The option, if the body runs only if the invalidation can be published.
    fn fails_unreachable(&self) -> Option<&Ident> {
        let option = &self.invalidations.fails_unreachable;
        option.get().filter(|fails| **fails).and(option.key())
    }

    fn pending(&self) -> TokenStream {
        let (krate, common, outcome) = (self.krate, &self.invalidations.common, self.outcome());
        let facts = mutation_facts(self.function, &self.invalidations.targets, krate);
        let (cache, this) = (cache(self.function, common, krate), self.function.this(krate));
        let start = match (this, common.cache.get()) {
            (Some(this), None) => quote_spanned!(Span::mixed_site()=> of_method(#facts, #outcome, #cache, #this)),
            (None, None) => quote_spanned!(Span::mixed_site()=> of_function(#facts, #outcome, #cache)),
            (Some(this), Some(_)) => quote_spanned!(Span::mixed_site()=> in_cache(#facts, #outcome, #cache, #this)),
            (None, Some(_)) => quote_spanned!(Span::mixed_site()=> in_cache(#facts, #outcome, #cache, &())),
        };
        let targets: Vec<_> = self.invalidations.targets.iter().map(|target| self.target(target)).collect();
        let when = if self.invalidations.on.get().is_some() { quote!(when_ok()) } else { quote!(when_ended()) };
        let pending = quote_spanned!(Span::mixed_site()=> #krate::private::#start #(.#targets)* .#when);
        if !self.invalidations.targets.iter().any(probes) {
            return pending;
        }
        quote_spanned! {Span::mixed_site()=>
            {
                #[allow(unused_imports, reason = "whether it is needed depends on types")]
                use #krate::private::probing::*;
                #pending
            }
        }
    }

    /// Traits with the items that targets name. Their names are advice, which the compiler shows for a missing item.
    fn suggestions(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let mut suggestions = BTreeMap::<String, BTreeSet<Ident>>::new();
        let mut add = |query: &ExprPath, names: &[fn(&Ident) -> Ident]| {
            let Some(advice) = self.advice(query) else { return };
            let mut name = last_name(&query.path).clone();
            name.set_span(Span::mixed_site());
            for named in names {
                let item = named(&name);
                let is_skipping = item == skipping_key_name(&name);
                let advice = if is_skipping { skips_nothing(&name) } else { advice.clone() };
                suggestions.entry(advice).or_default().insert(item);
            }
        };
        for target in &self.invalidations.targets {
            let (all, has_value) = match target {
                Target::Query(query) => {
                    add(query, &[constant_name]);
                    continue;
                }
                Target::All(_) => continue,
                Target::Named(named) => (std::slice::from_ref(named), false),
                Target::FromResult(FromResult { named, .. }) => (&named[..], true),
            };
            for_each_key(all, &mut |key_ref, is_optional| {
                let key: fn(&Ident) -> Ident = if key_ref.is_skipping() { skipping_key_name } else { key_name };
                let names: &[fn(&Ident) -> Ident] =
                    if has_value || is_optional { &[constant_name, key] } else { &[key] };
                add(&key_ref.query, names);
            });
        }
        if suggestions.is_empty() {
            return None;
        }
        let suggestions = suggestions.iter().map(|(advice, items)| {
            let (advice, items) = (Ident::new(advice, Span::mixed_site()), items.iter());
            quote_spanned!(Span::mixed_site()=> #advice: #(#items),*)
        });
        Some(quote_spanned!(Span::mixed_site()=> #krate::private::suggest!(#(#suggestions;)*);))
    }

    fn advice(&self, query: &ExprPath) -> Option<String> {
        if self.enclosing.is_hidden(query) {
            return None;
        }
        if self.enclosing.is_own(self.function, query) {
            let name = last_name(&query.path).unraw();
            return Some(format!("add_cached_query_to_the_method__or_for_a_function_write_self__{name}"));
        }
        let before_last = query.path.segments.iter().rev().nth(1);
        let is_type = |name: &Ident| name.to_string().starts_with(char::is_uppercase);
        let is_of_type = query.qself.is_some() || before_last.is_some_and(|segment| is_type(&segment.ident));
        is_of_type.then(|| "add_cached_query_to_the_method__and_for_dyn_or_generic_types_use_tags".to_owned())
    }

    /// The lints that targets would trigger.
    fn allowed(&self) -> Option<TokenStream> {
        let (mut has_path, mut is_redundant) = (false, false);
        let is_path = |key_ref: &KeyRef| key_ref.query.path.segments.len() > 1;
        for target in &self.invalidations.targets {
            match target {
                Target::All(_) => {}
                Target::Query(query) => has_path |= query.path.segments.len() > 1,
                Target::Named(named) => named.for_each_key(&mut |key_ref| has_path |= is_path(key_ref)),
                Target::FromResult(FromResult { parameter, named, .. }) => {
                    for named in named {
                        named.for_each_key(&mut |key_ref| has_path |= is_path(key_ref));
                    }
                    let parameter = parameter.to_token_stream().to_string();
                    is_redundant |= matches!(
                        &named[..],
                        [Named::Key(key_ref)] if key_ref.arguments.to_token_stream().to_string() == parameter
                    );
                }
            }
        }
        let lints = has_path
            .then(|| quote!(unused_qualifications))
            .into_iter()
            .chain(is_redundant.then(|| quote!(clippy::redundant_closure)));
        (has_path || is_redundant)
            .then(|| quote_spanned!(Span::mixed_site()=> #[allow(#(#lints,)* reason = "a target has no other form")]))
    }
}

/// The advice where an argument is written `_`.
fn skips_nothing(query: &Ident) -> String {
    format!("an_underscore_is_for_a_skipped_argument__and_{}_skips_none__so_write_a_value", query.unraw())
}

/// A signature with a plain name for each argument, and the statements that bind the user's patterns.
///
/// The body owns all arguments, also unused ones, so their `Drop` runs before the invalidation. A pattern stays in the
/// signature only if its names are mentioned outside of the body.
fn take_arguments(signature: &Signature, outside: &TokenStream) -> (Signature, TokenStream) {
    let mut signature = signature.clone();
    let mut statements = TokenStream::new();
    for (number, input) in signature.inputs.iter_mut().enumerate() {
        let FnArg::Typed(argument) = input else { continue };
        let attributes: Vec<_> = argument.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
        let name = if let Some(name) = plain_name(&argument.pat) {
            name.clone()
        } else {
            let bound = bound_names(&argument.pat);
            if bound.iter().any(|name| tokens::mentions(outside, name)) {
                statements.extend(quote!(#(#attributes)* let _ = (#(&#bound,)*);));
                continue;
            }
            let name = unnamed_argument(number);
            // A pattern may not take all of it: `_` takes nothing.
            let mutable = has_mutable_reference(&argument.pat).then(|| quote!(mut));
            statements.extend(quote!(#(#attributes)* let #mutable #name = #name;));
            name
        };
        let pattern = std::mem::replace(&mut *argument.pat, syn::parse_quote!(#name));
        let allowed = name.to_string().starts_with('_').then(|| {
            quote! {
                #[allow(
                    clippy::used_underscore_binding, clippy::no_effect_underscore_binding,
                    reason = "it must be dropped before the invalidation"
                )]
            }
        });
        statements.extend(quote!(#(#attributes)* #allowed let #pattern = #name;));
    }
    (signature, statements)
}
