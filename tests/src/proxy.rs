//! A way to a database server that breaks off at a COMMIT: before the server has it, or once the server has answered.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Where the way breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    Nowhere,
    /// Before the Nth COMMIT is passed on.
    Before(usize),
    /// Before the answer to the Nth COMMIT is passed on.
    After(usize),
}

/// How a COMMIT goes to PostgreSQL and to MariaDB, where the connection is not encrypted.
const COMMITS: [&[u8]; 2] = [b"Q\0\0\0\x0bCOMMIT\0", b"\x07\0\0\0\x03COMMIT"];

/// A proxy for as long as this process lives.
pub struct Proxy {
    url: String,
    connections: Arc<AtomicUsize>,
    commits: Arc<AtomicUsize>,
}

impl Proxy {
    /// Begins to listen on behalf of the server of this URL.
    pub fn to(url: &str, cut: Cut) -> Self {
        let (login, rest) = url.rsplit_once('@').unwrap();
        let (server, path) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let through = format!("{login}@{}/{path}", listener.local_addr().unwrap());
        let (connections, commits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (server, opened, count) = (server.to_owned(), connections.clone(), commits.clone());
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                opened.fetch_add(1, Ordering::SeqCst);
                if let Ok(server) = TcpStream::connect(&server) {
                    pass_on(client, server, cut, count.clone());
                }
            }
        });
        Self { url: through, connections, commits }
    }

    /// The URL that leads through it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many connections were opened through it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many COMMITs came by.
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

fn pass_on(client: TcpStream, server: TcpStream, cut: Cut, commits: Arc<AtomicUsize>) {
    let is_last = Arc::new(AtomicBool::new(false));
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (mut from_server, mut to_client) = (server, client);
    let awaits_the_last = is_last.clone();
    std::thread::spawn(move || {
        let _ = copy(&mut from_client, &mut to_server, |bytes| {
            if !COMMITS.iter().any(|commit| bytes.ends_with(commit)) {
                return true;
            }
            let number = commits.fetch_add(1, Ordering::SeqCst) + 1;
            awaits_the_last.store(cut == Cut::After(number), Ordering::SeqCst);
            cut != Cut::Before(number)
        });
    });
    std::thread::spawn(move || copy(&mut from_server, &mut to_client, |_| !is_last.load(Ordering::SeqCst)));
}

/// Passes bytes on while they may, then ends both sides.
fn copy(from: &mut TcpStream, to: &mut TcpStream, may_pass: impl Fn(&[u8]) -> bool) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    let passed = loop {
        let bytes = match from.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(length) => &buffer[..length],
            Err(error) => break Err(error),
        };
        if !may_pass(bytes) {
            break Ok(());
        }
        if let Err(error) = to.write_all(bytes) {
            break Err(error);
        }
    };
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    passed
}
