//! What stands in the parentheses of the attributes.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, LitStr, Path, Token, UnOp};

use crate::duration;

/// An option that may be given once.
pub(crate) struct Setting<T>(Option<T>);

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Setting<T> {
    fn set(&mut self, key: &Ident, value: T) -> syn::Result<()> {
        if self.0.replace(value).is_some() {
            return Err(Error::new(key.span(), format!("`{}` is given twice: keep one", key.unraw())));
        }
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

/// The options of `#[cached_query]`.
#[derive(Default)]
pub(crate) struct QueryOptions {
    pub(crate) ttl: Setting<Expr>,
    pub(crate) capacity: Setting<Expr>,
    pub(crate) name: Setting<LitStr>,
    pub(crate) common: CommonOptions,
}

/// The options that both attributes have.
#[derive(Default)]
pub(crate) struct CommonOptions {
    pub(crate) cache: Setting<Expr>,
    pub(crate) krate: Setting<Path>,
}

/// The targets and options of `#[invalidates]`.
#[derive(Default)]
pub(crate) struct Invalidations {
    pub(crate) targets: Vec<Target>,
    pub(crate) on: Setting<LitStr>,
    pub(crate) common: CommonOptions,
}

pub(crate) enum Target {
    /// A query, by its path; all of the path has the span of what the user wrote.
    Query(Path),
    All,
}

impl QueryOptions {
    const NAMES: &[&str] = &["ttl", "capacity", "cache", "name", "crate"];

    pub(crate) fn parse(tokens: TokenStream) -> (Self, Errors) {
        let mut options = Self::default();
        let errors = each_item(tokens, |input| {
            if !input.peek(Ident::peek_any) {
                return Err(input.error("an option is `name = value`, as in `ttl = \"5m\"`"));
            }
            options.parse_one(input)
        });
        (options, errors)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key = Ident::parse_any(input)?;
        match key.unraw().to_string().as_str() {
            "ttl" => {
                let value = value(&key, input)?;
                check_ttl(&value)?;
                self.ttl.set(&key, value)
            }
            "capacity" => {
                let value = value(&key, input)?;
                check_capacity(&value)?;
                self.capacity.set(&key, value)
            }
            "name" => self.name.set(&key, value(&key, input)?),
            _ => self.common.parse_one(&key, Self::NAMES, input),
        }
    }
}

impl CommonOptions {
    fn parse_one(&mut self, key: &Ident, known: &[&str], input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "cache" => self.cache.set(key, value(key, input)?),
            "crate" => self.krate.set(key, value_by(Path::parse_mod_style, key, input)?),
            _ => Err(unknown(key, known)),
        }
    }

    /// Where `cache_core` is.
    pub(crate) fn krate(&self) -> Path {
        self.krate.get().cloned().unwrap_or_else(|| syn::parse_quote!(::cache_core))
    }
}

impl Invalidations {
    const OPTIONS: &[&str] = &["on", "cache", "crate"];

    pub(crate) fn parse(tokens: TokenStream) -> (Self, Errors) {
        let mut parsed = Self::default();
        let errors = each_item(tokens, |input| parsed.parse_one(input));
        (parsed, errors)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(LitStr) {
            self.targets.push(Target::Query(path_in(&input.parse()?)?));
            return Ok(());
        }
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let key = Ident::parse_any(input)?;
            return match key.to_string().as_str() {
                "on" => {
                    let on: LitStr = value(&key, input)?;
                    if on.value() != "ok" {
                        return Err(Error::new(on.span(), "only \"ok\" can be asked for; leave `on` away for always"));
                    }
                    self.on.set(&key, on)
                }
                _ => self.common.parse_one(&key, Self::OPTIONS, input),
            };
        }
        if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
            return Err(input.error("a target is the name of a query, as in \"get_track\", or `all`"));
        }
        let path: Path = input.parse()?;
        if input.peek(syn::token::Paren) {
            let message = "single entries can't be named yet: forget the whole query by its name";
            return Err(Error::new_spanned(path, message));
        }
        self.targets.push(if path.is_ident("all") { Target::All } else { Target::Query(path) });
        Ok(())
    }
}

