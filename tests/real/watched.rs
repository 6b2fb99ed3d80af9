//! The program as a server that is watched: started by hand, as a unit would, with the words a test gives it.

use super::process::{Daemon, new_mark};
use super::product::{PROGRAM, Product};
use super::wait::{SOON, until};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

/// A product's server, which a test has started itself; it ends on drop.
#[derive(Debug)]
pub struct Watched {
    pub daemon: Daemon,
    /// `127.0.0.1:PORT`, where metrics are.
    pub place: String,
    /// `127.0.0.1:PORT`, where machines' requests are heard.
    pub hooks: String,
}

impl Watched {
    /// Starts `serve` with metrics at a port the system picks, and reads which one from what it says.
    pub fn start(product: &Product) -> Watched {
        let log = product.at(&format!("serve-{}.log", new_mark()));
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(PROGRAM)
            .env("HOME", product.at("."))
            .env_remove("SSH_AUTH_SOCK");
        for (flag, name) in [("--site", "site"), ("--data", "data"), ("--socket", "socket")] {
            command.arg(flag).arg(product.at(name));
        }
        command.args(["serve", "--metrics", "127.0.0.1:0", "--hooks", "127.0.0.1:0"]);
        let mut daemon = Daemon::spawn(command, &new_mark(), &log);
        let [place, hooks] = until("machines to be served", SOON, || {
            let said = daemon.log();
            if let Some(status) = daemon.ended() {
                panic!("the server ended with {status}: {said}");
            }
            let at = |what: &str, end: &str| {
                let place = said.lines().find_map(|line| line.strip_prefix(what)?.strip_suffix(end));
                place.map(str::to_owned).ok_or_else(|| said.clone())
            };
            Ok::<_, String>([at("metrics at http://", "/metrics")?, at("requests at http://", "/hooks/MACHINE")?])
        });
        Watched { daemon, place, hooks }
    }

    /// What is answered to `GET path`: the status, the head and the body.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.place)).unwrap()
    }

    /// What is answered to these bytes. `Err`: not a whole answer.
    pub fn ask(&self, bytes: &str) -> Result<(u16, String, String), String> {
        Self::ask_at(&self.place, bytes)
    }

    /// The same at another place.
    pub fn ask_at(place: &str, bytes: &str) -> Result<(u16, String, String), String> {
        let mut stream = TcpStream::connect(place).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(bytes.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        // A reset after the answer is no matter: what was sent beyond the head is not read.
        let ended = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{ended:?}: {answer:?}"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(head)?;
        Ok((status, head.to_lowercase(), body.to_owned()))
    }

    /// A number of `/metrics`, by its name and labels as they stand there.
    #[track_caller]
    pub fn number(&self, name: &str) -> f64 {
        let (_, _, page) = self.get("/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
    }
}
