//! A network that fails when it is told to: it stands between a client and a server.

use std::{
    io::{self, Read},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::net::{SendFlags, sockopt};

/// How long a peer that reads nothing is waited for before it is tried again.
const RETRY: Duration = Duration::from_millis(2);

/// Listens on a free port of the loopback address, and forwards to a server.
///
/// When a method returns, it is in force: no byte is forwarded that it forbids.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

/// One of the two ways that bytes take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From clients to the server.
    ToServer,
    /// From the server to its clients.
    ToClient,
}

impl Direction {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    target: u16,
    is_cut: bool,
    is_over: bool,
    lanes: [Lane; 2],
    links: Vec<Arc<Link>>,
    accepted: u64,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Default, Debug)]
struct Lane {
    flow: Flow,
    delay: Duration,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Flow {
    #[default]
    Open,
    Held,
    Dropped,
}

/// A connection of a client, and the one to the server that belongs to it.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    end: Mutex<LinkEnd>,
}

#[derive(Default, Debug)]
struct LinkEnd {
    /// No byte is forwarded any more.
    is_over: bool,
    /// What was sent is incomplete: it cannot go on.
    is_broken: bool,
    /// How many directions have ended in order.
    ended: u8,
}

impl Proxy {
    /// Forwards to a port of the loopback address.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let own_port = listener.local_addr().expect("it is bound").port();
        let state = State {
            target: port,
            is_cut: false,
            is_over: false,
            lanes: [Lane::default(); 2],
            links: Vec::new(),
            accepted: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { shared, port: own_port, acceptor: Some(acceptor) }
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, for a client of Redis.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections clients have made.
    pub fn accepted(&self) -> u64 {
        self.shared.lock().accepted
    }

    /// Resets all connections. New ones are reset as soon as they are made, until it is [restored](Self::restore).
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.is_cut = true;
        state.reset_links();
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Resets all connections. New ones are forwarded.
    pub fn reset(&self) {
        self.shared.lock().reset_links();
        self.shared.changed.notify_all();
    }

    /// From now on the bytes of one direction stay in the proxy. Connections stay and can be made, and neither side learns
    /// that the other has closed one. When it is [restored](Self::restore), what was held is forwarded.
    pub fn hold(&self, direction: Direction) {
        self.set_flow(direction, Flow::Held);
    }

    /// [Holds](Self::hold) what goes either way.
    pub fn half_open(&self) {
        for direction in Direction::BOTH {
            self.hold(direction);
        }
    }

    /// From now on the bytes of one direction are lost. Connections stay and can be made. When it is
    /// [restored](Self::restore), those that have lost bytes are reset.
    pub fn drop_bytes(&self, direction: Direction) {
        self.set_flow(direction, Flow::Dropped);
    }

    fn set_flow(&self, direction: Direction, flow: Flow) {
        self.shared.lock().lanes[direction as usize].flow = flow;
        self.shared.changed.notify_all();
    }

    /// From now on the bytes of one direction are forwarded no earlier than this after they have arrived.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.shared.lock().lanes[direction as usize].delay = delay;
        self.shared.changed.notify_all();
    }

    /// All is well again, with the same target.
    pub fn restore(&self) {
        let mut state = self.shared.lock();
        state.is_cut = false;
        state.lanes = [Lane::default(); 2];
        state.links.retain(|link| {
            let is_whole = !link.end().is_broken;
            if !is_whole {
                link.reset();
            }
            is_whole
        });
        drop(state);
        self.shared.changed.notify_all();
    }

    /// New connections go to another port. Those that there are stay, unless they are [reset](Self::reset).
    pub fn target(&self, port: u16) {
        self.shared.lock().target = port;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        state.reset_links();
        drop(state);
        self.shared.changed.notify_all();
        // It waits for a connection.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reset_links(&mut self) {
        for link in self.links.drain(..) {
            link.reset();
        }
    }
}

