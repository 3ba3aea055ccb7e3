//! Why there is no tier.

use std::error::Error;
use std::{fmt, io};

use redis::{ErrorKind, RedisError};

/// A [tier](crate::RedisTier) could not be made: waiting longer would not help.
#[derive(Debug)]
pub struct ConnectError(Kind);

#[derive(Debug)]
enum Kind {
    Option { name: &'static str, remedy: &'static str },
    Url(RedisError),
    Login(RedisError),
    Permission(RedisError),
    NoRedis(RedisError),
    Version(String),
    Thread(io::Error),
}

impl ConnectError {
    pub(crate) fn option(name: &'static str, remedy: &'static str) -> Self {
        Self(Kind::Option { name, remedy })
    }

    pub(crate) fn url(error: RedisError) -> Self {
        Self(Kind::Url(error))
    }

    pub(crate) fn version(version: &str) -> Self {
        Self(Kind::Version(version.to_owned()))
    }

    pub(crate) fn thread(error: io::Error) -> Self {
        Self(Kind::Thread(error))
    }

    /// From an error of a connection. None: it may go away by itself.
    pub(crate) fn of_answer(error: &RedisError) -> Option<Self> {
        let error = error.clone();
        let kind = match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => Kind::Login(error),
            (_, Some("NOPERM")) => Kind::Permission(error),
            (ErrorKind::InvalidClientConfig, _) => Kind::Url(error),
            (ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::RESP3NotSupported, _) => {
                Kind::NoRedis(error)
            }
            _ => return None,
        };
        Some(Self(kind))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Option { name, remedy } => write!(f, "the {name} of a cache on Redis {remedy}"),
            Kind::Url(error) => write!(
                f,
                "this URL cannot be used: {error}. Write `redis://user:password@host:port/database`; `rediss://` needs \
                 the feature `tls` of `cache-redis`"
            ),
            Kind::Login(error) => {
                write!(f, "Redis refuses the login: {error}. The URL has to name a user and a password that it knows")
            }
            Kind::Permission(error) => write!(
                f,
                "the user of the URL may not do what a cache needs: {error}. The documentation of `cache-redis` lists \
                 the rules"
            ),
            Kind::NoRedis(error) => {
                write!(
                    f,
                    "what answers is no Redis of version 7.0 or later: {error}. The URL has to name its host and its port"
                )
            }
            Kind::Version(version) => {
                write!(f, "the server's version is {version}. Redis 7.0 or later is needed, or Valkey")
            }
            Kind::Thread(error) => write!(f, "the thread of the connection could not be started: {error}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Url(error) | Kind::Login(error) | Kind::Permission(error) | Kind::NoRedis(error) => Some(error),
            Kind::Thread(error) => Some(error),
            Kind::Option { .. } | Kind::Version(_) => None,
        }
    }
}
