//! Types, as far as their tokens tell.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Expr, GenericArgument, Lifetime, ParenthesizedGenericArguments, PathArguments, Type, TypeFnPtr, TypeImplTrait,
    TypeReference,
};

/// Removes parentheses, and the invisible group that a `macro_rules!` puts around a type.
pub(crate) fn bare_type(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        }
    }
}
/// The value and the error of a `Result` that is written out.
pub(crate) fn value_and_error(ty: &Type) -> Option<(&Type, &Type)> {
    let Type::Path(path) = bare_type(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut arguments = arguments.args.iter();
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(value)), Some(GenericArgument::Type(error)), None) => Some((value, error)),
        _ => None,
    }
}

pub(crate) fn has_impl_trait(ty: &Type) -> bool {
    struct Found(bool);

    impl<'ast> Visit<'ast> for Found {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
    }

    let mut found = Found(false);
    found.visit_type(ty);
    found.0
}

/// Whether a return type is no `Result`, by its name. If an alias of that name is one, nothing is stored.
pub(crate) fn is_plain(returns: &Type) -> bool {
    const KNOWN: [&str; 19] = [
        "Option", "Vec", "String", "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64",
    ];
    let Type::Path(path) = returns else { return false };
    let is_single = path.qself.is_none() && path.path.leading_colon.is_none() && path.path.segments.len() == 1;
    is_single && KNOWN.iter().any(|known| path.path.segments[0].ident == known)
}

/// Whether a type can be a key and has `Debug`, by its name.
pub(crate) fn is_known(ty: &Type) -> bool {
    const KNOWN: [&str; 16] = [
        "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "str",
        "String",
    ];
    let Type::Path(path) = bare_type(ty) else { return false };
    path.qself.is_none() && path.path.get_ident().is_some_and(|name| KNOWN.iter().any(|known| name == known))
}

/// The name of a container of one type, and that type.
pub(crate) fn container(ty: &Type) -> Option<(&Ident, &Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let is_known = ["Option", "Vec", "Cow", "Box", "Arc", "Rc"].iter().any(|known| last.ident == known);
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    match (types.next(), types.next()) {
        (Some(item), None) if is_known => Some((&last.ident, item)),
        _ => None,
    }
}

/// The borrowing part of a type that cannot be part of a key.
pub(crate) fn unknown_borrow(ty: &Type) -> Option<&Type> {
    let ty = bare_type(ty);
    match ty {
        Type::Reference(reference) => unknown_borrow(&reference.elem),
        _ if !borrows(ty) => None,
        Type::Tuple(tuple) => tuple.elems.iter().find_map(unknown_borrow),
        Type::Array(array) => unknown_borrow(&array.elem),
        Type::Slice(slice) => unknown_borrow(&slice.elem),
        _ => match container(ty) {
            Some((name, _)) if name == "Cow" => None,
            Some((_, item)) => unknown_borrow(item),
            None => Some(ty),
        },
    }
}

/// Whether a type borrows, other than `'static`.
pub(crate) fn borrows(ty: &Type) -> bool {
    struct Borrows(bool);

    impl<'ast> Visit<'ast> for Borrows {
        fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
            self.0 |= reference.lifetime.is_none();
            visit::visit_type_reference(self, reference);
        }

        fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
            self.0 |= lifetime.ident != "static";
        }

        // A function pointer holds no arguments.
        fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'ast ParenthesizedGenericArguments) {}
        // Lengths of arrays are not types.
        fn visit_expr(&mut self, _: &'ast Expr) {}
    }

    let mut found = Borrows(false);
    found.visit_type(ty);
    found.0
}

/// Whether tokens have a lifetime or a reference other than `'static`.
pub(crate) fn has_lifetime(ty: TokenStream) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Punct(sign) if sign.as_char() == '&' => {
                !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '\'')
            }
            TokenTree::Punct(sign) if sign.as_char() == '\'' => {
                !matches!(tokens.peek(), Some(TokenTree::Ident(name)) if name == "static")
            }
            TokenTree::Group(group) => has_lifetime(group.stream()),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_may_be_a_result_is_not_taken_for_another() {
        let seen = |ty: &str| is_plain(&syn::parse_str(ty).expect("it is a type"));
        let (plain, others) = (
            ["u8", "Option<Result<u8, E>>", "Vec<u8>", "String"],
            ["Result<u8, E>", "io::Result<u8>", "a::Option<u8>", "Answer", "Self::Option", "(u8,)"],
        );
        assert_eq!(plain.map(seen), [true; 4]);
        assert_eq!(others.map(seen), [false; 6]);
    }
}
