//! The targets and options of `#[invalidates(..)]`.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprCall, ExprLit, ExprPath, Lit, LitStr, Pat, PatType, Path, Token};

use crate::errors::{Errors, did_you_mean};
use crate::parse::keywords::{keyword_in_path, keyword_in_text};
use crate::parse::options::{CommonOptions, Setting, each_item, tags, value};
use crate::parse::question::{has_question, hidden_question};
use crate::parse::tokens::ungrouped;

#[derive(Default)]
pub(crate) struct Invalidations {
    pub(crate) targets: Vec<Target>,
    pub(crate) on: Setting<LitStr>,
    /// Whether the body runs only if the invalidation can be published.
    pub(crate) fails_unreachable: Setting<bool>,
    pub(crate) common: CommonOptions,
}

pub(crate) enum Target {
    Query(ExprPath),
    All(Ident),
    Named(Named),
    FromResult(FromResult),
}

/// What arguments, or the returned value, name.
pub(crate) enum Named {
    Key(KeyRef),
    Tag(Expr),
    Each(Box<Each>),
    Put(Box<Put>),
}

/// One entry.
pub(crate) struct KeyRef {
    pub(crate) query: ExprPath,
    pub(crate) arguments: Punctuated<Expr, Token![,]>,
    pub(crate) parentheses: Span,
}

/// `put get_track(id) = value`.
pub(crate) struct Put {
    pub(crate) keyword: Ident,
    pub(crate) key_ref: KeyRef,
    /// In a closure the value, otherwise a closure that makes it from what is returned. `None`: a clone of that.
    pub(crate) value: Option<Expr>,
}

/// `for pattern in list { .. }`.
pub(crate) struct Each {
    pub(crate) pattern: Pat,
    pub(crate) list: Expr,
    pub(crate) named: Vec<Named>,
}

/// `|parameter| ..`.
pub(crate) struct FromResult {
    /// `move`.
    pub(crate) capture: Option<Token![move]>,
    pub(crate) bars: [Token![|]; 2],
    pub(crate) parameter: Pat,
    pub(crate) named: Vec<Named>,
}

impl KeyRef {
    /// Whether a skipped argument is left out, with `_`.
    pub(crate) fn is_skipping(&self) -> bool {
        self.arguments.iter().any(is_underscore)
    }

    /// Whether there is a `?` in it.
    pub(crate) fn is_optional(&self) -> bool {
        self.arguments.iter().any(has_question)
    }
}

pub(crate) fn is_underscore(argument: &Expr) -> bool {
    matches!(ungrouped(argument), Expr::Infer(_))
}

impl Named {
    /// Visits the keys, also those within a `for`.
    pub(crate) fn for_each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a KeyRef)) {
        match self {
            Self::Key(key_ref) => visit(key_ref),
            Self::Put(put) => visit(&put.key_ref),
            Self::Tag(_) => {}
            Self::Each(each) => each.named.iter().for_each(|named| named.for_each_key(visit)),
        }
    }

    pub(crate) fn has_tag(&self) -> bool {
        match self {
            Self::Key(_) | Self::Put(_) => false,
            Self::Tag(_) => true,
            Self::Each(each) => each.named.iter().any(Self::has_tag),
        }
    }

    /// The first `put`, also within a `for`.
    pub(crate) fn put(&self) -> Option<&Put> {
        match self {
            Self::Key(_) | Self::Tag(_) => None,
            Self::Put(put) => Some(put),
            Self::Each(each) => each.named.iter().find_map(Self::put),
        }
    }
}

impl Invalidations {
    const OPTIONS: &[&str] = &["on", "on_unreachable", "cache", "in_transaction", "crate"];

