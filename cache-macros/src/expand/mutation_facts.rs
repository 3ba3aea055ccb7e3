//! What is known of a mutation at compile time: its targets, as they are written.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{ExprPath, Path};

use crate::expand::facts::tag_text;
use crate::expand::key::respan;
use crate::expand::targets::last_name;
use crate::parse::function::Function;
use crate::parse::targets::{Each, FromResult, KeyRef, Named, Target};
use crate::parse::tokens::{of_expression, ungrouped};

/// The longest text of a target, in characters.
const MAX_TEXT: usize = 80;

/// A reference to the facts. Their place is that of the function's name: in a `#[cached_impl]` all attributes have one
/// place.
pub(crate) fn mutation_facts(function: &Function, targets: &[Target], krate: &Path) -> TokenStream {
    let (name, span) = (function.name(), function.signature.ident.span());
    let mut facts = Vec::new();
    for target in targets {
        match target {
            Target::All(_) => facts.push(quote!(all("all"))),
            Target::Query(query) => facts.push(of_query(query, false, &path_text(query))),
            Target::Named(named) => of_named(named, &|text| text, &mut facts),
            Target::FromResult(FromResult { parameter, named, .. }) => {
                let parameter = of_expression(parameter.to_token_stream());
                for named in named {
                    of_named(named, &|text| format!("|{parameter}| {text}"), &mut facts);
                }
            }
        }
    }
    let krate = respan(krate, span);
    quote_spanned!(span=> #krate::private::mutation_facts!(#name #(, #facts)*))
}

/// `around` writes what the target is in.
fn of_named(named: &Named, around: &dyn Fn(String) -> String, facts: &mut Vec<TokenStream>) {
    match named {
        Named::Key(key_ref) => facts.push(of_query(&key_ref.query, true, &around(key_text(key_ref)))),
        Named::Put(put) => {
            let text = around(format!("put {}", key_text(&put.key_ref)));
            facts.push(of_query(&put.key_ref.query, true, &text));
        }
        Named::Tag(tag) => {
            let text = cut(&around(format!("tags({})", of_expression(tag.to_token_stream()))));
            let of_text = tag_text(tag).map(|tag| quote!(tag(#tag, #text)));
            facts.push(of_text.unwrap_or_else(|| quote!(unknown_tag(#text))));
        }
        Named::Each(each) => {
            let Each { pattern, list, named } = &**each;
            let head = format!(
                "for {} in {}",
                of_expression(pattern.to_token_stream()),
                of_expression(ungrouped(list).to_token_stream())
            );
            for named in named {
                of_named(named, &|text| around(format!("{head} {{ {text} }}")), facts);
            }
        }
    }
}

fn of_query(query: &ExprPath, is_one_key: bool, text: &str) -> TokenStream {
    let (name, text) = (last_name(&query.path).unraw().to_string(), cut(text));
    let path = path_text(query);
    let path = path.rsplit_once("::").map_or("", |(path, _)| path);
    if is_one_key { quote!(key(#path, #name, #text)) } else { quote!(query(#path, #name, #text)) }
}

/// Without the generic arguments of the function.
fn path_text(query: &ExprPath) -> String {
    let mut query = query.clone();
    query.path.segments.last_mut().expect("a path is not empty").arguments = syn::PathArguments::None;
    written(&query)
}

/// In a path, `<` and `>` are brackets.
fn written(path: &ExprPath) -> String {
    of_expression(path.to_token_stream())
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace("> ", ">")
        .replace(">as", "> as")
}

fn key_text(KeyRef { query, arguments, .. }: &KeyRef) -> String {
    format!("{}({})", written(query), of_expression(arguments.to_token_stream()).trim_end())
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    text.chars().take(MAX_TEXT - 2).chain("..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::targets::Invalidations;

    fn facts(targets: TokenStream) -> String {
        let function = syn::parse_quote!(
            fn update() {}
        );
        let (invalidations, errors) = Invalidations::parse(targets);
        errors.into_result().expect("the targets are valid");
        mutation_facts(&function, &invalidations.targets, &syn::parse_quote!(k)).to_string()
    }

    #[test]
    fn targets_are_repeated_as_they_are_written() {
        let long = "a".repeat(100);
        let cases = [
            (quote!("list"), r#"query ("" , "list" , "list")"#.to_owned()),
            (quote!(rates::r#type), r#"query ("rates" , "type" , "rates::r#type")"#.to_owned()),
            (quote!(Self::get(id, &a.b)), r#"key ("Self" , "get" , "Self::get(id, &a.b)")"#.to_owned()),
            (
                quote!(<R as T<u8>>::get::<u8>(_, 1 + 2)),
                r#"key ("<R as T<u8>>" , "get" , "<R as T<u8>>::get::<u8>(_, 1 + 2)")"#.to_owned(),
            ),
            (quote!(|(a, _)| get(a?)), r#"key ("" , "get" , "|(a, _)| get(a?)")"#.to_owned()),
            (
                quote!(|all| for x in &all.items {
                    get(x.id);
                    tags("x:{x}")
                }),
                concat!(
                    r#"key ("" , "get" , "|all| for x in &all.items { get(x.id) }") , "#,
                    r#"tag ("x:{x}" , "|all| for x in &all.items { tags(\"x:{x}\") }")"#,
                )
                .to_owned(),
            ),
            (quote!(put get(id) = |track| track.clone()), r#"key ("" , "get" , "put get(id)")"#.to_owned()),
            (
                quote!(tags("a", format!("b:{}", c.d), tag_of(x))),
                concat!(
                    r#"tag ("a" , "tags(\"a\")") , "#,
                    r#"tag ("b:{}" , "tags(format!(\"b:{}\", c.d))") , "#,
                    r#"unknown_tag ("tags(tag_of(x))")"#,
                )
                .to_owned(),
            ),
            (quote!(all), r#"all ("all")"#.to_owned()),
            (quote!(|tracks| get(#long)), format!(r#"key ("" , "get" , "|tracks| get(\"{}..")"#, "a".repeat(64))),
        ];
        for (targets, expected) in cases {
            let written = targets.to_string();
            let expected = format!(r#"k :: private :: mutation_facts ! ("update" , {expected})"#);
            assert_eq!(facts(targets), expected, "{written}");
        }
    }
}
