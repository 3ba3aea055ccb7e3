//! A browser, and a service whose pages it shows. Both end when they are dropped, also by a panic.
//!
//! It needs Chromium and its driver: on Debian `apt-get install chromium chromium-driver`.

mod browser;
mod driver;
mod service;

pub use browser::{Browser, Screen};
pub use fantoccini::wd::WindowHandle;
pub use service::Service;