    pub(crate) fn parse(tokens: TokenStream) -> (Self, Errors) {
        let mut parsed = Self::default();
        let errors = each_item(tokens, |input| parsed.parse_one(input));
        (parsed, errors)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if is_flag(input) {
            let key = Ident::parse_any(input)?;
            return self.common.parse_one(&key, Self::OPTIONS, input);
        }
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
                "on_unreachable" => {
                    let given: LitStr = value(&key, input)?;
                    self.fails_unreachable.set(&key, fails_unreachable(&given)?)
                }
                _ => self.common.parse_one(&key, Self::OPTIONS, input),
            };
        }
        self.targets.extend(targets(input)?);
        Ok(())
    }
}

fn fails_unreachable(given: &LitStr) -> syn::Result<bool> {
    match given.value().as_str() {
        "fail" => Ok(true),
        "queue" => Ok(false),
        other => {
            let nearest = did_you_mean(other, ["fail", "queue"]);
            let message = format!(
                "there is no `{other}`{nearest} (\"fail\": without a tier that answers the body does not run; \"queue\": it runs, and other processes are told later)"
            );
            Err(Error::new(given.span(), message))
        }
    }
}

/// Whether an option without a value is next. A query of that name is written in quotes.
fn is_flag(input: ParseStream<'_>) -> bool {
    let next = input.cursor().ident();
    next.is_some_and(|(name, after)| {
        name == "in_transaction" && (after.eof() || after.punct().is_some_and(|(sign, _)| sign.as_char() == ','))
    })
}

const TARGET: &str =
    "a target is the name of a query, as in \"get_track\", one entry of it, as in `get_track(id)`, `tags(..)` or `all`";

fn targets(input: ParseStream<'_>) -> syn::Result<Vec<Target>> {
    if let Some(error) = keyword_in_path(input.cursor()) {
        return Err(error);
    }
    if input.peek(Token![|]) || (input.peek(Token![move]) && input.peek2(Token![|])) {
        return Ok(vec![Target::FromResult(from_result(input)?)]);
    }
    if is_of_names(input) {
        return Ok(named(input, "")?.into_iter().map(Target::Named).collect());
    }
    let mistaken = input.error(TARGET);
    let expression: Expr = input.parse().map_err(|_| mistaken)?;
    if let Expr::Call(call) = ungrouped(&expression)
        && let Some(message) = option_like_key(call)
    {
        return Err(Error::new_spanned(call, message));
    }
    let target = match ungrouped(&expression) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Target::Query(path_in(text)?),
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) if name == "all" => Target::All(name.clone()),
            _ => Target::Query(whole(path)?),
        },
        Expr::Call(call) => Target::Named(Named::Key(key_ref(call)?)),
        Expr::MethodCall(call) => {
            let message = format!("write the target without a receiver, as in `{}(..)`", call.method);
            return Err(Error::new_spanned(call, message));
        }
        other => return Err(Error::new_spanned(other, TARGET)),
    };
    Ok(vec![target])
}

/// Whether a `for`, `tags(..)` or a `put` is next.
fn is_of_names(input: ParseStream<'_>) -> bool {
    let is_tags = input.cursor().ident().is_some_and(|(name, _)| name == "tags");
    input.peek(Token![for]) || (is_tags && input.peek2(syn::token::Paren)) || is_put(input)
}

/// Whether a `put` is next, and not a query of that name.
fn is_put(input: ParseStream<'_>) -> bool {
    let is_put = input.cursor().ident().is_some_and(|(name, _)| name == "put");
    is_put && (input.peek2(Ident::peek_any) || input.peek2(Lit))
}

