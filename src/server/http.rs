//! Answers over HTTP to machines, on a port of its own: one request a connection, bounded in bytes, time and number.

use super::relief::copy_of;
use super::{ACCEPT_PAUSE, House};
use core::convert::Infallible;
use core::net::SocketAddr;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Bytes of a request's head: the library keeps no fewer.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Header lines of a request.
const HEADERS_MAX: usize = 32;

/// Until the head of a request is there.
const HEAD_WAIT: Duration = Duration::from_secs(5);

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// How much at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections that are answered at once; more wait in the kernel's line.
    pub connections: usize,
    /// A connection that is not over by then is cut.
    pub wait: Duration,
}

/// A port that machines ask at.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
}

impl Port {
    /// Listens.
    ///
    /// # Errors
    /// Why nobody can listen there.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Listens where another server did so before.
    ///
    /// # Errors
    /// It cannot be listened at.
    pub fn passed(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)? })
    }

    /// A copy of its socket, for a successor.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn copy(&self) -> io::Result<OwnedFd> {
        copy_of(&self.listener)
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until the server has seen everybody out: also while it stops, for then it says so.
    pub(super) fn answer<F, A>(self, house: &Arc<House>, bounds: Bounds, respond: F)
    where
        F: Fn(Request<Incoming>, Arc<House>) -> A + Copy + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let home = Arc::clone(house);
        house.watching.spawn(async move {
            let places = Arc::new(Semaphore::new(bounds.connections));
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
                            one(stream, &asked, bounds, respond).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a connection over HTTP could not be taken");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
    }
}

/// One request, and its answer.
async fn one<F, A>(stream: TcpStream, house: &Arc<House>, bounds: Bounds, respond: F)
where
    F: Fn(Request<Incoming>, Arc<House>) -> A,
    A: Future<Output = Answer>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let responding = respond(request, Arc::clone(house));
        async move { Ok::<_, Infallible>(responding.await) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = tokio::time::timeout(bounds.wait, connection) => match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a request over HTTP was none"),
            Err(_) => tracing::debug!("a request over HTTP took too long"),
        },
        () = house.over.cancelled() => {}
    }
}

/// An answer in words.
pub fn plain(status: StatusCode, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer as JSON.
pub fn json(status: StatusCode, document: String) -> Answer {
    let mut response = plain(status, document);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
