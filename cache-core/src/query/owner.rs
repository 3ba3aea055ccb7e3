//! The owner of a query: the type whose method it is, or the item around its function.

use std::any::{TypeId, type_name};
use std::hash::{Hash, Hasher};

#[derive(Clone, Copy)]
pub(crate) struct Owner {
    id: TypeId,
    pub(crate) name: &'static str,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        // Equal names are nearly always at the same address.
        self.id == other.id && (std::ptr::eq(self.name, other.name) || self.name == other.name)
    }
}

impl Eq for Owner {}

impl Hash for Owner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.name.hash(state);
    }
}

impl Owner {
    pub(crate) fn of<T: ?Sized>() -> Self {
        Self { id: typeid::of::<T>(), name: type_name::<T>() }
    }

    /// The item around a closure's function or constant, from the closure's path.
    ///
    /// If the compiler writes no such path, owners are equal: more is invalidated than necessary.
    pub(crate) fn around<F>() -> Self {
        let item = type_name::<F>().trim_end_matches("::{{closure}}");
        Self { id: TypeId::of::<()>(), name: &item[..end_of_parent(item)] }
    }
}

/// The generic arguments of the function that a closure is in, as in `<u8>`; empty if there are none.
pub(crate) fn generic_arguments(closure: &'static str) -> &'static str {
    let function = closure.trim_end_matches("::{{closure}}");
    let name = &function[end_of_parent(function)..];
    name.find('<').map_or("", |at| &name[at..])
}

/// The item around the function or constant in which there is a static, from the path of a closure in that static.
pub(crate) fn owner_of_static(closure: &'static str) -> &'static str {
    let around = |path: &'static str| {
        let path = path.trim_end_matches("::{{closure}}");
        &path[..end_of_parent(path)]
    };
    around(around(closure))
}

/// The type in `<Type as Trait>`; otherwise all of it.
pub(crate) fn self_type(owner: &str) -> &str {
    let Some(path) = owner.strip_prefix('<') else { return owner };
    let mut depth = 0_u32;
    for (at, char) in path.char_indices() {
        match char {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && path[at..].starts_with(" as ") => return &path[..at],
            _ => {}
        }
    }
    owner
}

pub(crate) fn last_segment(path: &str) -> &str {
    path[end_of_parent(path)..].trim_start_matches("::")
}

/// The length of a path without its last segment. Generic arguments may contain paths, and `char` constants any
/// character.
fn end_of_parent(path: &str) -> usize {
    let (mut end, mut depth) = (0, 0_u32);
    let mut chars = path.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match char {
            '\'' => {
                for _ in 0..length_of_char(&path[at..]).saturating_sub(1) {
                    chars.next();
                }
            }
            // The `>` of an arrow closes no bracket.
            '-' if next == Some('>') => drop(chars.next()),
            '<' | '(' | '[' | '{' => depth += 1,
            '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && next == Some(':') => {
                end = at;
                chars.next();
            }
            _ => {}
        }
    }
    end
}