fn put(input: ParseStream<'_>) -> syn::Result<Put> {
    const EXAMPLE: &str = "name one entry after `put`, as in `put get_track(id)`";
    let keyword = input.parse::<Ident>()?;
    let mistaken = input.error(EXAMPLE);
    let given = input.call(Expr::parse_without_eager_brace).map_err(|_| mistaken)?;
    let (entry, value) = match given {
        Expr::Assign(assign) => (*assign.left, Some(*assign.right)),
        entry => (entry, None),
    };
    let Expr::Call(call) = ungrouped(&entry) else { return Err(Error::new_spanned(&entry, EXAMPLE)) };
    let key_ref = key_ref(call)?;
    if key_ref.is_skipping() {
        let message =
            "a put names every argument, also a skipped one: pass it, or leave out `put` to invalidate the entry";
        return Err(Error::new_spanned(call, message));
    }
    if key_ref.is_optional() {
        return Err(Error::new_spanned(
            call,
            "there is no `?` in a put: unwrap it in the value's closure, or leave out `put`",
        ));
    }
    Ok(Put { keyword, key_ref, value })
}

/// A key, tags or a `for`. `remedy` is for something else.
fn named(input: ParseStream<'_>, remedy: &str) -> syn::Result<Vec<Named>> {
    if let Some(error) = keyword_in_path(input.cursor()) {
        return Err(error);
    }
    if input.peek(Token![for]) {
        return Ok(vec![Named::Each(Box::new(each(input)?))]);
    }
    if is_put(input) {
        return Ok(vec![Named::Put(Box::new(put(input)?))]);
    }
    if is_of_names(input) {
        let key = Ident::parse_any(input)?;
        let tags = tags(&key, input)?;
        tags.iter().try_for_each(questions_are_seen)?;
        return Ok(tags.into_iter().map(Named::Tag).collect());
    }
    let mistaken = input.error(remedy);
    let expression: Expr = input.parse().map_err(|_| mistaken)?;
    match ungrouped(&expression) {
        Expr::Call(call) => Ok(vec![Named::Key(key_ref(call)?)]),
        other => Err(Error::new_spanned(other, remedy)),
    }
}

fn each(input: ParseStream<'_>) -> syn::Result<Each> {
    const EXAMPLE: &str = "write it as in `for id in ids { get_track(*id) }`";
    let keyword = input.parse::<Token![for]>()?;
    let incomplete = |_| Error::new(keyword.span, EXAMPLE);
    let pattern = Pat::parse_multi_with_leading_vert(input).map_err(incomplete)?;
    input.parse::<Token![in]>().map_err(incomplete)?;
    if input.peek(syn::token::Brace) {
        return Err(Error::new(keyword.span, format!("there is no list after `in`: {EXAMPLE}")));
    }
    let list = Expr::parse_without_eager_brace(input)?;
    questions_are_seen(&list)?;
    if !input.peek(syn::token::Brace) {
        let message = format!("the targets of a `for` are in braces: {EXAMPLE}");
        return Err(Error::new_spanned(&list, message));
    }
    let named = in_braces(input, |input| {
        if !is_put(input) && names_whole(input) {
            let expression: Expr = input.parse()?;
            let message = "it does not depend on the loop: write it outside";
            return Err(Error::new_spanned(expression, message));
        }
        if input.peek(Token![|]) {
            let message = "a closure is around the loop, as in `|tracks| for track in tracks { get_track(track.id) }`";
            return Err(input.error(message));
        }
        named(input, "in a `for` a target is one entry, as in `get_track(id)`, `tags(..)` or another `for`")
    })?;
    if named.is_empty() {
        return Err(Error::new(keyword.span, format!("it names nothing: {EXAMPLE}")));
    }
    Ok(Each { pattern, list, named })
}

/// Whether a whole query or `all` is next.
fn names_whole(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead
        .parse::<Expr>()
        .is_ok_and(|next| matches!(ungrouped(&next), Expr::Path(_) | Expr::Lit(ExprLit { lit: Lit::Str(_), .. })))
}

