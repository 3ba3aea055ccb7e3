//! `#[cached_impl]`: the attributes in an `impl` of a trait, which has no room for what stands beside queries.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Generics, ImplItem, ItemImpl, ItemTrait, Meta, Path, Signature, TraitItem, Visibility};

use crate::attribute::{mutation, query};
use crate::errors::Errors;
use crate::expand::items::{Code, HiddenTrait, Home};
use crate::expand::outcome::borrows;
use crate::fallback;
use crate::parse::function::{Method, is_named};
use crate::parse::tokens as text;
use crate::validate::BELOW_ASYNC_TRAIT;

pub(crate) fn cached_impl(options: &TokenStream, item: &TokenStream) -> TokenStream {
    match expand(options, item) {
        Ok(tokens) => tokens,
        Err(error) => {
            let mut removed = Vec::new();
            let block = fallback::raw(&without_attributes(item.clone(), &mut removed), &error);
            let imports = (!removed.is_empty()).then(|| used(removed.iter().map(Attribute::path)));
            quote!(#block #imports)
        }
    }
}

fn expand(options: &TokenStream, item: &TokenStream) -> syn::Result<TokenStream> {
    let block = Block::parse(item)?;
    if !options.is_empty() {
        let message = "`#[cached_impl]` has no options: they go to `#[cached_query]` and `#[invalidates]`";
        return Err(Error::new_spanned(options, message));
    }
    let functions = block.items.iter().filter_map(|item| match item {
        Item::Annotated(method) => Some(method),
        Item::Other(_) => None,
    });
    let queries: BTreeSet<_> =
        functions.clone().filter(|method| is_query(method)).map(|method| method.name()).collect();
    if let Some(again) = block.head.attributes().iter().find(|attribute| is_named(attribute, "cached_impl")) {
        return Err(Error::new_spanned(again.path(), "one `#[cached_impl]` is enough: keep one"));
    }
    if functions.clone().count() == 0 {
        let message =
            "nothing in it is annotated: put `#[cached_query]` on what it reads, or leave `#[cached_impl]` away";
        return Err(Error::new(Span::call_site(), message));
    }
    if functions.clone().any(|method| method.is_rewritten()) {
        return Err(Error::new(Span::call_site(), BELOW_ASYNC_TRAIT));
    }
    let (name, generics) = (block.head.hidden_name(), block.head.generics().clone());
    let hidden = HiddenTrait { name, generics, queries, is_concrete: block.head.is_concrete() };
    let mut errors = Errors::default();
    let (mut items, mut beside) = (TokenStream::new(), Code::default());
    for item in &block.items {
        match item {
            Item::Other(other) => items.extend(other.clone()),
            Item::Annotated(method) => {
                items.extend(annotated(method, &Home::Hidden(&hidden), &mut beside, &mut errors)?);
            }
        }
    }
    let imports = functions.flat_map(|method| &method.attributes).filter(|attribute| kind(attribute).is_some());
    let imports = used(imports.map(Attribute::path));
    let errors = errors.into_result().err().map(|errors| errors.to_compile_error());
    let head = block.head.around(&items);
    let beside = (!hidden.queries.is_empty()).then(|| block.head.hidden(&hidden.name, &beside));
    Ok(quote!(#head #beside #imports #errors))
}

/// Uses the paths of attributes, which are expanded here and not looked up: or they would be told to be imported for
/// nothing.
fn used<'a>(paths: impl Iterator<Item = &'a Path>) -> TokenStream {
    let distinct: BTreeMap<String, &Path> = paths.map(|path| (path.to_token_stream().to_string(), path)).collect();
    let paths = distinct.values();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #(
                #[allow(unused_imports, reason = "so that it is not told to be unused where it is imported")]
                use #paths as _;
            )*
        };
    }
}

/// Expands the attributes of one function, the first of them first, which the next ones then find around the body.
fn annotated(method: &Method, home: &Home<'_>, beside: &mut Code, errors: &mut Errors) -> syn::Result<TokenStream> {
    let mut method = method.clone();
    while let Some((position, kind)) = first_of_ours(&method) {
        let attribute = method.attributes.remove(position);
        let options = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) => TokenStream::new(),
            Meta::NameValue(meta) => return Err(Error::new_spanned(meta, "options stand in parentheses")),
        };
        let expanded = match kind {
            Kind::Query => query(options, &method, home),
            Kind::Mutation => mutation(options, &method, home),
        };
        beside.extend(expanded.beside);
        if let Some(more) = expanded.errors {
            errors.push(more);
        }
        method = syn::parse2(expanded.function)?;
    }
    Ok(fallback::function(&method))
}

