//! The expansion of a wrong attribute: the item beside the error, so that its callers compile.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

use crate::parse::function::Function;

pub(crate) fn raw(item: &TokenStream, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}

pub(crate) fn function(function: &Function) -> TokenStream {
    let Function { attributes, visibility, signature, body } = function;
    quote!(#(#attributes)* #visibility #signature #body)
}
