//! The patterns of arguments.

use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Ident, Pat, PatIdent, Token};

pub(crate) fn plain_name(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(&pattern.ident),
        _ => None,
    }
}

pub(crate) fn bound_names(pattern: &Pat) -> Vec<&Ident> {
    bindings(pattern).into_iter().map(|binding| &binding.ident).collect()
}

pub(crate) fn bindings(pattern: &Pat) -> Vec<&PatIdent> {
    struct Names<'ast>(Vec<&'ast PatIdent>);

    impl<'ast> Visit<'ast> for Names<'ast> {
        fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
            self.0.push(pattern);
            visit::visit_pat_ident(self, pattern);
        }
    }

    let mut names = Names(Vec::new());
    names.visit_pat(pattern);
    names.0
}

/// The `mut` of a name that may be assigned to.
pub(crate) fn mutability(binding: &PatIdent) -> Option<&Token![mut]> {
    binding.mutability.as_ref().filter(|_| binding.by_ref.is_none())
}

/// Removes the `mut` of some names.
pub(crate) fn make_immutable(pattern: &mut Pat, is_wanted: &dyn Fn(&Ident) -> bool) {
    struct Immutable<'a>(&'a dyn Fn(&Ident) -> bool);

    impl VisitMut for Immutable<'_> {
        fn visit_pat_ident_mut(&mut self, pattern: &mut PatIdent) {
            if mutability(pattern).is_some() && (self.0)(&pattern.ident) {
                pattern.mutability = None;
            }
            visit_mut::visit_pat_ident_mut(self, pattern);
        }
    }

    Immutable(is_wanted).visit_pat_mut(pattern);
}

/// Whether a pattern has a `ref mut`.
pub(crate) fn has_mutable_reference(pattern: &Pat) -> bool {
    struct Found(bool);

    impl<'ast> Visit<'ast> for Found {
        fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
            self.0 |= pattern.by_ref.is_some() && pattern.mutability.is_some();
            visit::visit_pat_ident(self, pattern);
        }
    }

    let mut found = Found(false);
    found.visit_pat(pattern);
    found.0
}
