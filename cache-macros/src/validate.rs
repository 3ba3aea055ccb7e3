//! Everything that cannot work, refused with what to do instead.

use syn::visit::{self, Visit};
use syn::{Expr, Receiver, ReceiverKind, Signature, Type};

use crate::args::{Errors, Invalidations, Target};
use crate::method::{Method, bare_type, plain_name};

pub(crate) fn cached_query(method: &Method, errors: &mut Errors) {
    qualifiers(&method.signature, errors);
    if let Some(receiver) = method.receiver() {
        query_receiver(receiver, errors);
    }
    for argument in method.typed_arguments() {
        if let Type::Reference(reference) = bare_type(&argument.ty)
            && reference.mutability.is_some()
        {
            errors.add_at(&argument.ty, "take the argument by value or by `&`: a cached query may not mutate");
        }
        if plain_name(&argument.pat).is_none() {
            errors.add_at(&argument.pat, "give the argument a name: it is part of the key");
        }
    }
    returned(method, errors);
}

pub(crate) fn invalidates(method: &Method, invalidations: &Invalidations, errors: &mut Errors) {
    let signature = &method.signature;
    if let Some(keyword) = &signature.constness {
        errors.add(keyword.span, "remove `const`: to invalidate is nothing that can be done at compile time");
    }
    if let Some(keyword) = &signature.asyncness {
        errors.add(keyword.span, "async functions are not supported yet: annotate a synchronous one");
    }
    if let Some(ty) = method.returns() {
        future(ty, errors);
    }
    if let Some(Type::Reference(reference)) = method.returns().map(bare_type)
        && reference.mutability.is_some()
    {
        let message = "return it without `mut`: what is written through it is written after the invalidation";
        errors.add_at(reference, message);
    }
    // One that could not be read is a target too.
    if invalidations.targets.is_empty() && errors.is_empty() {
        errors.add(
            proc_macro2::Span::call_site(),
            "say what is to be forgotten: the names of queries, as in `#[invalidates(\"get_track\")]`, or `all`",
        );
    }
    let all = invalidations.targets.iter().any(|target| matches!(target, Target::All));
    for target in &invalidations.targets {
        if let (true, Target::Query(path)) = (all, target) {
            errors.add_at(
                path,
                "`all` forgets this too: keep the one or the other, or write \"all\" for a query of that name",
            );
        }
    }
}

fn qualifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(keyword) = &signature.constness {
        errors.add(keyword.span, "remove `const`: a cache cannot be asked at compile time");
    }
    if let Some(keyword) = &signature.asyncness {
        errors.add(keyword.span, "async queries are not supported yet: annotate a synchronous function");
    }
    if let Some(abi) = &signature.abi {
        errors.add_at(abi, "remove `extern`: annotate a function of Rust, and call it from this one");
    }
    if let Some(variadic) = &signature.variadic {
        errors.add_at(variadic, "name the arguments: they are the key");
    }
}

fn query_receiver(receiver: &Receiver, errors: &mut Errors) {
    let fault = match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => None,
        ReceiverKind::Reference(..) => Some("take `&self`: a cached query may not mutate"),
        ReceiverKind::Typed(_, ty) => (!is_shared(ty)).then_some("take `&self` or `self: Arc<Self>`"),
        _ => Some("take `&self`: a hit leaves nothing that could consume `self`"),
    };
    if let Some(fault) = fault {
        errors.add_at(receiver, fault);
    }
}

/// Whether a receiver is `&Self`, `Arc<Self>` or `&Arc<Self>`.
fn is_shared(ty: &Type) -> bool {
    match bare_type(ty) {
        Type::Reference(reference) => {
            reference.mutability.is_none() && (is_self(&reference.elem) || is_shared(&reference.elem))
        }
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Arc"),
        _ => false,
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
}

fn returned(method: &Method, errors: &mut Errors) {
    const NOTHING: &str = "return the value: a query without one has nothing to cache";
    let Some(ty) = method.returns() else {
        return errors.add_at(&method.signature.ident, NOTHING);
    };
    match bare_type(ty) {
        Type::Tuple(tuple) if tuple.elems.is_empty() => errors.add_at(ty, NOTHING),
        Type::Never(_) => errors.add_at(ty, "return the value: a query that never returns has nothing to cache"),
        Type::ImplTrait(_) => {
            errors.add_at(ty, "name the type, or collect into one: what `impl Trait` hides cannot be stored");
        }
        _ => {
            future(ty, errors);
            Borrows { errors }.visit_type(ty);
        }
    }
}

/// Refuses a future that the function makes and somebody else runs.
fn future(ty: &Type, errors: &mut Errors) {
    let mut found = Futures(false);
    found.visit_type(ty);
    if found.0 {
        let message = "return the value, not a future: its work is done after this function has ended (async functions are not supported yet)";
        errors.add_at(ty, message);
    }
}

/// Finds `impl Future`, `dyn Future` and what is called a boxed one.
struct Futures(bool);

impl<'ast> Visit<'ast> for Futures {
    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.0 |= ["Future", "BoxFuture", "LocalBoxFuture"].iter().any(|name| segment.ident == name);
        visit::visit_path_segment(self, segment);
    }
}

/// Finds what a return type borrows.
struct Borrows<'a> {
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Borrows<'_> {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => visit::visit_type_reference(self, reference),
            _ => self.errors.add_at(
                reference,
                "return an owned value, or an `Arc` of one: what is cached outlives what it was borrowed from",
            ),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.errors.add_at(
                lifetime,
                "return a type that owns what it holds: what is cached outlives what it was borrowed from",
            );
        }
    }

    // The arguments of functions in it borrow nothing that is stored.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'ast syn::ParenthesizedGenericArguments) {}
    // Lengths of arrays are no types.
    fn visit_expr(&mut self, _: &'ast Expr) {}
}
