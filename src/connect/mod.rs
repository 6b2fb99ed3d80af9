//! Other systems over HTTP: one client, which goes where it is told and nowhere else.
//!
//! Invariants: no redirect is followed and no proxy asked; a request is sent once; answers are bounded; a name that is not written as
//! loopback never leads to loopback or a link-local address (Z50). Who may be asked is decided before: the plan names it.

pub mod vault;
pub mod webhook;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest answer that is read: a verdict needs words, not a dump.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Longest time to a connection; a system that takes longer is not there.
const CONNECT_MS_MAX: u64 = 5_000;

/// One request. Header values and body may hold secrets; they are wiped when it is dropped. What the HTTP library copies of them
/// is its own.
pub struct Request {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// What is sent along.
    pub body: Option<Zeroizing<String>>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as far as it is kept.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// Certain not to have been sent.
    #[error("{0}")]
    NotSent(String),
    /// Sent, perhaps; nobody heard how it ended.
    #[error("{0}")]
    NotHeard(String),
}

/// Sends a request, once.
///
/// # Errors
/// It was not sent, or its answer was not heard in time.
pub async fn send(request: Request) -> Result<Answer, CallError> {
    let not_sent = |error: String| CallError::NotSent(error);
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|error| not_sent(error.to_string()))?;
    let mut sending = client()?.request(method, &request.url).timeout(Duration::from_millis(request.timeout_ms));
    for (name, value) in &request.headers {
        let mut value = reqwest::header::HeaderValue::from_str(value.as_str())
            .map_err(|_| not_sent(format!("the value of the header {name} holds a character no header carries")))?;
        value.set_sensitive(true);
        sending = sending.header(name.as_str(), value);
    }
    if let Some(body) = &request.body {
        sending = sending.body(body.as_bytes().to_vec());
    }
    let mut response = sending.send().await.map_err(|error| match error.is_connect() || error.is_builder() {
        true => not_sent(deepest(&error)),
        false => CallError::NotHeard(deepest(&error)),
    })?;
    let status = response.status().as_u16();
    let mut answer = Answer { status, body: Vec::new(), whole: true };
    loop {
        let piece = response.chunk().await.map_err(|error| {
            CallError::NotHeard(format!("answered {status}, and broke off in its body: {}", deepest(&error)))
        })?;
        let Some(piece) = piece else { return Ok(answer) };
        let room = ANSWER_BYTES_MAX - answer.body.len();
        answer.body.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
        if piece.len() > room {
            answer.whole = false;
            return Ok(answer);
        }
    }
}

/// The one client. It keeps no connection: a request is never the second one on a connection that may be gone, and is
/// never sent twice because of that.
fn client() -> Result<&'static reqwest::Client, CallError> {
    static CLIENT: OnceLock<Result<reqwest::Client, String>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        // Refused where one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .user_agent(concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .dns_resolver(Outside)
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .build()
            .map_err(|error| deepest(&error))
    });
    made.as_ref().map_err(|error| CallError::NotSent(error.clone()))
}

/// Resolves names, and takes no address that only this machine answers at: a name is not a way in.
struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let local = host.eq_ignore_ascii_case("localhost");
            let taken: Vec<SocketAddr> = found.filter(|address| local || is_outside(address.ip())).collect();
            match taken.is_empty() {
                true => Err(format!("{host} leads to this machine alone; write its address to mean that").into()),
                false => Ok(Box::new(taken.into_iter()) as Addrs),
            }
        })
    }
}

fn is_outside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !(address.is_loopback() || address.is_link_local() || address.is_unspecified()),
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unicast_link_local() || address.is_unspecified()),
    }
}

/// The cause of an error that lies deepest: what the operating system or the other side said.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    at.to_string()
}

#[cfg(test)]
mod tests;
