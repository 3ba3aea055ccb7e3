//! A browser, and a service whose pages it shows. Both end when they are dropped, also by a panic.
//!
//! It needs Chromium and its driver, and Redis: on Debian `apt-get install chromium chromium-driver redis-server`.

mod browser;
mod driver;
mod service;

pub use browser::{Browser, Screen};
pub use fantoccini::wd::WindowHandle;
pub use service::Service;
