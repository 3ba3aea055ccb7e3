//! A browser without a window.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    elements::Element,
    error::CmdError,
    wd::{WebDriverCompatibleCommand, WindowHandle},
};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use url::{ParseError, Url};

use crate::driver::Driver;

/// The size and colours of the screen.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Whether it prefers dark colours.
    pub is_dark: bool,
}

impl Screen {
    /// A monitor.
    pub const WIDE: Self = Self { width: 1280, height: 900, is_dark: false };
    /// A phone.
    pub const PHONE: Self = Self { width: 390, height: 844, is_dark: false };

    /// The same in the dark.
    #[must_use]
    pub const fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }
}

/// Chromium.
pub struct Browser {
    client: Client,
    // In this order: the browser ends before its files are removed.
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts it, with a profile of its own.
    ///
    /// # Panics
    ///
    /// If that fails, as when the browser or its driver are not installed.
    pub async fn start() -> Self {
        let driver = Driver::start();
        let profile = TempDir::new().expect("there is a folder for temporary files");
        let arguments = [
            "--headless=new".to_owned(),
            // For root. The pages are our own.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url())
            .await
            .expect("the driver starts a browser");
        Self { client, _driver: driver, _profile: profile }
    }

    /// Opens a page on a screen.
    ///
    /// # Panics
    ///
    /// If the driver fails.
    pub async fn open(&self, url: &str, screen: Screen) {
        let Screen { width, height, is_dark } = screen;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if is_dark { "dark" } else { "light" };
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", scheme).await;
        self.client.goto(url).await.expect("the page loads");
    }

    /// Opens another window, whose page is empty, and returns the number of the one before.
    ///
    /// # Panics
    ///
    /// If the driver fails.
    pub async fn open_window(&self) -> WindowHandle {
        let before = self.client.window().await.expect("there is a window");
        let window = self.client.new_window(true).await.expect("a window opens");
        self.switch_to(window.handle).await;
        before
    }

    /// Goes to another window.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn switch_to(&self, window: WindowHandle) {
        self.client.switch_to_window(window).await.expect("the window is there");
    }

    /// The first element that a CSS selector names. It waits for it.
    ///
    /// # Panics
    ///
    /// If there is none after five seconds.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(Duration::from_secs(5)).for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("there is no {selector}: {error}"))
    }

    /// Clicks on it.
    ///
    /// # Panics
    ///
    /// If that is impossible.
    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        // The driver scrolls no further than to the edge, where the bars of the pages are.
        let middle = "arguments[0].scrollIntoView({ block: 'center' })";
        let argument = serde_json::to_value(&element).expect("an element has an id");
        self.client.execute(middle, vec![argument]).await.expect("an element can be scrolled to");
        element.click().await.unwrap_or_else(|error| panic!("{selector} cannot be clicked: {error}"));
    }

    /// Types into it.
    ///
    /// # Panics
    ///
    /// If that is impossible.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        element.send_keys(text).await.unwrap_or_else(|error| panic!("{selector} takes no keys: {error}"));
    }

    /// What a script returns.
    ///
    /// # Panics
    ///
    /// If it throws.
    pub async fn run(&self, script: &str) -> Value {
        let result = self.client.execute(script, Vec::new()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Runs a script in each page that is opened from now on, before those of the page.
    ///
    /// # Panics
    ///
    /// If the driver fails.
    pub async fn run_in_each_page(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Waits until an expression is true, and returns how long that took.
    ///
    /// # Panics
    ///
    /// If it takes longer than five seconds.
    pub async fn wait_until(&self, expression: &str) -> Duration {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression})")).await != json!(true) {
            assert!(start.elapsed() < Duration::from_secs(5), "it does not become true: {expression}");
            sleep(Duration::from_millis(10)).await;
        }
        start.elapsed()
    }

    /// Writes a picture of the screen into a file.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn save_screenshot(&self, file: &Path) {
        let png = self.client.screenshot().await.expect("the driver takes a screenshot");
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("the folder can be made");
        fs::write(file, png).expect("the file can be written");
    }

    /// The messages on the console since the last call: errors of scripts, and files that could not be loaded.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// The URLs that pages have asked for since the last call.
    ///
    /// # Panics
    ///
    /// If the driver fails.
    pub async fn requests(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for entry in self.log("performance").await {
            let event: Value = serde_json::from_str(entry["message"].as_str().expect("it is a text")).expect("of JSON");
            let event = &event["message"];
            if event["method"] == "Network.requestWillBeSent" {
                urls.push(event["params"]["request"]["url"].as_str().expect("it is a text").to_owned());
            }
        }
        urls
    }

    async fn log(&self, kind: &'static str) -> Vec<Value> {
        let log = self.command("se/log", json!({ "type": kind })).await;
        log.as_array().expect("a log is an array").clone()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        let result: Result<Value, CmdError> = self.client.issue_cmd(ChromeCommand { path, body }).await;
        result.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// A command of `chromedriver` that the standard does not have.
#[derive(Debug)]
struct ChromeCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
