//! The options of the attributes.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, LitBool, LitStr, Path, Token, UnOp};

use crate::errors::{Errors, did_you_mean};
use crate::parse::duration::{self, TimeOption};
use crate::parse::tokens::ungrouped;
use crate::parse::{share, tag_text};

/// An option given at most once, with its name there.
pub(crate) struct Setting<T>(Option<(Ident, T)>);

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Setting<T> {
    pub(crate) fn set(&mut self, key: &Ident, value: T) -> syn::Result<()> {
        if self.0.replace((key.clone(), value)).is_some() {
            return Err(Error::new(key.span(), format!("`{}` is given twice: keep one", key.unraw())));
        }
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    pub(crate) fn key(&self) -> Option<&Ident> {
        self.0.as_ref().map(|(key, _)| key)
    }
}

#[derive(Default)]
pub(crate) struct QueryOptions {
    pub(crate) ttl: Setting<Expr>,
    pub(crate) own_ttl: Setting<()>,
    pub(crate) ttl_from: Setting<Expr>,
    /// In parts per million.
    pub(crate) jitter: Setting<u32>,
    pub(crate) stale: StaleOptions,
    pub(crate) capacity: Setting<Expr>,
    pub(crate) name: Setting<LitStr>,
    pub(crate) key: Setting<Vec<Expr>>,
    pub(crate) skip: Setting<Vec<Ident>>,
    /// Arguments, or parts of the key.
    pub(crate) secret: Setting<Vec<Expr>>,
    pub(crate) each: Setting<Ident>,
    pub(crate) tags: Setting<Vec<Expr>>,
    pub(crate) tags_from: Setting<Expr>,
    pub(crate) cache_if: Setting<Expr>,
    pub(crate) weight: Setting<Expr>,
    pub(crate) shared: Setting<()>,
    pub(crate) common: CommonOptions,
}

/// What is served while there is no fresh value, and who loads one.
#[derive(Default)]
pub(crate) struct StaleOptions {
    pub(crate) stale_if_error: Setting<Expr>,
    pub(crate) retry_after: Setting<Expr>,
    pub(crate) refresh_ahead: Setting<Expr>,
    pub(crate) stale_while_revalidate: Setting<Expr>,
    pub(crate) background: Setting<()>,
    pub(crate) soft_timeout: Setting<Expr>,
}

/// Options of both attributes.
#[derive(Default)]
pub(crate) struct CommonOptions {
    pub(crate) cache: Setting<Expr>,
    pub(crate) krate: Setting<Path>,
    pub(crate) in_transaction: Setting<bool>,
}

impl QueryOptions {
    const NAMES: &[&str] = &[
        "ttl",
        "own_ttl",
        "ttl_from",
        "jitter",
        "stale_if_error",
        "retry_after",
        "refresh_ahead",
        "stale_while_revalidate",
        "background",
        "soft_timeout",
        "key",
        "skip",
        "secret",
        "each",
        "tags",
        "tags_from",
        "cache_if",
        "weight",
        "capacity",
        "shared",
        "cache",
        "name",
        "in_transaction",
        "crate",
    ];

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
            "ttl" => time(&mut self.ttl, &duration::TTL, &key, input),
            "own_ttl" => {
                flag(&key, input)?;
                self.own_ttl.set(&key, ())
            }
            "ttl_from" => self.ttl_from.set(&key, value(&key, input)?),
            "jitter" => {
                let given: Expr = value(&key, input)?;
                self.jitter.set(&key, share::parse(&given)?)
            }
            "capacity" => {
                let value = value(&key, input)?;
                check_capacity(&value)?;
                self.capacity.set(&key, value)
            }
            "name" => {
                let name: LitStr = value(&key, input)?;
                if name.value().is_empty() {
                    return Err(Error::new(
                        name.span(),
                        "this name is empty: remove `name` to use that of the function",
                    ));
                }
                self.name.set(&key, name)
            }
            "key" => {
                let parts = list(
                    &key,
                    input,
                    "name the parts of the key, as in `key(track.id)`, or remove `key` to use all arguments",
                )?;
                self.key.set(&key, parts)
            }
            "skip" => {
                let names: Vec<Expr> =
                    list(&key, input, "name the arguments that are not part of the key, as in `skip(connection)`")?;
                self.skip.set(&key, names.iter().map(argument_name).collect::<syn::Result<_>>()?)
            }
            "secret" => {
                let remedy = "name the arguments that nobody may see, as in `secret(password)`";
                self.secret.set(&key, list(&key, input, remedy)?)
            }
            "each" => {
                let given: Expr = value(&key, input)?;
                self.each.set(&key, list_name(&given)?)
            }
            "tags" => self.tags.set(&key, tags(&key, input)?),
            "tags_from" => self.tags_from.set(&key, value(&key, input)?),
            "cache_if" => self.cache_if.set(&key, value(&key, input)?),
            "weight" => self.weight.set(&key, value(&key, input)?),
            "shared" => {
                flag(&key, input)?;
                self.shared.set(&key, ())
            }
            _ => match self.stale.parse_one(&key, input) {
                Some(read) => read,
                None => self.common.parse_one(&key, Self::NAMES, input),
            },
        }
    }

    /// The options that are closures or functions of the value.
    pub(crate) fn of_value(&self) -> impl Iterator<Item = &Expr> {
        [&self.cache_if, &self.tags_from, &self.ttl_from, &self.weight].into_iter().filter_map(Setting::get)
    }
}

