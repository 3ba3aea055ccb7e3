//! Skipped arguments, and the generic parameters that only they use: a target may leave out both.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, FnArg, GenericParam, Generics, Ident, PatType, Signature, WherePredicate};

use crate::expand::key::{Key, KeyParts};
use crate::parse::function::Function;
use crate::parse::patterns::bound_names;
use crate::parse::tokens;

pub(crate) struct Skipped<'a> {
    /// By position, without the receiver.
    arguments: Vec<bool>,
    /// Lifetimes begin with `'`.
    parameters: BTreeSet<String>,
    function: &'a Function,
}

impl<'a> Skipped<'a> {
    pub(crate) fn of(function: &'a Function, key: &Key<'_>) -> Self {
        let is_skipped = |argument: &PatType| match &key.parts {
            KeyParts::Expressions(given) => {
                let key = quote!(#(#given),*);
                !bound_names(&argument.pat).iter().any(|name| tokens::mentions(&key, name))
            }
            KeyParts::Arguments(kept) => {
                let names = bound_names(&argument.pat);
                !names.is_empty() && !names.iter().any(|name| kept.iter().any(|argument| argument.is(name)))
            }
        };
        let arguments: Vec<_> = function.typed_arguments().map(is_skipped).collect();
        let parameters = unused_without(function, &arguments, key);
        Self { arguments, parameters, function }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.arguments.contains(&true)
    }

    /// Whether a name belongs to a skipped argument.
    pub(crate) fn has(&self, name: &Ident) -> bool {
        let mut arguments = self.function.typed_arguments().zip(&self.arguments);
        arguments.any(|(argument, is_skipped)| {
            *is_skipped && bound_names(&argument.pat).iter().any(|bound| bound.unraw() == name.unraw())
        })
    }

    /// Whether only skipped arguments use a generic parameter.
    pub(crate) fn has_parameter(&self, name: &Ident) -> bool {
        self.parameters.contains(&name.unraw().to_string())
    }

    /// A signature in which `marker` is the type of every skipped argument.
    pub(crate) fn left_out(&self, mut signature: Signature, marker: &TokenStream) -> Signature {
        let typed = signature.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        });
        for (argument, _) in typed.zip(&self.arguments).filter(|(_, is_skipped)| **is_skipped) {
            argument.attrs.retain(|attribute: &Attribute| attribute.path().is_ident("cfg"));
            *argument.pat = syn::parse_quote!(_);
            *argument.ty = syn::parse_quote!(#marker);
        }
        let Generics { params, where_clause, .. } = &mut signature.generics;
        *params = std::mem::take(params).into_iter().filter(|of| !self.parameters.contains(&name(of))).collect();
        if let Some(bounds) = where_clause {
            let all = std::mem::take(&mut bounds.predicates).into_iter();
            bounds.predicates = all.filter(|bound| !mentions_any(&bound.to_token_stream(), &self.parameters)).collect();
        }
        if signature.generics.where_clause.as_ref().is_some_and(|bounds| bounds.predicates.is_empty()) {
            signature.generics.where_clause = None;
        }
        signature
    }
}

