//! The pages: files that are compiled in, and load nothing from elsewhere.

use std::sync::Arc;

use axum::{
    Router,
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    response::Response,
    routing::get,
};

use super::App;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and text.
const FILES: [(&str, &str, &str); 8] = [
    ("/", HTML, include_str!("static/index.html")),
    ("/cache", HTML, include_str!("static/cache.html")),
    ("/style.css", CSS, include_str!("static/style.css")),
    ("/common.js", SCRIPT, include_str!("static/common.js")),
    ("/library.js", SCRIPT, include_str!("static/library.js")),
    ("/cache.js", SCRIPT, include_str!("static/cache.js")),
    ("/graph.js", SCRIPT, include_str!("static/graph.js")),
    ("/favicon.svg", SVG, include_str!("static/favicon.svg")),
];

pub(super) fn router() -> Router<Arc<App>> {
    FILES.into_iter().fold(Router::new(), |router, (path, content_type, text)| {
        // A new version of the program has new files.
        let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache")];
        router.route(path, get(async move || (headers, text)))
    })
}

/// Nothing from other hosts, no inline scripts, and no frames in other pages, which could have buttons clicked unseen.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// For every response.
pub(super) async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // The API.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
