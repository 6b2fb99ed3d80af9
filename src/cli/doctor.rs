//! `doctor`: what is in order and what is not, each line with what to do.

use super::link::{self, Link, Shut};
use super::places::Places;
use super::surroundings::uid;
use super::{Ended, Exit, Failure, files, programs, say, speak};
use crate::executor::{SEARCH_PATH, can_become};
use crate::ledger::{LOCK_FILE, Outcome};
use crate::server::{HostKey, HostKeyError};
use crate::site;
use crate::terminal::line::Safe;
use crate::verbs::out::document;
use serde_json::{Value, json};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// Room that is too little: the record's reserve, the views and a day of output need more.
const ROOM_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// A server that let us in answers at once, unless something is wrong.
const TELL_WAIT: Duration = Duration::from_secs(10);

/// One thing looked at.
struct Look {
    what: String,
    found: Found,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Fine,
    Wrong,
    /// Not wrong, and not there.
    Absent,
}

/// Looks at everything it can.
pub fn doctor(places: &Places, as_json: bool) -> Ended {
    let mut looks = vec![
        site_files(places),
        named_programs(places),
        data_dir(places),
        room(places),
        record(places),
        local_work(places),
    ];
    looks.extend(server(places));
    looks.push(host_key(places));
    let wrong = looks.iter().any(|look| look.found == Found::Wrong);
    let word = |found: Found| match found {
        Found::Fine => "fine",
        Found::Wrong => "wrong",
        Found::Absent => "absent",
    };
    if as_json {
        let rows: Vec<_> =
            looks.iter().map(|look| json!({"found": word(look.found), "says": look.says, "what": look.what})).collect();
        say::out(&document(&json!({"rows": rows})))?;
    } else {
        let rows: Vec<Vec<String>> =
            looks.iter().map(|look| vec![look.what.clone(), word(look.found).to_owned(), look.says.clone()]).collect();
        say::out(&crate::verbs::table(&["what", "is", "says"], &rows))?;
    }
    Ok(if wrong { Exit::No } else { Exit::Done })
}

fn site_files(places: &Places) -> Look {
    let (found, says) = match places.site() {
        Err(failure) => (Found::Absent, failure.text),
        Ok(dir) => match site::load(dir, site::git::state(dir)) {
            Ok(loaded) if loaded.warnings.is_empty() => (Found::Fine, dir.display().to_string()),
            Ok(loaded) => {
                (Found::Fine, format!("{}, {} to look at: quarterdeck check", dir.display(), loaded.warnings.len()))
            }
            Err(problems) => {
                (Found::Wrong, format!("{}, {} to mend: quarterdeck check", dir.display(), problems.len()))
            }
        },
    };
    Look { what: "site".to_owned(), found, says }
}

fn data_dir(places: &Places) -> Look {
    let (found, says) = match places.data() {
        Err(failure) => (Found::Wrong, failure.text),
        Ok(dir) => match fs::metadata(&dir) {
            Err(_) => (Found::Absent, format!("{} will be made by the first start", dir.display())),
            Ok(meta) => of_data(&dir, &meta),
        },
    };
    Look { what: "data".to_owned(), found, says }
}

fn of_data(dir: &Path, meta: &fs::Metadata) -> (Found, String) {
    let mode = meta.permissions().mode() & 0o777;
    match (mode & 0o077, meta.uid() == uid()) {
        (0, true) => (Found::Fine, dir.display().to_string()),
        (0, false) => (Found::Fine, format!("{}, closed to you: another account's", dir.display())),
        _ => (Found::Wrong, format!("{} is open to others (mode {mode:o}): chmod 700", dir.display())),
    }
}

fn record(places: &Places) -> Look {
    let readable = places.data().ok().filter(|dir| fs::read_dir(dir.join("ledger")).is_ok());
    let (found, says) = match readable.map(|dir| files::verdict(&dir)) {
        None => (Found::Absent, "nothing there that you can read".to_owned()),
        Some(Err(failure)) => (Found::Wrong, failure.text),
        Some(Ok(verdict)) => match verdict.outcome {
            Outcome::Intact => (Found::Fine, verdict.to_string()),
            Outcome::Tampered(_) | Outcome::CannotTell(_) => (Found::Wrong, verdict.to_string()),
        },
    };
    Look { what: "record".to_owned(), found, says }
}

