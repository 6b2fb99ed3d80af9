//! HashiCorp Vault and OpenBao: a field of a KV v2 entry, read after an AppRole login (HTTP API, `/v1/auth/approle/login` and
//! `/v1/MOUNT/data/PATH`).
//!
//! Invariants: neither value nor token is part of an error; every copy made here is wiped when the read is over (what the HTTP
//! library copies is its own); the token is used once.

use super::{Answer, CallError, Request, send};
use crate::domain::site::VaultAt;
use crate::secrets::Sealed;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// Longest time one of the two requests may take, in milliseconds.
const VAULT_TIMEOUT_MS: u64 = 5_000;

/// Reads the field `field` of the entry at `path`, whose first part is the mount. With the value comes the entry's version.
///
/// # Errors
/// What is wrong and what to do, in words.
pub async fn read(at: &VaultAt, secret_id: &Sealed, path: &str, field: &str) -> Result<(Vec<u8>, String), String> {
    let let_in = log_in(at, secret_id).await?;
    let token = let_in.text("/auth/client_token");
    let (mount, rest) =
        path.split_once('/').ok_or("the reference names no path behind its mount: vault:MOUNT/PATH#FIELD")?;
    let entry = ask(at, "GET", &format!("{mount}/data/{rest}"), token, None).await?;
    let pointer = format!("/data/data/{}", field.replace('~', "~0").replace('/', "~1"));
    let value = entry.text(&pointer).ok_or_else(|| format!("{path} has no text field called {field}"))?;
    let version = entry.0.pointer("/data/metadata/version").and_then(Value::as_u64);
    let version = version.ok_or("its answer has no version: is the mount of version 2 of KV?")?;
    Ok((value.as_bytes().to_vec(), version.to_string()))
}

/// The version of the entry at `path`, as its metadata says it; where this role may not read those, as the entry itself says it, and
/// nothing of its fields is kept.
///
/// # Errors
/// As [`read`].
pub async fn version(at: &VaultAt, secret_id: &Sealed, path: &str) -> Result<String, String> {
    let let_in = log_in(at, secret_id).await?;
    let token = || let_in.text("/auth/client_token");
    let (mount, rest) =
        path.split_once('/').ok_or("the reference names no path behind its mount: vault:MOUNT/PATH#FIELD")?;
    let said = match tried(at, "GET", format!("{mount}/metadata/{rest}"), token(), None).await {
        Ok(metadata) => metadata.0.pointer("/data/current_version").and_then(Value::as_u64),
        Err(_) => {
            let entry = ask(at, "GET", &format!("{mount}/data/{rest}"), token(), None).await?;
            entry.0.pointer("/data/metadata/version").and_then(Value::as_u64)
        }
    };
    said.map(|version| version.to_string())
        .ok_or_else(|| "its answer has no version: is the mount of version 2 of KV?".to_owned())
}

/// The answer to an AppRole login, with the token in it.
async fn log_in(at: &VaultAt, secret_id: &Sealed) -> Result<Json, String> {
    let secret_id = std::str::from_utf8(secret_id.expose()).map_err(|_| "the secret_id is no text".to_owned())?;
    let login = Json(serde_json::json!({ "role_id": at.role_id, "secret_id": secret_id }));
    let let_in = ask(at, "POST", "auth/approle/login", None, Some(Zeroizing::new(login.0.to_string()))).await?;
    match let_in.text("/auth/client_token") {
        Some(_) => Ok(let_in),
        None => Err("it let us in without a token".to_owned()),
    }
}

/// What becomes of an entry.
pub enum Change<'a> {
    /// This field gets this value; the others stay.
    Set(&'a str, &'a Sealed),
    /// This version is destroyed.
    Destroy(u64),
}

/// The versions of an entry after a change: the one it has now, and the one before; 0 where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Versions {
    /// The latest.
    pub now: u64,
    /// The one it replaced.
    pub before: u64,
}

/// Why an entry was not changed, or may have been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unchanged {
    /// It is as it was: why, in words.
    Refused(String),
    /// Whether the change arrived cannot be told.
    Unknown(String),
}

