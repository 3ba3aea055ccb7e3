//! Refuses what cannot work, and says what to write instead.

mod each;
mod secret;
mod stale;

use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Expr, GenericArgument, Ident, PathArguments, Receiver, ReceiverKind, Signature, Type};

use crate::errors::{Errors, did_you_mean};
use crate::parse::function::{Argument, Function};
use crate::parse::list::List;
use crate::parse::options::QueryOptions;
use crate::parse::targets::{FromResult, Invalidations, Named, Target};
use crate::parse::tokens;
use crate::parse::tokens::ungrouped;
use crate::parse::transactions::transaction_in;
use crate::parse::types::{bare_type, has_impl_trait, unknown_borrow, value_and_error};

pub(crate) fn cached_query(function: &Function, list: Option<&List<'_>>, options: &QueryOptions, errors: &mut Errors) {
    qualifiers(&function.signature, errors);
    if let Some(receiver) = function.receiver() {
        query_receiver(receiver, errors);
    }
    if let Some(list) = list {
        each::each(list, options, errors);
    }
    // Without the list that `each` names, the arguments of the key are not known.
    if list.is_some() || options.each.get().is_none() {
        let of_key = list.map_or(function, |list| &list.of_one);
        key(of_key, list, options, errors);
        tags(of_key, options, errors);
        secret::secret(of_key, list, options, errors);
    }
    stale::stale(function, options, errors);
    shared(options, errors);
    if options.common.in_transaction.get().is_none() {
        query_with_transaction(function, errors);
    }
    other_attributes(
        function,
        |name| match name {
            "cached_query" => Some("one `#[cached_query]` is enough: keep one"),
            "invalidates" => Some("a cached query would invalidate on a miss only: keep one of the two attributes"),
            _ => None,
        },
        errors,
    );
    returned(function, errors);
}

fn shared(options: &QueryOptions, errors: &mut Errors) {
    let Some(shared) = options.shared.key() else { return };
    if options.each.get().is_some() {
        let message = "remove `shared` or `each`: a query of a list is not shared yet, but one of a single id can be, which the body may call";
        errors.add(shared.span(), message);
    }
    if let Some(secret) = options.secret.key() {
        let message = "remove `shared` or `secret`: keys are stored outside of the process, where others may read them; make the key with `key(..)` from what is no secret, as the number of a user or a keyed hash";
        errors.add(secret.span(), message);
    }
}

fn key(function: &Function, list: Option<&List<'_>>, options: &QueryOptions, errors: &mut Errors) {
    if let (Some(_), Some(skipped)) = (options.key.get(), options.skip.get()) {
        errors.add(skipped[0].span(), "remove `skip`: with `key(..)` only the arguments in it are part of the key");
    }
    let arguments: Vec<_> = function.arguments().collect();
    let skipped = options.skip.get().map_or(&[][..], |skipped| skipped);
    for (number, name) in skipped.iter().enumerate() {
        if list.is_some_and(|list| [list.name, &list.id].iter().any(|of_list| name.unraw() == of_list.unraw())) {
            // It is refused as such.
        } else if !arguments.iter().any(|argument| argument.is(name)) {
            errors.add(name.span(), &no_argument(name, &arguments));
        } else if skipped[..number].iter().any(|other| other.unraw() == name.unraw()) {
            errors.add(name.span(), &format!("`{name}` is skipped twice: name it once"));
        }
    }
    if let Some(given) = options.key.get() {
        return names_in_key(given, &arguments, errors);
    }
    for Argument { ty, .. } in arguments.iter().filter(|argument| !skipped.iter().any(|name| argument.is(name))) {
        let Some(ty) = ty else { continue };
        match bare_type(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => {
                let message = "take the argument by value or by `&`: a cached query may not mutate; or leave it out with `skip(..)`";
                errors.add_at(ty, message);
            }
            Type::ImplTrait(bounds) if !bounds.to_token_stream().to_string().contains("Hash") => {
                errors.add_at(ty, "say with `key(..)` which part of it is the key, or leave it out with `skip(..)`: its type is not known to be `Hash`");
            }
            _ => {
                if let Some(borrowed) = unknown_borrow(ty) {
                    errors.add_at(
                        borrowed,
                        "say with `key(..)` which part of it is the key, or leave it out with `skip(..)`: it borrows, and cannot be stored",
                    );
                }
            }
        }
    }
}

