//! Errors of a tier.

use std::fmt;

/// The tier did not answer, or not in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TierError(String);

impl TierError {
    /// An error with a text for people.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for TierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TierError {}

/// An invalidation could not be published: other processes do not hear of it in time.
///
/// The error of a mutation with `on_unreachable = "fail"` is made from it, and its body has not run then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishError(TierError);

impl From<TierError> for PublishError {
    fn from(error: TierError) -> Self {
        Self(error)
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the invalidation could not be published: {}", self.0)
    }
}

impl std::error::Error for PublishError {}
