//! An annotated function: its signature parsed, its body kept as tokens.

use std::borrow::Cow;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    AttrStyle, Attribute, Error, FnArg, PatType, Path, Receiver, ReceiverKind, ReturnType, Signature, Type, Visibility,
};

use crate::parse::patterns::{bound_names, plain_name};
use crate::parse::tokens;

#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// A name that the arguments bind.
pub(crate) struct Argument<'a> {
    pub(crate) name: Cow<'a, Ident>,
    /// Its name in listings.
    pub(crate) label: String,
    /// `None` for a name in a pattern.
    pub(crate) ty: Option<&'a Type>,
    pub(crate) cfgs: Vec<&'a Attribute>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let start = input.cursor().ident();
        let signature: Signature = input.parse().map_err(|error| {
            // A parser has to consume all of its input.
            let _ = input.parse::<TokenStream>();
            start.and_then(|(keyword, _)| other_item(&keyword)).unwrap_or(error)
        })?;
        match ungrouped(input.parse()?) {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                let split = |input: ParseStream<'_>| {
                    let inner = input.call(Attribute::parse_inner)?;
                    Ok((inner, input.parse::<TokenStream>()?))
                };
                let (inner, stream) = split.parse2(body.stream())?;
                // Inner attributes do not fit the closure that the body becomes.
                attributes
                    .extend(inner.into_iter().map(|attribute| Attribute { style: AttrStyle::Outer, ..attribute }));
                Ok(Self { attributes, visibility, signature, body: braces(stream, body.span()) })
            }
            _ => Err(Error::new(
                signature.ident.span(),
                "this function has no body: put the attribute on the method that implements it",
            )),
        }
    }
}

/// Removes the invisible group that a `macro_rules!` puts around a token.
fn ungrouped(token: TokenTree) -> TokenTree {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            inner.next().map_or(TokenTree::Group(group), ungrouped)
        }
        token => token,
    }
}

/// The error about another kind of item, by its keyword.
fn other_item(keyword: &Ident) -> Option<Error> {
    const OTHERS: [&str; 10] =
        ["struct", "enum", "union", "trait", "impl", "mod", "type", "static", "use", "macro_rules"];
    OTHERS.iter().any(|other| keyword == other).then(|| {
        let message = format!("this attribute goes on a function, not on `{keyword}`: annotate the functions in it");
        Error::new(keyword.span(), message)
    })
}

impl Function {
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.signature.receiver()
    }

    pub(crate) fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    /// Whether `#[async_trait]` has made it return a boxed future.
    pub(crate) fn is_rewritten(&self) -> bool {
        self.signature.generics.lifetimes().any(|of| of.lifetime.ident == "async_trait")
    }

    /// Braces with the user's span: a function that ends in generated code counts as generated, and the compiler does
    /// not report it as unused.
    pub(crate) fn braced(&self, body: TokenStream) -> Group {
        braces(body, self.body.span())
    }

    /// Without `r#`.
    pub(crate) fn name(&self) -> String {
        self.signature.ident.unraw().to_string()
    }

    pub(crate) fn typed_arguments(&self) -> impl Iterator<Item = &PatType> {
        self.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        })
    }

    /// The names that the arguments bind. A pattern that binds none is named as in [`Self::name_arguments`].
    pub(crate) fn arguments<'a>(&'a self) -> impl Iterator<Item = Argument<'a>> {
        self.typed_arguments().enumerate().flat_map(|(number, argument)| {
            let cfgs: Vec<_> = cfgs(&argument.attrs).collect();
            let of = |name: Cow<'a, Ident>, label, ty| Argument { name, label, ty, cfgs: cfgs.clone() };
            if let Some(name) = plain_name(&argument.pat) {
                return vec![of(Cow::Borrowed(name), name.unraw().to_string(), Some(&*argument.ty))];
            }
            let names = bound_names(&argument.pat);
            if names.is_empty() {
                let label = argument.pat.to_token_stream().to_string();
                return vec![of(Cow::Owned(unnamed_argument(number)), label, Some(&*argument.ty))];
            }
            names.into_iter().map(|name| of(Cow::Borrowed(name), name.unraw().to_string(), None)).collect()
        })
    }

    /// The signature with every argument named.
    pub(crate) fn name_arguments(&self) -> Signature {
        let mut signature = self.signature.clone();
        let typed = signature.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        });
        for (number, argument) in typed.enumerate() {
            if plain_name(&argument.pat).is_none() && bound_names(&argument.pat).is_empty() {
                let name = unnamed_argument(number);
                *argument.pat = syn::parse_quote!(#name);
            }
        }
        signature
    }

    /// Whether it is certainly in an `impl` or a trait.
    pub(crate) fn is_associated(&self) -> bool {
        self.receiver().is_some() || tokens::has_ident(self.signature.to_token_stream(), &|ident, _| ident == "Self")
    }

    pub(crate) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        cfgs(&self.attributes)
    }

    /// `self` as a `&Self`.
    pub(crate) fn this(&self, krate: &Path) -> Option<TokenStream> {
        let receiver = self.receiver()?;
        let this = &receiver.self_token;
        Some(match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => quote!(#this),
            ReceiverKind::Reference(..) => quote!(&*#this),
            ReceiverKind::Typed(..) => quote_spanned!(Span::mixed_site()=> #krate::private::receiver::<Self>(&#this)),
            _ => quote!(&#this),
        })
    }

    pub(crate) fn returns(&self) -> Option<&Type> {
        match &self.signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }
}

fn braces(body: TokenStream, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Brace, body);
    group.set_span(span);
    group
}

fn cfgs(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
}

/// Whether the last segment of an attribute's path is `name`.
pub(crate) fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == name)
}

/// The name for an argument whose pattern has none.
pub(crate) fn unnamed_argument(number: usize) -> Ident {
    format_ident!("__cache_argument_{number}", span = Span::mixed_site())
}
