//! What stands in the parentheses of `#[invalidates(..)]`.

use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprBlock, ExprCall, ExprClosure, ExprLit, ExprPath, Lit, LitStr, Path, Stmt, Token};

use crate::args::{CommonOptions, Setting, each_item, tags, ungrouped, value};
use crate::errors::Errors;

/// The targets and options of `#[invalidates]`.
#[derive(Default)]
pub(crate) struct Invalidations {
    pub(crate) targets: Vec<Target>,
    pub(crate) on: Setting<LitStr>,
    pub(crate) common: CommonOptions,
}

pub(crate) enum Target {
    /// A query, by its path; all of the path has the span of what the user wrote.
    Query(ExprPath),
    Keyed(Keyed),
    FromResult {
        closure: ExprClosure,
        /// What the closure ends in.
        keyed: Keyed,
    },
    Tag(Expr),
    All(Ident),
}

/// One entry of a query.
pub(crate) struct Keyed {
    pub(crate) query: ExprPath,
    /// In their parentheses.
    pub(crate) arguments: Group,
}

impl Invalidations {
    const OPTIONS: &[&str] = &["on", "cache", "crate"];

    pub(crate) fn parse(tokens: TokenStream) -> (Self, Errors) {
        let mut parsed = Self::default();
        let errors = each_item(tokens, |input| parsed.parse_one(input));
        (parsed, errors)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
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
        if let Some((name, _)) = input.cursor().ident()
            && name == "tags"
            && input.peek2(syn::token::Paren)
        {
            let key = Ident::parse_any(input)?;
            self.targets.extend(tags(&key, input)?.into_iter().map(Target::Tag));
            return Ok(());
        }
        self.targets.push(target(input)?);
        Ok(())
    }
}

fn target(input: ParseStream<'_>) -> syn::Result<Target> {
    let message = "a target is the name of a query, as in \"get_track\", one entry of it, as in `get_track(id)`, `tags(..)` or `all`";
    let mistaken = input.error(message);
    let expression: Expr = input.parse().map_err(|_| mistaken)?;
    match ungrouped(&expression) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Target::Query(path_in(text)?)),
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) if name == "all" => Ok(Target::All(name.clone())),
            _ => whole(path).map(Target::Query),
        },
        Expr::Call(call) => keyed(call).map(Target::Keyed),
        Expr::Closure(closure) => from_result(closure),
        other => Err(Error::new_spanned(other, message)),
    }
}

/// A query without generic arguments, which would say nothing: all of its instantiations are forgotten.
fn whole(path: &ExprPath) -> syn::Result<ExprPath> {
    match path.path.segments.last().map(|last| &last.arguments) {
        None | Some(syn::PathArguments::None) => Ok(path.clone()),
        Some(arguments) => Err(Error::new_spanned(
            arguments,
            "leave the generic arguments away: a query is forgotten in all of its instantiations",
        )),
    }
}

fn keyed(call: &ExprCall) -> syn::Result<Keyed> {
    let Expr::Path(query) = ungrouped(&call.func) else {
        return Err(Error::new_spanned(&call.func, "name the query, as in `get_track(id)`"));
    };
    let mut arguments = Group::new(Delimiter::Parenthesis, call.args.to_token_stream());
    arguments.set_span(call.paren_token.span.join());
    Ok(Keyed { query: query.clone(), arguments })
}

fn from_result(closure: &ExprClosure) -> syn::Result<Target> {
    if closure.inputs.len() != 1 {
        let message = "take one parameter, the value that the function returns, as in `|track| get_track(track.id)`";
        return Err(Error::new_spanned(closure.inputs_begin, message));
    }
    let Expr::Call(call) = without_block(&closure.body) else {
        let message = "end the closure in a query and its arguments, as in `|track| get_track(track.id)`";
        return Err(Error::new_spanned(&closure.body, message));
    };
    Ok(Target::FromResult { closure: closure.clone(), keyed: keyed(call)? })
}

/// What is alone in a block, as formatters put it there.
fn without_block(body: &Expr) -> &Expr {
    match ungrouped(body) {
        Expr::Block(ExprBlock { block, label: None, .. }) => match &block.stmts[..] {
            [Stmt::Expr(only, None)] => ungrouped(only),
            _ => body,
        },
        other => other,
    }
}

/// The path in a string, all of it with the string's span: an error about it appears under the string.
fn path_in(text: &LitStr) -> syn::Result<ExprPath> {
    let plain = |path| ExprPath { attrs: Vec::new(), qself: None, path };
    let parsed = text.parse_with(Path::parse_mod_style).map(plain).or_else(|_| text.parse_with(ExprPath::parse));
    let path = parsed.map_err(|_| {
        let message = format!("`{}` can't be the name of a query: write it as in \"get_track\"", text.value());
        Error::new(text.span(), message)
    })?;
    whole(&path)
}
