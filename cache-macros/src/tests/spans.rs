//! From a target, an editor goes to what the identifiers with its span name: the query alone.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;

use crate::attribute::invalidates;

/// The identifiers with a span.
fn identifiers_at(span: Span, expanded: TokenStream) -> Vec<String> {
    let identifiers = expanded.into_iter().flat_map(|token| match token {
        TokenTree::Ident(ident) if ident.span().byte_range() == span.byte_range() => vec![ident.to_string()],
        TokenTree::Group(group) => identifiers_at(span, group.stream()),
        _ => Vec::new(),
    });
    identifiers.collect()
}

fn span_of(text: &str, targets: &TokenStream) -> Span {
    let mut tokens = targets.clone().into_iter();
    tokens.find(|token| token.to_string() == text).expect("a target has it").span()
}

#[test]
fn a_target_leads_to_its_query_alone() {
    // Parsing gives each token its own span.
    let targets = "\"list\", get(id), |track| by_artist(track.artist), rates::current, r#type(id)";
    let targets: TokenStream = targets.parse().expect("there are tokens");
    let functions = [
        quote!(
            fn update(&self, id: u32) -> Result<Track, Error> {
                body
            }
        ),
        quote!(
            async fn update(self: Arc<Self>, id: u32) -> Result<Track, Error> {
                body
            }
        ),
    ];
    for function in functions {
        let expanded = invalidates(targets.clone(), &function);
        for (target, identifier) in [
            ("\"list\"", "__cached_query_list"),
            ("get", "__cached_key_get"),
            ("by_artist", "__cached_key_by_artist"),
            ("rates", "rates"),
            ("current", "__cached_query_current"),
            ("r#type", "__cached_key_type"),
        ] {
            let found = identifiers_at(span_of(target, &targets), expanded.clone());
            assert_eq!(found, [identifier], "{target}");
        }
    }
}
