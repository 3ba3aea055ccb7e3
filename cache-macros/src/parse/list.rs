//! The argument that `each` names: a list of ids, each of which is a key.

use proc_macro2::{Ident, Span};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Error, FnArg, GenericArgument, GenericParam, Generics, PatType, PathArguments, Type, WherePredicate};

use crate::errors::did_you_mean;
use crate::parse::function::Function;
use crate::parse::patterns::plain_name;
use crate::parse::tokens;
use crate::parse::types::{bare_type, has_impl_trait};

pub(crate) struct List<'a> {
    /// Its name in the function.
    pub(crate) name: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) shape: Shape<'a>,
    pub(crate) item: &'a Type,
    /// What options call one id.
    pub(crate) id: Ident,
    /// The function with one id, a reference, in the place of the list.
    pub(crate) of_one: Function,
}

/// How the body gets a part of the list.
pub(crate) enum Shape<'a> {
    Slice,
    Vec,
    ReferenceToVec,
    /// A type that is collected from ids.
    Other(&'a Type),
    ReferenceToOther(&'a Type),
}

impl<'a> List<'a> {
    pub(crate) fn find(function: &'a Function, named: &Ident) -> syn::Result<Self> {
        // Options find it, also in a `macro_rules!` that is given the name of the list.
        let id = Ident::new("id", Span::call_site().located_at(named.span()));
        let plain: Vec<_> =
            function.typed_arguments().filter_map(|argument| Some((plain_name(&argument.pat)?, argument))).collect();
        let Some((name, argument)) = plain.iter().find(|(name, _)| name.unraw() == named.unraw()) else {
            let known: Vec<_> = plain.iter().map(|(name, _)| name.unraw().to_string()).collect();
            let nearest = did_you_mean(&named.unraw().to_string(), known.iter().map(String::as_str));
            return Err(Error::new(named.span(), format!("there is no argument `{named}`{nearest}")));
        };
        if let Some(other) = function.arguments().find(|argument| argument.is(&id)) {
            let message = "rename this argument: with `each`, `id` is one id of the list";
            return Err(Error::new(other.name.span(), message));
        }
        let Some((shape, item)) = shape(&argument.ty) else {
            let message =
                "take `&[T]`, a `Vec<T>`, or another list that names the type of its ids: each of them is a key";
            return Err(Error::new_spanned(&argument.ty, message));
        };
        let of_one = of_one(function, argument, &id, item);
        Ok(Self { name, ty: &argument.ty, shape, item, id, of_one })
    }
}

fn shape(ty: &Type) -> Option<(Shape<'_>, &Type)> {
    let (shape, item) = match bare_type(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => {
            let list = bare_type(&reference.elem);
            match list {
                Type::Slice(slice) => (Shape::Slice, &*slice.elem),
                Type::Array(array) => (Shape::Slice, &*array.elem),
                _ if is_vec(list) => (Shape::ReferenceToVec, item(list)?),
                _ => (Shape::ReferenceToOther(list), item(list)?),
            }
        }
        list if is_vec(list) => (Shape::Vec, item(list)?),
        list => (Shape::Other(list), item(list)?),
    };
    (!has_impl_trait(item)).then_some((shape, item))
}

fn is_vec(list: &Type) -> bool {
    matches!(list, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Vec"))
}

/// The type of the items of a list, by its generic arguments.
fn item(of: &Type) -> Option<&Type> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let first = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(bare_type(ty)),
        _ => None,
    })?;
    let is_one_of = |names: &[&str]| names.iter().any(|name| last.ident == name);
    match first {
        Type::Slice(slice) => Some(&slice.elem),
        _ if is_one_of(&["Arc", "Rc", "Box", "Cow", "Option", "Result"]) => None,
        // As of a `SmallVec`.
        Type::Array(array) => Some(&array.elem),
        _ => Some(first),
    }
}

