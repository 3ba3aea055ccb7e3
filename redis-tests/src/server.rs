//! A `redis-server` of a test.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use redis::{Client, Cmd, FromRedisValue, RedisResult};
use tempfile::TempDir;

/// No answer takes longer, and no start.
const PATIENCE: Duration = Duration::from_secs(30);

const MISSING: &str = "`redis-server` is missing: on Debian, `apt-get install redis-server`";

/// A server on a free port of the loopback address, with a folder of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
}

impl Server {
    /// Starts a server that writes nothing to its disk.
    ///
    /// # Panics
    ///
    /// If that fails, as when `redis-server` is not installed.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server with arguments of its command line, which it also has when it is [restarted](Self::restart).
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("there is a folder for temporary files");
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut server = Self { process: None, port: free_port(), folder, arguments };
        server.run();
        server
    }

    /// Starts a replica of the server that listens on a port, with what that has now. It keeps it when it is restarted.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn replica_of(port: u16) -> Self {
        let (persistent, port) = (["--save", "", "--appendonly", "yes"], port.to_string());
        let server = Self::start_with(&[&persistent[..], &["--replicaof", "127.0.0.1", &port]].concat());
        let start = Instant::now();
        while !server.command::<String>(&["INFO", "replication"]).contains("master_link_status:up") {
            assert!(start.elapsed() < PATIENCE, "the replica does not connect");
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// Makes a master of a replica. It is one also when it is [restarted](Self::restart).
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn promote(&mut self) {
        if let Some(at) = self.arguments.iter().position(|argument| argument == "--replicaof") {
            self.arguments.drain(at..at + 3);
        }
        self.command::<()>(&["REPLICAOF", "NO", "ONE"]);
    }

    /// Runs a command on a connection of its own.
    ///
    /// # Panics
    ///
    /// If the server does not answer, or with an error, or with another type.
    pub fn command<T: FromRedisValue>(&self, words: &[impl AsRef<[u8]>]) -> T {
        let (name, arguments) = words.split_first().expect("a command has a name");
        let words = || String::from_utf8_lossy(name.as_ref());
        let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        self.try_command(name.as_ref(), &arguments).unwrap_or_else(|error| panic!("{}: {error}", words()))
    }

    fn try_command<T: FromRedisValue>(&self, name: &[u8], arguments: &[&[u8]]) -> RedisResult<T> {
        let mut connection = Client::open(self.url())?.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        Cmd::new().arg(name).arg(arguments).query(&mut connection)
    }

    fn run(&mut self) {
        let mut process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
            // Replicas need not wait for others.
            .args(["--repl-diskless-sync-delay", "0"])
            .args(&self.arguments)
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        // It must be able to go on writing.
        thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
        let start = Instant::now();
        // It listens before it has read what is in its folder.
        while self.try_command::<String>(b"PING", &[]).is_err() {
            assert!(start.elapsed() < PATIENCE, "redis-server does not answer");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its folder, which a restarted server reads.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process.
    ///
    /// # Panics
    ///
    /// If it was killed.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Starts it again on the same port, with what is in its folder.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// Starts it again on the same port, with an empty folder.
    ///
    /// # Panics
    ///
    /// If the folder cannot be emptied.
    pub fn restart_empty(&mut self) {
        self.kill();
        fs::remove_dir_all(self.folder.path()).expect("the folder can be removed");
        fs::create_dir(self.folder.path()).expect("the folder can be made");
        self.run();
    }

    /// Stops it without ending it: connections stay, and nothing is answered.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Ends a [pause](Self::pause).
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.process_id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "`kill` works");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that is free now. Another process may take it before it is used.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_has_what_its_master_had_and_can_be_promoted() {
        let master = Server::start();
        master.command::<()>(&["SET", "key", "1"]);
        let mut replica = Server::replica_of(master.port());
        assert_eq!(replica.command::<String>(&["GET", "key"]), "1");
        replica.promote();
        replica.command::<()>(&["SET", "key", "2"]);
        assert_eq!(master.command::<String>(&["GET", "key"]), "1");
        replica.restart();
        assert!(replica.command::<String>(&["INFO", "replication"]).contains("role:master"));
    }

    #[test]
    fn a_restart_keeps_what_is_in_the_folder_if_there_is_anything() {
        let mut server = Server::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        server.command::<()>(&["SET", "key", "1"]);
        server.restart();
        assert_eq!(server.command::<String>(&["GET", "key"]), "1");
        server.restart_empty();
        assert_eq!(server.command::<Option<String>>(&["GET", "key"]), None);
    }
}
