//! A question or an order to another system over HTTP, made once for the whole run by the server.
//!
//! Invariant: where a call goes is written in the runbook and bound: templates stand behind the authority of its URL, never in it,
//! and values are encoded for the place they stand in, so that no input can break out of its own (Z40).

pub mod argocd;
pub mod message;

use super::check;
use super::prose;
use super::runbook::{Expect, Match};
use argocd::Argo;
use message::Form;
use serde::{Deserialize, Serialize};

/// One request, and what its answer must look like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Which system is asked for what.
    pub kind: CallKind,
    /// Secrets it gets, by name: in headers and body alone.
    pub secrets: Vec<String>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
    /// What the answer must look like.
    pub expect: Expect,
}

/// The systems that can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Any request.
    Http {
        /// What is done.
        method: Method,
        /// Where to; a template behind its authority.
        url: String,
        /// Names and values; the values are templates.
        headers: Vec<(String, String)>,
        /// What is sent along; a template.
        body: Option<String>,
        /// The answer's status must be one of these; any success where none is written.
        status: Vec<u16>,
    },
    /// An instant query to Prometheus (HTTP API v1, `/api/v1/query`).
    Promql {
        /// Where Prometheus answers.
        url: String,
        /// The query; a template whose values are escaped as in a string of PromQL.
        query: String,
        /// Names and values; the values are templates.
        headers: Vec<(String, String)>,
    },
    /// An instant query to Loki that counts (HTTP API v1, `/loki/api/v1/query`); its answer has the form of Prometheus's.
    Logql {
        /// Where Loki answers.
        url: String,
        /// The query; a template whose values are escaped as in a string of LogQL.
        query: String,
        /// Names and values; the values are templates.
        headers: Vec<(String, String)>,
    },
    /// A workflow of n8n, by its production webhook.
    N8n {
        /// Its webhook; a template behind its authority.
        url: String,
        /// Names and values; the values are templates.
        headers: Vec<(String, String)>,
        /// What is sent along, a template; the run, the step and every input where none is written.
        body: Option<String>,
    },
    /// A message to people.
    Notify {
        /// Where it goes: what the secret names must go there too.
        url: String,
        /// What takes it.
        form: Form,
        /// The secret that is the whole address.
        address: String,
        /// The message; a template.
        text: String,
    },
    /// An application of Argo CD.
    Argocd {
        /// Where Argo CD answers.
        url: String,
        /// The application's name.
        application: String,
        /// The secret that is the token it is asked with.
        token: String,
        /// What is done.
        does: Argo,
    },
}

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the words are HTTP's own")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The word as it goes over the wire.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// The one a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete]
            .into_iter()
            .find(|method| method.word() == word)
    }
}

/// Where a URL goes: scheme, host and port, as an egress list names them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// Whether it is `https`.
    pub tls: bool,
    /// `host:port`, the port always written, IPv6 addresses in brackets.
    pub place: String,
}

/// Reads where a URL goes.
///
/// # Errors
/// It is no absolute HTTP URL, names a user, or its authority is a template.
pub fn authority(url: &str) -> Result<Authority, String> {
    let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err("write an absolute URL, as in https://prometheus.example:9090/".to_owned()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let place = rest.get(..end).unwrap_or_default();
    if place.contains("{{") {
        return Err("where it goes is written, not filled in: templates stand behind the first /".to_owned());
    }
    if place.contains('@') || place.is_empty() || place.contains(char::is_whitespace) {
        return Err("write host and port alone, without user or password".to_owned());
    }
    let has_port = match place.rfind(']') {
        Some(bracket) => place.get(bracket..).is_some_and(|rest| rest.contains(':')),
        None => place.contains(':'),
    };
    let place = place.to_ascii_lowercase();
    let place = if has_port { place } else { format!("{place}:{}", if tls { 443 } else { 80 }) };
    Ok(Authority { tls, place })
}

/// How a value is written where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoded {
    /// In a URL: everything but unreserved characters as `%XX` (RFC 3986).
    Url,
    /// Inside a string of JSON or PromQL: quotes, backslashes and control characters escaped.
    Quoted,
    /// As it is.
    Plain,
}

/// Fills a template, each value written for its place.
///
/// # Errors
/// A name nobody gave.
pub fn filled(text: &str, encoded: Encoded, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    prose::fill(text, |name| value(name).map(|value| encode(&value, encoded))).map_err(|error| error.message)
}

fn encode(value: &str, encoded: Encoded) -> String {
    match encoded {
        Encoded::Plain => value.to_owned(),
        Encoded::Url => value.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
                byte => out.push_str(&format!("%{byte:02X}")),
            }
            out
        }),
        Encoded::Quoted => {
            let quoted = serde_json::Value::String(value.to_owned()).to_string();
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
        }
    }
}