/// Finds names similar to an argument. Others may be constants.
fn names_in_key(given: &[Expr], arguments: &[Argument<'_>], errors: &mut Errors) {
    for expression in given {
        let Expr::Path(path) = ungrouped(expression) else { continue };
        let Some(name) = path.path.get_ident() else { continue };
        let plain = name.unraw().to_string();
        let may_be_argument = !plain.starts_with(char::is_uppercase) && plain != "self";
        let is_argument = arguments.iter().any(|argument| argument.is(name));
        if may_be_argument && !is_argument && !nearest_argument(name, arguments).is_empty() {
            errors.add(name.span(), &no_argument(name, arguments));
        }
    }
}

fn no_argument(name: &Ident, arguments: &[Argument<'_>]) -> String {
    format!("there is no argument `{name}`{}", nearest_argument(name, arguments))
}

fn nearest_argument(name: &Ident, arguments: &[Argument<'_>]) -> String {
    let known: Vec<_> = arguments.iter().map(|argument| argument.name.unraw().to_string()).collect();
    did_you_mean(&name.unraw().to_string(), known.iter().map(String::as_str))
}

/// Refuses tags from arguments outside the key: calls that differ in them share an entry.
fn tags(function: &Function, options: &QueryOptions, errors: &mut Errors) {
    let key = options.key.get().map(|given| quote!(#(#given),*));
    let skipped = options.skip.get().map_or(&[][..], |skipped| skipped);
    let is_in_key = |argument: &Argument<'_>| match &key {
        Some(key) => tokens::mentions(key, &argument.name),
        None => !skipped.iter().any(|name| argument.is(name)),
    };
    let left_out: Vec<_> = function.arguments().filter(|argument| !is_in_key(argument)).collect();
    for tag in options.tags.get().into_iter().flatten() {
        for Argument { name, .. } in &left_out {
            if tokens::mentions(&tag.to_token_stream(), name) {
                let message = format!(
                    "`{name}` is not part of the key: one entry is for all its values, and would have the tag of the first. Make it part of the key, or remove it from the tag"
                );
                errors.add_at(tag, &message);
            }
        }
    }
}

/// Finds attributes that exclude this one.
fn other_attributes(function: &Function, fault: fn(&str) -> Option<&'static str>, errors: &mut Errors) {
    for attribute in &function.attributes {
        let name = attribute.path().segments.last().map(|last| last.ident.to_string());
        if let Some(fault) = name.as_deref().and_then(fault) {
            errors.add_at(attribute.path(), fault);
        }
    }
}

pub(crate) fn invalidates(function: &Function, invalidations: &Invalidations, errors: &mut Errors) {
    let signature = &function.signature;
    if let Some(keyword) = &signature.constness {
        errors.add(keyword.span, "remove `const`: nothing can be invalidated at compile time");
    }
    if let Some(ty) = function.returns() {
        future(function, ty, errors);
    }
    if let Some(Type::Reference(reference)) = function.returns().map(bare_type)
        && reference.mutability.is_some()
    {
        let message = "return it without `mut`: a write through it would come after the invalidation";
        errors.add_at(reference, message);
    }
    other_attributes(
        function,
        |name| {
            (name == "cached_query")
                .then_some("a cached query would invalidate on a miss only: keep one of the two attributes")
        },
        errors,
    );
    targets(function, &invalidations.targets, errors);
    mutation_with_transaction(function, invalidations.common.in_transaction.get().copied(), errors);
}

fn query_with_transaction(function: &Function, errors: &mut Errors) {
    for argument in function.typed_arguments() {
        let Some(found) = transaction_in(&argument.ty) else { continue };
        let message = "what a transaction reads may never be committed, and would be cached: write `in_transaction`, and call the method through the handle of a `cache.transaction()`, whose reads are not stored; or write `in_transaction = false` if this is no transaction of a database";
        errors.add_at(found.path, message);
    }
}

fn mutation_with_transaction(function: &Function, is_in_transaction: Option<bool>, errors: &mut Errors) {
    if is_in_transaction == Some(false) {
        return;
    }
    for argument in function.typed_arguments() {
        let Some(found) = transaction_in(&argument.ty) else { continue };
        let message = match (is_in_transaction, found.is_owned) {
            (None, false) => {
                "the commit comes after this function, and would come after its invalidation: take the transaction by value and commit in the body; or write `in_transaction`, and call the function through the handle of a `cache.transaction()`; or write `in_transaction = false` if this is no transaction of a database"
            }
            (Some(_), true) => {
                "this function has the transaction for itself, and commits in its body: remove `in_transaction`, or take the transaction by `&mut`"
            }
            _ => continue,
        };
        errors.add_at(found.path, message);
    }
}

fn targets(function: &Function, targets: &[Target], errors: &mut Errors) {
    // A target that could not be parsed counts.
    if targets.is_empty() && errors.is_empty() {
        errors.add(
            proc_macro2::Span::call_site(),
            "name what to invalidate: queries, as in `#[invalidates(\"get_track\")]`, or `all`",
        );
    }
    let all = targets.iter().find_map(|target| match target {
        Target::All(all) => Some(all),
        _ => None,
    });
    if let (Some(all), true) = (all, targets.len() > 1) {
        let message = "`all` includes the others: keep either, or write \"all\" for a query of that name";
        errors.add(all.span(), message);
    }
    let returns_nothing = match function.returns().map(bare_type) {
        None => true,
        Some(Type::Tuple(tuple)) => tuple.elems.is_empty(),
        Some(_) => false,
    };
    for target in targets {
        puts(function, target, returns_nothing, errors);
        if let Target::FromResult(FromResult { parameter, .. }) = target
            && function.returns().is_some_and(has_impl_trait)
        {
            errors.add_at(parameter, "name the return type: a closure needs to know it, and cannot with `impl Trait`");
        }
        if let (true, Target::FromResult(FromResult { parameter, .. })) = (returns_nothing, target) {
            errors.add_at(parameter, "return the value that the arguments come from: this function returns nothing");
        }
    }
}

fn puts(function: &Function, target: &Target, returns_nothing: bool, errors: &mut Errors) {
    match target {
        Target::Query(_) | Target::All(_) => {}
        Target::Named(Named::Put(put)) => {
            if returns_nothing {
                let message = "return the value that is put: this function returns nothing";
                errors.add(put.keyword.span(), message);
            } else if function.returns().is_some_and(has_impl_trait) {
                errors.add(put.keyword.span(), "name the return type: the value that is put has to be known");
            }
        }
        Target::Named(named) => {
            if let Some(put) = named.put() {
                let message = "a `put` in a `for` needs the returned value: put the loop into a closure, as in `|tracks| for track in tracks { put get_track(track.id) = track.clone() }`";
                errors.add(put.keyword.span(), message);
            }
        }
        Target::FromResult(FromResult { named, .. }) => {
            let Some(put) = named.iter().find_map(Named::put) else { return };
            if put.value.is_none() {
                let message = "say which value, as in `put get_track(track.id) = track.clone()`";
                errors.add(put.keyword.span(), message);
            }
            let is_shared = function.receiver().is_none_or(|receiver| match &receiver.kind {
                ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
                ReceiverKind::Typed(_, ty) => is_shared(ty),
                _ => false,
            });
            if !is_shared {
                let message = "take `&self`: the entry is found when the body has ended; or name it before, as in `put get_track(id) = |track| ..`";
                errors.add(put.keyword.span(), message);
            }
        }
    }
}

fn qualifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(keyword) = &signature.constness {
        errors.add(keyword.span, "remove `const`: there is no cache at compile time");
    }
    if let Some(abi) = &signature.abi {
        errors.add_at(abi, "remove `extern`: annotate a Rust function, and call it from this one");
    }
    if let Some(variadic) = &signature.variadic {
        errors.add_at(variadic, "name the arguments: they are the key");
    }
}

fn query_receiver(receiver: &Receiver, errors: &mut Errors) {
    let fault = match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => None,
        ReceiverKind::Reference(..) => Some("take `&self`: a cached query may not mutate"),
        ReceiverKind::Typed(_, ty) if is_shared(ty) => None,
        ReceiverKind::Typed(_, ty) if pinned(ty).is_some() => {
            Some("take `self: Pin<&Self>` or `self: Pin<Arc<Self>>`: a cached query may not mutate")
        }
        ReceiverKind::Typed(..) => Some("take `&self` or `self: Arc<Self>`"),
        _ => Some("take `&self`: on a hit no body runs that could consume `self`"),
    };
    if let Some(fault) = fault {
        errors.add_at(receiver, fault);
    }
}

/// Whether a receiver is `&Self`, `Arc<Self>` or `&Arc<Self>`, or one of these in a `Pin`.
fn is_shared(ty: &Type) -> bool {
    if let Some(pointer) = pinned(ty) {
        return is_shared(pointer);
    }
    match bare_type(ty) {
        Type::Reference(reference) => {
            reference.mutability.is_none() && (is_self(&reference.elem) || is_shared(&reference.elem))
        }
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Arc"),
        _ => false,
    }
}

fn pinned(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = bare_type(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Pin")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(pointer) => Some(pointer),
            _ => None,
        }),
        _ => None,
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
}

fn returned(function: &Function, errors: &mut Errors) {
    const NOTHING: &str = "return the value: a query without one has nothing to cache";
    let Some(ty) = function.returns() else {
        return errors.add_at(&function.signature.ident, NOTHING);
    };
    if future(function, ty, errors) {
        return;
    }
    match bare_type(ty) {
        Type::Tuple(tuple) if tuple.elems.is_empty() => errors.add_at(ty, NOTHING),
        Type::Never(_) => errors.add_at(ty, "return the value: a query that never returns has nothing to cache"),
        Type::ImplTrait(_) => {
            errors.add_at(ty, "name the type, or collect into one: a value of an `impl Trait` type cannot be stored");
        }
        // An error is not stored, and may borrow.
        _ => Borrows { errors }.visit_type(value_and_error(ty).map_or(ty, |(value, _)| value)),
    }
}

/// `#[async_trait]` makes an `async fn` return a future.
pub(crate) const BELOW_ASYNC_TRAIT: &str =
    "put `#[cached_impl]` on the `impl` or trait, above `#[async_trait]`, which leaves no `async fn` below";

/// Refuses a returned future, and returns whether there is one.
fn future(function: &Function, ty: &Type, errors: &mut Errors) -> bool {
    let mut found = Futures(false);
    found.visit_type(ty);
    if found.0 {
        let message = if function.is_rewritten() {
            BELOW_ASYNC_TRAIT
        } else if function.is_async() {
            "await the future, and return its output: it would run after this function has ended"
        } else {
            "make it an `async fn` that returns the value: a future runs after this function has ended"
        };
        errors.add_at(ty, message);
    }
    found.0
}

/// Finds `impl Future`, `dyn Future` and types named like boxed ones, but not `Future` in `<T as Future>::Output`.
struct Futures(bool);

impl<'ast> Visit<'ast> for Futures {
    fn visit_trait_bound(&mut self, bound: &'ast syn::TraitBound) {
        self.0 |= bound.path.segments.last().is_some_and(|last| last.ident == "Future");
        visit::visit_trait_bound(self, bound);
    }

    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.0 |= ["BoxFuture", "LocalBoxFuture"].iter().any(|name| segment.ident == name);
        visit::visit_path_segment(self, segment);
    }
}

struct Borrows<'a> {
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Borrows<'_> {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => visit::visit_type_reference(self, reference),
            _ => self.errors.add_at(
                reference,
                "return an owned value, or an `Arc` of one: a cached value outlives what it borrows from",
            ),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.errors
                .add_at(lifetime, "return a type that owns its data: a cached value outlives what it borrows from");
        }
    }

    // The arguments of functions are not stored.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'ast syn::ParenthesizedGenericArguments) {}
    // Lengths of arrays are not types.
    fn visit_expr(&mut self, _: &'ast Expr) {}
}
