//! What machines ask of this server over HTTP: `GET /healthz` and `GET /metrics`, and nothing else.
//!
//! Reading order: here (who is answered, and how), `families` (which numbers), `text` (how they are written).
//!
//! Invariants: nobody signs in here, so there is nothing to be had but numbers and closed words, and nothing can be changed; no
//! request makes work that grows with what it says: its head is bounded in bytes and time, its body is never read, a connection
//! carries one request; a flood here meets its own bound and touches no person's door.

mod families;
mod text;

use super::{ACCEPT_PAUSE, House};
use crate::engine::Health;
use core::convert::Infallible;
use core::net::SocketAddr;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections that are answered at once: a pair of Prometheus servers, a probe, a person with `curl`. More wait in the
/// kernel's line.
const CONNECTIONS_MAX: usize = 8;

/// A connection that is not over by then is cut: on loopback a request takes milliseconds.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// Bytes of a request's head: the library keeps no fewer.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Header lines of a request.
const HEADERS_MAX: usize = 32;

/// Where machines ask.
#[derive(Debug)]
pub struct Watched {
    listener: TcpListener,
}

impl Watched {
    /// Listens.
    ///
    /// # Errors
    /// Why nobody can listen there.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until the server has seen everybody out: also while it stops, for then it says so.
    pub(super) fn serve(self, house: &Arc<House>) {
        let home = Arc::clone(house);
        house.watching.spawn(async move {
            let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let accepted = tokio::select! {
                    accepted = self.listener.accept() => accepted,
                    () = home.over.cancelled() => return,
                };
                match accepted {
                    Ok((stream, _)) => {
                        let asked = Arc::clone(&home);
                        home.watching.spawn(async move {
                            answer(stream, &asked).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a connection for metrics could not be taken");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
    }
}

/// One request, and its answer.
async fn answer(stream: TcpStream, house: &Arc<House>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(request.method(), request.uri().path(), house);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = tokio::time::timeout(CONNECTION_WAIT, connection) => match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a request for metrics was none"),
            Err(_) => tracing::debug!("a request for metrics took too long"),
        },
        () = house.over.cancelled() => {}
    }
}

fn respond(method: &Method, path: &str, house: &House) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/healthz" => healthz(house),
        "/metrics" => {
            let mut page = plain(StatusCode::OK, families::page(house));
            page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
            page
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /healthz and /metrics\n".to_owned()),
    }
}

/// Whether decisions are taken, for machines by the status, for people in words.
fn healthz(house: &House) -> Response<Full<Bytes>> {
    let health = house.health();
    let (word, why, next) = match health {
        Health::Fine => ("ready", None, None),
        Health::Full => (
            "full",
            Some("the disk is full: only outcomes, pause and abort are recorded".to_owned()),
            Some("free space where the data lies; this ends with the next thing that is recorded"),
        ),
        Health::Hangs(since) => (
            "hangs",
            Some(format!("the disk has not answered for {} s: nothing can be decided", since.as_secs())),
            Some("look after the disk where the data lies"),
        ),
        Health::Failed => (
            "failed",
            Some("the record cannot be written any more: the server ends".to_owned()),
            Some("mend the disk, then start the server anew"),
        ),
        Health::Stopping => ("stopping", Some("the server ends".to_owned()), None),
    };
    let mut said =
        json!({"status": word, "version": env!("CARGO_PKG_VERSION"), "uptime_s": house.engine.up().as_secs()});
    let fields = [("why", why), ("next", next.map(str::to_owned))];
    for (name, value) in fields {
        if let (Some(value), Some(object)) = (value, said.as_object_mut()) {
            object.insert(name.to_owned(), value.into());
        }
    }
    let status = match health {
        Health::Fine => StatusCode::OK,
        Health::Full | Health::Hangs(_) | Health::Failed | Health::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = plain(status, format!("{said}\n"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
