//! What stands beside a query, for `#[invalidates]` to refer to: a constant that names the query, and a function
//! that makes a key of it.
//!
//! In an `impl` of a type, and in a module, they are just there. An `impl` of a trait has room for nothing that the
//! trait does not have, so `#[cached_impl]` puts them into a hidden trait that the type has, too.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{ExprPath, FnArg, Signature, Type};

use crate::expand::enclosing::{Home, constant_name, elsewhere, key_name};
use crate::expand::facts::facts;
use crate::expand::key::{Key, with_self_as};
use crate::parse::function::{Argument, Method};
use crate::parse::options::QueryOptions;
use crate::parse::types::bare_type;

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
            return Code { items, declared };
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
