//! The database: a counter for each row. The parent has it, and children ask by a socket.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::world::ROWS;

const READ: u8 = 0;
const INCREMENT: u8 = 1;

/// Serves the counters on a free port, which it returns.
pub(crate) fn serve() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let rows = Arc::new(Mutex::new(vec![0_u64; usize::from(ROWS)]));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let rows = Arc::clone(&rows);
            // A connection ends with its child.
            thread::spawn(move || while answer(&stream, &rows).is_ok() {});
        }
    });
    Ok(port)
}

/// All rows of a request are read or written at once.
fn answer(mut stream: &TcpStream, rows: &Mutex<Vec<u64>>) -> io::Result<()> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let mut ids = vec![0; usize::from(head[1])];
    stream.read_exact(&mut ids)?;
    let mut answer = Vec::new();
    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
    for id in ids {
        let row = &mut rows[usize::from(id)];
        *row += u64::from(head[0] == INCREMENT);
        answer.extend(row.to_le_bytes());
    }
    drop(rows);
    stream.write_all(&answer)
}

/// The database, for a child.
#[derive(Debug)]
pub(crate) struct Database {
    port: u16,
    idle: Mutex<Vec<TcpStream>>,
}

impl Database {
    pub(crate) fn at(port: u16) -> Self {
        Self { port, idle: Mutex::default() }
    }

    pub(crate) fn read(&self, ids: &[u16]) -> Vec<u64> {
        self.ask(READ, ids)
    }

    /// Returns the new counters.
    pub(crate) fn increment(&self, ids: &[u16]) -> Vec<u64> {
        self.ask(INCREMENT, ids)
    }

    fn ask(&self, what: u8, ids: &[u16]) -> Vec<u64> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let ask = || {
            let mut stream = match idle {
                Some(stream) => stream,
                None => TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?,
            };
            stream.set_nodelay(true)?;
            let narrow = |id: &u16| u8::try_from(*id).expect("there are few rows");
            let count = u8::try_from(ids.len()).expect("there are few rows");
            let request: Vec<u8> = [what, count].into_iter().chain(ids.iter().map(narrow)).collect();
            stream.write_all(&request)?;
            let mut answer = vec![0; 8 * ids.len()];
            stream.read_exact(&mut answer)?;
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            let counters = answer.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
            Ok::<_, io::Error>(counters.collect())
        };
        ask().expect("the parent answers")
    }
}