/// Whether work on this machine can be done under the account the site names for it. Only the server's account can tell.
fn local_work(places: &Places) -> Look {
    let site = places.site().ok().and_then(|dir| site::load(dir, site::git::state(dir)).ok());
    let own = places.data().ok().and_then(|dir| fs::metadata(dir).ok()).is_none_or(|data| data.uid() == uid());
    let (found, says) = match site.map(|loaded| loaded.site.local_account) {
        None => (Found::Absent, "no site to ask".to_owned()),
        Some(None) => {
            (Found::Absent, "no account named: it runs as the server, and not at all in production".to_owned())
        }
        Some(Some(name)) if !own => (Found::Absent, format!("under {name}, which the server's account alone can try")),
        Some(Some(name)) => match speak::runtime().map(|runtime| runtime.block_on(can_become(&name))) {
            Ok(Ok(())) => (Found::Fine, format!("under {name}")),
            Ok(Err(why)) => (Found::Wrong, why),
            Err(failure) => (Found::Wrong, failure.text),
        },
    };
    Look {
        what: "local work".to_owned(),
        found,
        says: Safe::new(says.lines().next().unwrap_or_default()).as_str().to_owned(),
    }
}

/// The server, by its socket, and what it says of itself.
fn server(places: &Places) -> Vec<Look> {
    let knocked = places.socket().and_then(|socket| {
        let runtime = speak::runtime()?;
        let asked = runtime.block_on(async {
            let link = link::knock(&socket).await?;
            Ok::<_, Shut>(of_running_server(&link).await)
        });
        Ok((asked, socket))
    });
    let holder = || places.data().ok().and_then(|data| holder(&data));
    let mut itself = Vec::new();
    let (found, says) = match knocked {
        Ok((Ok(looks), socket)) => {
            itself = looks;
            (Found::Fine, format!("answers at {}", socket.display()))
        }
        Ok((Err(Shut::Nobody), socket)) => match holder() {
            None => (Found::Absent, "no server runs".to_owned()),
            Some(pid) => {
                (Found::Wrong, format!("process {pid} holds the data, and nobody answers at {}", socket.display()))
            }
        },
        Ok((Err(shut), _)) => (Found::Wrong, Failure::from(shut).text),
        Err(failure) => (Found::Wrong, failure.text),
    };
    let says = Safe::new(says.lines().next().unwrap_or_default()).as_str().to_owned();
    itself.insert(0, Look { what: "server".to_owned(), found, says });
    itself
}

/// What a server that lets us in says of itself.
async fn of_running_server(link: &Link) -> Vec<Look> {
    let own = |found, says: &str| vec![Look { what: "running server".to_owned(), found, says: says.to_owned() }];
    let asked = ["doctor", "--json"].map(str::to_owned);
    let said = match timeout(TELL_WAIT, speak::answer(link, &asked)).await {
        Err(_) => return own(Found::Wrong, "let us in, and says nothing of itself"),
        Ok(Err(failure)) => return own(Found::Wrong, failure.text.lines().next().unwrap_or_default()),
        Ok(Ok((_, said))) => serde_json::from_slice::<Value>(&said).unwrap_or_default(),
    };
    let look = |row: &Value| {
        let word = |key: &str| row.get(key)?.as_str().map(|text| Safe::new(text).as_str().to_owned());
        let found = match row.get("found")?.as_str()? {
            "fine" => Found::Fine,
            _ => Found::Wrong,
        };
        Some(Look { what: word("what")?, found, says: word("says")? })
    };
    match said.get("rows").and_then(Value::as_array) {
        Some(rows) => rows.iter().filter_map(look).collect(),
        // It does not know who asks, or is of a version that is not asked so.
        None => own(Found::Absent, "tells no more to you"),
    }
}

