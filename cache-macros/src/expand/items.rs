//! What stands beside a query, for `#[invalidates]` to refer to: a constant that names the query, and a function
//! that makes a key of it.
//!
//! In an `impl` of a type, and in a module, they are just there. An `impl` of a trait has room for nothing that the
//! trait does not have, so `#[cached_impl]` puts them into a hidden trait that the type has, too.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{ExprPath, FnArg, Generics, Signature, Type};

use crate::expand::key::{Key, with_self_as};
use crate::expand::mutation::facts;
use crate::parse::function::{Argument, Method, bare_type};
use crate::parse::options::QueryOptions;

/// Where a function stands, as far as its attribute knows.
pub(crate) enum Home<'a> {
    Unknown,
    Hidden(&'a HiddenTrait),
}

/// The trait that has what stands beside the queries of one `impl`.
pub(crate) struct HiddenTrait {
    pub(crate) name: Ident,
    /// Those of the `impl`.
    pub(crate) generics: Generics,
    /// The queries that are in it.
    pub(crate) queries: BTreeSet<String>,
    /// Whether it is of one type that holds nothing that is borrowed, so that `Self` is known not to borrow.
    pub(crate) is_concrete: bool,
}

impl Home<'_> {
    /// Whether it is certain that a function is in an `impl` or a trait.
    pub(crate) fn is_associated(&self, method: &Method) -> bool {
        matches!(self, Self::Hidden(_)) || method.is_associated()
    }

    /// The constant of a query, as a function refers to it.
    pub(crate) fn constant(&self, method: &Method, query: &ExprPath) -> TokenStream {
        self.refer(method, query, constant_name)
    }

    /// The function that makes a key of a query, as another function refers to it.
    pub(crate) fn key_function(&self, method: &Method, query: &ExprPath) -> TokenStream {
        self.refer(method, query, key_name)
    }

    /// Of all identifiers that are added to a target none has its span: an editor goes from there to the query alone. The
    /// punctuation has it, so that an error about the whole expression appears under the target.
    fn refer(&self, method: &Method, query: &ExprPath, rename: fn(&Ident) -> Ident) -> TokenStream {
        let mut renamed = query.clone();
        let last = renamed.path.segments.last_mut().expect("a path is not empty");
        let name = last.ident.clone();
        last.ident = rename(&name);
        let (path, span) = (&renamed.path, name.span());
        let last = path.segments.last();
        let self_type = Ident::new("Self", Span::mixed_site());
        if self.is_hidden(query) {
            let Self::Hidden(HiddenTrait { name: hidden, generics, .. }) = self else { unreachable!("it is hidden") };
            let (_, arguments, _) = generics.split_for_impl();
            let hidden = quote_spanned!(Span::mixed_site()=> as #hidden #arguments);
            return quote_spanned!(span=> <#self_type #hidden>::#last);
        }
        if self.is_own(method, query) {
            return quote_spanned!(span=> <#self_type>::#path);
        }
        renamed.to_token_stream()
    }

    /// Whether a target is a query in the hidden trait.
    pub(crate) fn is_hidden(&self, query: &ExprPath) -> bool {
        let segments = &query.path.segments;
        let is_of_self = segments.len() == 1 || (segments.len() == 2 && segments[0].ident == "Self");
        let name = segments.last().map(|last| last.ident.unraw().to_string());
        let is_plain = query.qself.is_none() && query.path.leading_colon.is_none();
        matches!(self, Self::Hidden(hidden) if is_plain && is_of_self && name.is_some_and(|name| hidden.queries.contains(&name)))
    }

    /// Whether a target is a single name, and so a query of the type of `self`.
    pub(crate) fn is_own(&self, method: &Method, query: &ExprPath) -> bool {
        query.qself.is_none()
            && query.path.leading_colon.is_none()
            && query.path.segments.len() == 1
            && self.is_associated(method)
    }
}

/// The name of the constant that stands for a query. It has the span of the query's name.
pub(crate) fn constant_name(query: &Ident) -> Ident {
    prefixed("__cached_query_", query)
}

/// The name of the function that makes a key of a query.
pub(crate) fn key_name(query: &Ident) -> Ident {
    prefixed("__cached_key_", query)
}

fn prefixed(prefix: &str, query: &Ident) -> Ident {
    let name = query.unraw().to_string();
    // The compiler, asked for a name that no query has, suggests such a name.
    let name = name.strip_prefix(prefix).unwrap_or(&name);
    Ident::new(&format!("{prefix}{name}"), query.span())
}

/// What stands beside queries, as code.
#[derive(Default)]
pub(crate) struct Code {
    /// Items of an `impl`, or of a module.
    pub(crate) items: TokenStream,
    /// What the hidden trait says of them.
    pub(crate) declared: TokenStream,
}

impl Code {
    pub(crate) fn extend(&mut self, more: Self) {
        self.items.extend(more.items);
        self.declared.extend(more.declared);
    }
}

/// What stands beside one query.
pub(crate) struct Beside<'a> {
    pub(crate) method: &'a Method,
    pub(crate) options: &'a QueryOptions,
    pub(crate) key: &'a Key<'a>,
    pub(crate) home: &'a Home<'a>,
    /// Whether nothing is wrong with the attribute. What is wrong is told once: a key is not tried then.
    pub(crate) is_sound: bool,
}

impl Beside<'_> {
    pub(crate) fn code(&self) -> Code {
        let krate = self.options.common.krate();
        let query = &self.method.signature.ident;
        let (constant, place, facts) = (constant_name(query), self.place(), self.facts());
        let (key, by_self) = (self.key(), self.is_keyed_by_self().then(|| quote!(of self)));
        let (mut signature, cfgs): (_, Vec<_>) = (self.key_signature(), self.method.cfgs().collect());
        let bounds = signature.generics.where_clause.take().map(|bounds| quote!(where [#bounds]));
        if let Home::Hidden(_) = self.home {
            let items = quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #krate::private::items! {
                    const #constant = [#facts];
                    key [#signature] #by_self #bounds = #key;
                }
            };
            for input in &mut signature.inputs {
                if let FnArg::Typed(argument) = input {
                    // Without a body there is nothing that a pattern could bind for.
                    *argument.pat = syn::parse_quote!(_);
                }
            }
            let declared = quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #krate::private::items! {
                    const #constant: #place;
                    key [#signature] #by_self #bounds;
                }
            };
            return Code { declared, items };
        }
        let (visibility, reminder) = (&self.method.visibility, self.reminder());
        let items = quote_spanned! {Span::mixed_site()=>
            #reminder
            #(#cfgs)*
            #krate::private::items! {
                #visibility const #constant = [#facts];
                #visibility key [#signature] #by_self #bounds = #key;
            }
        };
        Code { items, ..Code::default() }
    }

    /// An item that is only there for its name: in an `impl` of a trait the compiler complains of it, by that name.
    fn reminder(&self) -> Option<TokenStream> {
        let cannot_be_in_a_trait = !matches!(self.method.visibility, syn::Visibility::Inherited);
        if cannot_be_in_a_trait {
            return None;
        }
        let query = self.method.signature.ident.unraw();
        let span = self.method.signature.ident.span();
        let name = format_ident!("__{query}_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it", span = span);
        let cfgs = self.method.cfgs();
        Some(quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(dead_code, non_upper_case_globals, reason = "it is there for its name")]
            const #name: () = ();
        })
    }

    /// Where the entries are.
    fn place(&self) -> Ident {
        let place = match (self.options.common.cache.get(), self.method.receiver()) {
            (Some(_), _) => "Elsewhere",
            (None, Some(_)) => "InSelf",
            (None, None) => "InGlobal",
        };
        Ident::new(place, Span::mixed_site())
    }

    /// The facts of the query, as the macro `query!` takes them.
    fn facts(&self) -> TokenStream {
        let (place, parts, options) = (self.place(), self.key.names(), facts(self.options));
        let name = self.options.name.get().map_or_else(|| self.method.name(), syn::LitStr::value);
        let owner = if self.home.is_associated(self.method) { quote!(Self) } else { quote!(_) };
        quote_spanned!(Span::mixed_site()=> #place, #owner, #name, [#parts] #options)
    }

    /// The query, as its own function and the one that makes its keys refer to it.
    ///
    /// A function that may be in an `impl`, or may not, cannot name what stands beside it, and states the facts again.
    pub(crate) fn site(&self) -> TokenStream {
        if self.home.is_associated(self.method) {
            let path = elsewhere(&self.method.signature.ident).into();
            self.home.constant(self.method, &ExprPath { attrs: Vec::new(), qself: None, path })
        } else {
            let (krate, facts) = (self.options.common.krate(), self.facts());
            quote_spanned!(Span::mixed_site()=> #krate::private::query!(#facts))
        }
    }

    /// Stands for the generic arguments that whoever names the function can give.
    pub(crate) fn instance(&self) -> TokenStream {
        let krate = self.options.common.krate();
        let of_impl = match self.home {
            Home::Unknown => None,
            Home::Hidden(hidden) => Some(hidden.generics.type_params()),
        };
        let named = of_impl.into_iter().flatten().chain(self.method.signature.generics.type_params());
        let named = named.map(|parameter| {
            let name = &parameter.ident;
            quote_spanned!(Span::mixed_site()=> ::core::marker::PhantomData::<#name>)
        });
        // Of constants only these have types that can be written.
        let lengths = self.method.signature.generics.const_params().filter_map(|parameter| {
            let name = &parameter.ident;
            let is_length = matches!(&parameter.ty, Type::Path(path) if path.path.is_ident("usize"));
            is_length.then(|| quote_spanned!(Span::mixed_site()=> ::core::marker::PhantomData::<[(); #name]>))
        });
        let unnamed = self.method.arguments().filter_map(|Argument { name, ty, cfgs, .. }| {
            let is_generic = matches!(bare_type(ty?), Type::ImplTrait(_));
            is_generic.then(|| quote_spanned!(Span::mixed_site()=> #(#cfgs)* #krate::private::type_of(&#name)))
        });
        let types = named.chain(lengths).chain(unnamed);
        quote_spanned!(Span::mixed_site()=> (#(#types,)*))
    }

    fn is_keyed_by_self(&self) -> bool {
        self.is_sound && self.key.mentions_self()
    }

    /// The signature of the function that makes keys, without its return type.
    fn key_signature(&self) -> Signature {
        let mut repeated = self.method.name_arguments();
        repeated.ident = key_name(&repeated.ident);
        (repeated.safety, repeated.output) = (syn::Safety::Default, syn::ReturnType::Default);
        (repeated.constness, repeated.asyncness, repeated.abi, repeated.variadic) = (None, None, None, None);
        repeated.inputs = repeated.inputs.into_iter().filter(|input| matches!(input, FnArg::Typed(_))).collect();
        repeated
    }

    /// A key, as the macro `items!` takes it.
    fn key(&self) -> TokenStream {
        if !self.is_sound {
            return quote!(());
        }
        let (site, parts, instance) = (self.site(), self.key.parts(&self.options.common.krate()), self.instance());
        if self.is_keyed_by_self() {
            let this = Ident::new("__cache_self", Span::mixed_site());
            let parts = with_self_as(&this, parts);
            quote_spanned!(Span::mixed_site()=> (|#this| #site, #parts, #instance))
        } else {
            quote_spanned!(Span::mixed_site()=> (#site, #parts, #instance))
        }
    }
}

/// A name, as if it stood where the attribute is.
pub(crate) fn elsewhere(name: &Ident) -> Ident {
    let mut name = name.clone();
    name.set_span(Span::call_site().resolved_at(name.span()));
    name
}
