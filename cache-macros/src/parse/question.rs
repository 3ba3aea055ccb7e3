//! The `?` of targets, which the expansion replaces: it returns from no function.
//!
//! A `?` in a closure, an `async` block or an item belongs to that. One in a macro is seen if the macro takes
//! expressions, as `format!` does.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprAsync, ExprClosure, ExprTry, ExprTryBlock, Item, Macro, Token};

pub(crate) fn has_question(expression: &Expr) -> bool {
    let mut search = Search::default();
    search.visit_expr(expression);
    search.has_question
}

/// The first `?` in a macro whose arguments are no expressions.
pub(crate) fn hidden_question(expression: &Expr) -> Option<Span> {
    let mut search = Search::default();
    search.visit_expr(expression);
    search.hidden
}

/// Replaces each `?`. `replacement` gets what is before it, and the span of the sign.
pub(crate) fn replace_questions(expression: &Expr, replacement: &dyn Fn(&Expr, Span) -> TokenStream) -> Expr {
    let mut replaced = expression.clone();
    Replace(replacement).visit_expr_mut(&mut replaced);
    replaced
}

#[derive(Default)]
struct Search {
    has_question: bool,
    hidden: Option<Span>,
}

impl<'ast> Visit<'ast> for Search {
    fn visit_expr_try(&mut self, question: &'ast ExprTry) {
        self.has_question = true;
        visit::visit_expr_try(self, question);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        match arguments(call) {
            Some(arguments) => {
                for argument in &arguments {
                    let mut search = Self::default();
                    search.visit_expr(argument);
                    self.has_question |= search.has_question;
                    self.hidden = self.hidden.or(search.hidden);
                }
            }
            None => self.hidden = self.hidden.or_else(|| question_in(call.tokens.clone())),
        }
    }

    fn visit_expr_closure(&mut self, _: &'ast ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'ast ExprAsync) {}
    fn visit_expr_try_block(&mut self, _: &'ast ExprTryBlock) {}
    fn visit_item(&mut self, _: &'ast Item) {}
}

struct Replace<'a>(&'a dyn Fn(&Expr, Span) -> TokenStream);

impl VisitMut for Replace<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        // First within it: `a?.b?` has two.
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::Try(ExprTry { expr, question_token, .. }) = expression {
            *expression = Expr::Verbatim((self.0)(expr, question_token.span()));
        }
    }

    fn visit_macro_mut(&mut self, call: &mut Macro) {
        if let Some(mut arguments) = arguments(call)
            && arguments.iter().any(has_question)
        {
            arguments.iter_mut().for_each(|argument| self.visit_expr_mut(argument));
            call.tokens = quote!(#arguments);
        }
    }

    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
    fn visit_expr_try_block_mut(&mut self, _: &mut ExprTryBlock) {}
    fn visit_item_mut(&mut self, _: &mut Item) {}
}

/// The arguments of a macro that takes expressions.
fn arguments(call: &Macro) -> Option<Punctuated<Expr, Token![,]>> {
    Punctuated::parse_terminated.parse2(call.tokens.clone()).ok()
}

fn question_in(tokens: TokenStream) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Punct(sign) if sign.as_char() == '?' => Some(sign.span()),
        TokenTree::Group(group) => question_in(group.stream()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn replaced(expression: &str) -> String {
        let expression = syn::parse_str(expression).expect("it is an expression");
        replace_questions(&expression, &|before, _| quote!(some(#before))).to_token_stream().to_string()
    }

    #[test]
    fn each_question_of_the_function_is_replaced() {
        let cases = [
            ("a?", "some (a)"),
            ("*a?", "* some (a)"),
            ("a?.b?.c", "some (some (a) . b) . c"),
            ("f(a?, b)[c?]", "f (some (a) , b) [some (c)]"),
            ("a.b()?.c", "some (a . b ()) . c"),
            ("if a? { b? } else { c }", "if some (a) { some (b) } else { c }"),
            ("format!(\"{}:{b}\", a?, b = b?)", "format ! (\"{}:{b}\" , some (a) , b = some (b))"),
            ("vec![vec![a?]]", "vec ! [vec ! [some (a)]]"),
        ];
        for (expression, expected) in cases {
            assert_eq!(replaced(expression), expected);
            assert!(has_question(&syn::parse_str(expression).unwrap()), "{expression}");
        }
    }

    #[test]
    fn a_question_of_something_else_is_left() {
        for expression in [
            "a.map(|b| b?.c)",
            "async { a? }",
            "{ fn f() -> Option<u8> { g()?.h } f() }",
            "vec![|a| a?]",
            "format!(\"{:?}\", a)",
        ] {
            let parsed: Expr = syn::parse_str(expression).unwrap();
            assert_eq!(replaced(expression), parsed.to_token_stream().to_string());
            assert!(!has_question(&parsed) && hidden_question(&parsed).is_none(), "{expression}");
        }
    }

    #[test]
    fn a_question_that_cannot_be_seen_is_found() {
        for (expression, is_hidden) in
            [("m!(a => b?)", true), ("f(m! { [a => b?] })", true), ("m!(a => b)", false), ("vec![m!(a => b?)]", true)]
        {
            assert_eq!(hidden_question(&syn::parse_str(expression).unwrap()).is_some(), is_hidden, "{expression}");
        }
    }
}
