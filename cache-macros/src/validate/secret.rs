//! Arguments that are shown nowhere.

use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, Ident};

use super::no_argument;
use crate::errors::Errors;
use crate::parse::function::{Argument, Function};
use crate::parse::list::List;
use crate::parse::options::QueryOptions;
use crate::parse::patterns::bound_names;
use crate::parse::tokens::{is_made_from, name_of, of_expression, ungrouped};

pub(super) fn secret(function: &Function, list: Option<&List<'_>>, options: &QueryOptions, errors: &mut Errors) {
    let arguments: Vec<_> = function.arguments().collect();
    let all = options.secret.get().map_or(&[][..], |secret| secret);
    for (number, given) in all.iter().enumerate() {
        let tokens = given.to_token_stream();
        let text = of_expression(tokens.clone());
        if list.is_some_and(|list| name_of(given).is_some_and(|name| name.unraw() == list.name.unraw())) {
            // It is refused as such.
        } else if all[..number].iter().any(|other| of_expression(other.to_token_stream()) == text) {
            errors.add_at(given, &format!("`{text}` is secret already: name it once"));
        } else if let Some(fault) = fault(given, &text, &arguments, options) {
            errors.add_at(given, &fault);
        } else {
            shown(given, &text, options, errors);
        }
    }
}

/// Why there is nothing to hide.
fn fault(given: &Expr, text: &str, arguments: &[Argument<'_>], options: &QueryOptions) -> Option<String> {
    let (name, is_argument) = (name_of(given), |name: &Ident| arguments.iter().any(|argument| argument.is(name)));
    if let Some(key) = options.key.get() {
        if is_made_from(&quote!(#(#key),*), given) {
            return None;
        }
        let unknown = name.filter(|name| !is_argument(name)).map(|name| no_argument(name, arguments));
        return unknown.filter(|fault| fault.contains("did you mean")).or_else(|| {
            Some(format!(
                "no part of the key is made from `{text}`, so it is shown nowhere: remove it here, or repeat a part of the key, as in `secret(self.token)`"
            ))
        });
    }
    match name {
        None => Some("name an argument, as in `secret(password)`".to_owned()),
        Some(name) if name == "self" => {
            Some("`self` is not part of the key, and shown nowhere: remove it here".to_owned())
        }
        Some(name) if !is_argument(name) => Some(no_argument(name, arguments)),
        Some(name) => {
            let mut skipped = options.skip.get().into_iter().flatten();
            skipped
                .any(|skipped| skipped.unraw() == name.unraw())
                .then(|| format!("`{name}` is skipped, and shown nowhere: remove it here"))
        }
    }
}

/// Refuses tags that are made from a secret.
fn shown(secret: &Expr, text: &str, options: &QueryOptions, errors: &mut Errors) {
    let of_arguments = options.tags.get().into_iter().flatten();
    let from_value = options.tags_from.get().filter(|closure| !is_parameter(closure, secret));
    for tag in of_arguments.chain(from_value) {
        if is_made_from(&tag.to_token_stream(), secret) {
            let message = format!("tags are shown, and `{text}` is secret: make the tag from another argument");
            errors.add_at(tag, &message);
        }
    }
}

/// Whether a closure calls its value like the secret.
fn is_parameter(closure: &Expr, secret: &Expr) -> bool {
    let (Expr::Closure(closure), Some(name)) = (ungrouped(closure), name_of(secret)) else { return false };
    closure.inputs.iter().any(|input| bound_names(input).into_iter().any(|bound| bound.unraw() == name.unraw()))
}
