//! The targets and options of `#[invalidates(..)]`.

use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::ToTokens;
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprBlock, ExprCall, ExprClosure, ExprLit, ExprPath, Lit, LitStr, Path, Stmt, Token};

use crate::errors::Errors;
use crate::parse::options::{CommonOptions, Setting, each_item, tags, ungrouped, value};

#[derive(Default)]
pub(crate) struct Invalidations {
    pub(crate) targets: Vec<Target>,
    pub(crate) on: Setting<LitStr>,
    pub(crate) common: CommonOptions,
}

pub(crate) enum Target {
    Query(ExprPath),
    Key(KeyRef),
    FromResult {
        closure: ExprClosure,
        /// The end of the closure.
        key_ref: KeyRef,
    },
    Tag(Expr),
    All(Ident),
}

/// One entry.
pub(crate) struct KeyRef {
    pub(crate) query: ExprPath,
    /// With parentheses.
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
                        return Err(Error::new(
                            on.span(),
                            "the only value is \"ok\": without `on` the targets are always invalidated",
                        ));
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
    if let Some(error) = keyword_in_path(input.cursor()) {
        return Err(error);
    }
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
        Expr::Call(call) => key_ref(call).map(Target::Key),
        Expr::Closure(closure) => from_result(closure),
        Expr::MethodCall(call) => {
            let message = format!("write the target without a receiver, as in `{}(..)`", call.method);
            Err(Error::new_spanned(call, message))
        }
        other => Err(Error::new_spanned(other, message)),
    }
}

/// Refuses a keyword as the name of a query or entry, also at the end of a closure.
fn keyword_in_path(mut cursor: Cursor<'_>) -> Option<Error> {
    if let Some(parameters) = sign(cursor, '|') {
        cursor = parameters;
        while sign(cursor, '|').is_none() {
            cursor = cursor.token_tree()?.1;
        }
        cursor = sign(cursor, '|')?;
    }
    if let Some((block, ..)) = cursor.group(Delimiter::Brace) {
        cursor = block;
    }
    let mut path = Vec::new();
    loop {
        let (name, after) = cursor.ident()?;
        path.push(name);
        cursor = after;
        match sign(cursor, ':').and_then(|second| sign(second, ':')) {
            Some(arguments) if sign(arguments, '<').is_some() => break,
            Some(next) => cursor = next,
            None => break,
        }
    }
    if let Some((_, _, after)) = cursor.group(Delimiter::Parenthesis) {
        cursor = after;
    }
    // Anything longer is no name, but an expression such as a `match`.
    let is_all = cursor.eof() || sign(cursor, ',').is_some() || sign(cursor, ':').is_some();
    let fault = is_all.then(|| keyword_fault(&path.iter().map(Ident::to_string).collect::<Vec<_>>()))??;
    let (at, message) = match fault {
        Keyword::Path(name) => (path.len() - 1, no_name(&name)),
        Keyword::Name(at, name) => (at, format!("`{name}` is a keyword: write `r#{name}`")),
    };
    Some(Error::new(path[at].span(), message))
}

/// The tokens after a sign.
fn sign(cursor: Cursor<'_>, wanted: char) -> Option<Cursor<'_>> {
    cursor.punct().filter(|(sign, _)| sign.as_char() == wanted).map(|(_, after)| after)
}

/// A keyword in the path of a query.
enum Keyword {
    /// `self`, `Self`, `super` or `crate`, as the name of a query.
    Path(String),
    /// Another keyword, which could be a raw name, with its position.
    Name(usize, String),
}

/// The first misplaced keyword in a path.
fn keyword_fault(path: &[String]) -> Option<Keyword> {
    let last = path.len().checked_sub(1)?;
    path.iter().enumerate().find_map(|(at, name)| match &**name {
        "self" | "Self" | "super" | "crate" => (at == last).then(|| Keyword::Path(name.clone())),
        // They cannot be raw.
        "r#self" | "r#Self" | "r#super" | "r#crate" => Some(Keyword::Path(name.clone())),
        // Both parse as names.
        "_" | "try" => None,
        _ => syn::parse_str::<Ident>(name).is_err().then(|| Keyword::Name(at, name.clone())),
    })
}

fn no_name(keyword: &str) -> String {
    format!("`{keyword}` cannot be the name of a query: name a function, as in \"get_track\", or write `all`")
}

/// As [`keyword_in_path`], in a string.
fn keyword_in_text(text: &LitStr) -> Option<Error> {
    let value = text.value();
    let path: Vec<String> = value.trim_start_matches("::").split("::").map(|name| name.trim().to_owned()).collect();
    let is_name = |name: &String| !name.is_empty() && name.chars().all(|sign| sign == '_' || sign.is_alphanumeric());
    let plain = |name: &String| name.strip_prefix("r#").unwrap_or(name).to_owned();
    if !path.iter().all(|name| is_name(&plain(name))) {
        return None;
    }
    let message = match keyword_fault(&path)? {
        Keyword::Path(name) => no_name(&name),
        Keyword::Name(at, name) => {
            let mut raw = path.clone();
            raw[at] = format!("r#{name}");
            format!("`{name}` is a keyword: write \"{}\"", raw.join("::"))
        }
    };
    Some(Error::new(text.span(), message))
}

/// Whether it is the option `on`, written like a key.
fn is_option(call: &ExprCall) -> bool {
    let is_on = matches!(ungrouped(&call.func), Expr::Path(path) if path.path.is_ident("on"));
    is_on && matches!(call.args.first(), Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) if text.value() == "ok")
}

