//! Evidence packs where a person is: written to a file of theirs, and checked without a server.

use super::link;
use super::places::Places;
use super::speak;
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure, say};
use crate::domain::words;
use crate::engine::signed_by;
use crate::ledger::checkpoint::NOTE_BYTES_MAX;
use crate::ledger::pack::check::{self, Answer, Checks};
use crate::ledger::pack::tar;
use crate::verbs::out::document;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// `evidence export … --out FILE`.
pub fn export(places: &Places, around: &Surroundings, arguments: &[String], out: &Path, as_json: bool) -> Ended {
    let unwritten = |error: std::io::Error| Failure::new(Exit::Storage, format!("{}: {error}", out.display()));
    let mut beside = out.as_os_str().to_owned();
    beside.push(".part");
    let beside = Path::new(&beside);
    let made = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside);
    let mut file = made.map_err(unwritten)?;
    let saving = async {
        let link = link::reach(places, around).await?;
        speak::save(&link, arguments, &mut file).await
    };
    let saved = speak::runtime()?.block_on(saving);
    match saved {
        Ok(Exit::Done) => {
            file.sync_all().and_then(|()| fs::rename(beside, out)).map_err(unwritten)?;
            let bytes = fs::metadata(out).map_err(unwritten)?.len();
            let path = out.display().to_string();
            say::out(&match as_json {
                true => document(&json!({"bytes": bytes, "written": path})),
                false => format!("wrote {path}, {bytes} bytes\n"),
            })?;
            Ok(Exit::Done)
        }
        // What came is an answer to read, not a pack.
        ended => {
            let answer = fs::read_to_string(beside).unwrap_or_default();
            let _ = fs::remove_file(beside);
            say::out(&answer)?;
            ended
        }
    }
}

/// `evidence verify PACK`.
pub fn verify(pack: &Path, since: Option<&Path>, as_json: bool) -> Ended {
    let unread =
        |path: &Path, error: std::io::Error| Failure::new(Exit::Unknown, format!("{}: {error}", path.display()));
    let note = match since {
        None => None,
        Some(path) => {
            let mut bytes = Vec::new();
            let file = File::open(path).map_err(|error| unread(path, error))?;
            file.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| unread(path, error))?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
    };
    let checks = Checks { kinds: words::KINDS, signed_by, since: note.as_deref() };
    let answer = if pack.is_dir() {
        let files = unpacked(pack).map_err(|error| unread(pack, error))?;
        check::unpacked(&files, checks)
    } else {
        let mut bytes = Vec::new();
        let file = File::open(pack).map_err(|error| unread(pack, error))?;
        file.take(tar::PACK_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unread(pack, error))?;
        check::pack(&bytes, checks)
    };
    say::out(&match as_json {
        true => document(&answer_json(&answer)),
        false => format!("{}\n", crate::verbs::safe_lines(&answer.to_string())),
    })?;
    Ok(match answer {
        Answer::Verified(_) => Exit::Done,
        Answer::Tampered(_) => Exit::No,
        Answer::CannotTell(_) => Exit::Unknown,
    })
}

/// The files of a pack that was unpacked. Whatever is no plain file is none of them, and is missed.
fn unpacked(dir: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir)?.take(tar::FILES_MAX + 1) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = if entry.file_type()?.is_file() { fs::read(entry.path())? } else { Vec::new() };
        files.insert(name, bytes);
    }
    Ok(files)
}

fn answer_json(answer: &Answer) -> Value {
    let finding = |word: &str, finding: &check::PackFinding| json!({"finding": {"file": finding.file, "what": finding.what}, "verdict": word});
    match answer {
        Answer::Verified(found) => json!({
            "details": found.details,
            "events": found.events,
            "origin": found.checkpoint.origin,
            "root": found.checkpoint.root.to_base64(),
            "signatures": found.signatures,
            "size": found.checkpoint.size,
            "verdict": "verified",
        }),
        Answer::Tampered(found) => finding("tampered", found),
        Answer::CannotTell(found) => finding("cannot_tell", found),
    }
}
