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
                "tags" => tags(&key, input).map(drop),
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
        Expr::Call(call) if is_option(call) => Err(Error::new_spanned(call, "write `on = \"ok\"`")),
        Expr::Call(call) => keyed(call).map(Target::Keyed),
        Expr::Closure(closure) => from_result(closure),
        Expr::MethodCall(call) => {
            let message = format!("write it without what is before the dot, as in `{}(..)`", call.method);
            Err(Error::new_spanned(call, message))
        }
        other => Err(Error::new_spanned(other, message)),
    }
}

/// Whether it looks like the key of a query `on`, and is an option.
fn is_option(call: &ExprCall) -> bool {
    let is_on = matches!(ungrouped(&call.func), Expr::Path(path) if path.path.is_ident("on"));
    is_on && matches!(call.args.first(), Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) if text.value() == "ok")
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
        let text_value = text.value();
        let remedy = if text_value.contains('(') {
            "one entry is written without quotes, as in `get_track(id)`"
        } else {
            "write it as in \"get_track\""
        };
        Error::new(text.span(), format!("`{text_value}` can't be the name of a query: {remedy}"))
    })?;
    whole(&path)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn parse(tokens: TokenStream) -> Result<Invalidations, String> {
        let (parsed, errors) = Invalidations::parse(tokens);
        errors.into_result().map(|()| parsed).map_err(|error| error.to_string())
    }

    /// A target as its kind and the path, tag or name in it.
    fn describe(target: &Target) -> String {
        match target {
            Target::Query(path) => format!("query {}", path.to_token_stream()),
            Target::Keyed(Keyed { query, arguments }) => {
                format!("key {} {arguments}", query.to_token_stream())
            }
            Target::FromResult { keyed: Keyed { query, arguments }, .. } => {
                format!("result {} {arguments}", query.to_token_stream())
            }
            Target::Tag(tag) => format!("tag {}", tag.to_token_stream()),
            Target::All(_) => "all".to_owned(),
        }
    }

    #[test]
    fn every_target_is_read() {
        let cases = [
            (quote!("get"), "query get"),
            (quote!(get), "query get"),
            (quote!("A::get"), "query A :: get"),
            (quote!(<Self as B>::get), "query < Self as B > :: get"),
            (quote!("<Self as B>::get"), "query < Self as B > :: get"),
            (quote!("all"), "query all"),
            (quote!(all), "all"),
            (quote!(all(1)), "key all (1)"),
            (quote!(get(id, &name)), "key get (id , & name)"),
            (quote!(get::<T>()), "key get :: < T > ()"),
            (quote!(|t| get(t.id)), "result get (t . id)"),
            (quote!(|t| { A::get(t.id) }), "result A :: get (t . id)"),
            (quote!(tags("a:{b}")), "tag \"a:{b}\""),
            (quote!("tags"), "query tags"),
        ];
        for (tokens, expected) in cases {
            let parsed = parse(tokens.clone()).unwrap_or_else(|error| panic!("{tokens}: {error}"));
            assert_eq!(parsed.targets.iter().map(describe).collect::<Vec<_>>(), [expected]);
        }
        let many = parse(quote!("a", b(1), tags("c", d), on = "ok", cache = e)).expect("all is well");
        assert_eq!(many.targets.len(), 4);
        assert!(many.on.get().is_some() && many.common.cache.get().is_some());
    }

    #[test]
    fn what_is_no_target_is_refused_with_a_remedy() {
        let cases = [
            (quote!(5), "a target is"),
            (quote!(a + b), "a target is"),
            (quote!("a b"), "can't be the name of a query"),
            (quote!(get::<u8>), "leave the generic arguments away"),
            (quote!(self.get(1)), "write it without what is before the dot"),
            (quote!(|t| t.id), "end the closure in a query"),
            (quote!(|a, b| get(a)), "take one parameter"),
            (quote!(|| get(1)), "take one parameter"),
            (quote!(tags()), "`tags(..)` is empty"),
            (quote!(on = "err"), "only \"ok\""),
            (quote!(onn = "ok"), "did you mean `on`?"),
        ];
        for (tokens, remedy) in cases {
            let error = parse(tokens.clone()).err().unwrap_or_else(|| panic!("{tokens} is accepted"));
            assert!(error.contains(remedy), "{tokens}: {error}");
        }
    }
}