impl StaleOptions {
    /// `None` for another option.
    fn parse_one(&mut self, key: &Ident, input: ParseStream<'_>) -> Option<syn::Result<()>> {
        let (setting, option) = match key.to_string().as_str() {
            "stale_if_error" => (&mut self.stale_if_error, &duration::STALE_IF_ERROR),
            "retry_after" => (&mut self.retry_after, &duration::RETRY_AFTER),
            "refresh_ahead" => (&mut self.refresh_ahead, &duration::REFRESH_AHEAD),
            "stale_while_revalidate" => (&mut self.stale_while_revalidate, &duration::STALE_WHILE_REVALIDATE),
            "soft_timeout" => (&mut self.soft_timeout, &duration::SOFT_TIMEOUT),
            "background" => return Some(flag(key, input).and_then(|()| self.background.set(key, ()))),
            _ => return None,
        };
        Some(time(setting, option, key, input))
    }

    /// Those that are times.
    pub(crate) fn times(&self) -> [&Setting<Expr>; 5] {
        [&self.stale_if_error, &self.retry_after, &self.refresh_ahead, &self.stale_while_revalidate, &self.soft_timeout]
    }
}

fn time(setting: &mut Setting<Expr>, option: &TimeOption, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    let given = value(key, input)?;
    // A wrong value is no second error, as of an option that is missing.
    setting.set(key, given)?;
    setting.get().map_or(Ok(()), |given| option.check(given))
}

impl CommonOptions {
    pub(crate) fn parse_one(&mut self, key: &Ident, known: &[&str], input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "cache" => self.cache.set(key, value(key, input)?),
            "crate" => self.krate.set(key, value_by(path, key, input)?),
            "in_transaction" => {
                let given = switch(key, input);
                // A wrong value is no second error, as of an option that is missing.
                self.in_transaction.set(key, *given.as_ref().unwrap_or(&true))?;
                given.map(drop)
            }
            _ => Err(unknown(key, known)),
        }
    }

    /// The path of `cache_core`.
    pub(crate) fn krate(&self) -> Path {
        self.krate.get().cloned().unwrap_or_else(|| syn::parse_quote!(::cache_core))
    }
}

/// Refuses a capacity that is certainly no number of entries.
fn check_capacity(capacity: &Expr) -> syn::Result<()> {
    let message = "a capacity is a number of entries, as in `capacity = 100` or `capacity = LIMIT`";
    match ungrouped(capacity) {
        Expr::Lit(ExprLit { lit: Lit::Int(entries), .. }) if entries.base10_parse::<usize>().is_ok() => Ok(()),
        Expr::Lit(ExprLit { lit, .. }) => Err(Error::new(lit.span(), message)),
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), .. }) => Err(Error::new(minus.span, message)),
        _ => Ok(()),
    }
}

/// Refuses a value after an option that takes none.
fn flag(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) || !(input.peek(Token![=]) || input.peek(syn::token::Paren)) {
        return Ok(());
    }
    Err(Error::new(key.span(), format!("`{key}` takes no value: write `{key}` alone, or remove it")))
}

/// The value of an option that may be `false`, and is `true` alone.
fn switch(key: &Ident, input: ParseStream<'_>) -> syn::Result<bool> {
    if input.is_empty() || input.peek(Token![,]) || !(input.peek(Token![=]) || input.peek(syn::token::Paren)) {
        return Ok(true);
    }
    let wrong = |_| Error::new(key.span(), format!("write `{key}` alone, or `{key} = false`"));
    input.parse::<Token![=]>().map_err(wrong)?;
    input.parse::<LitBool>().map(|given| given.value).map_err(wrong)
}

