//! The key of a query, as parts: its arguments, or the expressions of `key(..)`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Path, Type};

use crate::parse::function::{Argument, Function};
use crate::parse::options::QueryOptions;
use crate::parse::tokens;
use crate::parse::types::{bare_type, borrows, container, is_known};

pub(crate) struct Key<'a> {
    pub(crate) parts: KeyParts<'a>,
    /// What `secret(..)` names.
    secret: &'a [Expr],
    /// Whether other processes read it.
    pub(crate) is_shared: bool,
}

pub(crate) enum KeyParts<'a> {
    Arguments(Vec<Argument<'a>>),
    Expressions(&'a [Expr]),
}

impl<'a> Key<'a> {
    pub(crate) fn of(function: &'a Function, options: &'a QueryOptions) -> Self {
        let secret = options.secret.get().map_or(&[][..], |secret| secret);
        let is_shared = options.shared.get().is_some();
        if let Some(given) = options.key.get() {
            return Self { parts: KeyParts::Expressions(given), secret, is_shared };
        }
        let skipped = options.skip.get().map_or(&[][..], |skipped| skipped);
        let is_skipped = |argument: &Argument<'_>| skipped.iter().any(|skipped| argument.is(skipped));
        let kept = function.arguments().filter(|argument| !is_skipped(argument)).collect();
        Self { parts: KeyParts::Arguments(kept), secret, is_shared }
    }

    /// The names of the parts, for an array.
    pub(crate) fn names(&self) -> TokenStream {
        match &self.parts {
            KeyParts::Arguments(arguments) => {
                let names = arguments.iter().map(|Argument { label, cfgs, .. }| quote!(#(#cfgs)* #label));
                quote!(#(#names),*)
            }
            KeyParts::Expressions(given) => {
                let names = given.iter().map(|expression| tokens::of_expression(expression.to_token_stream()));
                quote!(#(#names),*)
            }
        }
    }

    /// The borrowed parts.
    pub(crate) fn parts(&self, krate: &Path) -> TokenStream {
        let (end, leaves) = (quote_spanned!(Span::mixed_site()=> ()), Leaves { krate, is_shared: self.is_shared });
        match &self.parts {
            KeyParts::Arguments(arguments) => arguments.iter().rev().fold(end, |rest, argument| {
                let Argument { name, ty, cfgs, .. } = argument;
                let part = match ty {
                    Some(ty) => leaves.part(ty, &quote!(#name)),
                    None => leaves.leaf(&quote!(#name), name.span()),
                };
                let part = self.shown(&quote!(#name), part, krate);
                if cfgs.is_empty() {
                    return quote_spanned!(Span::mixed_site()=> (#part, #rest));
                }
                quote_spanned!(Span::mixed_site()=> {
                    let __cache_rest = #rest;
                    #(#cfgs)*
                    let __cache_rest = (#part, __cache_rest);
                    __cache_rest
                })
            }),
            KeyParts::Expressions(given) => given.iter().rev().fold(end, |rest, expression| {
                // No lint reports generated parentheses.
                let place = quote_spanned!(Span::mixed_site()=> (#expression));
                let part = leaves.leaf(&place, expression.span());
                let part = self.shown(&expression.to_token_stream(), part, krate);
                quote_spanned!(Span::mixed_site()=> (#part, #rest))
            }),
        }
    }

    /// A part as listings show it: not at all, if it is made from a secret.
    fn shown(&self, from: &TokenStream, part: TokenStream, krate: &Path) -> TokenStream {
        if !self.secret.iter().any(|secret| tokens::is_made_from(from, secret)) {
            return part;
        }
        quote_spanned!(Span::mixed_site()=> #krate::private::Secret(#part))
    }

    pub(crate) fn mentions_self(&self) -> bool {
        match &self.parts {
            KeyParts::Arguments(_) => false,
            KeyParts::Expressions(given) => given.iter().any(|expression| {
                // The first segment of a path is not a value.
                tokens::has_ident(expression.to_token_stream(), &|ident, begins_path| ident == "self" && !begins_path)
            }),
        }
    }
}

impl Argument<'_> {
    pub(crate) fn is(&self, name: &Ident) -> bool {
        self.name.unraw() == name.unraw()
    }
}

/// Renames `self`.
pub(crate) fn with_self_as(name: &Ident, tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut renamed = TokenStream::new();
    while let Some(token) = tokens.next() {
        let is_path = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
        renamed.extend([match token {
            TokenTree::Ident(ident) if ident == "self" && !is_path => TokenTree::Ident(name.clone()),
            TokenTree::Group(group) => {
                let mut inner = proc_macro2::Group::new(group.delimiter(), with_self_as(name, group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        }]);
    }
    renamed
}

/// Makes the parts of arguments.
struct Leaves<'a> {
    krate: &'a Path,
    is_shared: bool,
}

impl Leaves<'_> {
    /// The part for a place of a type. References in the type are copied only to be stored.
    fn part(&self, ty: &Type, place: &TokenStream) -> TokenStream {
        let (ty, krate) = (bare_type(ty), self.krate);
        match ty {
            Type::Reference(reference) => self.part(&reference.elem, &quote!(*#place)),
            _ if is_known(ty) => self.known(place, ty.span()),
            _ if !borrows(ty) => self.leaf(place, ty.span()),
            Type::Tuple(tuple) => {
                let items = tuple.elems.iter().enumerate().rev();
                let list = items.fold(quote_spanned!(Span::mixed_site()=> ()), |rest, (number, item)| {
                    let number = syn::Index::from(number);
                    let item = self.part(item, &quote!((#place).#number));
                    quote_spanned!(Span::mixed_site()=> (#item, #rest))
                });
                quote_spanned!(Span::mixed_site()=> #krate::private::Tuple(#list))
            }
            Type::Array(array) => self.each(&array.elem, place),
            Type::Slice(slice) => self.each(&slice.elem, place),
            _ => match container(ty) {
                Some((name, item)) if name == "Option" => {
                    let item = self.part(item, &quote_spanned!(Span::mixed_site()=> *__cache_item));
                    quote_spanned! {Span::mixed_site()=>
                        ::core::option::Option::map(::core::option::Option::as_ref(&#place), |__cache_item| #item)
                    }
                }
                Some((name, item)) if name == "Vec" => self.each(item, place),
                Some((name, item)) if name == "Cow" => self.leaf(&quote!(*#place), item.span()),
                Some((_, item)) => self.part(item, &quote!(*#place)),
                None => self.leaf(place, ty.span()),
            },
        }
    }

    fn each(&self, item: &Type, place: &TokenStream) -> TokenStream {
        let (item, krate) = (self.part(item, &quote_spanned!(Span::mixed_site()=> *__cache_item)), self.krate);
        quote_spanned!(Span::mixed_site()=> #krate::private::each(&(#place)[..], |__cache_item| #item))
    }

    /// A place as one part. An error about the key appears under `span`.
    fn leaf(&self, place: &TokenStream, span: Span) -> TokenStream {
        let krate = respan(self.krate, span);
        let part = quote_spanned!(span=> (&&&&#krate::private::argument(&#place)).__cache_part());
        if self.is_shared { quote_spanned!(span=> #krate::private::shared_part!(#part)) } else { part }
    }

    /// The part for a place of a known type, as method lookup would find it, but cheaper to compile.
    fn known(&self, place: &TokenStream, span: Span) -> TokenStream {
        let krate = respan(self.krate, span);
        quote_spanned!(span=> #krate::private::Part::shown(&#place))
    }
}

pub(crate) fn respan(path: &Path, span: Span) -> TokenStream {
    let moved = path.to_token_stream().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    moved.collect()
}
