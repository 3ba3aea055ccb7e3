//! Arguments that are a transaction of a database, as far as the names of their types tell.

use syn::{GenericArgument, Path, PathArguments, Type, TypeParamBound};

use crate::parse::types::bare_type;

/// The names of transactions in rusqlite, sqlx, postgres, tokio-postgres, mysql and sea-orm.
const NAMES: [&str; 7] = [
    "Transaction",
    "Savepoint",
    "DatabaseTransaction",
    "SqliteTransaction",
    "PgTransaction",
    "MySqlTransaction",
    "AnyTransaction",
];

/// Types that own what is in them.
const OWNERS: [&str; 8] = ["Option", "Box", "Vec", "Mutex", "RwLock", "RefCell", "Cell", "ManuallyDrop"];

/// A transaction in the type of an argument.
pub(crate) struct Transaction<'a> {
    pub(crate) path: &'a Path,
    /// Whether the function has it for itself. Otherwise it is behind a reference, or in a type that may share it.
    pub(crate) is_owned: bool,
}

/// The first transaction in a type. What a function or closure takes does not count.
pub(crate) fn transaction_in(ty: &Type) -> Option<Transaction<'_>> {
    find(ty, true)
}

fn find(ty: &Type, is_owned: bool) -> Option<Transaction<'_>> {
    match bare_type(ty) {
        Type::Reference(reference) => find(&reference.elem, false),
        Type::Ptr(pointer) => find(&pointer.elem, false),
        Type::Array(array) => find(&array.elem, is_owned),
        Type::Slice(slice) => find(&slice.elem, is_owned),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(|ty| find(ty, is_owned)),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if NAMES.iter().any(|name| last.ident == name) {
                return Some(Transaction { path: &path.path, is_owned });
            }
            let owns = OWNERS.iter().any(|name| last.ident == name);
            in_arguments(&path.path, is_owned && owns)
        }
        Type::ImplTrait(implements) => in_bounds(implements.bounds.iter()),
        Type::TraitObject(object) => in_bounds(object.bounds.iter()),
        _ => None,
    }
}

fn in_bounds<'a>(mut bounds: impl Iterator<Item = &'a TypeParamBound>) -> Option<Transaction<'a>> {
    bounds.find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => in_arguments(&bound.path, false),
        _ => None,
    })
}

fn in_arguments(path: &Path, is_owned: bool) -> Option<Transaction<'_>> {
    path.segments.iter().find_map(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(ty) => find(ty, is_owned),
            _ => None,
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ty: &str) -> Option<(String, bool)> {
        let ty: Type = syn::parse_str(ty).expect("it is a type");
        transaction_in(&ty).map(|found| (found.path.segments.last().unwrap().ident.to_string(), found.is_owned))
    }

    #[test]
    fn a_borrowed_transaction_is_found() {
        for ty in [
            "&mut Transaction<'_, Sqlite>",
            "&Transaction",
            "&rusqlite::Savepoint<'a>",
            "&DatabaseTransaction",
            "&mut SqliteTransaction<'_>",
            "&mut PgTransaction<'_>",
            "&mut MySqlTransaction<'_>",
            "&mut AnyTransaction<'_>",
            "Option<&mut Transaction<'_>>",
            "Arc<Mutex<Transaction<'static, Postgres>>>",
            "MutexGuard<'_, Transaction<'static>>",
            "Pin<&mut Transaction>",
            "(u32, &Transaction)",
            "&(u32, [Transaction; 2])",
            "&&(Transaction)",
            "Wrapped<Transaction>",
            "impl AsMut<Transaction>",
            "*mut Transaction",
        ] {
            assert!(seen(ty).is_some_and(|(_, is_owned)| !is_owned), "{ty}");
        }
    }

    #[test]
    fn an_owned_transaction_is_told_apart() {
        for ty in [
            "Transaction<'_>",
            "sqlx::Transaction<'static, Sqlite>",
            "Option<Transaction>",
            "(Box<Transaction>, u8)",
            "Savepoint<'_>",
        ] {
            assert!(seen(ty).is_some_and(|(_, is_owned)| is_owned), "{ty}");
        }
    }

    #[test]
    fn other_types_are_none() {
        for ty in [
            "&mut Connection",
            "&mut CacheTransaction",
            "&TransactionId",
            "Transaction::Id",
            "fn(&mut Transaction)",
            "impl FnOnce(&mut Transaction) -> u32",
            "&mut dyn FnMut(&Transaction)",
            "Box<dyn Fn(Transaction) -> Transaction>",
            "&[u32]",
        ] {
            assert_eq!(seen(ty), None, "{ty}");
        }
    }
}
