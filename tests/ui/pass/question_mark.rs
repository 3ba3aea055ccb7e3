//! `?` in bodies, with errors that are converted, in `Result` and in `Option`.

use std::num::ParseIntError;

use cache_core::{Cache, HasCache, cached_query, invalidates};

type Answer<T> = Result<T, Error>;

#[derive(Debug, PartialEq)]
enum Error {
    Parse(ParseIntError),
    Empty,
}

impl From<ParseIntError> for Error {
    fn from(error: ParseIntError) -> Self {
        Self::Parse(error)
    }
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags_from = |number| Some(format!("number:{number}")), cache_if = |number| *number > 0)]
    fn number(&self, text: &str) -> Answer<u32> {
        let text = text.split(',').next().filter(|text| !text.is_empty()).ok_or(Error::Empty)?;
        Ok(text.parse::<u32>()?)
    }

    #[cached_query(ttl = "5m")]
    fn first(&self, text: &str) -> Option<char> {
        let first = text.chars().next()?;
        first.is_alphabetic().then_some(first)
    }

    #[invalidates(|number| number(&number.to_string()), on = "ok")]
    fn change(&self, text: &str) -> Answer<u32> {
        let number: u32 = text.parse()?;
        Ok(number + 1)
    }

    #[invalidates("first")]
    fn rename(&self, text: &str) -> Result<(), Box<dyn std::error::Error>> {
        text.parse::<u32>()?;
        Ok(())
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.number("5,x"), repo.number(""), repo.number("0")), (Ok(5), Err(Error::Empty), Ok(0)));
    assert!(matches!(repo.number("x"), Err(Error::Parse(_))));
    assert_eq!((repo.number("7"), repo.first("a")), (Ok(7), Some('a')));
    assert_eq!(repo.cache.len(), 3);
    repo.cache.invalidate_tags(["number:5"]);
    assert_eq!(repo.cache.len(), 2);
    assert!(repo.change("x").is_err());
    assert_eq!(repo.cache.len(), 2);
    assert_eq!(repo.change("6"), Ok(7));
    assert_eq!(repo.cache.len(), 1);
    assert!(repo.rename("x").is_err());
    assert_eq!(repo.cache.len(), 0);
}
