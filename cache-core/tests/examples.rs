//! Runs the programs of `examples/`: each asserts what it shows. Their `main` is `pub(crate)` to be called from here.
#![cfg(all(feature = "macros", not(shuttle)))]

macro_rules! run {
    ($($name:ident: $path:literal;)*) => {
        $(
            #[path = $path]
            mod $name;

            #[test]
            fn $name() {
                $name::main();
            }
        )*
    };
}

run! {
    sync: "../examples/sync.rs";
    asynchronous: "../examples/async.rs";
    tenants: "../examples/tenants.rs";
    testing: "../examples/testing.rs";
}
