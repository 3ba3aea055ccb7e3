//! What the text of a tag mentions: `"artist:{artist_id:>4}"`.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::{Ident, LitStr};

/// Whether a text has to be formatted.
pub(crate) fn is_formatted(text: &str) -> bool {
    text.contains(['{', '}'])
}

/// Whether tokens mention a name: as it is, or in the braces of a text.
pub(crate) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    let plain = name.unraw().to_string();
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Literal(literal) => syn::parse2::<LitStr>(TokenTree::from(literal).into())
            .is_ok_and(|text| names(&text.value()).any(|mentioned| mentioned == plain)),
        TokenTree::Punct(_) => false,
    })
}

/// The names in the braces of a text, also those of a width or a precision, as in `{id:>width$}`.
fn names(text: &str) -> impl Iterator<Item = String> {
    let text = text.replace("{{", " ").replace("}}", " ");
    let placeholders: Vec<String> =
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect();
    placeholders.into_iter().flat_map(|placeholder| {
        let (name, spec) = placeholder.split_once(':').unwrap_or((&placeholder, ""));
        let mut names = vec![name.trim().to_owned()];
        // All parts but the last end in front of a `$`.
        let mut parts: Vec<_> = spec.split('$').collect();
        parts.pop();
        names.extend(
            parts
                .iter()
                .filter_map(|part| part.rsplit(|c: char| c != '_' && !c.is_alphanumeric()).next().map(str::to_owned)),
        );
        names
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_braces_alone() {
        let cases = [
            ("catalogue", &[][..]),
            ("artist:{artist_id}", &["artist_id"]),
            ("{a}:{b:?}:c", &["a", "b"]),
            ("{ a :>width$}", &["a", "width"]),
            ("{a:>first$.second$}", &["a", "first", "second"]),
            ("{{a}} {b}", &["b"]),
            ("{}", &[""]),
            ("{a", &["a"]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
