//! The text of a tag: `"artist:{artist_id:>4}"`.

pub(crate) fn is_formatted(text: &str) -> bool {
    text.contains(['{', '}'])
}

/// Whether each pair of braces in a text holds a name.
pub(crate) fn is_of_names(text: &str) -> bool {
    names(text).all(|name| {
        let mut signs = name.chars();
        signs.next().is_some_and(|first| first == '_' || first.is_alphabetic())
            && signs.all(|sign| sign == '_' || sign.is_alphanumeric())
    })
}

/// The names in the braces of a text, with those of a width or precision, as in `{id:>width$}`.
pub(crate) fn names(text: &str) -> impl Iterator<Item = String> {
    let text = text.replace("{{", " ").replace("}}", " ");
    let placeholders: Vec<String> =
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect();
    placeholders.into_iter().flat_map(|placeholder| {
        let (name, spec) = placeholder.split_once(':').unwrap_or((&placeholder, ""));
        let mut names = vec![name.trim().to_owned()];
        // A `$` follows all parts but the last.
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
    fn what_is_no_name_is_noticed() {
        for text in ["a", "{{}}", "a:{b}:{_c1:?}", "{b:>5}", "{b:>width$}", "{größe}"] {
            assert!(is_of_names(text), "{text}");
        }
        for text in ["{}", "{0}", "{a.b}", "{a()}", "{:?}", "{a:>1$}", "{a}{}"] {
            assert!(!is_of_names(text), "{text}");
        }
    }

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
