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
    let secret_id = std::str::from_utf8(secret_id.expose()).map_err(|_| "the secret_id is no text".to_owned())?;
    let login = Json(serde_json::json!({ "role_id": at.role_id, "secret_id": secret_id }));
    let let_in = ask(at, "POST", "auth/approle/login", None, Some(Zeroizing::new(login.0.to_string()))).await?;
    let token = let_in.text("/auth/client_token").ok_or("it let us in without a token")?;
    let (mount, rest) =
        path.split_once('/').ok_or("the reference names no path behind its mount: vault:MOUNT/PATH#FIELD")?;
    let entry = ask(at, "GET", &format!("{mount}/data/{rest}"), Some(token), None).await?;
    let pointer = format!("/data/data/{}", field.replace('~', "~0").replace('/', "~1"));
    let value = entry.text(&pointer).ok_or_else(|| format!("{path} has no text field called {field}"))?;
    let version = entry.0.pointer("/data/metadata/version").and_then(Value::as_u64);
    let version = version.ok_or("its answer has no version: is the mount of version 2 of KV?")?;
    Ok((value.as_bytes().to_vec(), version.to_string()))
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

async fn ask(
    at: &VaultAt,
    method: &'static str,
    path: &str,
    token: Option<&str>,
    body: Option<Zeroizing<String>>,
) -> Result<Json, String> {
    let header = |name: &str, value: &str| (name.to_owned(), Zeroizing::new(value.to_owned()));
    let mut headers = vec![header("X-Vault-Request", "true")];
    headers.extend(at.namespace.as_ref().map(|namespace| header("X-Vault-Namespace", namespace)));
    headers.extend(token.map(|token| header("X-Vault-Token", token)));
    let url = format!("{}/v1/{path}", at.address.trim_end_matches('/'));
    let request = Request { method, url, headers, body, timeout_ms: VAULT_TIMEOUT_MS };
    match send(request).await {
        Ok(Answer { status: 200, body, .. }) => {
            let body = Zeroizing::new(body);
            serde_json::from_slice(&body).map(Json).map_err(|_| "its answer is no JSON".to_owned())
        }
        Ok(Answer { status, .. }) => Err(meaning(status, path)),
        Err(CallError::NotSent(why) | CallError::NotHeard(why)) => {
            Err(format!("{} does not answer: {why}", at.address))
        }
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
