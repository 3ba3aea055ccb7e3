//! The trait with the hidden items of a block.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ItemImpl, ItemTrait};

use crate::expand::items::HiddenItems;
use crate::parse::block::Head;
use crate::parse::tokens;

/// The trait and its `impl`.
pub(crate) fn hidden_trait(head: &Head, name: &Ident, items: &HiddenItems) -> TokenStream {
    let HiddenItems { items, declared } = items;
    let cfgs: Vec<_> = head.attributes().iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let allowed = quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(
            dead_code, non_camel_case_types, private_bounds, private_interfaces, clippy::all, clippy::pedantic,
            reason = "it repeats the head of the block"
        )]
    };
    let generics = head.generics();
    let (impl_generics, arguments, bounds) = generics.split_for_impl();
    match head {
        Head::Impl(ItemImpl { trait_, self_ty, .. }) => {
            let (path, _) = trait_.as_ref().expect("without a trait it was refused");
            // Signatures may name associated types of the trait.
            let names_associated =
                tokens::has_ident(declared.clone(), &|ident, begins_path| ident == "Self" && begins_path);
            let supertrait = names_associated.then(|| quote!(: #path));
            quote_spanned! {Span::mixed_site()=>
                #allowed
                pub(crate) trait #name #impl_generics #supertrait #bounds { #declared }
                #allowed
                impl #impl_generics #name #arguments for #self_ty #bounds { #items }
            }
        }
        Head::Trait(ItemTrait { vis, ident, generics, .. }) => {
            let implementor = Ident::new("__CacheSelf", Span::mixed_site());
            let mut blanket = generics.clone();
            blanket.params.push(syn::parse_quote!(#implementor: #ident #arguments + ?::core::marker::Sized));
            let (blanket, _, _) = blanket.split_for_impl();
            quote_spanned! {Span::mixed_site()=>
                #allowed
                #vis trait #name #impl_generics: #ident #arguments #bounds { #declared }
                #allowed
                impl #blanket #name #arguments for #implementor #bounds { #items }
            }
        }
    }
}
