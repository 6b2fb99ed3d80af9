//! What machines ask of this server over HTTP: `GET /healthz` and `GET /metrics`, and nothing else.
//!
//! Reading order: here (who is answered, and how), `families` (which numbers), `text` (how they are written).
//!
//! Invariants: nobody signs in here, so there is nothing to be had but numbers and closed words, and nothing can be changed; no
//! request makes work that grows with what it says: its head is bounded in bytes and time, its body is never read, a connection
//! carries one request; a flood here meets its own bound and touches no person's door.

mod families;
mod text;

use super::House;
use super::http::{self, Answer, Bounds, Port, plain};
use crate::engine::Health;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A pair of Prometheus servers, a probe, a person with `curl`; on loopback a request takes milliseconds.
const BOUNDS: Bounds = Bounds { connections: 8, wait: Duration::from_secs(5) };

/// Answers until the server has seen everybody out.
pub(super) fn serve(port: Port, house: &Arc<House>) {
    port.answer(house, BOUNDS, |request, house| async move { respond(request.method(), request.uri().path(), &house) });
}

fn respond(method: &Method, path: &str, house: &House) -> Answer {
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
fn healthz(house: &House) -> Answer {
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
    http::json(status, format!("{said}\n"))
}