fn of_one(function: &Function, list: &PatType, id: &Ident, item: &Type) -> Function {
    let mut of_one = function.clone();
    for input in &mut of_one.signature.inputs {
        if let FnArg::Typed(argument) = input
            && plain_name(&argument.pat) == plain_name(&list.pat)
        {
            *argument.pat = syn::parse_quote!(#id);
            *argument.ty = syn::parse_quote!(&#item);
        }
    }
    without_parameters_of(&list.ty, &mut of_one);
    of_one
}

/// Removes the generic parameters that only the list has, as a length or a hasher: a key does not tell them.
fn without_parameters_of(list: &Type, of_one: &mut Function) {
    let signature = &mut of_one.signature;
    let (list, inputs, output) = (list.to_token_stream(), &signature.inputs, &signature.output);
    let kept = quote!(#inputs #output);
    let all = signature.generics.params.clone();
    let is_of_list = |parameter: &GenericParam| {
        let Some(name) = name_of_type_or_const(parameter) else { return false };
        let mut others = all.iter().filter(|other| name_of_type_or_const(other) != Some(name));
        tokens::mentions(&list, name)
            && !tokens::mentions(&kept, name)
            && !others.any(|other| tokens::mentions(&other.to_token_stream(), name))
    };
    let Generics { params, where_clause, .. } = &mut signature.generics;
    let (removed, left): (Vec<_>, Vec<_>) = all.iter().cloned().partition(is_of_list);
    *params = left.into_iter().collect();
    if let Some(bounds) = where_clause {
        let is_kept = |bound: &WherePredicate| {
            let mut names = removed.iter().filter_map(name_of_type_or_const);
            !names.any(|name| tokens::mentions(&bound.to_token_stream(), name))
        };
        bounds.predicates = std::mem::take(&mut bounds.predicates).into_iter().filter(is_kept).collect();
    }
    if where_clause.as_ref().is_some_and(|bounds| bounds.predicates.is_empty()) {
        *where_clause = None;
    }
}

fn name_of_type_or_const(parameter: &GenericParam) -> Option<&Ident> {
    match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ty: &str) -> Option<(String, String)> {
        let ty: Type = syn::parse_str(ty).expect("it is a type");
        let (shape, item) = shape(&ty)?;
        let shape = match shape {
            Shape::Slice => "slice",
            Shape::Vec => "vec",
            Shape::ReferenceToVec => "&vec",
            Shape::Other(_) => "other",
            Shape::ReferenceToOther(_) => "&other",
        };
        Some((shape.to_owned(), item.to_token_stream().to_string()))
    }

    #[test]
    fn lists_are_recognised() {
        let cases = [
            ("&[u32]", "slice", "u32"),
            ("&'a [TrackId]", "slice", "TrackId"),
            ("&([u32])", "slice", "u32"),
            ("&[u32; 3]", "slice", "u32"),
            ("&[&str]", "slice", "& str"),
            ("Vec<(u8, u8)>", "vec", "(u8 , u8)"),
            ("std::vec::Vec<u8>", "vec", "u8"),
            ("&Vec<u8>", "&vec", "u8"),
            ("HashSet<u8>", "other", "u8"),
            ("HashSet<u8, Hasher>", "other", "u8"),
            ("&BTreeSet<String>", "&other", "String"),
            ("Arc<[u8]>", "other", "u8"),
            ("&Box<[u8]>", "&other", "u8"),
            ("Cow<'_, [u8]>", "other", "u8"),
            ("SmallVec<[u8; 4]>", "other", "u8"),
        ];
        for (ty, shape, item) in cases {
            assert_eq!(seen(ty), Some((shape.to_owned(), item.to_owned())), "{ty}");
        }
    }

    #[test]
    fn what_has_no_known_ids_is_no_list() {
        for ty in [
            "u32",
            "&u32",
            "&mut [u32]",
            "&mut Vec<u32>",
            "[u32; 3]",
            "Ids",
            "&Ids",
            "&str",
            "Arc<Vec<u32>>",
            "Option<u32>",
            "&&[u32]",
            "&[impl Id]",
            "impl Iterator<Item = u32>",
            "(u32, u32)",
        ] {
            assert_eq!(seen(ty), None, "{ty}");
        }
    }

    #[test]
    fn one_id_is_in_the_place_of_the_list() {
        let cases = [
            ("fn f(&self, ids: &[u32], a: u8)", "fn f (& self, id: & u32, a: u8)"),
            ("fn f<const N: usize>(ids: &[u32; N])", "fn f (id: & u32)"),
            ("fn f<const N: usize>(ids: &[u32; N], a: [u8; N])", "fn f < const N: usize > (id: & u32, a: [u8 ; N])"),
            ("fn f<T: Id, S>(ids: &HashSet<T, S>) where S: BuildHasher", "fn f < T: Id > (id: & T)"),
            ("fn f<S, T: Of<S>>(ids: &HashSet<T, S>)", "fn f < S, T: Of < S > > (id: & T)"),
        ];
        for (function, expected) in cases {
            let function: Function = syn::parse_str(&format!("{function} {{}}")).expect("it is a function");
            let list = List::find(&function, &syn::parse_quote!(ids)).unwrap_or_else(|error| panic!("{error}"));
            let seen = list.of_one.signature.to_token_stream().to_string();
            assert_eq!(seen.replace(" , ", ", ").replace(" : ", ": "), expected);
        }
    }
}
