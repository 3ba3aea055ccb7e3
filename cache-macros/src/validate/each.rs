//! Queries that are cached by each id of a list.

use quote::ToTokens;
use syn::Expr;
use syn::ext::IdentExt;

use crate::errors::Errors;
use crate::parse::list::List;
use crate::parse::options::QueryOptions;
use crate::parse::tokens;

pub(super) fn each(list: &List<'_>, options: &QueryOptions, errors: &mut Errors) {
    let List { name, id, .. } = list;
    if let (Some(option), Some(key)) = (options.key.key(), options.key.get())
        && !names_list(key, list, errors)
        && !key.iter().any(|expression| tokens::uses(&expression.to_token_stream(), id))
    {
        errors.add(option.span(), "add `id`, one id of the list, to the key: each has an entry of its own");
    }
    names_list(options.tags.get().map_or(&[], |tags| tags), list, errors);
    names_list(options.secret.get().map_or(&[], |secret| secret), list, errors);
    for skipped in options.skip.get().into_iter().flatten() {
        if skipped.unraw() == name.unraw() {
            errors.add(skipped.span(), &format!("remove `{name}`: each of its ids is a key"));
        } else if skipped.unraw() == *id {
            errors.add(skipped.span(), "remove `id`: each id is a key");
        }
    }
}

/// Refuses the list where there is one id.
fn names_list(given: &[Expr], list: &List<'_>, errors: &mut Errors) -> bool {
    let mut found = false;
    for expression in given {
        if tokens::uses(&expression.to_token_stream(), list.name) {
            let message = format!("write `id`, one id of `{}`: each has an entry of its own", list.name);
            errors.add_at(expression, &message);
            found = true;
        }
    }
    found
}