/// The value after `key =`.
pub(crate) fn value<T: Parse>(key: &Ident, input: ParseStream<'_>) -> syn::Result<T> {
    value_by(T::parse, key, input)
}

fn value_by<T>(parse: fn(ParseStream<'_>) -> syn::Result<T>, key: &Ident, input: ParseStream<'_>) -> syn::Result<T> {
    let equals = input.parse::<Option<Token![=]>>()?;
    if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(key.span(), format!("`{key}` has no value: write `{key} = ..`")));
    }
    parse(input)
}

fn path(input: ParseStream<'_>) -> syn::Result<Path> {
    if let Ok(text) = input.parse::<LitStr>() {
        return Err(Error::new(text.span(), "write the path without quotes, as in `crate = ::cache_core`"));
    }
    Path::parse_mod_style(input)
}

pub(crate) fn tags(key: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Expr>> {
    let tags: Vec<Expr> = list(key, input, "name the tags, as in `tags(\"catalogue\", \"artist:{artist_id}\")`")?;
    for tag in &tags {
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = ungrouped(tag)
            && !tag_text::is_of_names(&text.value())
        {
            // The compiler would propose arguments after the string, which are tags here.
            let message = "the braces of a tag hold a name, as in `{artist_id}`: format other expressions with `format!`, as in `tags(format!(\"artist:{}\", artist.id))`";
            return Err(Error::new(text.span(), message));
        }
    }
    Ok(tags)
}

/// The items in parentheses, as of `key(..)`. `remedy` is for an empty list.
fn list<T: Parse>(key: &Ident, input: ParseStream<'_>, remedy: &str) -> syn::Result<Vec<T>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(key.span(), format!("`{key}` takes a list in parentheses: {remedy}")));
    }
    let content;
    syn::parenthesized!(content in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated(&content).inspect_err(|_| {
        // One error is enough, and a parser has to consume all of its input.
        let _ = content.parse::<TokenStream>();
    })?;
    if items.is_empty() {
        return Err(Error::new(key.span(), format!("`{key}(..)` is empty: {remedy}")));
    }
    Ok(items.into_iter().collect())
}

fn argument_name(skipped: &Expr) -> syn::Result<Ident> {
    let name = match ungrouped(skipped) {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    match name {
        Some(name) if name == "self" => Err(Error::new(name.span(), "`self` is not part of the key: remove it here")),
        Some(name) => Ok(name.clone()),
        None => Err(Error::new_spanned(skipped, "name an argument, as in `skip(connection)`")),
    }
}

fn list_name(given: &Expr) -> syn::Result<Ident> {
    let message = "name the argument that is the list of ids, as in `each = ids`";
    match ungrouped(given) {
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) if name != "self" => Ok(name.clone()),
            _ => Err(Error::new_spanned(given, message)),
        },
        _ => Err(Error::new_spanned(given, message)),
    }
}

fn unknown(key: &Ident, known: &[&str]) -> Error {
    let given = key.to_string();
    let nearest = did_you_mean(&given, known.iter().copied());
    Error::new(key.span(), format!("there is no option `{given}`{nearest} (options: {})", known.join(", ")))
}

