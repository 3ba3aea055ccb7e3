//! The annotated function: its signature taken apart, its body kept as it is.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{AttrStyle, Attribute, Error, FnArg, Pat, PatType, Receiver, ReturnType, Signature, Type, Visibility};

pub(crate) struct Method {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// An argument whose pattern is a mere name.
pub(crate) struct Argument<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) ty: &'a Type,
}

impl Parse for Method {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let start = input.cursor().ident();
        let signature: Signature = input.parse().map_err(|error| {
            // What is left is not looked at; a parser has to be told so.
            let _ = input.parse::<TokenStream>();
            start.and_then(|(keyword, _)| other_item(&keyword)).unwrap_or(error)
        })?;
        match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                let split = |input: ParseStream<'_>| {
                    let inner = input.call(Attribute::parse_inner)?;
                    Ok((inner, input.parse::<TokenStream>()?))
                };
                let (inner, stream) = split.parse2(body.stream())?;
                // Where the body is going they would not be the first thing in a function.
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

/// Says what is wrong with an item that begins with a keyword other than a function's.
fn other_item(keyword: &Ident) -> Option<Error> {
    const OTHERS: [&str; 10] =
        ["struct", "enum", "union", "trait", "impl", "mod", "type", "static", "use", "macro_rules"];
    OTHERS.iter().any(|other| keyword == other).then(|| {
        let message =
            format!("this attribute goes on a function, and not on `{keyword}`: annotate the functions in it");
        Error::new(keyword.span(), message)
    })
}

impl Method {
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.signature.receiver()
    }

    /// Puts braces around what is to be the body, as if they were the user's.
    ///
    /// They end the function. If it ended in code that is not the user's, the compiler would take it for
    /// generated, and keep to itself that it is never used.
    pub(crate) fn braced(&self, body: TokenStream) -> Group {
        braces(body, self.body.span())
    }

    /// The function's name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.signature.ident.unraw().to_string()
    }

    pub(crate) fn typed_arguments(&self) -> impl Iterator<Item = &PatType> {
        self.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        })
    }

    /// The arguments that have a name.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.typed_arguments()
            .filter_map(|argument| Some(Argument { name: plain_name(&argument.pat)?, ty: &argument.ty }))
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

impl Argument<'_> {
    pub(crate) fn is_reference(&self) -> bool {
        matches!(bare_type(self.ty), Type::Reference(_))
    }
}

/// The name that a pattern is, if it is no more than that.
pub(crate) fn plain_name(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(&pattern.ident),
        _ => None,
    }
}

/// A type without parentheses, and without the invisible group that it has if it came through a `macro_rules!`.
pub(crate) fn bare_type(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        }
    }
}

/// The name of the constant that stands for a query. It has the span of the query's name.
pub(crate) fn site_name(query: &Ident) -> Ident {
    const PREFIX: &str = "__cached_query_";
    let name = query.unraw().to_string();
    // The compiler, asked for a name that no query has, suggests that of such a constant.
    let name = name.strip_prefix(PREFIX).unwrap_or(&name);
    Ident::new(&format!("{PREFIX}{name}"), query.span())
}