impl Link {
    fn end(&self) -> MutexGuard<'_, LinkEnd> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it. Both sides are reset when the last thread has let go of it.
    fn reset(&self) {
        self.end().is_over = true;
        for stream in [&self.client, &self.server] {
            reset_on_close(stream);
            // This ends a read that waits, and tells the other side nothing.
            drop(stream.shutdown(Shutdown::Read));
        }
    }

    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        }
    }
}

fn reset_on_close(stream: &TcpStream) {
    // It fails only if the connection is gone already.
    sockopt::set_socket_linger(stream, Some(Duration::ZERO)).ok();
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mut state = shared.lock();
        if state.is_over {
            return;
        }
        let Ok(client) = client else { continue };
        state.accepted += 1;
        // Under the lock: else it could be cut, or have another target, before this link is listed.
        let server = if state.is_cut { None } else { TcpStream::connect((Ipv4Addr::LOCALHOST, state.target)).ok() };
        let Some(server) = server else {
            reset_on_close(&client);
            continue;
        };
        for stream in [&client, &server] {
            drop(stream.set_nodelay(true));
        }
        let link = Arc::new(Link { client, server, end: Mutex::default() });
        state.links.push(Arc::clone(&link));
        for direction in Direction::BOTH {
            let (shared, link) = (Arc::clone(shared), Arc::clone(&link));
            thread::spawn(move || forward(&shared, &link, direction));
        }
    }
}

/// Forwards one direction of a link until it ends.
fn forward(shared: &Shared, link: &Arc<Link>, direction: Direction) {
    let (mut from, to) = link.ends(direction);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer);
        let arrived = Instant::now();
        let sent = match read {
            Ok(length) => shared.send(link, direction, &buffer[..length], arrived),
            Err(_) => Sent::Failed,
        };
        let is_over = match sent {
            Sent::All => continue,
            Sent::Over => return,
            Sent::End => {
                drop(to.shutdown(Shutdown::Write));
                let mut end = link.end();
                end.ended += 1;
                end.ended == 2
            }
            Sent::Failed => {
                link.reset();
                true
            }
        };
        if is_over {
            shared.lock().links.retain(|listed| !Arc::ptr_eq(listed, link));
            shared.changed.notify_all();
        }
        return;
    }
}

enum Sent {
    All,
    /// There was nothing to send: the other side has closed the connection.
    End,
    Failed,
    /// The link is over.
    Over,
}

