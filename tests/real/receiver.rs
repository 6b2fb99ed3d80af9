//! A receiver of real HTTP requests on loopback, which keeps what comes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Came {
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Came {
    /// A header, which must be there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or_else(|| panic!("no {name}: {:?}", self.headers), |(_, value)| value)
    }
}

/// A receiver that answers every request with `status`.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub place: String,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Receiver {
    /// Starts it.
    pub fn start(status: &'static str) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let kept = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut request = Came::default();
                for line in reader.by_ref().lines().skip(1) {
                    let line = line.unwrap();
                    let Some((name, value)) = line.split_once(": ") else { break };
                    request.headers.push((name.to_owned(), value.to_owned()));
                }
                request.body = vec![0; request.header("content-length").parse().unwrap()];
                reader.read_exact(&mut request.body).unwrap();
                kept.lock().unwrap().push(request);
                write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
        });
        Receiver { place, came }
    }

    /// What has come so far.
    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}