/// The length of a leading `char` literal; 1 for a lifetime.
fn length_of_char(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        // The escaped character may be a quote.
        (Some('\\'), Some(_)) => 3 + chars.take_while(|char| *char != '\'').count() + 1,
        (Some(_), Some('\'')) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_the_path_without_its_last_segment() {
        let cases = [
            ("a::Repo<u8>::total<u16>", "a::Repo<u8>"),
            ("a::Repo<b::Vec<&str>>::total", "a::Repo<b::Vec<&str>>"),
            (
                "<a::Repo<fn(u8) -> c::D> as b::Trait<c::D>>::total<fn() -> c::D>",
                "<a::Repo<fn(u8) -> c::D> as b::Trait<c::D>>",
            ),
            ("a::rates::current", "a::rates"),
            ("a::b::{{closure}}::inner<a::b::{{closure}}>", "a::b::{{closure}}"),
            ("<(a::B, [c::D; 3]) as b::Trait>::total", "<(a::B, [c::D; 3]) as b::Trait>"),
            ("nothing", ""),
            ("", ""),
        ];
        for (path, parent) in cases {
            assert_eq!(&path[..end_of_parent(path)], parent);
        }
    }

    #[test]
    fn the_owner_of_a_static_is_around_its_function() {
        let cases = [
            ("a::Repo<_>::get::__CACHE_QUERY::{{closure}}", "a::Repo<_>", "a::Repo<_>", "Repo<_>"),
            ("a::Repo::get::{{closure}}::{{closure}}::S::{{closure}}", "a::Repo", "a::Repo", "Repo"),
            ("<a::Repo<_> as b::T<_>>::get::S::{{closure}}", "<a::Repo<_> as b::T<_>>", "a::Repo<_>", "Repo<_>"),
            ("a::b::{{closure}}::inner::S::{{closure}}", "a::b::{{closure}}", "a::b::{{closure}}", "{{closure}}"),
            ("a::free::S::{{closure}}", "a", "a", "a"),
            ("", "", "", ""),
        ];
        for (path, owner, of_type, last) in cases {
            let found = owner_of_static(path);
            assert_eq!((found, self_type(found), last_segment(self_type(found))), (owner, of_type, last));
        }
    }

    #[test]
    fn two_functions_with_the_same_generic_arguments_are_written_alike() {
        fn of<F>(_: &F) -> &'static str {
            generic_arguments(type_name::<F>())
        }

        fn one<T, const C: char>(_: &T) -> &'static str {
            of(&|| ())
        }

        fn two<T, const C: char>(_: &T) -> &'static str {
            of(&|| ())
        }

        assert_eq!(one::<_, '>'>(&1_u8), two::<_, '>'>(&1_u8));
        assert_ne!(one::<_, '>'>(&1_u8), two::<_, '<'>(&1_u8));
        assert_ne!(one::<_, '>'>(&1_u8), two::<_, '>'>(&1_u16));
        assert_eq!(of(&|| ()), "");
    }

    #[test]
    fn equal_owners_have_the_same_hash() {
        let hash = |owner: &Owner| {
            use std::hash::BuildHasher;
            foldhash::fast::FixedState::default().hash_one(owner)
        };
        // At another address, as in another crate.
        let name: &'static str = String::from("m::Repo<u8>").leak();
        let [one, same] = ["m::Repo<u8>", name].map(|name| Owner { id: TypeId::of::<()>(), name });
        assert!(one == same && hash(&one) == hash(&same));
        let others = [Owner { name: "m::Repo<u16>", ..one }, Owner { id: TypeId::of::<u8>(), ..one }];
        assert!(others.iter().all(|other| *other != one && hash(other) != hash(&one)));
    }

    #[test]
    fn characters_in_constants_do_not_affect_the_parent() {
        let constants = [
            "'>'",
            "'<'",
            "':'",
            "'('",
            "')'",
            "'{'",
            "']'",
            "'-'",
            "'_'",
            "'\"'",
            "'\\''",
            "'\\\\'",
            "'\\n'",
            "'\\0'",
            "'\\u{301}'",
            "'é'",
            "true",
            "-1",
            "340282366920938463463374607431768211455",
        ];
        for constant in constants {
            for (before, after) in [("a::b", "c"), ("a::R<fn(&'_ u8) -> c::D>", "c")] {
                let function = format!("{before}::{after}<{constant}>");
                assert_eq!(&function[..end_of_parent(&function)], before, "{function}");
                let two = format!("{before}::{after}<{constant}, '>', fn(&'_ u8) -> c::D<{constant}>>");
                assert_eq!(&two[..end_of_parent(&two)], before, "{two}");
                let owner = format!("<{before}<{constant}, {constant}> as d::Trait<&'_ u8>>");
                let of_owner = format!("{owner}::{after}<{constant}>");
                assert_eq!(&of_owner[..end_of_parent(&of_owner)], owner, "{of_owner}");
            }
        }
    }

    /// With paths as the compiler in use writes them.
    #[test]
    fn functions_with_char_constants_have_the_same_parent() {
        const fn around<F>(_: &F) -> fn() -> Owner {
            Owner::around::<F>
        }

        fn path<const C: char>() -> &'static str {
            around(&|| ())().name
        }

        let paths = [
            path::<'a'>(),
            path::<'>'>(),
            path::<'<'>(),
            path::<':'>(),
            path::<'\''>(),
            path::<'\\'>(),
            path::<'"'>(),
            path::<'\u{301}'>(),
        ];
        let test = format!("{}::functions_with_char_constants_have_the_same_parent", module_path!());
        assert_eq!(paths, [test.as_str(); 8]);
    }
}