impl Shared {
    /// Sends bytes when the direction allows it.
    fn send(&self, link: &Link, direction: Direction, bytes: &[u8], arrived: Instant) -> Sent {
        let (_, to) = link.ends(direction);
        let mut rest = bytes;
        let mut state = self.lock();
        loop {
            if link.end().is_over {
                return Sent::Over;
            }
            let lane = state.lanes[direction as usize];
            let left = lane.delay.saturating_sub(arrived.elapsed());
            state = match lane.flow {
                Flow::Dropped if !bytes.is_empty() => {
                    link.end().is_broken = true;
                    return Sent::All;
                }
                Flow::Held | Flow::Dropped => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Flow::Open if !left.is_zero() => self.wait(state, left),
                Flow::Open if bytes.is_empty() => return Sent::End,
                // Under the lock, so that what is forbidden now is not forwarded: it must not wait for the peer.
                Flow::Open => match rustix::net::send(to, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                    Ok(sent) if sent == rest.len() => return Sent::All,
                    Ok(sent) => {
                        rest = &rest[sent..];
                        state
                    }
                    Err(error) if io::Error::from(error).kind() == io::ErrorKind::WouldBlock => self.wait(state, RETRY),
                    Err(_) => return Sent::Failed,
                },
            };
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    /// Answers each connection with a byte of its own, and then with what it is sent.
    struct Echo(u16);

    impl Echo {
        fn start(greeting: u8) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    thread::spawn(move || {
                        let mut copy = stream.try_clone()?;
                        stream.write_all(&[greeting])?;
                        io::copy(&mut copy, &mut stream)
                    });
                }
            });
            Self(port)
        }
    }

    fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap()
    }

    fn read(mut stream: &TcpStream, length: usize) -> Vec<u8> {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn write(mut stream: &TcpStream, bytes: &[u8]) {
        stream.write_all(bytes).unwrap();
    }

    /// That nothing arrives, and that the connection is not closed, can only be seen by waiting.
    fn is_silent(mut stream: &TcpStream) -> bool {
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn is_reset(mut stream: &TcpStream) -> bool {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    }

    #[test]
    fn all_bytes_are_forwarded_and_each_end_is() {
        let (echo, sent) = (Echo::start(1), vec![7; 3_000_000]);
        let proxy = Proxy::to(echo.0);
        let stream = connect(&proxy);
        assert_eq!(read(&stream, 1), [1]);
        let reader = thread::spawn({
            let stream = stream.try_clone().unwrap();
            move || read(&stream, 3_000_000)
        });
        write(&stream, &sent);
        assert!(reader.join().unwrap() == sent);
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
        assert_eq!(proxy.accepted(), 1);
    }

    #[test]
    fn a_cut_resets_all_connections_and_refuses_new_ones_until_it_is_restored() {
        let proxy = Proxy::to(Echo::start(1).0);
        let stream = connect(&proxy);
        read(&stream, 1);
        proxy.cut();
        assert!(is_reset(&stream));
        assert!(is_reset(&connect(&proxy)));
        proxy.restore();
        read(&connect(&proxy), 1);
    }

    #[test]
    fn what_was_held_is_forwarded_in_the_end() {
        for direction in Direction::BOTH {
            let proxy = Proxy::to(Echo::start(1).0);
            let stream = connect(&proxy);
            read(&stream, 1);
            proxy.hold(direction);
            write(&stream, b"held");
            let half_open = connect(&proxy);
            assert!(is_silent(&stream));
            assert_eq!(is_silent(&half_open), direction == Direction::ToClient);
            proxy.restore();
            assert_eq!(read(&stream, 4), b"held");
        }
    }

    #[test]
    fn a_connection_that_has_lost_bytes_does_not_go_on() {
        for direction in Direction::BOTH {
            let proxy = Proxy::to(Echo::start(1).0);
            let (with_loss, without) = (connect(&proxy), connect(&proxy));
            read(&with_loss, 1);
            read(&without, 1);
            proxy.drop_bytes(direction);
            write(&with_loss, b"lost");
            assert!(is_silent(&with_loss));
            proxy.restore();
            assert!(is_reset(&with_loss));
            write(&without, b"kept");
            assert_eq!(read(&without, 4), b"kept");
        }
    }

    #[test]
    fn a_delay_is_waited_for_in_its_direction() {
        for direction in Direction::BOTH {
            let proxy = Proxy::to(Echo::start(1).0);
            let stream = connect(&proxy);
            read(&stream, 1);
            proxy.delay(direction, SOON);
            let start = Instant::now();
            write(&stream, b"late");
            assert_eq!(read(&stream, 4), b"late");
            assert!(start.elapsed() >= SOON);
        }
    }

    #[test]
    fn new_connections_have_the_new_target_and_old_ones_stay_until_they_are_reset() {
        let (first, second) = (Echo::start(1), Echo::start(2));
        let proxy = Proxy::to(first.0);
        let old = connect(&proxy);
        read(&old, 1);
        proxy.target(second.0);
        assert_eq!(read(&connect(&proxy), 1), [2]);
        write(&old, b"old");
        assert_eq!(read(&old, 3), b"old");
        proxy.reset();
        assert!(is_reset(&old));
        assert_eq!(read(&connect(&proxy), 1), [2]);
    }

    #[test]
    fn without_a_server_a_connection_is_reset_and_a_dropped_proxy_listens_no_more() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let proxy = Proxy::to(port);
        assert!(is_reset(&connect(&proxy)));
        let own_port = proxy.port();
        drop(proxy);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, own_port)).is_err());
    }
}
