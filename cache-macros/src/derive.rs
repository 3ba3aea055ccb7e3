//! `#[derive(HasCache)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Data, DeriveInput, Error, Field, Index, Member, Meta, Path, Type};

pub(crate) fn has_cache(item: TokenStream) -> TokenStream {
    let expanded = syn::parse2(item).and_then(|input| expand(&input));
    expanded.unwrap_or_else(|error| error.to_compile_error())
}

fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        let message = "`HasCache` can be derived for structs only: implement it, `fn cache(&self) -> &Cache`";
        return Err(Error::new(input.ident.span(), message));
    };
    let krate = krate(&input.attrs)?;
    let fields: Vec<&Field> = data.fields.iter().collect();
    let position = find(input, &fields)?;
    let field = fields[position];
    let member = field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(position)), Member::Named);
    let span = field.ident.as_ref().map_or_else(Span::call_site, syn::Ident::span);
    let ty = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    let cache = quote_spanned!(span=> #krate::HasCache::cache(&self.#member));
    Ok(quote! {
        impl #generics #krate::HasCache for #ty #arguments #bounds {
            fn cache(&self) -> &#krate::Cache {
                #cache
            }
        }
    })
}

/// The position of the marked field, or of the only `Cache`.
fn find(input: &DeriveInput, fields: &[&Field]) -> syn::Result<usize> {
    let marks = fields.iter().flat_map(|field| &field.attrs).filter(|attribute| attribute.path().is_ident("cache"));
    for mark in marks {
        if !matches!(mark.meta, Meta::Path(_)) {
            let message = "write `#[cache]` alone here: `#[cache(crate = path)]` goes on the struct";
            return Err(Error::new_spanned(&mark.meta, message));
        }
    }
    let positions = |is_wanted: fn(&Field) -> bool| -> Vec<usize> {
        (0..fields.len()).filter(|&position| is_wanted(fields[position])).collect()
    };
    let marked = positions(|field| field.attrs.iter().any(|attribute| attribute.path().is_ident("cache")));
    let caches = positions(|field| is_cache(&field.ty));
    match (&marked[..], &caches[..]) {
        (&[one], _) | (&[], &[one]) => Ok(one),
        (&[_, second, ..], _) => Err(at(fields[second], "two fields are marked `#[cache]`: keep one")),
        (&[], &[_, second, ..]) => {
            Err(at(fields[second], "there are two fields of type `Cache`: mark the one to use with `#[cache]`"))
        }
        (&[], &[]) => Err(Error::new(
            input.ident.span(),
            "no field is of type `Cache`: add `cache: Cache`, or mark the field that leads to it with `#[cache]`",
        )),
    }
}

fn at(field: &Field, message: &str) -> Error {
    Error::new_spanned(&field.ty, message)
}

fn is_cache(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Cache"))
}

/// The path of `cache_core`, as in `#[cache(crate = path)]` on the struct.
fn krate(attributes: &[Attribute]) -> syn::Result<Path> {
    let mut krate = syn::parse_quote!(::cache_core);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("cache")) {
        if let Meta::Path(path) = &attribute.meta {
            return Err(Error::new_spanned(path, "write `#[cache]` on the field that leads to the cache"));
        }
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("the one option here is `crate = path`"));
            }
            krate = meta.value()?.call(Path::parse_mod_style)?;
            Ok(())
        })?;
    }
    Ok(krate)
}