impl Call {
    /// The word for it in files and on screen.
    pub fn word(&self) -> &'static str {
        match self.kind {
            CallKind::Http { .. } => "http",
            CallKind::Promql { .. } => "promql",
            CallKind::Logql { .. } => "logql",
            CallKind::N8n { .. } => "n8n",
            CallKind::Notify { .. } => "notify",
            CallKind::Argocd { .. } => "argocd",
        }
    }

    /// Where it goes, as written.
    pub fn url(&self) -> &str {
        match &self.kind {
            CallKind::Http { url, .. }
            | CallKind::Promql { url, .. }
            | CallKind::Logql { url, .. }
            | CallKind::N8n { url, .. }
            | CallKind::Notify { url, .. }
            | CallKind::Argocd { url, .. } => url,
        }
    }

    /// How values are written in its body: inside strings of JSON, unless the body is no JSON.
    pub fn body_encoding(body: &str) -> Encoded {
        if body.trim_start().starts_with(['{', '[']) { Encoded::Quoted } else { Encoded::Plain }
    }

    /// Everything that is asked, line by line: what an approver reads.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        let mut lines = match &self.kind {
            CallKind::Http { method, url, headers, body, status } => {
                let mut lines = vec![format!("{} {}", method.word(), told(url))];
                lines.extend(headers.iter().map(|(name, value)| format!("{name}: {}", told(value))));
                lines.extend(body.iter().map(|body| told(body)));
                let wanted: Vec<String> = status.iter().map(ToString::to_string).collect();
                lines.push(match wanted.is_empty() {
                    true => "answers with success".to_owned(),
                    false => format!("answers {}", wanted.join(" or ")),
                });
                lines
            }
            CallKind::Promql { url, query, headers } | CallKind::Logql { url, query, headers } => {
                let mut lines = vec![format!("asks {url}"), told(query)];
                lines.extend(headers.iter().map(|(name, value)| format!("{name}: {}", told(value))));
                lines
            }
            CallKind::N8n { url, headers, body } => {
                let mut lines = vec![format!("triggers the workflow at {}", told(url))];
                lines.extend(headers.iter().map(|(name, value)| format!("{name}: {}", told(value))));
                lines.push(
                    body.as_ref().map_or_else(|| "with the run, the step and every input".to_owned(), |it| told(it)),
                );
                lines
            }
            CallKind::Notify { url, form, address, text } => {
                let to = format!("tells {url} ({}), at the address in the secret {address}:", form.word());
                vec![to, told(text)]
            }
            CallKind::Argocd { url, application, token, does } => {
                let what = match does {
                    Argo::Sync { revision, prune } => {
                        let to = revision.as_ref().map_or_else(|| "the newest revision".to_owned(), |it| told(it));
                        let pruned = if *prune { ", and takes away what it no longer has" } else { "" };
                        format!("brings the application {application} to {to}{pruned}")
                    }
                    Argo::Rollback { replaced } => {
                        let entry = told(&format!("{{{{ {replaced} }}}}"));
                        format!("takes the application {application} back to entry {entry} of its history")
                    }
                };
                vec![
                    format!("{what}, in Argo CD at {url} with the token {token}"),
                    "waits until it is healthy".to_owned(),
                ]
            }
        };
        lines.extend(self.expect.stdout.as_ref().map(|wanted| format!("expects {}", check::wanted(wanted))));
        lines.join("\n")
    }
}

/// Names of a query's templates that do not stand in a string in double quotes, with their places in it. Values are escaped for such
/// a string; in single quotes, in backticks and outside of strings they could say more than a value (Z40).
pub fn outside_quotes(query: &str) -> Vec<(usize, &str)> {
    let (mut found, mut open, mut at, mut escaped) = (Vec::new(), None, 0, false);
    while let Some(rest) = query.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((name, _)) = rest.strip_prefix("{{").and_then(|inside| inside.split_once("}}")) {
            // A backslash before it would take away the one that keeps a quote of the value in place.
            if open != Some('"') || escaped {
                found.push((at, name.trim()));
            }
            at += name.len() + 4;
            escaped = false;
            continue;
        }
        let mut letters = rest.chars();
        let letter = letters.next().unwrap_or_default();
        at += letter.len_utf8();
        match (open, letter) {
            (Some('"' | '\''), '\\') if letters.as_str().starts_with("{{") => escaped = true,
            (Some('"' | '\''), '\\') => at += letters.next().map_or(0, char::len_utf8),
            (Some('#'), '\n') => open = None,
            (Some(quote), letter) if quote == letter && quote != '#' => open = None,
            (None, '"' | '\'' | '`' | '#') => open = Some(letter),
            (Some(_) | None, _) => {}
        }
    }
    found
}

