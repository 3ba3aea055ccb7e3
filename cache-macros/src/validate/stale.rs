//! Times, values that are served late, and loads in the background.

use quote::ToTokens;
use syn::ReceiverKind;

use super::is_shared;
use crate::errors::Errors;
use crate::parse::duration;
use crate::parse::function::{Argument, Function};
use crate::parse::options::{QueryOptions, StaleOptions};
use crate::parse::tokens;
use crate::parse::types::borrows;

pub(super) fn stale(function: &Function, options: &QueryOptions, errors: &mut Errors) {
    times(options, errors);
    constants(function, options, errors);
    needs(function, options, errors);
    if options.stale.background.get().is_some() {
        background(function, options, errors);
    }
}

fn times(options: &QueryOptions, errors: &mut Errors) {
    if let (Some(_), Some(key)) = (options.ttl.get(), options.ttl_from.key()) {
        errors.add(key.span(), "keep either `ttl` or `ttl_from`: the value has one time to live");
    }
    if let (Some(ttl), Some(ahead)) = (options.ttl.get(), options.stale.refresh_ahead.get())
        && let (Some(ttl), Some(time)) = (duration::of_literal(ttl), duration::of_literal(ahead))
        && time >= ttl
    {
        errors.add_at(ahead, "use a time shorter than the `ttl`: with this one each call would load");
    }
}

/// They are facts of the query, which all calls share.
fn constants(function: &Function, options: &QueryOptions, errors: &mut Errors) {
    for setting in options.stale.times() {
        let (Some(key), Some(given)) = (setting.key(), setting.get()) else { continue };
        if let Some(name) = name_of_call(function, given) {
            let message =
                format!("`{key}` is the same for all calls: use a constant, which does not depend on `{name}`");
            errors.add_at(given, &message);
        }
    }
}

/// An argument, or `self`, in an expression.
fn name_of_call(function: &Function, given: &impl ToTokens) -> Option<String> {
    let given = given.to_token_stream();
    if tokens::has_ident(given.clone(), &|ident, begins_path| ident == "self" && !begins_path) {
        return Some("self".to_owned());
    }
    let mut arguments = function.arguments();
    arguments.find(|Argument { name, .. }| tokens::uses(&given, name)).map(|argument| argument.label)
}

/// Refuses an option without the one that it is about.
fn needs(function: &Function, options: &QueryOptions, errors: &mut Errors) {
    let StaleOptions { stale_if_error, retry_after, refresh_ahead, stale_while_revalidate, background, soft_timeout } =
        &options.stale;
    let has_expired_value = stale_if_error.get().is_some() || stale_while_revalidate.get().is_some();
    let is_refreshed = refresh_ahead.get().is_some() || stale_while_revalidate.get().is_some();
    if let Some(key) = retry_after.key()
        && !has_expired_value
        && !is_refreshed
    {
        let message = "add `stale_if_error`, `refresh_ahead` or `stale_while_revalidate`, or remove `retry_after`: without them there is no value to serve meanwhile";
        errors.add(key.span(), message);
    }
    if let Some(key) = background.key()
        && !is_refreshed
        && soft_timeout.get().is_none()
    {
        let message = "add `refresh_ahead`, `stale_while_revalidate` or `soft_timeout`, or remove `background`: without them nothing runs in the background";
        errors.add(key.span(), message);
    }
    let Some(key) = soft_timeout.key() else { return };
    if !function.is_async() {
        let message = "make the function `async`, or remove `soft_timeout`: a thread cannot leave its load";
        return errors.add(key.span(), message);
    }
    if background.get().is_none() {
        errors.add(key.span(), "add `background`: the load goes on when its caller has left");
    }
    if !has_expired_value {
        let message = "add `stale_if_error` or `stale_while_revalidate`: without them there is no value to serve after the timeout";
        errors.add(key.span(), message);
    }
}

/// Refuses what a load that outlives its call cannot have.
fn background(function: &Function, options: &QueryOptions, errors: &mut Errors) {
    if let (Some(key), Some(_)) = (options.stale.background.key(), options.each.get()) {
        errors.add(key.span(), "remove `background`: with `each` the load borrows the list of its call");
        return;
    }
    if let Some(receiver) = function.receiver() {
        // Another receiver is wrong without `background` too.
        let is_borrowed = match &receiver.kind {
            ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
            ReceiverKind::Typed(_, ty) => is_shared(ty) && borrows(ty),
            _ => false,
        };
        if is_borrowed {
            errors.add_at(receiver, "take `self: Arc<Self>`: a load in the background outlives the call");
        }
    }
    for argument in function.typed_arguments().filter(|argument| borrows(&argument.ty)) {
        let message = "take it by value (an owned type or an `Arc`): a load in the background outlives the call";
        errors.add_at(&argument.ty, message);
    }
    for closure in options.of_value() {
        if let Some(name) = name_of_call(function, closure) {
            let message =
                format!("decide by the value alone, without `{name}`: a load in the background outlives the call");
            errors.add_at(closure, &message);
        }
    }
}
