//! A TCP proxy between a client and a host, for the networks people really have: it can freeze (bytes stop, no
//! end is seen: a half-open connection) and cut (both ends see the end).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// Bytes moved at once.
const CHUNK_BYTES: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    Frozen,
    Ended,
}

#[derive(Debug)]
struct Shared {
    flow: Mutex<(Flow, Vec<TcpStream>)>,
    changed: Condvar,
}

/// A proxy to one address; its connections end on drop.
#[derive(Debug)]
pub struct Proxy {
    /// Where to connect instead.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { flow: Mutex::new((Flow::Open, Vec::new())), changed: Condvar::new() });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), false) = (client, ours.lock().0 == Flow::Ended) else {
                    return;
                };
                if let Ok(host) = TcpStream::connect(target) {
                    join(&ours, client, host);
                }
            }
        });
        Proxy { address, shared }
    }

    /// From now on no byte passes, in either direction, and nobody is told.
    pub fn freeze(&self) {
        self.set(Flow::Frozen);
    }

    /// What was held passes again.
    pub fn thaw(&self) {
        self.set(Flow::Open);
    }

    /// Ends every connection at once; new ones pass.
    pub fn cut(&self) {
        for stream in self.shared.lock().1.drain(..) {
            // An error means that it has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn set(&self, flow: Flow) {
        self.shared.lock().0 = flow;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Flow::Ended);
        self.cut();
        // Wakes the accepting thread, which then sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Flow, Vec<TcpStream>)> {
        self.flow.lock().unwrap()
    }
}

fn join(shared: &Arc<Shared>, client: TcpStream, host: TcpStream) {
    let copies = [&client, &host].map(|stream| stream.try_clone().unwrap());
    let more = [&client, &host].map(|stream| stream.try_clone().unwrap());
    shared.lock().1.extend(copies);
    let [client_too, host_too] = more;
    for (from, to) in [(client, host), (host_too, client_too)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || carry(&shared, from, to));
    }
}

fn carry(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count) = from.read(&mut chunk) {
        let held = shared.changed.wait_while(shared.lock(), |(flow, _)| *flow == Flow::Frozen).unwrap();
        let ended = held.0 == Flow::Ended;
        drop(held);
        if count == 0 || ended || to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    // An error means that the other direction ended it first.
    let _ = to.shutdown(Shutdown::Write);
}
