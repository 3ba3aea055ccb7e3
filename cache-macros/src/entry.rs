//! `entry!`: from the call of a query to the call of the function that makes its entry.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Error, Expr};

use crate::expand::enclosing::entry_name;
use crate::parse::tokens::ungrouped;

const EXAMPLE: &str = "write the call of a query, as in `entry!(repository.get_track(5))`";

/// `input`: the path of `cache_core`, which is one token, a comma, and the call.
pub(crate) fn entry(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    let krate: TokenStream = input.by_ref().take_while(|token| !is_comma(token)).collect();
    match call(input.collect()) {
        Ok(call) => quote!(#krate::private::typed_entry!(#call)),
        Err(error) => error.to_compile_error(),
    }
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',')
}

fn call(input: TokenStream) -> syn::Result<TokenStream> {
    if input.is_empty() {
        return Err(Error::new(proc_macro2::Span::call_site(), EXAMPLE));
    }
    let given: Expr = syn::parse2(input)?;
    match ungrouped(&given) {
        Expr::MethodCall(call) => {
            let mut call = call.clone();
            call.method = entry_name(&call.method);
            Ok(call.into_token_stream())
        }
        Expr::Call(call) => {
            let Expr::Path(path) = ungrouped(&call.func) else { return Err(Error::new_spanned(&call.func, EXAMPLE)) };
            let (mut call, mut path) = (call.clone(), path.clone());
            let last = path.path.segments.last_mut().expect("a path is not empty");
            last.ident = entry_name(&last.ident);
            *call.func = Expr::Path(path);
            Ok(call.into_token_stream())
        }
        Expr::Await(call) => {
            Err(Error::new_spanned(call.await_token, "remove `.await`: no body runs, and the entry is there at once"))
        }
        Expr::Try(call) => Err(Error::new_spanned(call.question_token, "remove `?`: no body runs that could fail")),
        other => Err(Error::new_spanned(other, EXAMPLE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(given: &str) -> String {
        let input: TokenStream = format!("krate, {given}").parse().expect("it is tokens");
        entry(input).to_string()
    }

    #[test]
    fn the_last_name_is_that_of_the_entry_function() {
        let cases = [
            ("repo.get(5)", "repo . __cached_entry_get (5)"),
            ("self.repo.get::<u8>(5, &name)", "self . repo . __cached_entry_get :: < u8 > (5 , & name)"),
            ("Repo::total(1)", "Repo :: __cached_entry_total (1)"),
            ("<Repo as Of>::r#loop()", "< Repo as Of > :: __cached_entry_loop ()"),
            ("rates::current::<A>(\"EUR\")", "rates :: __cached_entry_current :: < A > (\"EUR\")"),
        ];
        for (given, expected) in cases {
            assert_eq!(expand(given), format!("krate :: private :: typed_entry ! ({expected})"));
        }
    }

    #[test]
    fn what_is_no_call_is_refused_with_a_remedy() {
        let cases = [
            ("repo.get(5).await", "remove `.await`"),
            ("repo.get(5)?", "remove `?`"),
            ("repo.get", "write the call of a query"),
            ("", "write the call of a query"),
            ("(repo.f)(5)", "write the call of a query"),
            ("vec![1]", "write the call of a query"),
        ];
        for (given, expected) in cases {
            assert!(expand(given).contains(expected), "{given}: {}", expand(given));
        }
    }
}
