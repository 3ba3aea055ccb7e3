use redis_model::{Mechanisms, walk};
#[test]
fn one() {
    let from: u64 = std::env::var("FROM").unwrap().parse().unwrap();
    let n: u64 = std::env::var("N").unwrap().parse().unwrap();
    match walk(from..from+n, Mechanisms::default()) { Ok(c) => println!("{c:?}"), Err(v) => println!("{v}") }
}
