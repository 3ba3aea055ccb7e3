//! An `impl` of a trait, or a trait, with annotated functions in it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Generics, ImplItem, ItemImpl, ItemTrait, Signature, TraitItem, Visibility};

use crate::parse::function::{Function, is_named};
use crate::parse::types::has_lifetime;

pub(crate) struct Block {
    pub(crate) head: Head,
    pub(crate) items: Vec<Item>,
}

pub(crate) enum Head {
    Impl(ItemImpl),
    Trait(ItemTrait),
}

pub(crate) enum Item {
    Annotated(Box<Function>),
    Other(TokenStream),
}

impl Block {
    pub(crate) fn parse(item: &TokenStream) -> syn::Result<Self> {
        // Bodies are not parsed.
        let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
        let message = "`#[cached_impl]` goes on the `impl` of a trait, or on a trait, with annotated functions in it";
        let Some(TokenTree::Group(body)) = tokens.pop() else {
            return Err(Error::new(Span::call_site(), message));
        };
        let mut empty = Group::new(Delimiter::Brace, TokenStream::new());
        empty.set_span(body.span());
        tokens.push(TokenTree::Group(empty));
        let head: TokenStream = tokens.into_iter().collect();
        let head = match (syn::parse2::<ItemImpl>(head.clone()), syn::parse2::<ItemTrait>(head)) {
            (Ok(head), _) if head.trait_.is_none() => {
                let message = "remove `#[cached_impl]`: in an `impl` without a trait the attributes work by themselves";
                return Err(Error::new_spanned(head.impl_token, message));
            }
            (Ok(head), _) => Head::Impl(head),
            (_, Ok(head)) => Head::Trait(head),
            (Err(_), Err(_)) => return Err(Error::new(Span::call_site(), message)),
        };
        let is_trait = matches!(head, Head::Trait(_));
        let items = |input: ParseStream<'_>| {
            let mut items = Vec::new();
            while !input.is_empty() {
                items.push(Item::parse(input, is_trait)?);
            }
            Ok(items)
        };
        Ok(Self { head, items: items.parse2(body.stream())? })
    }
}

impl Item {
    fn parse(input: ParseStream<'_>, is_of_trait: bool) -> syn::Result<Self> {
        let ahead = input.fork();
        let attributes = ahead.call(Attribute::parse_outer)?;
        if let Some(hidden) = attributes.iter().find(|attribute| is_conditional(attribute)) {
            let message = "put `#[cfg(..)]` on the function instead: `#[cached_impl]` does not see into a `cfg_attr`";
            return Err(Error::new_spanned(hidden, message));
        }
        if attributes.iter().any(|attribute| kind(attribute).is_some())
            && ahead.parse::<Visibility>().is_ok()
            && ahead.parse::<Signature>().is_ok()
        {
            let ahead = input.fork();
            let function = ahead.parse()?;
            input.advance_to(&ahead);
            return Ok(Self::Annotated(Box::new(function)));
        }
        let other = if is_of_trait {
            input.parse::<TraitItem>()?.to_token_stream()
        } else {
            input.parse::<ImplItem>()?.to_token_stream()
        };
        Ok(Self::Other(other))
    }
}

impl Head {
    pub(crate) fn generics(&self) -> &Generics {
        match self {
            Self::Impl(head) => &head.generics,
            Self::Trait(head) => &head.generics,
        }
    }

    pub(crate) fn attributes(&self) -> &[Attribute] {
        match self {
            Self::Impl(head) => &head.attrs,
            Self::Trait(head) => &head.attrs,
        }
    }

    /// Whether it is an `impl` for one type without borrows.
    pub(crate) fn is_concrete(&self) -> bool {
        match self {
            Self::Impl(head) => {
                let (path, _) = head.trait_.as_ref().expect("without a trait it was refused");
                let self_ty = &head.self_ty;
                head.generics.params.is_empty() && !has_lifetime(quote!(#path for #self_ty))
            }
            Self::Trait(_) => false,
        }
    }

    /// The block with other items.
    pub(crate) fn around(&self, items: &TokenStream) -> TokenStream {
        let head = match self {
            Self::Impl(head) => head.to_token_stream(),
            Self::Trait(head) => head.to_token_stream(),
        };
        let mut tokens: Vec<TokenTree> = head.into_iter().collect();
        if let Some(TokenTree::Group(empty)) = tokens.pop() {
            let mut body = Group::new(Delimiter::Brace, items.clone());
            body.set_span(empty.span());
            tokens.push(TokenTree::Group(body));
        }
        tokens.into_iter().collect()
    }

    /// A name unique among the blocks of a module.
    pub(crate) fn hidden_name(&self) -> Ident {
        let described = match self {
            Self::Impl(head) => {
                let (path, _) = head.trait_.as_ref().expect("without a trait it was refused");
                let ty = &head.self_ty;
                format!("{} for {}", quote!(#path), quote!(#ty))
            }
            Self::Trait(head) => head.ident.unraw().to_string(),
        };
        // Spells out signs that tell types apart.
        let spelt: Vec<_> =
            [("&", " ref "), ("*", " ptr "), ("(", " of "), ("[", " in "), ("!", " not "), ("->", " to ")]
                .into_iter()
                .fold(described, |described, (sign, word)| described.replace(sign, word))
                .split(|c: char| c != '_' && !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
        format_ident!("__Cached_{}", spelt.join("_"), span = Span::mixed_site().located_at(Span::call_site()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Query,
    Mutation,
}

/// The kind of one of our attributes, under any path.
pub(crate) fn kind(attribute: &Attribute) -> Option<Kind> {
    let kinds = [("cached_query", Kind::Query), ("invalidates", Kind::Mutation)];
    kinds.into_iter().find_map(|(name, kind)| is_named(attribute, name).then_some(kind))
}

/// Whether it is a `cfg_attr` with one of ours.
pub(crate) fn is_conditional(attribute: &Attribute) -> bool {
    let tokens = attribute.meta.to_token_stream().to_string();
    attribute.path().is_ident("cfg_attr") && (tokens.contains("cached_query") || tokens.contains("invalidates"))
}

pub(crate) fn is_query(function: &Function) -> bool {
    function.attributes.iter().any(|attribute| kind(attribute) == Some(Kind::Query))
}

/// Removes and collects our attributes, to report an error once.
pub(crate) fn without_attributes(item: TokenStream, removed: &mut Vec<Attribute>) -> TokenStream {
    let mut tokens = item.into_iter().peekable();
    let mut kept = TokenStream::new();
    while let Some(token) = tokens.next() {
        match (token, tokens.peek()) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(group))) if hash.as_char() == '#' => {
                let attribute = quote!(#hash #group);
                let parsed = Attribute::parse_outer.parse2(attribute.clone()).unwrap_or_default();
                if parsed.iter().any(|attribute| kind(attribute).is_some()) {
                    removed.extend(parsed);
                } else if !parsed.iter().any(is_conditional) {
                    kept.extend(attribute);
                }
                tokens.next();
            }
            (TokenTree::Group(group), _) if group.delimiter() == Delimiter::Brace => {
                let mut inner = Group::new(Delimiter::Brace, without_attributes(group.stream(), removed));
                inner.set_span(group.span());
                kept.extend([TokenTree::Group(inner)]);
            }
            (token, _) => kept.extend([token]),
        }
    }
    kept
}