/// The generic parameters that skipped arguments mention, also in bounds, and nothing else does.
fn unused_without(function: &Function, is_skipped: &[bool], key: &Key<'_>) -> BTreeSet<String> {
    let Generics { params, where_clause, .. } = &function.signature.generics;
    let all: BTreeSet<String> = params.iter().map(name).collect();
    let bounds: Vec<_> = params
        .iter()
        .map(|of| (BTreeSet::from([name(of)]), of.to_token_stream()))
        .chain(
            where_clause
                .iter()
                .flat_map(|bounds| &bounds.predicates)
                .map(|bound| (subject(bound, &all), bound.to_token_stream())),
        )
        .map(|(subject, bound)| (subject, mentioned(&bound, &all)))
        .collect();
    let types = |wanted: bool| {
        let of = function.typed_arguments().zip(is_skipped).filter(move |(_, skipped)| **skipped == wanted);
        of.map(|(argument, _)| argument.ty.to_token_stream()).collect::<TokenStream>()
    };
    let mut kept = mentioned(&types(false), &all);
    kept.extend(mentioned(&function.signature.output.to_token_stream(), &all));
    if let Some(receiver) = function.receiver() {
        kept.extend(mentioned(&receiver.to_token_stream(), &all));
    }
    if let KeyParts::Expressions(given) = &key.parts {
        kept.extend(mentioned(&quote!(#(#given),*), &all));
    }
    let mut skipped = mentioned(&types(true), &all);
    for used in [&mut kept, &mut skipped] {
        // What a bound mentions is used with what it is about.
        loop {
            let before = used.len();
            for (subject, mentioned) in &bounds {
                if !subject.is_empty() && subject.is_subset(used) {
                    used.extend(mentioned.iter().cloned());
                }
            }
            if used.len() == before {
                break;
            }
        }
    }
    skipped.difference(&kept).cloned().collect()
}

fn name(parameter: &GenericParam) -> String {
    match parameter {
        GenericParam::Lifetime(parameter) => format!("'{}", parameter.lifetime.ident),
        GenericParam::Type(parameter) => parameter.ident.unraw().to_string(),
        GenericParam::Const(parameter) => parameter.ident.unraw().to_string(),
    }
}

/// What a predicate is about.
fn subject(bound: &WherePredicate, all: &BTreeSet<String>) -> BTreeSet<String> {
    match bound {
        WherePredicate::Type(bound) => mentioned(&bound.bounded_ty.to_token_stream(), all),
        WherePredicate::Lifetime(bound) => mentioned(&bound.lifetime.to_token_stream(), all),
        _ => BTreeSet::new(),
    }
}

fn mentions_any(tokens: &TokenStream, names: &BTreeSet<String>) -> bool {
    !mentioned(tokens, names).is_empty()
}

/// Those of some generic parameters that tokens mention.
fn mentioned(tokens: &TokenStream, all: &BTreeSet<String>) -> BTreeSet<String> {
    let (mut found, mut is_lifetime) = (BTreeSet::new(), false);
    for token in tokens.clone() {
        match &token {
            TokenTree::Ident(ident) => {
                let name = if is_lifetime { format!("'{ident}") } else { ident.unraw().to_string() };
                found.extend(all.get(&name).cloned());
            }
            TokenTree::Group(group) => found.extend(mentioned(&group.stream(), all)),
            _ => {}
        }
        is_lifetime = matches!(&token, TokenTree::Punct(sign) if sign.as_char() == '\'');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::options::QueryOptions;

    fn left_out(options: &str, function: &str) -> String {
        let function: Function = syn::parse_str(&format!("{function} {{}}")).expect("it is a function");
        let (options, errors) = QueryOptions::parse(options.parse().unwrap());
        errors.into_result().expect("the options are right");
        let key = Key::of(&function, &options);
        let skipped = Skipped::of(&function, &key);
        let signature = skipped.left_out(function.signature.clone(), &quote!(Marker));
        signature.to_token_stream().to_string().replace(" , ", ", ").replace(" : ", ": ")
    }

    #[test]
    fn skipped_arguments_and_their_parameters_are_left_out() {
        let cases = [
            ("skip(c)", "fn f(c: &C, id: u32)", "fn f (_: Marker, id: u32)"),
            ("key(id)", "fn f(id: u32, _: u8, c: &mut C)", "fn f (id: u32, _: Marker, _: Marker)"),
            ("key(self.id, a.b)", "fn f(&self, a: A, (c, d): (u8, u8))", "fn f (& self, a: A, _: Marker)"),
            ("skip(a)", "fn f((a, b): (u8, u8), c: u8)", "fn f ((a, b): (u8, u8), c: u8)"),
            ("skip(a, b)", "fn f((a, b): (u8, u8), c: u8)", "fn f (_: Marker, c: u8)"),
            ("skip(c)", "fn f<C>(c: &C, id: u32)", "fn f (_: Marker, id: u32)"),
            ("skip(c)", "fn f<'c, C: Db<'c>, T>(c: &'c C, id: T)", "fn f < T > (_: Marker, id: T)"),
            ("skip(c)", "fn f<C: Db>(c: C, id: C::Id)", "fn f < C: Db > (_: Marker, id: C :: Id)"),
            ("skip(c)", "fn f<C: Db>(c: C, id: u32) -> C::Row", "fn f < C: Db > (_: Marker, id: u32) -> C :: Row"),
            ("skip(c)", "fn f<T>(c: &C, id: u32)", "fn f < T > (_: Marker, id: u32)"),
            ("skip(c)", "fn f<C, R>(c: C, id: u32) where C: Db<R>, R: Row", "fn f (_: Marker, id: u32)"),
            (
                "skip(c)",
                "fn f<C, T>(c: C, id: T) where C: Db<T>, T: Hash",
                "fn f < T > (_: Marker, id: T) where T: Hash",
            ),
            (
                "skip(c)",
                "fn f<C, T: Of<C>>(c: C, id: T) where Self: Sized",
                "fn f < C, T: Of < C > > (_: Marker, id: T) where Self: Sized",
            ),
            ("skip(c)", "fn f<const N: usize>(c: [u8; N], id: u32)", "fn f (_: Marker, id: u32)"),
            ("key(T::NAME, id)", "fn f<T: Row>(c: &T, id: u32)", "fn f < T: Row > (_: Marker, id: u32)"),
            ("skip(c)", "fn f(c: impl Db<'_>, id: u32)", "fn f (_: Marker, id: u32)"),
        ];
        for (options, function, expected) in cases {
            assert_eq!(left_out(options, function), expected, "{options} {function}");
        }
    }
}
