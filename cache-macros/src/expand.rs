//! All of the code that the attributes generate.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, FnArg, Ident, Lit, Path, ReceiverKind, Signature, Type};

use crate::args::{CommonOptions, Invalidations, QueryOptions, Target, ungrouped};
use crate::method::{Argument, Method, plain_name, site_name};
use crate::{duration, fallback, validate};

pub(crate) fn cached_query(options: TokenStream, item: &TokenStream) -> TokenStream {
    let method = match syn::parse2::<Method>(item.clone()) {
        Ok(method) => method,
        Err(error) => return fallback::raw(item, &error),
    };
    let (options, mut errors) = QueryOptions::parse(options);
    validate::cached_query(&method, &mut errors);
    let site = site(&method, &options);
    match errors.into_result() {
        Ok(()) => query(&method, &options, &site),
        Err(error) => fallback::method(&method, &site, &error),
    }
}

pub(crate) fn invalidates(targets: TokenStream, item: &TokenStream) -> TokenStream {
    let method = match syn::parse2::<Method>(item.clone()) {
        Ok(method) => method,
        Err(error) => return fallback::raw(item, &error),
    };
    let (invalidations, mut errors) = Invalidations::parse(targets);
    validate::invalidates(&method, &invalidations, &mut errors);
    match errors.into_result() {
        Ok(()) => mutation(&method, &invalidations),
        Err(error) => fallback::method(&method, &TokenStream::new(), &error),
    }
}

/// The function around the body of a query.
fn query(method: &Method, options: &QueryOptions, site: &TokenStream) -> TokenStream {
    let Method { attributes, visibility, signature, body } = method;
    let krate = options.common.krate();
    let site_path = site_path(method, &signature.ident.clone().into());
    let cache = cache(method, &options.common, &krate);
    let ttl = ttl(options, &krate);
    let parts = parts(method, &krate);
    let returns = method.returns();
    // With the span of the type: an error about the value appears under it.
    let at_type = respan(&krate, returns.span());
    let outcome = quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().outcome());
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        let __cache_answer = {
            #[allow(unused_imports, reason = "which of them is needed depends on types")]
            use #krate::private::{NoPart as _, OpaquePart as _, ReturnedPlain as _};
            #krate::private::lookup(&#site_path, #cache, || #ttl, &#parts, #outcome, || ())
        };
        match __cache_answer {
            #krate::private::Answer::Hit(__cache_value) => __cache_value,
            #krate::private::Answer::Miss(__cache_missed) => __cache_missed.load(move || -> #returns #body),
        }
    });
    quote!(#(#attributes)* #visibility #signature #around #site)
}

/// The constant that stands for a query: what `#[invalidates]` refers to.
fn site(method: &Method, options: &QueryOptions) -> TokenStream {
    let krate = options.common.krate();
    let visibility = &method.visibility;
    let constant = site_name(&method.signature.ident);
    let name = options.name.get().map_or_else(|| method.name(), syn::LitStr::value);
    let arguments = method.arguments().map(|argument| argument.name.unraw().to_string());
    let capacity = options.capacity.get().map(|entries| quote!(.with_capacity(#entries)));
    let owner = if method.receiver().is_some() { quote!(Self) } else { quote!(()) };
    let place = match (options.common.cache.get(), method.receiver()) {
        (Some(_), _) => quote!(Elsewhere),
        (None, Some(_)) => quote!(InSelf),
        (None, None) => quote!(InGlobal),
    };
    quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        #[allow(non_upper_case_globals, dead_code, reason = "it bears the name of the query, and is there to be used")]
        #visibility const #constant: #krate::private::Located<#krate::private::#place> = #krate::private::Located::of::<#owner>(|| {
            static QUERY: #krate::private::Query =
                #krate::private::Query::new(#name, ::core::module_path!(), &[#(#arguments),*])#capacity;
            &QUERY
        });
    }
}

