//! The code that the attributes put around a body.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprPath, FnArg, Lit, LitStr, Path, Signature, Type};

use crate::args::{CommonOptions, QueryOptions, ungrouped};
use crate::beside::{Beside, Home};
use crate::key::respan;
use crate::method::{Method, bound_names, given_name, has_impl_trait, has_mutable_reference, is_named, plain_name};
use crate::targets::{Invalidations, Keyed, Target};
use crate::{duration, outcome, text};

/// The function around the body of a query.
pub(crate) fn query(beside: &Beside<'_>) -> TokenStream {
    let Beside { method, options, key, .. } = *beside;
    let Method { attributes, visibility, body, .. } = method;
    let krate = options.common.krate();
    let (signature, site, instance) = (method.name_arguments(), beside.site(), beside.instance());
    let (cache, parts, entry) = (cache(method, &options.common, &krate), key.parts(&krate), entry(options, &krate));
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
    let probing = (!is_plain || key.is_probed()).then(|| {
        quote_spanned! {Span::mixed_site()=>
            #[allow(unused_imports, reason = "whether it is needed depends on types")]
            use #krate::private::probing::*;
        }
    });
    let mut body = body_of(method, returns, &body.stream());
    let mut call = "load".to_owned();
    if let Some(judge) = judge(options, &krate) {
        body.extend(quote_spanned!(Span::mixed_site()=> , #judge));
        call.push_str("_judged");
    }
    let load = called(method, &call, &body);
    let lookup = if method.is_async() { quote!(lookup_async) } else { quote!(lookup) };
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        let __cache_missed = match {
            #probing
            #[allow(clippy::used_underscore_binding, reason = "what is not used in the body is still part of the key")]
            #krate::private::#lookup(
                &#site, #cache, &#parts, #outcome, #krate::private::function(|| ()),
                #krate::private::instance(#instance), #entry,
            )
        } {
            ::core::result::Result::Ok(__cache_hit) => return __cache_hit,
            ::core::result::Result::Err(__cache_missed) => __cache_missed,
        };
        __cache_missed.#load
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// The user's code, as the run-time library takes it: a closure, or the future of an `async fn`.
fn body_of(method: &Method, returns: Option<&Type>, code: &TokenStream) -> TokenStream {
    if !method.is_async() {
        let arrow = returns.map(|ty| quote!(-> #ty));
        return quote_spanned!(Span::mixed_site()=> move || #arrow { #code });
    }
    // There is no place for the type in an `async` block, and without it `?` doesn't know what to make of an error.
    let returns = returns.filter(|ty| !matches!(ty, Type::Never(_))).map(|ty| {
        // Under the type, where the compiler says from what it knows it.
        quote_spanned! {Span::mixed_site().located_at(ty.span())=>
            if let ::core::option::Option::Some(__cache_returned) = ::core::option::Option::None::<#ty> {
                return __cache_returned;
            }
        }
    });
    quote_spanned!(Span::mixed_site()=> async move { #returns #code })
}

/// A call of a function of the run-time library, or of the one like it for an `async fn`.
fn called(method: &Method, function: &str, arguments: &TokenStream) -> TokenStream {
    let name = |suffix| Ident::new(&format!("{function}{suffix}"), Span::mixed_site());
    if method.is_async() {
        let name = name("_async");
        quote_spanned!(Span::mixed_site()=> #name(#arguments).await)
    } else {
        let name = name("");
        quote_spanned!(Span::mixed_site()=> #name(#arguments))
    }
}

/// What is particular to an entry, and asked for on a miss.
fn entry(options: &QueryOptions, krate: &Path) -> TokenStream {
    let ttl = options.ttl.get().filter(|ttl| !is_fixed(ttl));
    let tags = options.tags.get().into_iter().flatten().filter(|given| fixed_tag(given).is_none());
    let mut is_ours = ttl.is_none();
    let set_ttl = ttl.map(|ttl| quote_spanned!(Span::mixed_site()=> #krate::private::set_ttl(__cache_entry, #ttl);));
    let mut add_tags = TokenStream::new();
    for given in tags {
        add_tags.extend(match ungrouped(given) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                quote_spanned! {Span::mixed_site()=>
                    #krate::private::add_formatted_tag(__cache_entry, ::core::format_args!(#text));
                }
            }
            given => {
                is_ours = false;
                quote_spanned!(Span::mixed_site()=> #krate::private::add_tag(__cache_entry, #given);)
            }
        });
    }
    if is_ours && add_tags.is_empty() {
        return quote_spanned!(Span::mixed_site()=> &mut #krate::private::nothing);
    }
    let closure =
        quote_spanned!(Span::mixed_site()=> |__cache_entry: &mut #krate::EntryOptions| { #set_ttl #add_tags });
    if is_ours {
        quote_spanned!(Span::mixed_site()=> &mut #closure)
    } else {
        // An expression of the user's may consume what it mentions.
        quote_spanned!(Span::mixed_site()=> &mut #krate::private::once(#closure))
    }
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

/// A tag: a text is formatted, if there is something to format, and other expressions are as they are.
fn tag(given: &Expr, krate: &Path) -> TokenStream {
    match ungrouped(given) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text::is_formatted(&text.value()) => {
            quote_spanned!(Span::mixed_site()=> #krate::private::tag(::core::format_args!(#text)))
        }
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            quote_spanned!(Span::mixed_site()=> #krate::private::text_tag(#text))
        }
        given => given.to_token_stream(),
    }
}

/// What decides whether a value is stored, and with what tags, if there is something to decide.
fn judge(options: &QueryOptions, krate: &Path) -> Option<TokenStream> {
    let (cache_if, tags_from) = (options.cache_if.get(), options.tags_from.get());
    if cache_if.is_none() && tags_from.is_none() {
        return None;
    }
    let is_kept = cache_if.map_or_else(
        || quote_spanned!(Span::mixed_site()=> true),
        |cache_if| quote_spanned!(Span::mixed_site()=> #krate::private::is_kept(__cache_value, #cache_if)),
    );
    let tags = tags_from.map_or_else(
        || quote_spanned!(Span::mixed_site()=> ::core::default::Default::default()),
        |tags_from| quote_spanned!(Span::mixed_site()=> #krate::private::tags_of(__cache_value, #tags_from)),
    );
    Some(quote_spanned! {Span::mixed_site()=>
        |__cache_value| (#is_kept).then(|| #tags)
    })
}

/// The function around the body of a mutation.
pub(crate) fn mutation(method: &Method, invalidations: &Invalidations, home: &Home<'_>) -> TokenStream {
    let Method { attributes, visibility, .. } = method;
    let krate = invalidations.common.krate();
    // Without its braces: around a single expression they would be told to be superfluous.
    let body = method.body.stream();
    let cache = cache(method, &invalidations.common, &krate);
    let mutation = Mutation { method, invalidations, home, krate: &krate };
    let targets = mutation.targets();
    // An argument that only says what to forget, or where, would be told to be unused in the body.
    let others = attributes.iter().filter(|attribute| is_named(attribute, "invalidates"));
    let outside = quote!(#cache #targets #(#others)*);
    let (signature, arguments) = take_arguments(&method.signature, &outside);
    let used = method.arguments().map(|argument| argument.name).filter(|name| text::mentions(&outside, name));
    // A closure captures only what it mentions, and of `self` perhaps only a field.
    let whole_self = method.receiver().map(|receiver| {
        let this = &receiver.self_token;
        quote!(let _ = &#this;)
    });
    let on_ok = invalidations.on.get().is_some();
    let due = if on_ok { quote!(when_ok) } else { quote!(when_ended) };
    let is_asked = on_ok || invalidations.targets.iter().any(|target| matches!(target, Target::FromResult { .. }));
    let outcome = if is_asked { mutation.outcome() } else { quote!(#krate::private::plain()) };
    let code = quote_spanned! {Span::mixed_site()=>
        #whole_self
        #arguments
        #(let _ = &#used;)*
        #body
    };
    let body = body_of(method, mutation.returns(), &code);
    let call = called(method, "invalidating", &quote_spanned!(Span::mixed_site()=> __cache_due, #outcome, #body));
    // In a statement of their own: what the expressions borrow for a moment, as a guard, is not to outlast it.
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        #[allow(unused_qualifications, reason = "a target keeps its path in another name, of which less may do")]
        let __cache_due = #krate::private::#due(#cache, #targets);
        #krate::private::#call
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

    /// Of what kind the result is. Its error is for nobody else.
    fn outcome(&self) -> TokenStream {
        let krate = self.krate;
        let ty = match self.method.returns() {
            Some(ty) if has_impl_trait(ty) => return quote_spanned!(Span::mixed_site()=> #krate::private::plain()),
            Some(ty) => ty.to_token_stream(),
            None => quote!(()),
        };
        quote_spanned! {Span::mixed_site()=> {
            #[allow(unused_imports, reason = "whether it is needed depends on the type")]
            use #krate::private::probing::*;
            #krate::private::Returned::<#ty>::new().__cache_outcome_unshared()
        }}
    }

    /// The targets, as a list.
    fn targets(&self) -> TokenStream {
        let targets = self.invalidations.targets.iter().rev();
        targets.fold(quote_spanned!(Span::mixed_site()=> ()), |rest, target| {
            let target = self.target(target);
            quote_spanned!(Span::mixed_site()=> (#target, #rest))
        })
    }

    fn target(&self, target: &Target) -> TokenStream {
        let krate = self.krate;
        match target {
            Target::All(_) => quote_spanned!(Span::mixed_site()=> #krate::private::Target::ALL),
            Target::Tag(given) => {
                let given = tag(given, krate);
                quote_spanned!(Span::mixed_site()=> #krate::private::Target::tag(#given))
            }
            Target::Query(query) => self.query(query),
            Target::Keyed(keyed) => {
                let named = self.key(keyed);
                self.located(&keyed.query, &named)
            }
            Target::FromResult { closure, keyed } => {
                let (known, outcome, named) = (self.query(&keyed.query), self.outcome(), self.key(keyed));
                let mut closure = closure.clone();
                *closure.body = Expr::Verbatim(named);
                quote_spanned! {Span::mixed_site()=>
                    #krate::private::from_result(
                        #outcome,
                        #known,
                        #[allow(clippy::redundant_closure, reason = "a target has no other form")]
                        #closure,
                    )
                }
            }
        }
    }

    /// All entries of a query.
    fn query(&self, query: &ExprPath) -> TokenStream {
        let mut query = query.clone();
        query.path.segments.last_mut().expect("a path is not empty").arguments = syn::PathArguments::None;
        let constant = self.home.constant(self.method, &query);
        let span = last_name(&query.path).span();
        self.located(&query, &quote_spanned!(span=> &#constant))
    }

    /// One key of a query.
    fn key(&self, Keyed { query, arguments }: &Keyed) -> TokenStream {
        let function = self.home.key_function(self.method, query);
        quote!(#function #arguments)
    }

    /// What is named, in the cache in which it is.
    fn located(&self, query: &ExprPath, named: &TokenStream) -> TokenStream {
        let is_told = self.invalidations.common.cache.get().is_some();
        // With the span of the name: an error about its place appears under it.
        let span = last_name(&query.path).span();
        let krate = respan(self.krate, span);
        match (self.method.this(self.krate), is_told) {
            (Some(this), false) => quote_spanned!(span=> #krate::private::of_method(#named, #this)),
            (Some(this), true) => quote_spanned!(span=> #krate::private::of_method_in_cache(#named, #this)),
            (None, false) => quote_spanned!(span=> #krate::private::of_function(#named)),
            (None, true) => quote_spanned!(span=> #krate::private::of_function_in_cache(#named)),
        }
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
