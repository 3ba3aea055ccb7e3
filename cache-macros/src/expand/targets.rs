//! The targets of a mutation: calls of its builder, or of a list where there may be any number of them.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprLit, ExprPath, Lifetime, Lit, Path};

use crate::expand::enclosing::{Enclosing, at_attribute, entry_name};
use crate::expand::key::respan;
use crate::parse::function::Function;
use crate::parse::question::{has_question, replace_questions};
use crate::parse::tag_text;
use crate::parse::targets::{Each, FromResult, Invalidations, KeyRef, Named, Put, Target, is_underscore};
use crate::parse::tokens::ungrouped;

pub(super) struct Mutation<'a> {
    pub(super) function: &'a Function,
    pub(super) invalidations: &'a Invalidations,
    pub(super) enclosing: &'a Enclosing<'a>,
    pub(super) krate: &'a Path,
}

pub(super) fn last_name(path: &Path) -> &Ident {
    &path.segments.last().expect("a path is not empty").ident
}

/// Whether method lookup decides what a target iterates over or unwraps.
pub(crate) fn probes(target: &Target) -> bool {
    match target {
        Target::Query(_) | Target::All(_) => false,
        Target::Named(named) => is_list(named),
        Target::FromResult(FromResult { named, .. }) => named.iter().any(is_list),
    }
}

/// Whether there may be more or fewer targets than one.
fn is_list(named: &Named) -> bool {
    match named {
        Named::Key(key_ref) => key_ref.is_optional(),
        Named::Tag(tag) => has_question(tag),
        Named::Each(_) => true,
        Named::Put(_) => false,
    }
}

/// Visits the keys, and says whether the whole query may stand for one.
pub(crate) fn for_each_key(named: &[Named], visit: &mut dyn FnMut(&KeyRef, bool)) {
    for named in named {
        let has_optional_list = matches!(named, Named::Each(each) if has_question(&each.list));
        match named {
            Named::Each(each) => for_each_key(&each.named, &mut |key_ref, is_optional| {
                visit(key_ref, is_optional || has_optional_list);
            }),
            _ => named.for_each_key(&mut |key_ref| visit(key_ref, key_ref.is_optional())),
        }
    }
}

