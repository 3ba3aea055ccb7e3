//! Keeps pages of other origins away.
//!
//! A browser sends requests of any page to a service on this machine. Two checks refuse them:
//!
//! - A page may have a name that first leads to its own server and then to this machine (DNS rebinding): its requests have
//!   that name as `Host`. So `Host` must be an address that this service listens on, or the name that it was started with.
//! - What changes something must come from a page of this service, or from no page at all, as from `curl`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{HOST, ORIGIN},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error::ApiError;

/// The names that this service is reached by.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    bound: IpAddr,
    name: String,
}

impl Hosts {
    pub(super) fn new(bound: IpAddr, name: &str) -> Self {
        Self { bound, name: name.to_owned() }
    }

    /// Any port: it may be forwarded from another.
    fn contain(&self, host: &Authority) -> bool {
        let host = host.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match address.parse::<IpAddr>() {
            // An address is no name, and leads to no other place later.
            Ok(address) => {
                self.bound.is_unspecified()
                    || address == self.bound
                    || (address.is_loopback() && self.bound.is_loopback())
            }
            Err(_) if host.eq_ignore_ascii_case("localhost") => self.bound.is_loopback() || self.bound.is_unspecified(),
            Err(_) => host.eq_ignore_ascii_case(&self.name),
        }
    }
}

pub(super) async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    match check_host(&hosts, &request).and_then(|host| check_origin(&host, request.method(), request.headers())) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check_host(hosts: &Hosts, request: &Request) -> Result<Authority, ApiError> {
    // A request of a proxy has it in the URI.
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => text(request.headers(), &HOST).and_then(|host| host.parse::<Authority>().ok()),
    };
    let host = host.ok_or_else(|| ApiError::bad_request("a request needs a Host"))?;
    if hosts.contain(&host) {
        return Ok(host);
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, format!("this service is not known as {host}")))
}

fn check_origin(host: &Authority, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let is_own = if headers.contains_key(ORIGIN) {
        // The scheme may differ: a proxy may have added the encryption.
        let origin = text(headers, &ORIGIN).and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host.as_str()))
    } else if headers.contains_key("sec-fetch-site") {
        matches!(headers["sec-fetch-site"].as_bytes(), b"same-origin" | b"none")
    } else {
        // Every browser sends one of the two.
        true
    };
    if is_own {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, "pages of other origins may change nothing"))
}

fn text<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::{Hosts, check_origin};

    fn known(bound: &str, name: &str, host: &str) -> bool {
        Hosts::new(bound.parse().unwrap(), name).contain(&host.parse().unwrap())
    }

    #[test]
    fn a_service_is_known_by_its_addresses_and_its_name() {
        for host in ["127.0.0.1", "127.0.0.1:8080", "localhost:9", "LocalHost", "[::1]:8080", "127.0.0.2"] {
            assert!(known("127.0.0.1", "127.0.0.1", host), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "192.168.0.7", "localhost.evil.example", "127.0.0.1.nip.io"] {
            assert!(!known("127.0.0.1", "127.0.0.1", host), "{host}");
        }
        assert!(known("192.168.0.7", "192.168.0.7", "192.168.0.7:8080"));
        assert!(!known("192.168.0.7", "192.168.0.7", "localhost"));
        assert!(known("0.0.0.0", "0.0.0.0", "192.168.0.7:8080") && known("::", "::", "[fe80::1]"));
        assert!(!known("0.0.0.0", "0.0.0.0", "evil.example"));
        assert!(known("192.168.0.7", "music.lan", "music.lan:80") && !known("192.168.0.7", "music.lan", "lan"));
    }

    fn may(method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        check_origin(&"127.0.0.1:8080".parse().unwrap(), method, &headers).is_ok()
    }

    #[test]
    fn only_own_pages_may_change_something() {
        let post = Method::POST;
        assert!(may(&post, &[]), "curl");
        assert!(may(&post, &[("origin", "http://127.0.0.1:8080")]));
        assert!(may(&post, &[("origin", "https://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(may(&post, &[("sec-fetch-site", "same-origin")]) && may(&post, &[("sec-fetch-site", "none")]));
        for origin in ["http://evil.example", "http://127.0.0.1:8081", "http://127.0.0.1", "null", "", "127.0.0.1:8080"]
        {
            assert!(!may(&post, &[("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(!may(&post, &[("sec-fetch-site", site)]), "{site}");
            assert!(may(&Method::GET, &[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!may(&Method::DELETE, &[("origin", "null"), ("sec-fetch-site", "same-origin")]), "the origin counts");
    }
}
