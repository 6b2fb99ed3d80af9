//! A Prometheus that watches itself.

use std::fs;
use std::net::TcpStream;

use tempfile::TempDir;

use super::process::{Daemon, new_mark};
use super::program;
use super::sshd::free_port;
use super::wait::{SOON, until};

/// A server on loopback; it ends on drop.
#[derive(Debug)]
pub struct Prometheus {
    _daemon: Daemon,
    _directory: TempDir,
    /// `127.0.0.1:PORT`.
    pub place: String,
}

impl Prometheus {
    /// `None`, said aloud, where it is not installed.
    pub fn start() -> Option<Prometheus> {
        Prometheus::watching(&[])
    }

    /// One that watches these places too, each as the job `other`.
    pub fn watching(others: &[&str]) -> Option<Prometheus> {
        let server = program("prometheus")?;
        let directory = tempfile::Builder::new().prefix("qd-prometheus").tempdir().unwrap();
        let place = format!("127.0.0.1:{}", free_port());
        let file = directory.path().join("prometheus.yml");
        let watched = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: own\n  static_configs: [{{targets: ['{place}']}}]\n\
             - job_name: other\n  static_configs: [{{targets: {others:?}}}]\n"
        );
        fs::write(&file, watched).unwrap();
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", directory.path().join("data").display()),
            format!("--web.listen-address={place}"),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = directory.path().join("log");
        let mut daemon = Daemon::start(&server, &arguments, &new_mark(), &log);
        until("prometheus to listen", SOON, || {
            assert!(daemon.ended().is_none(), "prometheus ended: {}", daemon.log());
            TcpStream::connect(&place).map(drop).map_err(|error| error.to_string())
        });
        Some(Prometheus { _daemon: daemon, _directory: directory, place })
    }
}