/// Items between `,` or `;`, which may be left out after braces.
fn in_braces(
    input: ParseStream<'_>,
    mut item: impl FnMut(ParseStream<'_>) -> syn::Result<Vec<Named>>,
) -> syn::Result<Vec<Named>> {
    let content;
    syn::braced!(content in input);
    let mut all = Vec::new();
    let mut items = || {
        while !content.is_empty() {
            let named = item(&content)?;
            let ends_in_braces = matches!(named[..], [Named::Each(_)]);
            all.extend(named);
            let is_separated = if content.peek(Token![;]) {
                content.parse::<Token![;]>().is_ok()
            } else {
                content.parse::<Option<Token![,]>>()?.is_some()
            };
            if !(is_separated || ends_in_braces || content.is_empty()) {
                return Err(content.error("a comma is missing before this"));
            }
        }
        Ok(())
    };
    let result = items();
    if result.is_err() {
        // One error is enough, and a parser has to consume all of its input.
        let _ = content.parse::<TokenStream>();
    }
    result.map(|()| all)
}

/// What to write instead of an option that is written like a key.
fn option_like_key(call: &ExprCall) -> Option<String> {
    let Expr::Path(path) = ungrouped(&call.func) else { return None };
    let Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) = call.args.first() else { return None };
    let (name, value) = (path.path.get_ident()?, text.value());
    let is_option = match value.as_str() {
        "ok" => name == "on",
        "fail" | "queue" => name == "on_unreachable",
        _ => false,
    };
    is_option.then(|| format!("write `{name} = \"{value}\"`"))
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
    call.args.iter().try_for_each(questions_are_seen)?;
    Ok(KeyRef { query: query.clone(), arguments: call.args.clone(), parentheses: call.paren_token.span.join() })
}

/// Refuses a `?` in a macro whose arguments are no expressions: it would return from the function.
fn questions_are_seen(expression: &Expr) -> syn::Result<()> {
    match hidden_question(expression) {
        Some(span) => Err(Error::new(span, "write the `?` outside of the macro: within it is not seen")),
        None => Ok(()),
    }
}

fn from_result(input: ParseStream<'_>) -> syn::Result<FromResult> {
    const END: &str = "end the closure in a query and its arguments, as in `|track| get_track(track.id)`, in `tags(..)`, or in a `for` with these in braces";
    let capture: Option<Token![move]> = input.parse()?;
    let bar: Token![|] = input.parse()?;
    let mut parameters = Vec::new();
    while !input.peek(Token![|]) {
        parameters.push(parameter(input)?);
        if !input.peek(Token![|]) {
            input.parse::<Token![,]>()?;
        }
    }
    let end: Token![|] = input.parse()?;
    let (Some(parameter), true) = (parameters.pop(), parameters.is_empty()) else {
        let message = "take one parameter, the value that the function returns, as in `|track| get_track(track.id)`";
        return Err(Error::new(bar.span, message));
    };
    if input.peek(Token![->]) {
        return Err(input.error("remove the return type: the closure names targets"));
    }
    let named =
        if input.peek(syn::token::Brace) { in_braces(input, |input| named(input, END))? } else { named(input, END)? };
    if named.is_empty() {
        return Err(Error::new(bar.span, END));
    }
    Ok(FromResult { capture, bars: [bar, end], parameter, named })
}