/// Parses items between commas. An error in one does not hide errors in others.
pub(crate) fn each_item(tokens: TokenStream, mut parse: impl FnMut(ParseStream<'_>) -> syn::Result<()>) -> Errors {
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

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};

    use super::*;

    fn parse(tokens: TokenStream) -> Result<QueryOptions, String> {
        let (options, errors) = QueryOptions::parse(tokens);
        errors.into_result().map(|()| options).map_err(|error| {
            let all: Vec<_> = error.into_iter().map(|error| error.to_string()).collect();
            all.join("\n")
        })
    }

    fn text(tokens: impl ToTokens) -> String {
        tokens.to_token_stream().to_string()
    }

    #[test]
    fn every_option_is_read() {
        let options = parse(quote! {
            ttl = "5m", own_ttl, ttl_from = |value| value.age, jitter = "2.5%", stale_if_error = "1h", retry_after = 5,
            refresh_ahead = AHEAD, stale_while_revalidate = "30s", background, soft_timeout = "200ms", each = ids,
            weight = T::size, key(a.b, f(c, d)), skip(e, r#type), secret(f, g.h), tags("x", "y:{a}", tag(a)), tags_from = |value| [value.a],
            cache_if = T::is_whole, capacity = N * 2, shared, cache = &self.cache, name = "n", crate = ::renamed,
        })
        .expect("all is well");
        let list = |items: &[Expr]| items.iter().map(text).collect::<Vec<_>>();
        assert_eq!(options.ttl.get().map(text).as_deref(), Some("\"5m\""));
        assert!(options.own_ttl.get().is_some());
        assert_eq!(options.ttl_from.get().map(text).as_deref(), Some("| value | value . age"));
        assert_eq!(options.jitter.get(), Some(&25_000));
        let times = options.stale.times().map(|time| time.get().map(text).expect("it is given"));
        assert_eq!(times, ["\"1h\"", "5", "AHEAD", "\"30s\"", "\"200ms\""]);
        assert!(options.stale.background.get().is_some());
        assert_eq!(options.each.get().map(text).as_deref(), Some("ids"));
        assert_eq!(options.weight.get().map(text).as_deref(), Some("T :: size"));
        assert_eq!(list(options.key.get().unwrap()), ["a . b", "f (c , d)"]);
        assert_eq!(options.skip.get().unwrap().iter().map(text).collect::<Vec<_>>(), ["e", "r#type"]);
        assert_eq!(list(options.secret.get().unwrap()), ["f", "g . h"]);
        assert_eq!(list(options.tags.get().unwrap()), ["\"x\"", "\"y:{a}\"", "tag (a)"]);
        assert_eq!(options.tags_from.get().map(text).as_deref(), Some("| value | [value . a]"));
        assert_eq!(options.cache_if.get().map(text).as_deref(), Some("T :: is_whole"));
        assert_eq!(options.capacity.get().map(text).as_deref(), Some("N * 2"));
        assert!(options.shared.get().is_some());
        assert_eq!(options.common.cache.get().map(text).as_deref(), Some("& self . cache"));
        assert_eq!(options.name.get().map(text).as_deref(), Some("\"n\""));
        assert_eq!(text(options.common.krate()), ":: renamed");
    }

    #[test]
    fn without_options_there_is_nothing_but_the_crate() {
        let options = parse(quote!()).expect("all of them may be left out");
        assert!(options.ttl.get().is_none() && options.key.get().is_none() && options.tags.get().is_none());
        assert_eq!(text(options.common.krate()), ":: cache_core");
    }

    #[test]
    fn a_switch_is_on_alone() {
        let cases = [
            (quote!(), None),
            (quote!(in_transaction), Some(true)),
            (quote!(in_transaction, ttl = 1), Some(true)),
            (quote!(in_transaction = true), Some(true)),
            (quote!(in_transaction = false), Some(false)),
        ];
        for (tokens, expected) in cases {
            let options = parse(tokens).expect("all is well");
            assert_eq!(options.common.in_transaction.get().copied(), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_remedy() {
        let cases = [
            (quote!(ttl = 0), "a time to live of 0"),
            (quote!(ttl = 5 * 60), "write `Duration::from_secs(5 * 60)`"),
            (quote!(ttl = (2 + 3) as u64 * 60), "write `Duration::from_secs((2 + 3) as u64 * 60)`"),
            (quote!(ttl = (300)), "a single literal"),
            (quote!(ttl("5m")), "write `ttl = ..`"),
            (
                quote!(stale_if_error = 0),
                "a time after expiry of 0 would serve no expired value: remove `stale_if_error`",
            ),
            (quote!(stale_if_error = -1), "a time after expiry cannot be negative"),
            (quote!(stale_if_error = "soon"), "`soon` is not a duration"),
            (quote!(stale_if_error), "`stale_if_error` has no value"),
            (quote!(stale_if_error = "1h", stale_if_error = "2h"), "`stale_if_error` is given twice"),
            (quote!(stale_if_eror = "1h"), "did you mean `stale_if_error`?"),
            (quote!(retry_after = "0s"), "a pause of 0 would load again at each call: use a positive time"),
            (quote!(retry_after = -5), "a pause cannot be negative"),
            (quote!(retry_after = ""), "the pause is empty"),
            (quote!(retry_after = 5u64), "write the seconds without a type, as in `retry_after = 5`"),
            (quote!(retry_afer = "1s"), "did you mean `retry_after`?"),
            (quote!(refresh_ahead = 0), "a time before expiry of 0 would load nothing ahead: remove `refresh_ahead`"),
            (quote!(refresh_ahead = "-1m"), "a time before expiry cannot be negative"),
            (quote!(refresh_ahead = 1.5), "write a time before expiry like `refresh_ahead = 60` (seconds)"),
            (quote!(refresh_ahead = 2 * 60), "as in `refresh_ahead = 60`"),
            (quote!(stale_while_revalidate = "0ms"), "remove `stale_while_revalidate`, or use a positive time"),
            (quote!(stale_while_revalidate = true), "`stale_while_revalidate = \"30s\"`"),
            (quote!(stale_while_revalidat = 1), "did you mean `stale_while_revalidate`?"),
            (quote!(soft_timeout = 0), "a timeout of 0 would wait for no load: remove `soft_timeout`"),
            (quote!(soft_timeout = "200"), "`200` has no unit"),
            (quote!(soft_timeout("200ms")), "write `soft_timeout = ..`"),
            (quote!(background = true), "write `background` alone"),
            (quote!(background, background), "`background` is given twice"),
            (quote!(backgroud), "did you mean `background`?"),
            (quote!(jitter = "0%"), "a jitter of 0% changes nothing"),
            (quote!(jitter = 10), "a jitter is a share of the time to live: write it like \"10%\""),
            (quote!(jitter = -10), "a jitter is a share of the time to live"),
            (quote!(jitter), "`jitter` has no value"),
            (quote!(jitter = "1%", jitter = "2%"), "`jitter` is given twice"),
            (quote!(ttl_from = ), "write `ttl_from = ..`"),
            (quote!(ttl_from = f, ttl_from = g), "`ttl_from` is given twice"),
            (quote!(weight), "write `weight = ..`"),
            (quote!(weigth = f), "did you mean `weight`?"),
            (quote!(each(ids)), "write `each = ..`"),
            (quote!(each = self), "name the argument that is the list of ids, as in `each = ids`"),
            (quote!(each = self.ids), "name the argument that is the list of ids"),
            (quote!(each = "ids"), "name the argument that is the list of ids"),
            (quote!(each = a, each = b), "`each` is given twice"),
            (quote!(own_ttl = true), "write `own_ttl` alone"),
            (quote!(own_ttl("5m")), "write `own_ttl` alone"),
            (quote!(own_ttl, own_ttl), "`own_ttl` is given twice"),
            (quote!(shared = true), "write `shared` alone"),
            (quote!(shared, shared), "`shared` is given twice"),
            (quote!(share), "did you mean `shared`?"),
            (quote!(own_ttl ttl = 1), "a comma is missing"),
            (quote!(in_transaction = 1), "write `in_transaction` alone, or `in_transaction = false`"),
            (quote!(in_transaction = "yes"), "write `in_transaction` alone, or `in_transaction = false`"),
            (quote!(in_transaction(true)), "write `in_transaction` alone, or `in_transaction = false`"),
            (quote!(in_transaction = ), "write `in_transaction` alone, or `in_transaction = false`"),
            (quote!(in_transaction, in_transaction = false), "`in_transaction` is given twice"),
            (quote!(key = a), "`key` takes a list in parentheses"),
            (quote!(key()), "`key(..)` is empty"),
            (quote!(skip()), "`skip(..)` is empty"),
            (quote!(secret()), "`secret(..)` is empty: name the arguments that nobody may see"),
            (quote!(secret = a), "`secret` takes a list in parentheses"),
            (quote!(secret(a), secret(b)), "`secret` is given twice"),
            (quote!(secrets(a)), "did you mean `secret`?"),
            (quote!(tags()), "`tags(..)` is empty"),
            (quote!(tags = "a"), "`tags` takes a list in parentheses"),
            (quote!(name = ""), "this name is empty"),
            (quote!(tags_form = f), "did you mean `tags_from`?"),
            (quote!(skip(a), skip(b)), "`skip` is given twice"),
            (quote!(cache_if = f, cache_if = g), "`cache_if` is given twice"),
            (quote!(capacity = -1), "a capacity is a number of entries"),
            (quote!(ttl = 1 capacity = 1), "a comma is missing"),
            (quote!("5m"), "an option is `name = value`"),
        ];
        for (tokens, remedy) in cases {
            let error = parse(tokens.clone()).err().unwrap_or_else(|| panic!("{tokens} is accepted"));
            assert!(error.contains(remedy), "{tokens}: {error}");
        }
    }

    #[test]
    fn one_fault_does_not_hide_another() {
        let error = parse(quote!(ttl = 0, nmae = "x", key())).err().expect("three are wrong");
        assert_eq!(error.lines().count(), 3, "{error}");
    }
}