/// Changes the entry at `path`, whose first part is the mount. A version that somebody else wrote since it was read here is not written
/// over (`cas`).
///
/// # Errors
/// What is wrong and what to do, in words; and whether it may have been done nevertheless.
pub async fn change(at: &VaultAt, secret_id: &Sealed, path: &str, change: Change<'_>) -> Result<Versions, Unchanged> {
    let refused = |why: &str| Unchanged::Refused(why.to_owned());
    let token = log_in(at, secret_id).await.map_err(Unchanged::Refused)?;
    let (mount, rest) = path.split_once('/').ok_or_else(|| refused("the reference names no path behind its mount"))?;
    let asked = |method, path: String, body| tried(at, method, path, token.text("/auth/client_token"), body);
    match change {
        Change::Destroy(version) => {
            let body = serde_json::json!({ "versions": [version] }).to_string();
            asked("POST", format!("{mount}/destroy/{rest}"), Some(Zeroizing::new(body)))
                .await
                .map_err(Fault::of_change)?;
            Ok(Versions { now: version, before: version })
        }
        Change::Set(field, value) => {
            let value = std::str::from_utf8(value.expose()).map_err(|_| refused("the value is no text"))?;
            let (mut fields, before) = match asked("GET", format!("{mount}/data/{rest}"), None).await {
                Ok(entry) => {
                    let version = entry.0.pointer("/data/metadata/version").and_then(Value::as_u64);
                    let version = version
                        .ok_or_else(|| refused("its answer has no version: is the mount of version 2 of KV?"))?;
                    (Json(entry.0.pointer("/data/data").cloned().unwrap_or_default()), version)
                }
                Err(Fault::Status(404, _)) => (Json(Value::Null), 0),
                Err(fault) => return Err(Unchanged::Refused(fault.words(at, "data/"))),
            };
            if !fields.0.is_object() {
                fields.0 = Value::Object(serde_json::Map::new());
            }
            if let Some(all) = fields.0.as_object_mut() {
                let old = all.insert(field.to_owned(), Value::String(value.to_owned()));
                drop(old.map(Json));
            }
            let body = Zeroizing::new(format!("{{\"options\":{{\"cas\":{before}}},\"data\":{}}}", fields.0));
            let written = asked("POST", format!("{mount}/data/{rest}"), Some(body)).await;
            let written = written.map_err(Fault::of_change)?;
            match written.0.pointer("/data/version").and_then(Value::as_u64) {
                Some(now) => Ok(Versions { now, before }),
                None => Err(Unchanged::Unknown("it took the value and named no version".to_owned())),
            }
        }
    }
}

/// JSON whose texts are wiped when it is dropped.
struct Json(Value);

impl Json {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What came instead of an answer.
enum Fault {
    /// Another status, and where it was asked.
    Status(u16, String),
    /// No JSON.
    NoJson,
    /// Nothing was sent.
    NotSent(String),
    /// Nothing was heard.
    NotHeard(String),
}

impl Fault {
    fn words(&self, at: &VaultAt, path: &str) -> String {
        match self {
            Self::Status(status, _) => meaning(*status, path),
            Self::NoJson => "its answer is no JSON".to_owned(),
            Self::NotSent(why) | Self::NotHeard(why) => format!("{} does not answer: {why}", at.address),
        }
    }

