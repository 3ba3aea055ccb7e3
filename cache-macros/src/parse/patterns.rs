//! The patterns of arguments.

use syn::visit::{self, Visit};
use syn::{Ident, Pat, PatIdent};

pub(crate) fn plain_name(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(&pattern.ident),
        _ => None,
    }
}

pub(crate) fn bound_names(pattern: &Pat) -> Vec<&Ident> {
    struct Names<'ast>(Vec<&'ast Ident>);

    impl<'ast> Visit<'ast> for Names<'ast> {
        fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
            self.0.push(&pattern.ident);
            visit::visit_pat_ident(self, pattern);
        }
    }

    let mut names = Names(Vec::new());
    names.visit_pat(pattern);
    names.0
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
