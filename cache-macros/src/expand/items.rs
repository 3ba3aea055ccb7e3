//! The hidden items of a query, for `#[invalidates]`: a constant, and a function that makes a key.
//!
//! In an inherent `impl` or a module they stand beside the query. An `impl` of a trait cannot have them:
//! `#[cached_impl]` puts them into a hidden trait.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{ExprPath, FnArg, Signature, Type, Visibility};

use crate::expand::body::cache;
use crate::expand::enclosing::{Enclosing, at_attribute, constant_name, entry_name, key_name, skipping_key_name};
use crate::expand::facts::{facts, shared};
use crate::expand::key::{Key, with_self_as};
use crate::expand::options::{entry_options, judge_of_entry};
use crate::expand::outcome::outcome;
use crate::expand::skipped::Skipped;
use crate::parse::function::{Argument, Function};
use crate::parse::list::List;
use crate::parse::options::QueryOptions;
use crate::parse::patterns::plain_name;
use crate::parse::types::bare_type;

#[derive(Default)]
pub(crate) struct HiddenItems {
    /// Definitions, in an `impl` or a module.
    pub(crate) items: TokenStream,
    /// Declarations in the hidden trait.
    pub(crate) declared: TokenStream,
}

impl HiddenItems {
    pub(crate) fn extend(&mut self, more: Self) {
        self.items.extend(more.items);
        self.declared.extend(more.declared);
    }
}

pub(crate) struct Query<'a> {
    /// With `each`, that of one id.
    pub(crate) function: &'a Function,
    pub(crate) list: Option<&'a List<'a>>,
    pub(crate) options: &'a QueryOptions,
    pub(crate) key: &'a Key<'a>,
    pub(crate) enclosing: &'a Enclosing<'a>,
    /// Whether the attribute has no error. After one no key is made, to avoid further errors.
    pub(crate) is_valid: bool,
}