    /// What a change that was asked for came to.
    fn of_change(self) -> Unchanged {
        match self {
            // A check-and-set that did not match is a 400.
            Self::Status(400, path) if path.contains("/data/") => Unchanged::Refused(
                "somebody else wrote there meanwhile, or the latest version is deleted: look at it, then try again"
                    .to_owned(),
            ),
            Self::Status(403, _) => {
                Unchanged::Refused("it does not let this role change that; look at the role's policy".to_owned())
            }
            Self::Status(status @ 500.., _) => Unchanged::Unknown(format!("it answered {status}")),
            Self::Status(status, path) => Unchanged::Refused(meaning(status, &path)),
            Self::NotSent(why) => Unchanged::Refused(why),
            Self::NoJson => Unchanged::Unknown("its answer is no JSON".to_owned()),
            Self::NotHeard(why) => Unchanged::Unknown(why),
        }
    }
}

async fn ask(
    at: &VaultAt,
    method: &'static str,
    path: &str,
    token: Option<&str>,
    body: Option<Zeroizing<String>>,
) -> Result<Json, String> {
    tried(at, method, path.to_owned(), token, body).await.map_err(|fault| fault.words(at, path))
}

async fn tried(
    at: &VaultAt,
    method: &'static str,
    path: String,
    token: Option<&str>,
    body: Option<Zeroizing<String>>,
) -> Result<Json, Fault> {
    let header = |name: &str, value: &str| (name.to_owned(), Zeroizing::new(value.to_owned()));
    let mut headers = vec![header("X-Vault-Request", "true")];
    headers.extend(at.namespace.as_ref().map(|namespace| header("X-Vault-Namespace", namespace)));
    headers.extend(token.map(|token| header("X-Vault-Token", token)));
    let url = format!("{}/v1/{path}", at.address.trim_end_matches('/'));
    let request = Request { method, url, headers, body, timeout_ms: VAULT_TIMEOUT_MS };
    match send(request).await {
        Ok(Answer { status: 200, body, .. }) => {
            let body = Zeroizing::new(body);
            serde_json::from_slice(&body).map(Json).map_err(|_| Fault::NoJson)
        }
        Ok(Answer { status: 204, .. }) => Ok(Json(Value::Null)),
        Ok(Answer { status, .. }) => Err(Fault::Status(status, path)),
        Err(CallError::NotSent(why)) => Err(Fault::NotSent(why)),
        Err(CallError::NotHeard(why)) => Err(Fault::NotHeard(why)),
    }
}

/// What a status means here and what to do about it.
fn meaning(status: u16, path: &str) -> String {
    let login = path.starts_with("auth/");
    match status {
        400 if login => "it does not know this role_id with this secret_id; issue a new secret_id".to_owned(),
        403 => "it does not let this role read that; look at the role's policy".to_owned(),
        404 if login => "it has no AppRole login there; enable the approle method, or look at the namespace".to_owned(),
        404 => "there is no such entry, or its latest version is deleted".to_owned(),
        429 | 473 => "the server we asked is a standby; name the active one".to_owned(),
        503 => "it is sealed or being maintained; unseal it and try again".to_owned(),
        300..=399 => format!("it sends us elsewhere ({status}), where we do not go; write its own address"),
        other => format!("it answered {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiremock::matchers::{body_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    async fn with(data: ResponseTemplate) -> (MockServer, VaultAt) {
        let server = MockServer::start().await;
        let login = serde_json::json!({ "role_id": "role", "secret_id": "secret-id-secret-id" });
        let let_in = serde_json::json!({ "auth": { "client_token": "hvs.token" } });
        Mock::given(method("POST"))
            .and(path("/v1/auth/approle/login"))
            .and(header("x-vault-namespace", "team"))
            .and(body_json(login))
            .respond_with(ResponseTemplate::new(200).set_body_json(let_in))
            .mount(&server)
            .await;
        let entry =
            Mock::given(method("GET")).and(path("/v1/kv/data/web/db")).and(header("x-vault-token", "hvs.token"));
        entry.respond_with(data).mount(&server).await;
        let at = VaultAt {
            address: server.uri(),
            namespace: Some("team".to_owned()),
            role_id: "role".to_owned(),
            secret_id: "/unused".to_owned(),
        };
        (server, at)
    }

    fn entry() -> ResponseTemplate {
        let data = serde_json::json!({ "password": "correct-horse", "port": 5432 });
        ResponseTemplate::new(200)
            .set_body_json(serde_json::json!({ "data": { "data": data, "metadata": { "version": 7 } } }))
    }

    fn secret_id() -> Sealed {
        Sealed::new(b"secret-id-secret-id".to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_field_is_read_with_the_version_of_its_entry() {
        let (_server, at) = with(entry()).await;
        let (value, version) = read(&at, &secret_id(), "kv/web/db", "password").await.unwrap();
        assert_eq!((value.as_slice(), version.as_str()), (b"correct-horse".as_slice(), "7"));
    }

    #[tokio::test]
    async fn every_refusal_says_what_to_do_and_never_a_value() {
        let (_server, at) = with(entry()).await;
        for field in ["user", "port"] {
            let error = read(&at, &secret_id(), "kv/web/db", field).await.unwrap_err();
            assert!(error.contains("no text field") && !error.contains("correct-horse"), "{error}");
        }
        for (status, words) in [(403, "policy"), (404, "no such entry"), (503, "sealed"), (307, "elsewhere")] {
            let body = serde_json::json!({ "errors": ["correct-horse"] });
            let (_server, at) = with(ResponseTemplate::new(status).set_body_json(body)).await;
            let error = read(&at, &secret_id(), "kv/web/db", "password").await.unwrap_err();
            assert!(error.contains(words) && !error.contains("correct-horse"), "{error}");
        }
        let gone = VaultAt { address: "http://127.0.0.1:1".to_owned(), ..at };
        let error = read(&gone, &secret_id(), "kv/web/db", "password").await.unwrap_err();
        assert!(error.contains("does not answer"), "{error}");
    }
}
