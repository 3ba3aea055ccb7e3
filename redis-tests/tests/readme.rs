//! What the README and the guide show of several processes is what `examples/readme.rs` does.

use redis_tests::Server;

#[path = "../examples/readme.rs"]
#[expect(dead_code, reason = "its `main` asks the environment for a server")]
mod example;

const README: &str = include_str!("../../README.md");
const GUIDE: &str = include_str!("../../cache-core/src/guide/several_processes.md");
const EXAMPLE: &str = include_str!("../examples/readme.rs");

/// The lines of the first block of code after a text, without their indentation.
fn block_after(text: &str, page: &str) -> Vec<String> {
    let rest = page.split_once(text).expect("the text is there").1;
    let block = rest.split("```").nth(1).expect("a block follows");
    block.lines().skip(1).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn what_is_shown_is_what_is_compiled_and_run() {
    let compiled = EXAMPLE.replace("builder(url)", "builder(\"redis://127.0.0.1\")");
    let compiled: Vec<&str> = compiled.lines().map(str::trim).collect();
    let shown = [block_after("## Several processes", README), block_after("one on Redis 7 or Valkey:", GUIDE)];
    for line in shown.iter().flatten() {
        let line = line.replace(
            "let library = Library { cache: Cache::builder().shared(tier).build() };",
            "let library = Library { cache };",
        );
        assert!(compiled.contains(&line.as_str()), "not in examples/readme.rs: {line}");
    }
    let server = Server::start();
    example::run(&server.url()).expect("the server is up");
}
