//! The process that drives the browser.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

const MISSING: &str = "is missing: on Debian, `apt-get install chromium chromium-driver`";

/// `chromedriver` on a free port.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    pub(crate) fn start() -> Self {
        /// Its port is free for IPv6 when it takes it, and now and then it is not for IPv4: then it ends.
        const ATTEMPTS: usize = 5;
        let is_there = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
        assert!(is_there("chromium"), "chromium {MISSING}");
        let mut printed = String::new();
        for _ in 0..ATTEMPTS {
            match Self::try_start() {
                Ok(driver) => return driver,
                Err(lines) => printed = lines,
            }
        }
        panic!("chromedriver says on no line which port it has, but:\n{printed}");
    }

    /// Or else what it has printed.
    fn try_start() -> Result<Self, String> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver {MISSING} ({error})"));
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let mut printed = String::new();
        let port = lines.find_map(|line| {
            printed.push_str(&line);
            printed.push('\n');
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        // It must be able to go on writing.
        thread::spawn(move || lines.for_each(drop));
        if let Some(port) = port {
            return Ok(Self { process, port });
        }
        drop(process.kill());
        drop(process.wait());
        Err(printed)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it to end, and with it its browsers, which would otherwise stay.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        connection.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // While a test panics, another panic would abort it.
        if self.shut_down().is_err() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