/// Programs that the site names, or that its steps need: whether they can be started here.
fn named_programs(places: &Places) -> Look {
    let site = places.site().ok().and_then(|dir| site::load(dir, site::git::state(dir)).ok());
    let (found, says) = match site.map(|loaded| programs::look(&loaded.site, SEARCH_PATH)) {
        None => (Found::Absent, "no site to ask".to_owned()),
        Some(looked) if !looked.missing.is_empty() => (Found::Wrong, looked.words()),
        Some(looked) if looked.there == 0 => (Found::Absent, looked.words()),
        Some(looked) => (Found::Fine, looked.words()),
    };
    Look { what: "programs".to_owned(), found, says: Safe::new(says).as_str().to_owned() }
}

/// Room where the data lie, or will.
fn room(places: &Places) -> Look {
    let there = |dir: PathBuf| dir.ancestors().find(|dir| dir.is_dir()).map(Path::to_owned);
    let (found, says) = match places.data().ok().and_then(there).map(rustix::fs::statvfs) {
        None => (Found::Absent, "no data directory to look at".to_owned()),
        Some(Err(error)) => (Found::Wrong, format!("cannot be told: {error}")),
        Some(Ok(disk)) => {
            let (free, all) = (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize);
            let mib = |bytes: u64| bytes / 1024 / 1024;
            let says = format!("{} of {} MiB free", mib(free), mib(all));
            match (free < ROOM_BYTES_MIN, disk.f_files > 0 && disk.f_favail == 0) {
                (true, _) => (Found::Wrong, format!("{says}: at least {} are wanted", mib(ROOM_BYTES_MIN))),
                (false, true) => (Found::Wrong, format!("{says}, and no file more: no inode is free")),
                (false, false) => (Found::Fine, says),
            }
        }
    };
    Look { what: "room".to_owned(), found, says }
}

/// The key by which this server is known over SSH. Only the server's account can read it.
fn host_key(places: &Places) -> Look {
    let (found, says) = match places.data().map(|dir| HostKey::read(&dir)) {
        Err(failure) => (Found::Wrong, failure.text),
        Ok(Ok(Some(key))) => (Found::Fine, HostKey::fingerprint(&key)),
        Ok(Ok(None)) => (Found::Absent, "made by the first start with --listen".to_owned()),
        Ok(Err(HostKeyError::System { source, .. })) if source.kind() == ErrorKind::PermissionDenied => {
            (Found::Absent, "the server's account alone can read it".to_owned())
        }
        Ok(Err(error)) => (Found::Wrong, error.to_string()),
    };
    Look {
        what: "host key".to_owned(),
        found,
        says: Safe::new(says.lines().next().unwrap_or_default()).as_str().to_owned(),
    }
}

/// The process that holds a data directory; `None` where none does, or none that we may know of.
fn holder(data: &Path) -> Option<String> {
    let mut lock = fs::File::open(data.join(LOCK_FILE)).ok()?;
    match lock.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = lock.read_to_string(&mut text);
            Some(text.trim().to_owned())
        }
        // Let go again at once, with the file.
        Ok(()) | Err(fs::TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::surroundings::Surroundings;
    use crate::ledger::RealDisk;
    use crate::verbs::args::Common;

    #[test]
    fn a_socket_that_cannot_be_used_is_not_called_absent() {
        let dir = tempfile::tempdir().unwrap();
        let (data, socket) = (dir.path().join("data"), dir.path().join("s"));
        let flags = Common { data: Some(data.clone()), socket: Some(socket.clone()), ..Common::default() };
        let look = || server(&Places::new(&flags, &Surroundings::default())).remove(0);
        assert!(look().found == Found::Absent);
        let held = RealDisk::lock(&data, 4242).unwrap();
        let wrong = look();
        assert!(wrong.found == Found::Wrong && wrong.says.contains("4242"), "{}", wrong.says);
        drop(held);
        let mute = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        drop(mute);
        assert!(look().found == Found::Absent, "a dead server's");
        fs::remove_file(&socket).unwrap();
        std::os::unix::fs::symlink(&socket, &socket).unwrap();
        assert!(look().found == Found::Wrong, "{}", look().says);
    }
}