/// Judges an answer of Prometheus or Loki: every series it names must compare as written, and it must name one.
///
/// # Errors
/// What was expected and what came instead, or that the answer is none (HTTP API v1).
pub fn judge_query(wanted: Option<&Match>, body: &str) -> Result<String, String> {
    // Loki says in plain words what is wrong with a query.
    let no_json = |_| match body.trim().lines().next() {
        Some(first) if first.starts_with(|c: char| c.is_ascii_alphanumeric()) => format!("the answer is: {first}"),
        Some(_) | None => "the answer is no JSON".to_owned(),
    };
    let answer: serde_json::Value = serde_json::from_str(body).map_err(no_json)?;
    let text = |path: &str| answer.pointer(path).and_then(serde_json::Value::as_str);
    if text("/status") != Some("success") {
        return Err(format!("it says: {}", text("/error").unwrap_or("no success")));
    }
    let values: Vec<String> = match text("/data/resultType") {
        Some("scalar") => text("/data/result/1").map(str::to_owned).into_iter().collect(),
        Some("vector") => {
            let series = answer.pointer("/data/result").and_then(serde_json::Value::as_array);
            let value = |one: &serde_json::Value| one.pointer("/value/1")?.as_str().map(str::to_owned);
            series.into_iter().flatten().filter_map(value).collect()
        }
        Some(other) => return Err(format!("the query yields a {other}; write one that yields numbers of one moment")),
        None => return Err("the answer has no result".to_owned()),
    };
    if values.is_empty() {
        return Err("no series answers the query".to_owned());
    }
    let Some(wanted) = wanted else {
        return Ok(values.join(" "));
    };
    for value in &values {
        // `NaN` compares with nothing, `+Inf` and `-Inf` as numbers do.
        check::matches(wanted, &value.replace("+Inf", "inf").replace("-Inf", "-inf"))
            .map_err(|why| format!("of {}: {why}", super::words::count(values.len(), "series", "series")))?;
    }
    Ok(values.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::runbook::Compare;
    use super::*;

    #[test]
    fn z40_a_value_stays_in_its_place_whatever_it_holds() {
        let odd = "a/b?c=d&e#f\"}\\ ü\n{{ run }}";
        let value = |name: &str| (name == "x").then(|| odd.to_owned());
        let url = filled("https://h/p?q={{ x }}", Encoded::Url, &value).unwrap();
        assert_eq!(url, "https://h/p?q=a%2Fb%3Fc%3Dd%26e%23f%22%7D%5C%20%C3%BC%0A%7B%7B%20run%20%7D%7D");
        let json = filled("{\"x\": \"{{ x }}\"}", Encoded::Quoted, &value).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["x"], odd);
        assert_eq!(filled("{{ y }}", Encoded::Plain, &value).unwrap_err(), "{{ y }} names no input");
    }

    #[test]
    fn where_a_url_goes_is_read_and_is_no_template() {
        let place = |url: &str| authority(url).map(|authority| authority.place);
        assert_eq!(place("https://Prom.example/a").as_deref(), Ok("prom.example:443"));
        assert_eq!(place("http://127.0.0.1:9090").as_deref(), Ok("127.0.0.1:9090"));
        assert_eq!(place("http://[::1]/x").as_deref(), Ok("[::1]:80"));
        assert_eq!(place("http://[::1]:8080?x").as_deref(), Ok("[::1]:8080"));
        for wrong in ["ftp://h/", "https://{{ host }}/", "https://a@b/", "https:///x", "//h", "https://h h/"] {
            assert!(authority(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_holds_for_every_series_or_not_at_all() {
        let below = Match::Number { compare: Compare::Less, with: "0.5".to_owned() };
        let vector = |values: &[&str]| {
            let series: Vec<String> =
                values.iter().map(|v| format!("{{\"metric\":{{}},\"value\":[1,\"{v}\"]}}")).collect();
            format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{}]}}}}",
                series.join(",")
            )
        };
        assert_eq!(judge_query(Some(&below), &vector(&["0.1", "0.4"])).as_deref(), Ok("0.1 0.4"));
        for values in [&["0.1", "0.5"][..], &["NaN"], &["+Inf"], &[]] {
            assert!(judge_query(Some(&below), &vector(values)).is_err(), "{values:?}");
        }
        assert!(judge_query(Some(&below), &vector(&["-Inf"])).is_ok());
        let scalar = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"0.2\"]}}";
        assert_eq!(judge_query(Some(&below), scalar).as_deref(), Ok("0.2"));
        let wrong = "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}";
        assert_eq!(judge_query(None, wrong).unwrap_err(), "it says: parse error");
        assert_eq!(judge_query(None, "<html>").unwrap_err(), "the answer is no JSON");
        let loki = "parse error at line 1, col 5: syntax error: unexpected IDENTIFIER\n";
        assert!(judge_query(None, loki).unwrap_err().starts_with("the answer is: parse error at line 1"));
    }

    #[test]
    fn z40_a_template_of_a_query_stands_in_double_quotes_or_is_named() {
        let names = |query: &'static str| outside_quotes(query).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert!(names(r#"rate(x{a="{{ a }}", b="it's {{ b }} \"{{ c }}"}[5m])"#).is_empty());
        assert_eq!(names("x{a='{{ a }}'} + y{b=`{{ b }}`} + {{ c }}"), ["a", "b", "c"]);
        assert_eq!(names("x # don't\n + y{a='{{ a }}'}"), ["a"]);
        assert_eq!(names(r"x{a='\'{{ a }}'}"), ["a"]);
        assert_eq!(names(r#"x{a="\{{ a }}"} + y{b='\{{ b }}', c="\\{{ c }}"}"#), ["a", "b"]);
        assert_eq!(outside_quotes("ü{{ a }}"), [(2, "a")]);
    }
}
