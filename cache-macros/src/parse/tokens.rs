//! Tokens: the names in them, and how people write them.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, Ident, LitStr};

use crate::parse::tag_text;

/// Removes the invisible group that a `macro_rules!` puts around an expression.
pub(crate) fn ungrouped(mut expression: &Expr) -> &Expr {
    while let Expr::Group(group) = expression {
        expression = &group.expr;
    }
    expression
}

/// Whether tokens mention a name, also in the braces of a string.
pub(crate) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    let plain = name.unraw().to_string();
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Literal(literal) => syn::parse2::<LitStr>(TokenTree::from(literal).into())
            .is_ok_and(|text| tag_text::names(&text.value()).any(|mentioned| mentioned == plain)),
        TokenTree::Punct(_) => false,
    })
}

/// Like [`mentions`], but a field or a method of that name does not count.
pub(crate) fn uses(tokens: &TokenStream, name: &Ident) -> bool {
    // After one point, and not after the two of a range.
    let mut points = 0;
    let kept: Vec<_> = tokens
        .clone()
        .into_iter()
        .filter(|token| {
            let is_kept = !(points == 1 && matches!(token, TokenTree::Ident(_)));
            points = if matches!(token, TokenTree::Punct(sign) if sign.as_char() == '.') { points + 1 } else { 0 };
            is_kept
        })
        .collect();
    kept.into_iter().any(|token| match token {
        TokenTree::Group(group) => uses(&group.stream(), name),
        token => mentions(&token.into(), name),
    })
}

/// Whether an expression is made from another one: a name, or what is written like it.
pub(crate) fn is_made_from(tokens: &TokenStream, other: &Expr) -> bool {
    let other = ungrouped(other);
    if let Some(name) = name_of(other) {
        return uses(tokens, name);
    }
    let (all, part) = (flat(tokens.clone()), flat(other.to_token_stream()));
    all.windows(part.len()).any(|window| window == part)
}

/// The name that an expression is.
pub(crate) fn name_of(expression: &Expr) -> Option<&Ident> {
    match ungrouped(expression) {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    }
}

/// The tokens without their groups.
fn flat(tokens: TokenStream) -> Vec<String> {
    let of = |token| match token {
        TokenTree::Group(group) => flat(group.stream()),
        token => vec![token.to_string()],
    };
    tokens.into_iter().flat_map(of).collect()
}

/// Whether any identifier is wanted. `is_wanted` also gets whether it begins a path.
pub(crate) fn has_ident(tokens: TokenStream, is_wanted: &impl Fn(&Ident, bool) -> bool) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let begins_path = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
        let found = match token {
            TokenTree::Ident(ident) => is_wanted(&ident, begins_path),
            TokenTree::Group(group) => has_ident(group.stream(), is_wanted),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// An expression as people write it.
pub(crate) fn of_expression(tokens: TokenStream) -> String {
    let (mut text, mut is_after_operand, mut is_joint) = (String::new(), false, false);
    for token in tokens {
        match token {
            TokenTree::Punct(sign) => {
                match sign.as_char() {
                    '.' | ':' | '?' => text.push(sign.as_char()),
                    ',' | ';' => text.extend([sign.as_char(), ' ']),
                    // Of a macro.
                    '!' if is_after_operand && sign.spacing() == Spacing::Alone => text.push('!'),
                    sign if !is_after_operand => text.push(sign),
                    sign if is_joint => text.insert(text.trim_end().len(), sign),
                    sign => text.extend([' ', sign, ' ']),
                }
                is_joint = sign.spacing() == Spacing::Joint;
                is_after_operand = sign.as_char() == '?' || (is_joint && is_after_operand);
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.extend([open, of_expression(group.stream()).trim_end(), close]);
                (is_after_operand, is_joint) = (true, false);
            }
            operand => {
                if is_after_operand {
                    text.push(' ');
                }
                text.push_str(&operand.to_string());
                is_joint = false;
                // `as` and the like stand between two operands.
                is_after_operand = !text.ends_with(" as");
                if !is_after_operand {
                    text.push(' ');
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_no_use_of_an_argument() {
        let uses = |tokens: &str, name: &str| uses(&tokens.parse().unwrap(), &syn::parse_str(name).unwrap());
        for given in ["|t| [t.id]", "|t| t.id.id()", "|t| format!(\"{}\", t.id)", "|t| other"] {
            assert!(!uses(given, "id"), "{given}");
        }
        for given in ["|t| t.x > id", "|t| f(id)", "|t| format!(\"{id}\")", "|t| id.x", "|t| 0..id"] {
            assert!(uses(given, "id"), "{given}");
        }
    }

    #[test]
    fn what_is_made_from_an_expression_has_it_in_it() {
        let is_made_from =
            |tokens: &str, other: &str| super::is_made_from(&tokens.parse().unwrap(), &syn::parse_str(other).unwrap());
        for (tokens, other) in [("hash(&self.key)", "self.key"), ("a.b", "a.b"), ("f(a)", "a"), ("\"{a}\"", "a")] {
            assert!(is_made_from(tokens, other), "{tokens}: {other}");
        }
        for (tokens, other) in [("self.keys", "self.key"), ("self.a", "a"), ("a.b", "b.a"), ("a", "a.b")] {
            assert!(!is_made_from(tokens, other), "{tokens}: {other}");
        }
    }

    #[test]
    fn expressions_are_shown_as_they_are_written() {
        let cases = [
            "self.tenant",
            "&self.name",
            "*local",
            "self.rows.get(&id)",
            "a + b * -c",
            "id as u64",
            "f(a, &b)[1].c",
            "a::b(c)?.d",
            "a == b && !c",
            "a != b",
            "format!(\"{}\", a)",
            "(a, b.0)",
        ];
        for case in cases {
            assert_eq!(of_expression(case.parse().expect("it is an expression")), case);
        }
    }
}
