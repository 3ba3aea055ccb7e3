//! How calls through a handle read and write.

use std::fmt;

use crate::engine::transaction::TransactionState;
use crate::sync::Arc;

/// The mode of a handle.
#[derive(Clone)]
pub(crate) enum Mode {
    Ordinary,
    /// Ordinary, but some hits are audited.
    Audited,
    Bypass,
    Refresh,
    Transaction(Arc<TransactionState>),
    /// For a handle of an entry, whose cache has another mode: nothing is looked up.
    Entry(Arc<Self>),
}

/// What a miss may do with other callers' answers, and with its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReadMode {
    /// Takes, joins and stores.
    Cached,
    /// Takes and joins only what was loaded after the call began. Stores.
    Anew,
    /// Neither takes nor joins, and stores nothing.
    Uncached,
    /// The same. In addition, no load around it is stored or joined.
    Private,
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary => "ordinary",
            Self::Audited => "audited",
            Self::Bypass => "bypass",
            Self::Refresh => "refresh",
            Self::Transaction(_) => "in a transaction",
            Self::Entry(_) => "for an entry",
        })
    }
}

impl Mode {
    #[inline]
    pub(crate) fn is_ordinary(&self) -> bool {
        matches!(self, Self::Ordinary)
    }

    /// Whether calls are answered from the cache.
    pub(crate) fn takes_entries(&self) -> bool {
        matches!(self, Self::Ordinary | Self::Audited)
    }

    pub(crate) fn read_mode(&self) -> ReadMode {
        match self {
            Self::Ordinary | Self::Audited | Self::Entry(_) => ReadMode::Cached,
            Self::Bypass => ReadMode::Uncached,
            Self::Refresh => ReadMode::Anew,
            Self::Transaction(_) => ReadMode::Private,
        }
    }

    pub(crate) fn transaction(&self) -> Option<&Arc<TransactionState>> {
        match self {
            Self::Transaction(transaction) => Some(transaction),
            Self::Entry(mode) => mode.transaction(),
            Self::Ordinary | Self::Audited | Self::Bypass | Self::Refresh => None,
        }
    }

    /// In a transaction, a handle stays in it.
    pub(crate) fn or_transaction(&self, other: Self) -> Self {
        match self {
            Self::Transaction(_) => self.clone(),
            Self::Ordinary | Self::Audited | Self::Bypass | Self::Refresh | Self::Entry(_) => other,
        }
    }
}

impl ReadMode {
    /// Whether the call runs its body, and stores nothing.
    pub(crate) fn is_alone(self) -> bool {
        matches!(self, Self::Uncached | Self::Private)
    }
}
