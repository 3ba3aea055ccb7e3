//! The code that the attributes put around a body.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprPath, FnArg, Lit, LitStr, Path, Signature, Type};

use crate::expand::items::{Beside, Home, constant_name, elsewhere, key_name};
use crate::expand::key::respan;
use crate::expand::outcome;
use crate::parse::function::{
    Method, bound_names, given_name, has_impl_trait, has_mutable_reference, is_named, plain_name,
};
use crate::parse::options::{CommonOptions, QueryOptions, ungrouped};
use crate::parse::targets::{Invalidations, Keyed, Target};
use crate::parse::{duration, tokens as text};

/// The function around the body of a query.
pub(crate) fn query(beside: &Beside<'_>) -> TokenStream {
    let Beside { method, options, key, .. } = *beside;
    let Method { attributes, visibility, body, .. } = method;
    let krate = options.common.krate();
    let (signature, site, instance) = (method.name_arguments(), beside.site(), beside.instance());
    let (cache, parts) = (cache(method, &options.common, &krate), key.parts(&krate));
    let (judge, options) = (judge(options, &krate), entry(options));
    let returns = method.returns();
    // With the span of the type: an error about the value appears under it.
    let at_type = respan(&krate, returns.span());
    let is_plain = returns.is_some_and(outcome::is_plain);
    let outcome = if is_plain {
        quote_spanned!(returns.span()=> #at_type::private::plain::<#returns>())
    } else if outcome::may_share_error(method, beside.home) {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome())
    } else {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome_unshared())
    };
    let body = body_of(method, returns, &body.stream(), &krate);
    let load = if method.is_async() { quote!(load_async(#body).await) } else { quote!(load(#body)) };
    // In a statement of its own: what formats a tag is not `Send`, and must not be alive while a body is awaited.
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        let __cache_miss = #krate::private::miss!(#site, #cache, #parts, #outcome, #instance) #options #judge;
        __cache_miss.#load
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// The user's code: a closure, or the future of an `async fn`.
fn body_of(method: &Method, returns: Option<&Type>, code: &TokenStream, krate: &Path) -> TokenStream {
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

/// The options of an entry that depend on the call, as calls of a miss.
fn entry(options: &QueryOptions) -> TokenStream {
    let ttl = options.ttl.get().filter(|ttl| !is_fixed(ttl));
    // Closures: a `?` or a `return` in the user's expression is not to end the function.
    let mut calls = ttl.map_or_else(TokenStream::new, |ttl| quote_spanned!(Span::mixed_site()=> .ttl(|| #ttl)));
    for tag in options.tags.get().into_iter().flatten().filter(|tag| fixed_tag(tag).is_none()) {
        calls.extend(match ungrouped(tag) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                quote_spanned!(Span::mixed_site()=> .formatted_tag(::core::format_args!(#text)))
            }
            tag => quote_spanned!(Span::mixed_site()=> .tag(|| #tag)),
        });
    }
    calls
}

/// Whether a time to live is known when the query is compiled: then it is a fact of the query and not of one call.
fn is_fixed(ttl: &Expr) -> bool {
    matches!(ungrouped(ttl), Expr::Lit(_))
}

/// A tag that all entries of a query have.
fn fixed_tag(given: &Expr) -> Option<&LitStr> {
    match ungrouped(given) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if !text::is_formatted(&text.value()) => Some(text),
        _ => None,
    }
}

/// The options that are facts of the query, each after a comma.
pub(crate) fn facts(options: &QueryOptions) -> TokenStream {
    let capacity = options.capacity.get().map(|entries| quote!(, capacity = #entries));
    let ttl = options.ttl.get().filter(|ttl| is_fixed(ttl)).map(|ttl| {
        let ttl = ttl_of(ttl);
        quote!(, ttl = #ttl)
    });
    let own_ttl = options.own_ttl.get().map(|()| quote!(, own_ttl = true));
    let tags: Vec<_> = options.tags.get().into_iter().flatten().filter_map(fixed_tag).collect();
    let tags = (!tags.is_empty()).then(|| quote!(, tags = &[#(#tags),*]));
    quote!(#capacity #ttl #own_ttl #tags)
}

fn ttl_of(ttl: &Expr) -> TokenStream {
    match ungrouped(ttl) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let duration = duration::parse(&text.value()).expect("it was checked when it was read");
            let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
            quote!(::core::time::Duration::new(#seconds, #nanos))
        }
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => quote!(::core::time::Duration::from_secs(#seconds)),
        duration => quote!(#duration),
    }
}

/// The options that depend on the loaded value, as calls of a miss.
fn judge(options: &QueryOptions, krate: &Path) -> TokenStream {
    let keep_if = options.cache_if.get().map(|keep_if| quote_spanned!(Span::mixed_site()=> .keep_if(#keep_if)));
    let tags_from = options.tags_from.get().map(|tags_from| {
        quote_spanned!(Span::mixed_site()=> .tags_from(|__cache_value| #krate::private::tags_of(__cache_value, #tags_from)))
    });
    quote!(#keep_if #tags_from)
}

/// The function around the body of a mutation.
pub(crate) fn mutation(method: &Method, invalidations: &Invalidations, home: &Home<'_>) -> TokenStream {
    let Method { attributes, visibility, .. } = method;
    let krate = invalidations.common.krate();
    // Without its braces: around a single expression they would be told to be superfluous.
    let body = method.body.stream();
    let mutation = Mutation { method, invalidations, home, krate: &krate };
    let (pending, suggestions, allowed) = (mutation.pending(), mutation.suggestions(), mutation.allowed());
    // An argument that only says what to forget, or where, would be told to be unused in the body.
    let others = attributes.iter().filter(|attribute| is_named(attribute, "invalidates"));
    let outside = quote!(#pending #(#others)*);
    let (signature, arguments) = take_arguments(&method.signature, &outside);
    let used: Vec<_> =
        method.arguments().map(|argument| argument.name).filter(|name| text::mentions(&outside, name)).collect();
    let used = (!used.is_empty()).then(|| quote!(let _ = (#(&#used,)*);));
    // A closure captures only what it mentions, and of `self` perhaps only a field.
    let whole_self = method.receiver().map(|receiver| {
        let this = &receiver.self_token;
        quote!(let _ = &#this;)
    });
    let code = quote_spanned!(Span::mixed_site()=> #whole_self #arguments #used #body);
    let body = body_of(method, mutation.returns(), &code, &krate);
    let run = if method.is_async() { quote!(run_async(#body).await) } else { quote!(run(#body)) };
    // In a statement of their own: what the expressions borrow for a moment, as a guard, is not to outlast it.
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        #suggestions
        #allowed
        let __cache_pending = #pending;
        __cache_pending.#run
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

struct Mutation<'a> {
    method: &'a Method,
    invalidations: &'a Invalidations,
    home: &'a Home<'a>,
    krate: &'a Path,
}

impl Mutation<'_> {
    /// The type that is returned, if it can be written where a closure returns. One with `impl Trait` in it can't, and
    /// needs no help to be inferred.
    fn returns(&self) -> Option<&Type> {
        self.method.returns().filter(|ty| !has_impl_trait(ty))
    }

    /// How the result is read.
    fn outcome(&self) -> TokenStream {
        let krate = self.krate;
        let has_closure = self.invalidations.targets.iter().any(|target| matches!(target, Target::FromResult { .. }));
        let is_read = has_closure || self.invalidations.on.get().is_some();
        match self.method.returns() {
            Some(ty) if is_read && !has_impl_trait(ty) => {
                quote_spanned!(Span::mixed_site()=> #krate::private::outcome!(#ty))
            }
            _ => quote_spanned!(Span::mixed_site()=> #krate::private::plain()),
        }
    }

    /// The pending invalidation, made by a builder.
    fn pending(&self) -> TokenStream {
        let (krate, common, outcome) = (self.krate, &self.invalidations.common, self.outcome());
        let (cache, this) = (cache(self.method, common, krate), self.method.this(krate));
        let start = match (this, common.cache.get()) {
            (Some(this), None) => quote_spanned!(Span::mixed_site()=> of_method(#outcome, #cache, #this)),
            (None, None) => quote_spanned!(Span::mixed_site()=> of_function(#outcome, #cache)),
            (Some(this), Some(_)) => quote_spanned!(Span::mixed_site()=> in_cache(#outcome, #cache, #this)),
            (None, Some(_)) => quote_spanned!(Span::mixed_site()=> in_cache(#outcome, #cache, &())),
        };
        let targets = self.invalidations.targets.iter().map(|target| self.target(target));
        let when = if self.invalidations.on.get().is_some() { quote!(when_ok()) } else { quote!(when_ended()) };
        quote_spanned!(Span::mixed_site()=> #krate::private::#start #(.#targets)* .#when)
    }

    /// A target, as a call of the builder.
    fn target(&self, target: &Target) -> TokenStream {
        match target {
            Target::All(_) => quote_spanned!(Span::mixed_site()=> all()),
            Target::Tag(tag) => match ungrouped(tag) {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text::is_formatted(&text.value()) => {
                    quote_spanned!(Span::mixed_site()=> formatted_tag(::core::format_args!(#text)))
                }
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    quote_spanned!(Span::mixed_site()=> literal_tag(#text))
                }
                tag => quote_spanned!(Span::mixed_site()=> tag(#tag)),
            },
            Target::Query(query) => {
                let query = self.query(query);
                quote_spanned!(Span::mixed_site()=> target(#query))
            }
            Target::Keyed(keyed) => {
                let key = self.key(keyed);
                quote_spanned!(Span::mixed_site()=> target(#key))
            }
            Target::FromResult { closure, keyed } => {
                // The key has the span of the name already.
                let mut query = keyed.query.clone();
                let last = query.path.segments.last_mut().expect("a path is not empty");
                last.ident = elsewhere(&last.ident);
                let (query, key) = (self.query(&query), self.key(keyed));
                let mut closure = closure.clone();
                *closure.body = Expr::Verbatim(key);
                quote_spanned!(Span::mixed_site()=> from_result(#query, #closure))
            }
        }
    }

    /// All entries of a query.
    fn query(&self, query: &ExprPath) -> TokenStream {
        let mut query = query.clone();
        query.path.segments.last_mut().expect("a path is not empty").arguments = syn::PathArguments::None;
        let constant = self.home.constant(self.method, &query);
        quote_spanned!(last_name(&query.path).span()=> &#constant)
    }

    /// One key of a query.
    fn key(&self, Keyed { query, arguments }: &Keyed) -> TokenStream {
        let function = self.home.key_function(self.method, query);
        quote!(#function #arguments)
    }

    /// For each target that is a method: what to do if the compiler does not find it.
    fn suggestions(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let mut suggestions = BTreeMap::<String, BTreeSet<Ident>>::new();
        for target in &self.invalidations.targets {
            let (query, has_constant, has_key) = match target {
                Target::Query(query) => (query, true, false),
                Target::Keyed(Keyed { query, .. }) => (query, false, true),
                Target::FromResult { keyed: Keyed { query, .. }, .. } => (query, true, true),
                Target::Tag(_) | Target::All(_) => continue,
            };
            let Some(advice) = self.advice(query) else { continue };
            let items = suggestions.entry(advice).or_default();
            let mut name = last_name(&query.path).clone();
            name.set_span(Span::mixed_site());
            items.extend(has_constant.then(|| constant_name(&name)));
            items.extend(has_key.then(|| key_name(&name)));
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
        if self.home.is_hidden(query) {
            return None;
        }
        if self.home.is_own(self.method, query) {
            let name = last_name(&query.path).unraw();
            return Some(format!("add_cached_query_to_the_method__or_for_a_function_write_self__{name}"));
        }
        let before_last = query.path.segments.iter().rev().nth(1);
        let is_type = |name: &Ident| name.to_string().starts_with(char::is_uppercase);
        let is_of_type = query.qself.is_some() || before_last.is_some_and(|segment| is_type(&segment.ident));
        is_of_type.then(|| "add_cached_query_to_the_method__and_for_dyn_or_generic_types_use_tags".to_owned())
    }

    /// Lints that a target would meet, although it has no other form.
    fn allowed(&self) -> Option<TokenStream> {
        let (mut has_path, mut is_redundant) = (false, false);
        for target in &self.invalidations.targets {
            match target {
                Target::Query(query) | Target::Keyed(Keyed { query, .. }) => has_path |= query.path.segments.len() > 1,
                Target::FromResult { closure, keyed: Keyed { query, arguments } } => {
                    has_path |= query.path.segments.len() > 1;
                    let parameter = closure.inputs.to_token_stream().to_string();
                    is_redundant |= arguments.stream().to_string() == parameter;
                }
                Target::Tag(_) | Target::All(_) => {}
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

fn last_name(path: &Path) -> &Ident {
    &path.segments.last().expect("a path is not empty").ident
}

/// A signature with a plain name for each argument, and the statements that give them to the user's patterns.
///
/// So the body owns all its arguments, also those that it doesn't use, and they are dropped when it ends: what
/// one of them writes in its `Drop` comes before the invalidation. Only a pattern of which something is mentioned
/// outside of the body stays where it is.
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
            if bound.iter().any(|name| text::mentions(outside, name)) {
                statements.extend(quote!(#(#attributes)* let _ = (#(&#bound,)*);));
                continue;
            }
            let name = given_name(number);
            // A pattern need not take all of it: `_` takes nothing.
            let mutable = has_mutable_reference(&argument.pat).then(|| quote!(mut));
            statements.extend(quote!(#(#attributes)* let #mutable #name = #name;));
            name
        };
        let pattern = std::mem::replace(&mut *argument.pat, syn::parse_quote!(#name));
        let allowed = name.to_string().starts_with('_').then(|| {
            quote! {
                #[allow(
                    clippy::used_underscore_binding, clippy::no_effect_underscore_binding,
                    reason = "it is taken to be dropped before the invalidation"
                )]
            }
        });
        statements.extend(quote!(#(#attributes)* #allowed let #pattern = #name;));
    }
    (signature, statements)
}

/// An expression for the cache, as a reference.
fn cache(method: &Method, options: &CommonOptions, krate: &Path) -> TokenStream {
    if let Some(cache) = options.cache.get() {
        return quote!(#cache);
    }
    let of_self = method.this(krate).map(|this| quote_spanned!(Span::mixed_site()=> #krate::HasCache::cache(#this)));
    of_self.unwrap_or_else(|| quote_spanned!(Span::mixed_site()=> #krate::Cache::global()))
}