/// Refuses generic arguments of a whole query: all its instantiations are invalidated.
fn whole(path: &ExprPath) -> syn::Result<ExprPath> {
    match path.path.segments.last().map(|last| &last.arguments) {
        None | Some(syn::PathArguments::None) => Ok(path.clone()),
        Some(arguments) => Err(Error::new_spanned(
            arguments,
            "remove the generic arguments: a query is invalidated in all of its instantiations",
        )),
    }
}

fn key_ref(call: &ExprCall) -> syn::Result<KeyRef> {
    let Expr::Path(query) = ungrouped(&call.func) else {
        return Err(Error::new_spanned(&call.func, "name the query, as in `get_track(id)`"));
    };
    let mut arguments = Group::new(Delimiter::Parenthesis, call.args.to_token_stream());
    arguments.set_span(call.paren_token.span.join());
    Ok(KeyRef { query: query.clone(), arguments })
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
    Ok(Target::FromResult { closure: closure.clone(), key_ref: key_ref(call)? })
}

/// Removes the block that formatters add around an expression.
fn without_block(body: &Expr) -> &Expr {
    match ungrouped(body) {
        Expr::Block(ExprBlock { block, label: None, .. }) => match &block.stmts[..] {
            [Stmt::Expr(only, None)] => ungrouped(only),
            _ => body,
        },
        other => other,
    }
}

/// The path in a string, with the span of the string for errors.
fn path_in(text: &LitStr) -> syn::Result<ExprPath> {
    if let Some(error) = keyword_in_text(text) {
        return Err(error);
    }
    let plain = |path| ExprPath { attrs: Vec::new(), qself: None, path };
    let parsed = text.parse_with(Path::parse_mod_style).map(plain).or_else(|_| text.parse_with(ExprPath::parse));
    let path = parsed.map_err(|_| {
        let text_value = text.value();
        let remedy = if text_value.contains('(') {
            "one entry is written without quotes, as in `get_track(id)`"
        } else {
            "write it as in \"get_track\""
        };
        Error::new(text.span(), format!("`{text_value}` cannot be the name of a query: {remedy}"))
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

    fn describe(target: &Target) -> String {
        match target {
            Target::Query(path) => format!("query {}", path.to_token_stream()),
            Target::Key(KeyRef { query, arguments }) => {
                format!("key {} {arguments}", query.to_token_stream())
            }
            Target::FromResult { key_ref: KeyRef { query, arguments }, .. } => {
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
            (quote!("r#loop"), "query r#loop"),
            (quote!(r#loop), "query r#loop"),
            (quote!(r#loop(id)), "key r#loop (id)"),
            (quote!(|t| r#loop(t.id)), "result r#loop (t . id)"),
            (quote!("self::get"), "query self :: get"),
            (quote!("super::r#mod::get"), "query super :: r#mod :: get"),
            (quote!(crate::rates::get(id)), "key crate :: rates :: get (id)"),
            (quote!("try"), "query try"),
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
            (quote!("loop"), "`loop` is a keyword: write \"r#loop\""),
            (quote!("Repo::type"), "`type` is a keyword: write \"Repo::r#type\""),
            (quote!("mod::get"), "`mod` is a keyword: write \"r#mod::get\""),
            (quote!("::a::match"), "`match` is a keyword"),
            (quote!("true"), "`true` is a keyword"),
            (quote!("self"), "`self` cannot be the name of a query: name a function"),
            (quote!("Self"), "`Self` cannot be the name of a query: name a function"),
            (quote!("r#self"), "`r#self` cannot be the name of a query: name a function"),
            (quote!("super::super"), "`super` cannot be the name of a query: name a function"),
            (quote!("crate"), "`crate` cannot be the name of a query: name a function"),
            (quote!(loop), "`loop` is a keyword: write `r#loop`"),
            (quote!(Repo::type), "`type` is a keyword: write `r#type`"),
            (quote!(true), "`true` is a keyword: write `r#true`"),
            (quote!(loop(id)), "`loop` is a keyword: write `r#loop`"),
            (quote!(return (id), "get"), "`return` is a keyword: write `r#return`"),
            (quote!(loop::<u8>(id)), "`loop` is a keyword: write `r#loop`"),
            (quote!(Self::match(id)), "`match` is a keyword: write `r#match`"),
            (quote!(|t| loop(t.id)), "`loop` is a keyword: write `r#loop`"),
            (quote!(|(a, b)| { Repo::async(a) }), "`async` is a keyword: write `r#async`"),
            (quote!(self), "`self` cannot be the name of a query: name a function"),
            (quote!(Self(id)), "`Self` cannot be the name of a query: name a function"),
            (quote!(|t| crate(t)), "`crate` cannot be the name of a query: name a function"),
            (
                quote!(|t| if t.ok {
                    get(t.id)
                }),
                "end the closure in a query",
            ),
            (quote!(match (a) {}), "a target is"),
            (quote!("a b"), "cannot be the name of a query"),
            (quote!(get::<u8>), "remove the generic arguments"),
            (quote!(self.get(1)), "write the target without a receiver"),
            (quote!(|t| t.id), "end the closure in a query"),
            (quote!(|a, b| get(a)), "take one parameter"),
            (quote!(|| get(1)), "take one parameter"),
            (quote!(tags()), "`tags(..)` is empty"),
            (quote!(on = "err"), "the only value is \"ok\""),
            (quote!(onn = "ok"), "did you mean `on`?"),
        ];
        for (tokens, remedy) in cases {
            let error = parse(tokens.clone()).err().unwrap_or_else(|| panic!("{tokens} is accepted"));
            assert!(error.contains(remedy), "{tokens}: {error}");
        }
    }
}