fn first_of_ours(method: &Method) -> Option<(usize, Kind)> {
    let mut kinds = method.attributes.iter().map(kind).enumerate();
    kinds.find_map(|(position, kind)| Some((position, kind?)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Query,
    Mutation,
}

/// Whether an attribute is one of ours, whatever path it has.
fn kind(attribute: &Attribute) -> Option<Kind> {
    let kinds = [("cached_query", Kind::Query), ("invalidates", Kind::Mutation)];
    kinds.into_iter().find_map(|(name, kind)| is_named(attribute, name).then_some(kind))
}

/// Whether an attribute of ours is in it.
fn is_conditional(attribute: &Attribute) -> bool {
    let tokens = attribute.meta.to_token_stream().to_string();
    attribute.path().is_ident("cfg_attr") && (tokens.contains("cached_query") || tokens.contains("invalidates"))
}

fn is_query(method: &Method) -> bool {
    method.attributes.iter().any(|attribute| kind(attribute) == Some(Kind::Query))
}

/// An `impl` of a trait, or a trait.
struct Block {
    head: Head,
    items: Vec<Item>,
}

enum Head {
    Impl(ItemImpl),
    Trait(ItemTrait),
}

enum Item {
    Annotated(Box<Method>),
    Other(TokenStream),
}

impl Block {
    fn parse(item: &TokenStream) -> syn::Result<Self> {
        // The items are read one by one, and the bodies in them not at all.
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
                let message =
                    "leave `#[cached_impl]` away: in an `impl` that is of no trait the attributes work by themselves";
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
            let message = "put `#[cfg(..)]` on the function instead: what is in a `cfg_attr` is not seen from here";
            return Err(Error::new_spanned(hidden, message));
        }
        if attributes.iter().any(|attribute| kind(attribute).is_some())
            && ahead.parse::<Visibility>().is_ok()
            && ahead.parse::<Signature>().is_ok()
        {
            let ahead = input.fork();
            let method = ahead.parse()?;
            input.advance_to(&ahead);
            return Ok(Self::Annotated(Box::new(method)));
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
    fn generics(&self) -> &Generics {
        match self {
            Self::Impl(head) => &head.generics,
            Self::Trait(head) => &head.generics,
        }
    }

    fn attributes(&self) -> &[Attribute] {
        match self {
            Self::Impl(head) => &head.attrs,
            Self::Trait(head) => &head.attrs,
        }
    }

    /// Whether it is of one type that holds nothing that is borrowed.
    fn is_concrete(&self) -> bool {
        match self {
            Self::Impl(head) => {
                let (path, _) = head.trait_.as_ref().expect("it was refused if it has none");
                let self_ty = &head.self_ty;
                head.generics.params.is_empty() && !borrows(quote!(#path for #self_ty))
            }
            Self::Trait(_) => false,
        }
    }

    /// The block with other items.
    fn around(&self, items: &TokenStream) -> TokenStream {
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

    /// A name that no other block in the module has.
    fn hidden_name(&self) -> Ident {
        let described = match self {
            Self::Impl(head) => {
                let (path, _) = head.trait_.as_ref().expect("it was refused if it has none");
                let ty = &head.self_ty;
                format!("{} for {}", quote!(#path), quote!(#ty))
            }
            Self::Trait(head) => head.ident.unraw().to_string(),
        };
        // What can't be in a name but tells types apart is spelt out.
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

    /// The hidden trait, and that the type has it.
    fn hidden(&self, name: &Ident, beside: &Code) -> TokenStream {
        let Code { items, declared } = beside;
        let cfgs: Vec<_> = self.attributes().iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
        let allowed = quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(
                dead_code, non_camel_case_types, private_bounds, private_interfaces, clippy::all, clippy::pedantic,
                reason = "it repeats what the block that it stands for says"
            )]
        };
        let generics = self.generics();
        let (impl_generics, arguments, bounds) = generics.split_for_impl();
        match self {
            Self::Impl(ItemImpl { trait_, self_ty, .. }) => {
                let (path, _) = trait_.as_ref().expect("it was refused if it has none");
                // In the signatures there may be types that the trait tells of.
                let tells_of_self =
                    text::has_ident(declared.clone(), &|ident, begins_path| ident == "Self" && begins_path);
                let above = tells_of_self.then(|| quote!(: #path));
                quote_spanned! {Span::mixed_site()=>
                    #allowed
                    pub(crate) trait #name #impl_generics #above #bounds { #declared }
                    #allowed
                    impl #impl_generics #name #arguments for #self_ty #bounds { #items }
                }
            }
            Self::Trait(ItemTrait { vis, ident, generics, .. }) => {
                let every = Ident::new("__CacheSelf", Span::mixed_site());
                let mut of_all = generics.clone();
                of_all.params.push(syn::parse_quote!(#every: #ident #arguments + ?::core::marker::Sized));
                let (of_all, _, _) = of_all.split_for_impl();
                quote_spanned! {Span::mixed_site()=>
                    #allowed
                    #vis trait #name #impl_generics: #ident #arguments #bounds { #declared }
                    #allowed
                    impl #of_all #name #arguments for #every #bounds { #items }
                }
            }
        }
    }
}

/// A block without our attributes, which are handed out, so that what is wrong with it is told once.
fn without_attributes(item: TokenStream, removed: &mut Vec<Attribute>) -> TokenStream {
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
