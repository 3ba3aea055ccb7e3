//! How the result of a query is read, and whether a failed load may share its error with its waiters.
//!
//! Method lookup finds out whether an error is `Clone`, but does not check `'static`: the compiler would then fail. So
//! an error that may borrow is not shared.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Path;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::expand::enclosing::Enclosing;
use crate::expand::key::respan;
use crate::parse::function::Function;
use crate::parse::tokens;
use crate::parse::types::{has_lifetime, is_plain, value_and_error};

/// The outcome of a query.
pub(crate) fn outcome(function: &Function, enclosing: &Enclosing<'_>, krate: &Path) -> TokenStream {
    let returns = function.returns();
    // Errors about the value appear under the type.
    let at_type = respan(krate, returns.span());
    if returns.is_some_and(is_plain) {
        quote_spanned!(returns.span()=> #at_type::private::plain::<#returns>())
    } else if may_share_error(function, enclosing) {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome())
    } else {
        quote_spanned!(returns.span()=> #at_type::private::Returned::<#returns>::new().__cache_outcome_unshared())
    }
}

/// Whether no part of the error type may borrow.
fn may_share_error(function: &Function, enclosing: &Enclosing<'_>) -> bool {
    let Some(returns) = function.returns() else { return false };
    let error = value_and_error(returns).map_or(returns, |(_, error)| error).to_token_stream();
    let (of_impl, is_self_known) = match enclosing {
        Enclosing::Unknown => (None, false),
        Enclosing::Block(hidden) => (Some(&hidden.generics), hidden.is_concrete),
    };
    let parameters: Vec<Ident> = of_impl
        .into_iter()
        .chain([&function.signature.generics])
        .flat_map(|generics| generics.type_params().map(|parameter| parameter.ident.unraw()))
        .collect();
    let may_borrow = |ident: &Ident, _| (ident == "Self" && !is_self_known) || parameters.contains(&ident.unraw());
    !has_lifetime(error.clone()) && !tokens::has_ident(error, &may_borrow)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use syn::parse_quote;

    use super::*;
    use crate::expand::enclosing::HiddenTrait;

    fn may_share(signature: &str, enclosing: &Enclosing<'_>) -> bool {
        may_share_error(&syn::parse_str(&format!("{signature} {{}}")).expect("it is a function"), enclosing)
    }

    fn hidden(generics: syn::Generics, is_concrete: bool) -> HiddenTrait {
        HiddenTrait { name: parse_quote!(Hidden), generics, queries: BTreeSet::new(), is_concrete }
    }

    #[test]
    fn an_error_that_is_certainly_owned_may_be_shared() {
        let cases = [
            "fn f() -> u8",
            "fn f() -> Result<u8, Failed>",
            "fn f() -> Aliased<u8>",
            "fn f() -> Result<u8, &'static str>",
            "fn f() -> Result<u8, Failed<dyn Error + 'static>>",
            "fn f<T>() -> Result<T, Failed>",
            "fn f<const N: usize>() -> Result<u8, Failed<N>>",
            "fn f<'a>(_: &'a u8) -> Result<u8, Failed>",
            "fn f(&self) -> Result<Self, Failed>",
        ];
        for signature in cases {
            assert!(may_share(signature, &Enclosing::Unknown), "{signature}");
        }
    }

    #[test]
    fn an_error_that_may_borrow_is_not_shared() {
        let cases = [
            "fn f() -> Result<u8, &str>",
            "fn f() -> Result<u8, &mut str>",
            "fn f() -> Result<u8, Failed<'_>>",
            "fn f() -> Result<u8, Failed<'a>>",
            "fn f() -> std::result::Result<u8, (u8, [Failed<'a>; 2])>",
            "fn f() -> Aliased<'_, u8>",
            "fn f<E>() -> Result<u8, E>",
            "fn f<E>() -> Result<u8, Vec<(u8, E::Item)>>",
            "fn f<r#type>() -> Result<u8, r#type>",
            "fn f<T>() -> Aliased<T>",
            "fn f(&self) -> Result<u8, Self>",
            "fn f(&self) -> Result<u8, Self::Error>",
        ];
        for signature in cases {
            assert!(!may_share(signature, &Enclosing::Unknown), "{signature}");
        }
    }

    #[test]
    fn the_generics_of_the_impl_are_considered() {
        let (of_self, of_parameter) = ("fn f() -> Result<u8, Self::E>", "fn f() -> Result<u8, E>");
        let concrete = hidden(parse_quote!(), true);
        let concrete = Enclosing::Block(&concrete);
        assert!(may_share(of_self, &concrete) && may_share(of_parameter, &concrete));
        let generic = hidden(parse_quote!(<'a, E: Clone>), false);
        let generic = Enclosing::Block(&generic);
        assert!(!may_share(of_self, &generic) && !may_share(of_parameter, &generic));
        assert!(may_share("fn f() -> Result<E, Failed>", &generic));
    }
}