/// The function around the body of a mutation.
fn mutation(method: &Method, invalidations: &Invalidations) -> TokenStream {
    let Method { attributes, visibility, .. } = method;
    // Without its braces: around a single expression they would be told to be superfluous.
    let body = method.body.stream();
    let (signature, arguments) = take_arguments(&method.signature);
    // A closure captures only what it mentions, and of `self` perhaps only a field.
    let whole_self = method.receiver().map(|receiver| {
        let this = &receiver.self_token;
        quote!(let _ = &#this;)
    });
    let krate = invalidations.common.krate();
    let cache = cache(method, &invalidations.common, &krate);
    // An argument that only says where the cache is would be told to be unused in the body.
    let used = mentioned(&cache, method.arguments().map(|argument| argument.name));
    let targets = invalidations.targets.iter().map(|target| match target {
        Target::All => quote!(#krate::private::Target::All),
        Target::Query(path) => {
            let query = site_path(method, path);
            let known = if invalidations.common.cache.get().is_some() {
                quote!(of_cache)
            } else if method.receiver().is_some() {
                quote!(of_method)
            } else {
                quote!(of_function)
            };
            // With the span of the name: an error about its place appears under it.
            let span = last_name(path).span();
            let krate = respan(&krate, span);
            quote_spanned!(span=> #krate::private::#known(&#query))
        }
    });
    // `impl Trait` can't be written where a closure returns, and needs no help to be inferred.
    let nameable = method.returns().filter(|ty| !matches!(ty, Type::ImplTrait(_)));
    let arrow = nameable.map(|ty| quote!(-> #ty));
    let (function, outcome) = if invalidations.on.get().is_some() {
        let ty = nameable.map_or_else(|| quote!(()), ToTokens::to_token_stream);
        let outcome = quote! {{
            #[allow(unused_imports, reason = "whether it is needed depends on the type")]
            use #krate::private::ReturnedPlain as _;
            #krate::private::Returned::<#ty>::new().outcome()
        },};
        (quote!(invalidating_on_ok), outcome)
    } else {
        (quote!(invalidating), TokenStream::new())
    };
    let around = method.braced(quote_spanned! {Span::mixed_site()=>
        #krate::private::#function(
            ::core::clone::Clone::clone(#cache),
            &[#(#targets),*],
            #outcome
            move || #arrow {
                #whole_self
                #arguments
                #(let _ = &#used;)*
                #body
            },
        )
    });
    quote!(#(#attributes)* #visibility #signature #around)
}

/// A signature with a plain name for each argument, and the statements that give them to the user's patterns.
///
/// So the body owns all its arguments, also those that it doesn't use, and they are dropped when it ends: what
/// one of them writes in its `Drop` comes before the invalidation.
fn take_arguments(signature: &Signature) -> (Signature, TokenStream) {
    let mut signature = signature.clone();
    let mut statements = TokenStream::new();
    for (number, input) in signature.inputs.iter_mut().enumerate() {
        let FnArg::Typed(argument) = input else { continue };
        let attributes: Vec<_> = argument.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
        let name = plain_name(&argument.pat).cloned().unwrap_or_else(|| {
            let name = format_ident!("__cache_argument_{number}", span = Span::mixed_site());
            // A pattern need not take all of it: `_` takes nothing.
            statements.extend(quote!(#(#attributes)* let #name = #name;));
            name
        });
        let pattern = std::mem::replace(&mut *argument.pat, syn::parse_quote!(#name));
        statements.extend(quote!(#(#attributes)* let #pattern = #name;));
    }
    (signature, statements)
}

/// Those of the names that tokens mention.
fn mentioned<'a>(tokens: &TokenStream, names: impl Iterator<Item = &'a Ident>) -> Vec<&'a Ident> {
    fn mentions(tokens: TokenStream, name: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == *name,
            TokenTree::Group(group) => mentions(group.stream(), name),
            _ => false,
        })
    }
    names.filter(|name| mentions(tokens.clone(), name)).collect()
}

/// How a function refers to the constant of a query: of its own type, if it is a method.
fn site_path(method: &Method, query: &Path) -> TokenStream {
    let mut path = query.clone();
    let name = last_name(query);
    path.segments.last_mut().expect("a path is not empty").ident = site_name(name);
    if path.leading_colon.is_none() && path.segments.len() == 1 && method.receiver().is_some() {
        // Also with the span of the name, so that an error is under it and not under the attribute.
        quote_spanned!(name.span()=> Self::#path)
    } else {
        quote!(#path)
    }
}

fn last_name(path: &Path) -> &Ident {
    &path.segments.last().expect("a path is not empty").ident
}

/// An expression for the cache, as a reference.
fn cache(method: &Method, options: &CommonOptions, krate: &Path) -> TokenStream {
    if let Some(cache) = options.cache.get() {
        return quote!(#cache);
    }
    let Some(receiver) = method.receiver() else {
        return quote_spanned!(Span::mixed_site()=> #krate::Cache::global());
    };
    let this = &receiver.self_token;
    let reference = match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => quote!(#this),
        ReceiverKind::Reference(..) => quote!(&*#this),
        _ => quote!(&#this),
    };
    quote_spanned!(Span::mixed_site()=> #krate::HasCache::cache(#reference))
}

fn ttl(options: &QueryOptions, krate: &Path) -> TokenStream {
    let Some(ttl) = options.ttl.get() else { return quote!(::core::option::Option::None) };
    let duration = match ungrouped(ttl) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let duration = duration::parse(&text.value()).expect("it was checked when it was read");
            let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
            quote!(::core::time::Duration::new(#seconds, #nanos))
        }
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => quote!(::core::time::Duration::from_secs(#seconds)),
        duration => quote!(#duration),
    };
    quote!(#krate::private::ttl(#duration))
}

/// The key: a list of the arguments, as borrowed.
fn parts(method: &Method, krate: &Path) -> TokenStream {
    let arguments: Vec<Argument<'_>> = method.arguments().collect();
    arguments.iter().rev().fold(quote!(()), |rest, argument| {
        let name = argument.name;
        let borrowed = if argument.is_reference() { quote!(#name) } else { quote!(&#name) };
        // With the span of the type: an error about the key appears under it.
        let at_type = respan(krate, argument.ty.span());
        let part = quote_spanned!(argument.ty.span()=> (&#at_type::private::Argument(#borrowed)).part());
        quote!((#part, #rest))
    })
}

/// A path as if it stood elsewhere.
fn respan(path: &Path, span: Span) -> TokenStream {
    let moved = path.to_token_stream().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    moved.collect()
}