fn parameter(input: ParseStream<'_>) -> syn::Result<Pat> {
    let pattern = Pat::parse_single(input)?;
    if !input.peek(Token![:]) {
        return Ok(pattern);
    }
    let (colon_token, ty) = (input.parse()?, input.parse()?);
    Ok(Pat::Type(PatType { attrs: Vec::new(), pat: Box::new(pattern), colon_token, ty }))
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
    use quote::{ToTokens, quote};

    use super::*;

    fn parse(tokens: TokenStream) -> Result<Invalidations, String> {
        let (parsed, errors) = Invalidations::parse(tokens);
        errors.into_result().map(|()| parsed).map_err(|error| error.to_string())
    }

    fn describe(target: &Target) -> String {
        match target {
            Target::Query(path) => format!("query {}", path.to_token_stream()),
            Target::Named(named) => describe_named(named),
            Target::FromResult(FromResult { named, .. }) => {
                format!("result {}", named.iter().map(describe_named).collect::<Vec<_>>().join(", "))
            }
            Target::All(_) => "all".to_owned(),
        }
    }

    fn describe_named(named: &Named) -> String {
        match named {
            Named::Key(KeyRef { query, arguments, .. }) => {
                format!("key {} ({})", query.to_token_stream(), arguments.to_token_stream())
            }
            Named::Put(put) => {
                let Put { key_ref: KeyRef { query, arguments, .. }, value, .. } = &**put;
                let value = value.as_ref().map(|value| format!(" = {}", value.to_token_stream())).unwrap_or_default();
                format!("put {} ({}){value}", query.to_token_stream(), arguments.to_token_stream())
            }
            Named::Tag(tag) => format!("tag {}", tag.to_token_stream()),
            Named::Each(each) => {
                let Each { pattern, list, named } = &**each;
                let named: Vec<_> = named.iter().map(describe_named).collect();
                let (pattern, list) = (pattern.to_token_stream(), list.to_token_stream());
                format!("for {pattern} in {list}: {}", named.join(", "))
            }
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
            (quote!(|t| r#loop(t.id)), "result key r#loop (t . id)"),
            (quote!("self::get"), "query self :: get"),
            (quote!("super::r#mod::get"), "query super :: r#mod :: get"),
            (quote!(crate::rates::get(id)), "key crate :: rates :: get (id)"),
            (quote!("try"), "query try"),
            (quote!(all), "all"),
            (quote!(all(1)), "key all (1)"),
            (quote!(get(id, &name)), "key get (id , & name)"),
            (quote!(get::<T>()), "key get :: < T > ()"),
            (quote!(|t| get(t.id)), "result key get (t . id)"),
            (quote!(|t| { A::get(t.id) }), "result key A :: get (t . id)"),
            (quote!(tags("a:{b}")), "tag \"a:{b}\""),
            (quote!(put get(id)), "put get (id)"),
            (quote!(put Self::get(id) = |t| Some(t.clone())), "put Self :: get (id) = | t | Some (t . clone ())"),
            (quote!(put(id)), "key put (id)"),
            (quote!(put::get(id)), "key put :: get (id)"),
            (quote!("put"), "query put"),
            (quote!("tags"), "query tags"),
            (quote!(get(_, id?)), "key get (_ , id ?)"),
            (quote!(r#for(id)), "key r#for (id)"),
            (
                quote!(for id in ids {
                    get(*id)
                }),
                "for id in ids: key get (* id)",
            ),
            (
                quote!(for (a, b) in &self.pairs {
                    get(a, b);
                    tags("a:{a}", "b")
                }),
                "for (a , b) in & self . pairs: key get (a , b), tag \"a:{a}\", tag \"b\"",
            ),
            (
                quote!(for a in 0..9 { for b in a.b { A::get(b), } get(a) }),
                "for a in 0 .. 9: for b in a . b: key A :: get (b), key get (a)",
            ),
            (
                quote!(for Id(id) | Other(id) in ids.iter().filter(|id| id.0 > 1) {
                    get(id)
                }),
                "for Id (id) | Other (id) in ids . iter () . filter (| id | id . 0 > 1): key get (id)",
            ),
            (
                quote!(|ts| for t in ts {
                    get(t.id)
                }),
                "result for t in ts: key get (t . id)",
            ),
            (quote!(|t| tags(format!("a:{}", t.a), "b")), "result tag format ! (\"a:{}\" , t . a), tag \"b\""),
            (
                quote!(|T { a, .. }: &T| {
                    get(a);
                    tags("a:{a}")
                }),
                "result key get (a), tag \"a:{a}\"",
            ),
            (quote!(move |t| get(t.id)), "result key get (t . id)"),
        ];
        for (tokens, expected) in cases {
            let parsed = parse(tokens.clone()).unwrap_or_else(|error| panic!("{tokens}: {error}"));
            assert_eq!(parsed.targets.iter().map(describe).collect::<Vec<_>>(), [expected]);
        }
        let many = parse(quote!("a", b(1), in_transaction, tags("c", d), on = "ok", cache = e)).expect("all is well");
        assert_eq!(many.targets.len(), 4);
        assert!(many.on.get().is_some() && many.common.cache.get().is_some());
        assert_eq!(many.common.in_transaction.get(), Some(&true));
        for (given, fails) in [("fail", true), ("queue", false)] {
            let parsed = parse(quote!(all, on_unreachable = #given)).expect("all is well");
            assert_eq!(parsed.fails_unreachable.get(), Some(&fails));
        }
        // A query may have such a name.
        assert!(parse(quote!(on_unreachable("x"), on_unreachable(1))).is_ok_and(|parsed| parsed.targets.len() == 2));
        let outside = parse(quote!("in_transaction", in_transaction = false)).expect("all is well");
        assert_eq!((outside.targets.len(), outside.common.in_transaction.get()), (1, Some(&false)));
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
            (quote!(for(id)), "`for` is a keyword: write `r#for`"),
            (quote!(for id in { get(id) }), "there is no list after `in`: write it as in `for id in ids"),
            (quote!(for id { get(id) }), "write it as in `for id in ids"),
            (quote!(for id in ids), "the targets of a `for` are in braces"),
            (quote!(for id in ids {}), "it names nothing"),
            (
                quote!(for id in ids {
                    "get"
                }),
                "it does not depend on the loop: write it outside",
            ),
            (
                quote!(for id in ids {
                    get
                }),
                "it does not depend on the loop: write it outside",
            ),
            (
                quote!(for id in ids {
                    all
                }),
                "it does not depend on the loop: write it outside",
            ),
            (quote!(for id in ids { get(id) other(id) }), "a comma is missing before this"),
            (quote!(for id in ids { loop(id); }), "`loop` is a keyword: write `r#loop`"),
            (
                quote!(for id in ids {
                    |t| get(t)
                }),
                "a closure is around the loop",
            ),
            (
                quote!(for id in ids {
                    let a = id;
                }),
                "in a `for` a target is one entry",
            ),
            (
                quote!(|t| for x in t {
                    "get"
                }),
                "it does not depend on the loop: write it outside",
            ),
            (quote!(|t| {}), "end the closure in a query"),
            (quote!(|t| -> u8 { get(t) }), "remove the return type"),
            (quote!(|t| "get"), "end the closure in a query"),
            (quote!(get(custom! { a? => b })), "write the `?` outside of the macro"),
        ];
        are_refused(cases);
    }

    #[test]
    fn what_is_no_option_is_refused_with_a_remedy() {
        are_refused([
            (quote!(on = "err"), "the only value is \"ok\""),
            (quote!(onn = "ok"), "did you mean `on`?"),
            (quote!(on("ok")), "write `on = \"ok\"`"),
            (quote!(on_unreachable = "failed"), "there is no `failed`: did you mean `fail`?"),
            (quote!(on_unreachable = ""), "there is no `` (\"fail\":"),
            (quote!(on_unreachable("fail")), "write `on_unreachable = \"fail\"`"),
            (quote!(on_unreachable = ), "`on_unreachable` has no value"),
            (quote!(on_unreachable = "fail", on_unreachable = "queue"), "`on_unreachable` is given twice"),
            (quote!(on_unreachabl = "fail"), "did you mean `on_unreachable`?"),
            (quote!(all, in_transaction = 1), "write `in_transaction` alone"),
            (quote!(in_transaction, all, in_transaction), "`in_transaction` is given twice"),
        ]);
    }

    fn are_refused(cases: impl IntoIterator<Item = (TokenStream, &'static str)>) {
        for (tokens, remedy) in cases {
            let error = parse(tokens.clone()).err().unwrap_or_else(|| panic!("{tokens} is accepted"));
            assert!(error.contains(remedy), "{tokens}: {error}");
        }
    }
}
