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

use crate::args::QueryOptions;
use crate::expand::facts;
use crate::key::{Key, with_self_as};
use crate::method::{Argument, Method, bare_type};

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

    fn refer(&self, method: &Method, query: &ExprPath, rename: fn(&Ident) -> Ident) -> TokenStream {
        let mut renamed = query.clone();
        let last = renamed.path.segments.last_mut().expect("a path is not empty");
        let name = last.ident.clone();
        last.ident = rename(&name);
        let path = &renamed.path;
        if query.qself.is_some() || path.leading_colon.is_some() {
            return renamed.to_token_stream();
        }
        let is_single = path.segments.len() == 1;
        let is_of_self = path.segments.len() == 2 && path.segments[0].ident == "Self";
        if let Self::Hidden(hidden) = self
            && (is_single || is_of_self)
            && hidden.queries.contains(&name.unraw().to_string())
        {
            let last = path.segments.last();
            let (hidden, (_, arguments, _)) = (&hidden.name, hidden.generics.split_for_impl());
            // Also with the span of the name, so that an error is under it and not under the attribute.
            return quote_spanned!(name.span()=> <Self as #hidden #arguments>::#last);
        }
        if is_single && self.is_associated(method) {
            return quote_spanned!(name.span()=> Self::#path);
        }
        path.to_token_stream()
    }
}

/// The name of the constant that stands for a query. It has the span of the query's name.
fn constant_name(query: &Ident) -> Ident {
    prefixed("__cached_query_", query)
}

/// The name of the function that makes a key of a query.
fn key_name(query: &Ident) -> Ident {
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
        let (constant, key_function, attributes) = (self.constant(), self.key_function(), self.attributes());
        if let Home::Hidden(_) = self.home {
            let (constant_type, mut signature) = (self.constant_type(), self.key_signature());
            for input in &mut signature.inputs {
                if let FnArg::Typed(argument) = input {
                    // Without a body there is nothing that a pattern could bind for.
                    *argument.pat = syn::parse_quote!(_);
                }
            }
            return Code {
                declared: quote_spanned!(Span::mixed_site()=> #attributes #constant_type; #attributes #signature;),
                items: quote_spanned!(Span::mixed_site()=> #attributes #constant #attributes #[inline] #key_function),
            };
        }
        let (visibility, reminder) = (&self.method.visibility, self.reminder());
        let items = quote_spanned! {Span::mixed_site()=>
            #reminder
            #attributes #visibility #constant
            #attributes #[inline] #visibility #key_function
        };
        Code { items, ..Code::default() }
    }

    fn attributes(&self) -> TokenStream {
        let cfgs = self.method.cfgs();
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(
                unused, deprecated, nonstandard_style, private_interfaces, private_bounds, clippy::all, clippy::pedantic,
                reason = "it repeats the signature of the query, and is there to be used"
            )]
        }
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

    /// Where the entries are, as a type.
    fn place(&self) -> TokenStream {
        let krate = self.options.common.krate();
        let place = match (self.options.common.cache.get(), self.method.receiver()) {
            (Some(_), _) => quote!(Elsewhere),
            (None, Some(_)) => quote!(InSelf),
            (None, None) => quote!(InGlobal),
        };
        quote_spanned!(Span::mixed_site()=> #krate::private::#place)
    }

    fn constant_type(&self) -> TokenStream {
        let (krate, place, name) =
            (self.options.common.krate(), self.place(), constant_name(&self.method.signature.ident));
        quote_spanned!(Span::mixed_site()=> const #name: #krate::private::Located<#place>)
    }

    fn constant(&self) -> TokenStream {
        let (declared, value) = (self.constant_type(), self.facts());
        quote_spanned!(Span::mixed_site()=> #declared = #value;)
    }

    /// The facts of the query, where they are not told by a name.
    fn facts(&self) -> TokenStream {
        let (krate, place) = (self.options.common.krate(), self.place());
        let name = self.options.name.get().map_or_else(|| self.method.name(), syn::LitStr::value);
        let parts = self.key.names();
        let options = facts(self.options);
        let owner = if self.home.is_associated(self.method) { quote!(Self) } else { quote!(_) };
        quote_spanned!(Span::mixed_site()=> #krate::private::query!(#place, #owner, #name, [#parts] #options))
    }

    /// The query, as its own function and the one that makes its keys refer to it.
    ///
    /// A function that may be in an `impl`, or may not, cannot name what stands beside it, and states the facts again.
    pub(crate) fn site(&self) -> TokenStream {
        if self.home.is_associated(self.method) {
            let path = self.method.signature.ident.clone().into();
            self.home.constant(self.method, &ExprPath { attrs: Vec::new(), qself: None, path })
        } else {
            self.facts()
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

    fn key_signature(&self) -> Signature {
        let Method { signature, .. } = self.method;
        let (krate, place) = (self.options.common.krate(), self.place());
        let mut repeated = self.method.name_arguments();
        repeated.ident = key_name(&signature.ident);
        repeated.safety = syn::Safety::Default;
        (repeated.constness, repeated.asyncness, repeated.abi, repeated.variadic) = (None, None, None, None);
        repeated.inputs = repeated.inputs.into_iter().filter(|input| matches!(input, FnArg::Typed(_))).collect();
        let returns = if self.is_keyed_by_self() {
            // With a span of ours: in all editions it may borrow from the arguments.
            quote_spanned!(Span::mixed_site()=> #krate::private::KeyedBy<Self, impl FnOnce(&Self) -> #krate::private::Keyed<#place>>)
        } else {
            quote_spanned!(Span::mixed_site()=> #krate::private::Keyed<#place>)
        };
        repeated.output = syn::parse_quote!(-> #returns);
        repeated
    }

    fn key_function(&self) -> TokenStream {
        let (krate, signature) = (self.options.common.krate(), self.key_signature());
        if !self.is_sound {
            return quote_spanned!(Span::mixed_site()=> #signature { ::core::unreachable!() });
        }
        let (site, parts, instance) = (self.site(), self.key.parts(&krate), self.instance());
        let keyed = quote_spanned!(Span::mixed_site()=> #krate::private::keyed(&#site, &#parts, #instance));
        let keyed = if self.is_keyed_by_self() {
            let this = Ident::new("__cache_self", Span::mixed_site());
            let keyed = with_self_as(&this, keyed);
            quote_spanned!(Span::mixed_site()=> #krate::private::keyed_by(move |#this: &Self| #keyed))
        } else {
            keyed
        };
        let probing =
            self.key.is_probed().then(|| quote_spanned!(Span::mixed_site()=> use #krate::private::probing::*;));
        quote_spanned! {Span::mixed_site()=>
            #signature {
                #probing
                #keyed
            }
        }
    }
}
