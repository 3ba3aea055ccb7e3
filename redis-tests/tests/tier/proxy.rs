//! A proxy whose connections can die without being closed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub(crate) struct Proxy {
    port: u16,
    /// How often what was connected has been lost.
    losses: Arc<AtomicUsize>,
}

impl Proxy {
    /// To a server on a port of the loopback address.
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let losses = Arc::<AtomicUsize>::default();
        let proxy = Self { port, losses: losses.clone() };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).unwrap();
                let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                forward(client, server, losses.clone());
                forward(server_too, client_too, losses.clone());
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on, nothing arrives through the connections that there are. They stay open.
    pub(crate) fn lose_what_is_connected(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, losses: Arc<AtomicUsize>) {
    let made_at = losses.load(Ordering::SeqCst);
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if losses.load(Ordering::SeqCst) == made_at && to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
    });
}
