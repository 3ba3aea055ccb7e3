//! What a query is of: a type, or whatever is around its function.

use std::any::{TypeId, type_name};
use std::hash::{Hash, Hasher};

/// The type that a query is of, or what is known of what stands around it.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    id: TypeId,
    pub(crate) name: &'static str,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        // Nearly always they are the same text, in the same place.
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

    /// Of a closure in a function or a constant, whose path leads through what stands around that: with the generic
    /// arguments of an `impl`, if it is one.
    ///
    /// Without such a path nothing is told apart, and more is forgotten than need be.
    pub(crate) fn around<F>() -> Self {
        let item = type_name::<F>().trim_end_matches("::{{closure}}");
        Self { id: TypeId::of::<()>(), name: &item[..end_of_parent(item)] }
    }
}

/// Where the last segment of a path begins. Generic arguments may contain paths, and `char` constants any sign.
fn end_of_parent(path: &str) -> usize {
    let (mut end, mut depth) = (0, 0_u32);
    let mut signs = path.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let next = signs.peek().map(|(_, next)| *next);
        match sign {
            '\'' => {
                // Read from the left, a literal cannot be taken for something else.
                for _ in 0..length_of_char(&path[at..]).saturating_sub(1) {
                    signs.next();
                }
            }
            // An arrow closes nothing.
            '-' if next == Some('>') => drop(signs.next()),
            '<' | '(' | '[' | '{' => depth += 1,
            '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && next == Some(':') => {
                end = at;
                signs.next();
            }
            _ => {}
        }
    }
    end
}

/// How many signs the `char` literal has that a text begins with; 1 if it begins with a lifetime.
fn length_of_char(text: &str) -> usize {
    let mut signs = text.chars().skip(1);
    match (signs.next(), signs.next()) {
        // What is escaped may itself be a quote.
        (Some('\\'), Some(_)) => 3 + signs.take_while(|sign| *sign != '\'').count() + 1,
        (Some(_), Some('\'')) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_is_the_path_without_its_last_segment() {
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
    fn owners_that_are_equal_have_one_hash() {
        let hash = |owner: &Owner| {
            use std::hash::BuildHasher;
            foldhash::fast::FixedState::default().hash_one(owner)
        };
        // The same text in another place, as another crate has it.
        let name: &'static str = String::from("m::Repo<u8>").leak();
        let [one, same] = ["m::Repo<u8>", name].map(|name| Owner { id: TypeId::of::<()>(), name });
        assert!(one == same && hash(&one) == hash(&same));
        let others = [Owner { name: "m::Repo<u16>", ..one }, Owner { id: TypeId::of::<u8>(), ..one }];
        assert!(others.iter().all(|other| *other != one && hash(other) != hash(&one)));
    }

    #[test]
    fn constants_in_a_path_are_no_part_of_its_structure() {
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

    /// As the compiler in use writes them.
    #[test]
    fn functions_with_a_char_constant_stand_where_they_stand() {
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
        let test = format!("{}::functions_with_a_char_constant_stand_where_they_stand", module_path!());
        assert_eq!(paths, [test.as_str(); 8]);
    }
}