impl Query<'_> {
    pub(crate) fn hidden_items(&self) -> HiddenItems {
        let krate = self.options.common.krate();
        let (constant, place, facts) = (constant_name(&self.function.signature.ident), self.place(), self.facts());
        let cfgs: Vec<_> = self.function.cfgs().collect();
        let (key, by_self) = (self.key(), self.is_keyed_by_self().then(|| quote!(of self)));
        let signatures = self.key_signatures();
        if let Enclosing::Block(_) = self.enclosing {
            let defined = signatures.iter().map(|signature| key_item(None, signature, by_self.as_ref()));
            let entry = self.entry(None);
            let items = quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #krate::private::items! {
                    const #constant = [#facts];
                    #(#defined = #key;)*
                    #entry
                }
            };
            let entry = self.declared_entry();
            let declared = signatures.iter().map(|signature| key_item(None, &declared(signature), by_self.as_ref()));
            let declared = quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #krate::private::items! {
                    const #constant: #place;
                    #(#declared;)*
                    #entry
                }
            };
            return HiddenItems { items, declared };
        }
        let (visibility, reminder) = (&self.function.visibility, self.reminder());
        let defined = signatures.iter().map(|signature| key_item(Some(visibility), signature, by_self.as_ref()));
        let entry = self.entry(Some(visibility));
        let items = quote_spanned! {Span::mixed_site()=>
            #reminder
            #(#cfgs)*
            #krate::private::items! {
                #visibility const #constant = [#facts];
                #(#defined = #key;)*
                #entry
            }
        };
        HiddenItems { items, ..HiddenItems::default() }
    }

    /// An item with an advice as its name, which the compiler reports in an `impl` of a trait.
    fn reminder(&self) -> Option<TokenStream> {
        let cannot_be_in_a_trait = !matches!(self.function.visibility, Visibility::Inherited);
        if cannot_be_in_a_trait {
            return None;
        }
        let query = self.function.signature.ident.unraw();
        let span = self.function.signature.ident.span();
        let name = format_ident!("__{query}_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it", span = span);
        let cfgs = self.function.cfgs();
        Some(quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(dead_code, non_upper_case_globals, reason = "its name is an advice")]
            const #name: () = ();
        })
    }

    fn place(&self) -> Ident {
        let place = match (self.options.common.cache.get(), self.function.receiver()) {
            (Some(_), _) => "Elsewhere",
            (None, Some(_)) => "InSelf",
            (None, None) => "InGlobal",
        };
        Ident::new(place, Span::mixed_site())
    }

    /// Arguments of the macro `query!`.
    fn facts(&self) -> TokenStream {
        let (place, parts, options) = (self.place(), self.key.names(), facts(self.options, self.is_valid));
        let function = self.function.name();
        let name = self.options.name.get().map_or_else(|| function.clone(), syn::LitStr::value);
        let function = (name != function).then(|| quote!(, function = #function));
        // In a `#[cached_impl]` all attributes have one place.
        let line = quote_spanned!(self.function.signature.ident.span()=> ::core::line!());
        let owner = if self.enclosing.is_associated(self.function) { quote!(Self) } else { quote!(_) };
        quote_spanned!(Span::mixed_site()=> #place, #owner, #name, [#parts], line = #line #function #options)
    }

    /// The query, for its function and its key function. A function that may or may not be in an `impl` does not know the
    /// path of the constant, and repeats the facts.
    pub(crate) fn query_ref(&self) -> TokenStream {
        if self.enclosing.is_associated(self.function) {
            let path = at_attribute(&self.function.signature.ident).into();
            self.enclosing.constant(self.function, &ExprPath { attrs: Vec::new(), qself: None, path })
        } else {
            let (krate, facts) = (self.options.common.krate(), self.facts());
            quote_spanned!(Span::mixed_site()=> #krate::private::query!(#facts))
        }
    }

    /// The generic arguments that a target can name, as a tuple of types. Those of skipped arguments are none.
    pub(crate) fn instance(&self) -> TokenStream {
        let (krate, skipped) = (self.options.common.krate(), Skipped::of(self.function, self.key));
        let of_impl = match self.enclosing {
            Enclosing::Unknown => None,
            Enclosing::Block(hidden) => Some(hidden.generics.type_params()),
        };
        let of_function = self.function.signature.generics.type_params();
        let of_function = of_function.filter(|parameter| !skipped.has_parameter(&parameter.ident));
        let named = of_impl.into_iter().flatten().chain(of_function);
        let named = named.map(|parameter| {
            let name = &parameter.ident;
            quote_spanned!(Span::mixed_site()=> ::core::marker::PhantomData::<#name>)
        });
        // No type stands for other constants.
        let lengths = self.function.signature.generics.const_params().filter_map(|parameter| {
            let name = &parameter.ident;
            let is_length = matches!(&parameter.ty, Type::Path(path) if path.path.is_ident("usize"));
            let is_length = is_length && !skipped.has_parameter(name);
            is_length.then(|| quote_spanned!(Span::mixed_site()=> ::core::marker::PhantomData::<[(); #name]>))
        });
        let unnamed = self.function.arguments().filter_map(|Argument { name, ty, cfgs, .. }| {
            let is_generic = matches!(bare_type(ty?), Type::ImplTrait(_)) && !skipped.has(&name);
            is_generic.then(|| quote_spanned!(Span::mixed_site()=> #(#cfgs)* #krate::private::type_of(&#name)))
        });
        let types = named.chain(lengths).chain(unnamed);
        quote_spanned!(Span::mixed_site()=> (#(#types,)*))
    }

    fn is_keyed_by_self(&self) -> bool {
        self.is_valid && self.key.mentions_self()
    }

    /// The signatures of the functions that make a key, without their return type: of all arguments, and without those
    /// that are skipped.
    fn key_signatures(&self) -> Vec<Signature> {
        let mut of_all = self.function.name_arguments();
        of_all.ident = key_name(&of_all.ident);
        (of_all.safety, of_all.output) = (syn::Safety::Default, syn::ReturnType::Default);
        (of_all.constness, of_all.asyncness, of_all.abi, of_all.variadic) = (None, None, None, None);
        of_all.inputs = of_all.inputs.into_iter().filter(|input| matches!(input, FnArg::Typed(_))).collect();
        if let Some(list) = self.list {
            take_by_value(list, &mut of_all);
        }
        let skipped = Skipped::of(self.function, self.key);
        if skipped.is_empty() {
            return vec![of_all];
        }
        let krate = self.options.common.krate();
        let marker = quote_spanned!(Span::mixed_site()=> #krate::private::UnderscoreForSkippedArgument);
        let mut without = skipped.left_out(of_all.clone(), &marker);
        without.ident = skipping_key_name(&self.function.signature.ident);
        vec![of_all, without]
    }

    /// The function that makes the entry of a call, for the macro `items!`. It has the receiver and the arguments of the
    /// query.
    fn entry(&self, visibility: Option<&Visibility>) -> Option<TokenStream> {
        let (krate, common) = (self.options.common.krate(), &self.options.common);
        let item = entry_item(visibility, self.entry_signature()?, self.function.returns()?);
        let (query_ref, cache, parts) =
            (self.query_ref(), cache(self.function, common, &krate), self.key.parts(&krate));
        let (outcome, instance) = (outcome(self.function, self.enclosing, &krate), self.instance());
        let shared = shared(self.options);
        let (options, judge) = (entry_options(self.options), judge_of_entry(self.function, self.options, &krate));
        Some(quote_spanned! {Span::mixed_site()=>
            #item = ([#shared #query_ref, #cache, #parts, #outcome, #instance] #options #judge);
        })
    }

    fn declared_entry(&self) -> Option<TokenStream> {
        let item = entry_item(None, declared(&self.entry_signature()?), self.function.returns()?);
        Some(quote_spanned!(Span::mixed_site()=> #item;))
    }

    /// `None` after an error, and with `each`: the value of one id is not what the function returns.
    fn entry_signature(&self) -> Option<Signature> {
        let mut repeated = self.function.name_arguments();
        repeated.ident = entry_name(&repeated.ident);
        (repeated.safety, repeated.output) = (syn::Safety::Default, syn::ReturnType::Default);
        (repeated.constness, repeated.asyncness, repeated.abi, repeated.variadic) = (None, None, None, None);
        (self.is_valid && self.list.is_none()).then_some(repeated)
    }

    /// A key for the macro `items!`.
    fn key(&self) -> TokenStream {
        if !self.is_valid {
            return quote!(());
        }
        let (query_ref, parts, instance) =
            (self.query_ref(), self.key.parts(&self.options.common.krate()), self.instance());
        let shared = shared(self.options);
        let id = self.list.map(|List { id, .. }| quote_spanned!(Span::mixed_site()=> &#id,));
        if self.is_keyed_by_self() {
            let this = Ident::new("__cache_self", Span::mixed_site());
            let parts = with_self_as(&this, parts);
            quote_spanned!(Span::mixed_site()=> (#shared #id |#this| #query_ref, #parts, #instance))
        } else {
            quote_spanned!(Span::mixed_site()=> (#shared #id #query_ref, #parts, #instance))
        }
    }
}

/// A target names an id by value.
fn take_by_value(list: &List<'_>, of_one: &mut Signature) {
    let List { id, item, .. } = list;
    for input in &mut of_one.inputs {
        if let FnArg::Typed(argument) = input
            && plain_name(&argument.pat) == Some(id)
        {
            *argument.ty = syn::parse_quote!(#item);
        }
    }
}

/// A key function for the macro `items!`, without its key.
fn key_item(visibility: Option<&Visibility>, signature: &Signature, by_self: Option<&TokenStream>) -> TokenStream {
    let mut signature = signature.clone();
    let bounds = signature.generics.where_clause.take().map(|bounds| quote!(where [#bounds]));
    quote_spanned!(Span::mixed_site()=> key #visibility [#signature] #by_self #bounds)
}

/// An entry function for the macro `items!`, without its body.
fn entry_item(visibility: Option<&Visibility>, mut signature: Signature, returns: &Type) -> TokenStream {
    let bounds = signature.generics.where_clause.take().map(|bounds| quote!(where [#bounds]));
    quote_spanned!(Span::mixed_site()=> entry #visibility [#signature] -> [#returns] #bounds)
}

/// Without a body no pattern is allowed.
fn declared(signature: &Signature) -> Signature {
    let mut signature = signature.clone();
    for input in &mut signature.inputs {
        if let FnArg::Typed(argument) = input {
            *argument.pat = syn::parse_quote!(_);
        }
    }
    signature
}
