//! What is left of an item when something is wrong with its attribute: the item itself beside the error, so
//! that whoever calls it sees no error of his own.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

use crate::parse::function::Method;

/// An item that could not be read.
pub(crate) fn raw(item: &TokenStream, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}

/// A function, without what the attribute would have made of it.
pub(crate) fn function(method: &Method) -> TokenStream {
    let Method { attributes, visibility, signature, body } = method;
    quote!(#(#attributes)* #visibility #signature #body)
}