/// The path in a string, all of it with the string's span: an error about it appears under the string.
fn path_in(text: &LitStr) -> syn::Result<Path> {
    text.parse_with(Path::parse_mod_style).or_else(|_| text.parse_with(Path::parse)).map_err(|_| {
        let message = format!("`{}` can't be the name of a query: write it as in \"get_track\"", text.value());
        Error::new(text.span(), message)
    })
}

/// An expression without the invisible group that it has if it came through a `macro_rules!`.
pub(crate) fn ungrouped(mut expression: &Expr) -> &Expr {
    while let Expr::Group(group) = expression {
        expression = &group.expr;
    }
    expression
}

/// Refuses a time to live of which it is known already that it is wrong.
fn check_ttl(ttl: &Expr) -> syn::Result<()> {
    match ungrouped(ttl) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            duration::parse(&text.value()).map(drop).map_err(|message| Error::new(text.span(), message))
        }
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => match seconds.base10_parse::<u64>() {
            Ok(0) => Err(Error::new(seconds.span(), duration::zero())),
            Ok(_) if seconds.suffix().is_empty() => Ok(()),
            Ok(_) => Err(Error::new(seconds.span(), "write the seconds without a type, as in `ttl = 300`")),
            Err(_) => Err(Error::new(seconds.span(), "this is more than a `Duration` holds")),
        },
        Expr::Lit(ExprLit { lit, .. }) => Err(Error::new(
            lit.span(),
            "write a time to live like `ttl = 300` (seconds), `ttl = \"5m\"` or `ttl = TTL`",
        )),
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), .. }) => {
            Err(Error::new(minus.span, "a time to live can't be negative"))
        }
        _ => Ok(()),
    }
}

/// Refuses a capacity that is seen to be no number of entries.
fn check_capacity(capacity: &Expr) -> syn::Result<()> {
    let message = "a capacity is a number of entries, as in `capacity = 100` or `capacity = LIMIT`";
    match ungrouped(capacity) {
        Expr::Lit(ExprLit { lit: Lit::Int(entries), .. }) if entries.base10_parse::<usize>().is_ok() => Ok(()),
        Expr::Lit(ExprLit { lit, .. }) => Err(Error::new(lit.span(), message)),
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), .. }) => Err(Error::new(minus.span, message)),
        _ => Ok(()),
    }
}

fn value<T: Parse>(key: &Ident, input: ParseStream<'_>) -> syn::Result<T> {
    value_by(T::parse, key, input)
}

fn value_by<T>(parse: fn(ParseStream<'_>) -> syn::Result<T>, key: &Ident, input: ParseStream<'_>) -> syn::Result<T> {
    let equals = input.parse::<Option<Token![=]>>()?;
    if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(key.span(), format!("`{key}` has no value: write `{key} = ..`")));
    }
    parse(input)
}

fn unknown(key: &Ident, known: &[&str]) -> Error {
    let given = key.to_string();
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, &given), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(given.len()) / 2)
        .map(|(_, name)| format!(": did you mean `{name}`?"))
        .unwrap_or_default();
    Error::new(key.span(), format!("there is no option `{given}`{nearest} (options: {})", known.join(", ")))
}

/// Parses items with commas between them. An error in one of them doesn't hide those in the others.
fn each_item(tokens: TokenStream, mut parse: impl FnMut(ParseStream<'_>) -> syn::Result<()>) -> Errors {
    let mut errors = Errors::default();
    let all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let item = if input.peek(Token![,]) {
                Err(input.error("there is nothing before this comma"))
            } else {
                parse(input).and_then(|()| up_to_comma(input))
            };
            if let Err(error) = item {
                errors.push(error);
                while !input.is_empty() && !input.peek(Token![,]) {
                    input.parse::<TokenTree>()?;
                }
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    if let Err(error) = all.parse2(tokens) {
        errors.push(error);
    }
    errors
}

fn up_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(input.error("a comma is missing before this")) }
}

/// All that is wrong, to be told at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn add(&mut self, span: Span, message: &str) {
        self.push(Error::new(span, message));
    }

    /// Under all of what is given.
    pub(crate) fn add_at(&mut self, tokens: impl ToTokens, message: &str) {
        self.push(Error::new_spanned(tokens, message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn into_result(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