impl Mutation<'_> {
    /// A call of the builder.
    pub(super) fn target(&self, target: &Target) -> TokenStream {
        match target {
            Target::All(_) => quote_spanned!(Span::mixed_site()=> all()),
            Target::Query(query) => {
                let query = self.query(query);
                quote_spanned!(Span::mixed_site()=> target(#query))
            }
            Target::Named(named) if is_list(named) => {
                let (list, targets) = (self.list(), self.add(named, 0));
                quote_spanned! {Span::mixed_site()=>
                    targets({
                        let mut __cache_targets = #list;
                        #targets
                        __cache_targets
                    })
                }
            }
            Target::Named(named) => self.call(named),
            Target::FromResult(FromResult { capture, bars: [start, end], parameter, named }) => match &named[..] {
                [Named::Key(key_ref)] if !key_ref.is_optional() => {
                    let (query, key) = (self.whole_query(&key_ref.query), self.key(key_ref));
                    quote_spanned!(Span::mixed_site()=> from_result(#query, #capture #start #parameter #end #key))
                }
                _ => {
                    let (list, without_value) = (self.list(), self.without(named));
                    let targets = named.iter().map(|named| self.add(named, 0));
                    let call =
                        if named.iter().any(|named| named.put().is_some()) { "put_from_value" } else { "from_value" };
                    let call = Ident::new(call, Span::mixed_site());
                    quote_spanned! {Span::mixed_site()=>
                        #call(
                            {
                                let mut __cache_targets = #list;
                                #without_value
                                __cache_targets
                            },
                            #capture #start #parameter, mut __cache_targets #end {
                                #(#targets)*
                                __cache_targets
                            }
                        )
                    }
                }
            },
        }
    }

    /// A list for targets of this function.
    fn list(&self) -> TokenStream {
        let krate = self.krate;
        let start = match (self.function.this(krate), self.invalidations.common.cache.get()) {
            (Some(this), None) => quote_spanned!(Span::mixed_site()=> list_of_method(#this)),
            (None, None) => quote_spanned!(Span::mixed_site()=> list_of_function()),
            (Some(this), Some(_)) => quote_spanned!(Span::mixed_site()=> list_in_cache(#this)),
            (None, Some(_)) => quote_spanned!(Span::mixed_site()=> list_in_cache(&())),
        };
        quote_spanned!(Span::mixed_site()=> #krate::private::#start)
    }

    /// Statements that add what is named to a list. Within `depth` blocks, which have labels.
    fn add(&self, named: &Named, depth: usize) -> TokenStream {
        let label = Lifetime::new(&format!("'__cache_none_{depth}"), Span::mixed_site());
        let (add, is_optional) = if let Named::Each(each) = named {
            let Each { pattern, list, named } = &**each;
            let (items, is_optional) = (self.items(list, &label), has_question(list));
            let depth = depth + usize::from(is_optional);
            let added = named.iter().map(|named| self.add(named, depth));
            (quote_spanned!(Span::mixed_site()=> for #pattern in #items { #(#added)* }), is_optional)
        } else {
            let call = self.call_with(named, &|argument| self.unwrapped(argument, &label));
            (quote_spanned!(Span::mixed_site()=> __cache_targets.#call;), is_list(named))
        };
        if !is_optional {
            return add;
        }
        let without = self.without(std::slice::from_ref(named));
        quote_spanned! {Span::mixed_site()=>
            let __cache_is_none = #label: {
                #add
                false
            };
            if __cache_is_none {
                #without
            }
        }
    }

    /// Statements that add what stands for targets that are not known.
    fn without(&self, named: &[Named]) -> TokenStream {
        if named.iter().any(Named::has_tag) {
            return quote_spanned!(Span::mixed_site()=> __cache_targets.all(););
        }
        let mut queries = Vec::new();
        for named in named {
            named.for_each_key(&mut |key_ref| queries.push(self.whole_query(&key_ref.query)));
        }
        quote_spanned!(Span::mixed_site()=> #(__cache_targets.target(#queries);)*)
    }

    /// What a `for` iterates over.
    fn items(&self, list: &Expr, label: &Lifetime) -> TokenStream {
        // It is borrowed below, and clippy would report a second `&`.
        let list = match ungrouped(list) {
            Expr::Reference(reference) if reference.mutability.is_none() => &reference.expr,
            _ => list,
        };
        let span = syn::spanned::Spanned::span(list);
        let (list, krate) = (self.unwrapped(list, label), respan(self.krate, span));
        // No lint reports generated parentheses.
        let list = quote_spanned!(Span::mixed_site()=> (#list));
        quote_spanned!(span=> (&&&&#krate::private::list(&#list)).__cache_items())
    }

    /// An expression whose `?` leave the labelled block.
    fn unwrapped(&self, expression: &Expr, label: &Lifetime) -> TokenStream {
        if !has_question(expression) {
            return expression.to_token_stream();
        }
        let replacement = |before: &Expr, span: Span| {
            let (krate, before) = (self.krate, quote_spanned!(Span::mixed_site()=> (#before)));
            let item = quote_spanned!(span=> __cache_item);
            quote_spanned! {Span::mixed_site()=>
                (match (&&&&#krate::private::question(&#before)).#item() {
                    ::core::option::Option::Some(__cache_item) => __cache_item,
                    ::core::option::Option::None => break #label true,
                })
            }
        };
        replace_questions(expression, &replacement).to_token_stream()
    }

    fn call(&self, named: &Named) -> TokenStream {
        self.call_with(named, &|argument| argument.to_token_stream())
    }

    /// A call of the builder or of a list, for a key or a tag.
    fn call_with(&self, named: &Named, argument: &dyn Fn(&Expr) -> TokenStream) -> TokenStream {
        match named {
            Named::Key(key_ref) => {
                let key = self.key_with(key_ref, argument);
                quote_spanned!(Span::mixed_site()=> target(#key))
            }
            Named::Tag(tag) => match ungrouped(tag) {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if tag_text::is_formatted(&text.value()) => {
                    quote_spanned!(Span::mixed_site()=> formatted_tag(::core::format_args!(#text)))
                }
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    quote_spanned!(Span::mixed_site()=> literal_tag(#text))
                }
                tag => {
                    let tag = argument(tag);
                    quote_spanned!(Span::mixed_site()=> tag(#tag))
                }
            },
            Named::Put(put) => {
                let Put { key_ref, value, .. } = &**put;
                let entry = self.entry(key_ref);
                let value = value.as_ref().map_or_else(
                    || quote_spanned!(Span::mixed_site()=> |__cache_value| ::core::clone::Clone::clone(__cache_value)),
                    ToTokens::to_token_stream,
                );
                quote_spanned!(Span::mixed_site()=> put(#entry, #value))
            }
            Named::Each(_) => unreachable!("it is a list"),
        }
    }

    /// The entry of a key, in the cache of its query. A method's own name is that of a method.
    fn entry(&self, KeyRef { query, arguments, parentheses }: &KeyRef) -> TokenStream {
        let krate = self.krate;
        let mut arguments = Group::new(proc_macro2::Delimiter::Parenthesis, arguments.to_token_stream());
        arguments.set_span(*parentheses);
        let call = match self.function.receiver() {
            Some(receiver) if query.qself.is_none() && query.path.get_ident().is_some() => {
                let (this, name) = (&receiver.self_token, entry_name(last_name(&query.path)));
                quote!(#this.#name #arguments)
            }
            _ => {
                let function = self.enclosing.entry_function(self.function, query);
                quote!(#function #arguments)
            }
        };
        quote_spanned!(Span::mixed_site()=> #krate::private::typed_entry!(#call))
    }

    fn query(&self, query: &ExprPath) -> TokenStream {
        let mut query = query.clone();
        query.path.segments.last_mut().expect("a path is not empty").arguments = syn::PathArguments::None;
        let constant = self.enclosing.constant(self.function, &query);
        quote_spanned!(last_name(&query.path).span()=> &#constant)
    }

    /// The query of a key, which has the span of the name.
    fn whole_query(&self, query: &ExprPath) -> TokenStream {
        let mut query = query.clone();
        let last = query.path.segments.last_mut().expect("a path is not empty");
        last.ident = at_attribute(&last.ident);
        self.query(&query)
    }

    fn key(&self, key_ref: &KeyRef) -> TokenStream {
        self.key_with(key_ref, &|argument| argument.to_token_stream())
    }

    fn key_with(&self, key_ref: &KeyRef, argument: &dyn Fn(&Expr) -> TokenStream) -> TokenStream {
        let KeyRef { query, arguments, parentheses } = key_ref;
        let function = if key_ref.is_skipping() {
            self.enclosing.skipping_key_function(self.function, query)
        } else {
            self.enclosing.key_function(self.function, query)
        };
        let arguments = arguments.pairs().map(|pair| {
            let (given, comma) = pair.into_tuple();
            let given = if is_underscore(given) { self.underscore(given) } else { argument(given) };
            quote!(#given #comma)
        });
        let mut arguments = Group::new(proc_macro2::Delimiter::Parenthesis, arguments.collect());
        arguments.set_span(*parentheses);
        quote!(#function #arguments)
    }

    /// What stands for a skipped argument. An error about its type appears under the `_`.
    fn underscore(&self, underscore: &Expr) -> TokenStream {
        let span = syn::spanned::Spanned::span(underscore);
        let (krate, name) = (respan(self.krate, span), Ident::new("UnderscoreForSkippedArgument", span));
        quote_spanned!(span=> #krate::private::#name)
    }
}
