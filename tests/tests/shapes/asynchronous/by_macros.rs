//! Queries that a macro of the user's has made.

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

macro_rules! query_by {
    ($query:ident, $forget_one:ident, $forget:ident, $argument:ident: $t:ty, $body:expr) => {
        #[cached_query(tags("made", concat!("macro", "_rules")))]
        async fn $query(&self, $argument: $t) -> String {
            pause().await;
            format!("{:?}", $body)
        }

        #[invalidates($query($argument))]
        async fn $forget_one(&self, $argument: $t) {}

        #[invalidates($query)]
        async fn $forget(&self) {}
    };
}

impl Repo {
    query_by!(by_text, forget_one_text, forget_texts, text: &str, text);
    query_by!(by_option, forget_one_option, forget_options, option: Option<&str>, option);
    query_by!(by_pair, forget_one_pair, forget_pairs, pair: (&str, u32), pair.0);
}

#[test]
fn methods_made_by_a_macro() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.by_text("a").await => "by_text(text = \"a\") [macro_rules, made]",
            repo.by_text("b").await => "by_text(text = \"b\") [macro_rules, made]";
            one: repo.forget_one_text("a").await;
            all: repo.forget_texts().await
        );
        check!(
            &repo.cache;
            repo.by_option(None).await => "by_option(option = None) [macro_rules, made]",
            repo.by_option(Some("b")).await => "by_option(option = Some(\"b\")) [macro_rules, made]";
            one: repo.forget_one_option(None).await;
            all: repo.forget_options().await
        );
        check!(
            &repo.cache;
            repo.by_pair(("a", 1)).await => "by_pair(pair = (\"a\", 1)) [macro_rules, made]",
            repo.by_pair(("b", 2)).await => "by_pair(pair = (\"b\", 2)) [macro_rules, made]";
            one: repo.forget_one_pair(("a", 1)).await;
            all: repo.forget_pairs().await
        );
    });
}
