//! Keywords where a target has the name of a query.

use proc_macro2::{Delimiter, Ident};
use syn::buffer::Cursor;
use syn::{Error, LitStr};

/// Refuses a keyword as the name of a query or entry, also at the end of a closure.
pub(crate) fn keyword_in_path(mut cursor: Cursor<'_>) -> Option<Error> {
    if let Some(parameters) = sign(cursor, '|') {
        cursor = parameters;
        while sign(cursor, '|').is_none() {
            cursor = cursor.token_tree()?.1;
        }
        cursor = sign(cursor, '|')?;
    }
    if let Some((block, ..)) = cursor.group(Delimiter::Brace) {
        cursor = block;
    }
    let mut path = Vec::new();
    loop {
        let (name, after) = cursor.ident()?;
        path.push(name);
        cursor = after;
        match sign(cursor, ':').and_then(|second| sign(second, ':')) {
            Some(arguments) if sign(arguments, '<').is_some() => break,
            Some(next) => cursor = next,
            None => break,
        }
    }
    if let Some((_, _, after)) = cursor.group(Delimiter::Parenthesis) {
        cursor = after;
    }
    // Anything longer is no name, but an expression such as a `match`.
    let is_all = cursor.eof() || [',', ';', ':'].iter().any(|&end| sign(cursor, end).is_some());
    let fault = is_all.then(|| keyword_fault(&path.iter().map(Ident::to_string).collect::<Vec<_>>()))??;
    let (at, message) = match fault {
        Keyword::Path(name) => (path.len() - 1, no_name(&name)),
        Keyword::Name(at, name) => (at, format!("`{name}` is a keyword: write `r#{name}`")),
    };
    Some(Error::new(path[at].span(), message))
}

/// The tokens after a sign.
fn sign(cursor: Cursor<'_>, wanted: char) -> Option<Cursor<'_>> {
    cursor.punct().filter(|(sign, _)| sign.as_char() == wanted).map(|(_, after)| after)
}

/// A keyword in the path of a query.
enum Keyword {
    /// `self`, `Self`, `super` or `crate`, as the name of a query.
    Path(String),
    /// Another keyword, which could be a raw name, with its position.
    Name(usize, String),
}

/// The first misplaced keyword in a path.
fn keyword_fault(path: &[String]) -> Option<Keyword> {
    let last = path.len().checked_sub(1)?;
    path.iter().enumerate().find_map(|(at, name)| match &**name {
        "self" | "Self" | "super" | "crate" => (at == last).then(|| Keyword::Path(name.clone())),
        // They cannot be raw.
        "r#self" | "r#Self" | "r#super" | "r#crate" => Some(Keyword::Path(name.clone())),
        // Both parse as names.
        "_" | "try" => None,
        _ => syn::parse_str::<Ident>(name).is_err().then(|| Keyword::Name(at, name.clone())),
    })
}

fn no_name(keyword: &str) -> String {
    format!("`{keyword}` cannot be the name of a query: name a function, as in \"get_track\", or write `all`")
}

/// As [`keyword_in_path`], in a string.
pub(crate) fn keyword_in_text(text: &LitStr) -> Option<Error> {
    let value = text.value();
    let path: Vec<String> = value.trim_start_matches("::").split("::").map(|name| name.trim().to_owned()).collect();
    let is_name = |name: &String| !name.is_empty() && name.chars().all(|sign| sign == '_' || sign.is_alphanumeric());
    let plain = |name: &String| name.strip_prefix("r#").unwrap_or(name).to_owned();
    if !path.iter().all(|name| is_name(&plain(name))) {
        return None;
    }
    let message = match keyword_fault(&path)? {
        Keyword::Path(name) => no_name(&name),
        Keyword::Name(at, name) => {
            let mut raw = path.clone();
            raw[at] = format!("r#{name}");
            format!("`{name}` is a keyword: write \"{}\"", raw.join("::"))
        }
    };
    Some(Error::new(text.span(), message))
}
