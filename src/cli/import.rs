//! `import` and `hosts import`: what other tools know, printed as drafts for a site. Asks those tools themselves what their files
//! mean: `ssh -G`, `ansible-inventory --list`.

use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure, say};
use crate::site::import::{self, Draft, Found, ImportError, SOURCE_BYTES_MAX};
use crate::verbs::args::{CLIENT_CONFIG, Import, ImportHosts};
use crate::verbs::out::document;
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `import rundeck FILE`, `import markdown FILE`.
pub fn runbooks(what: &Import, as_json: bool) -> Ended {
    let (file, into, drafts) = match what {
        Import::Rundeck { file, job, into } => {
            let mut drafts = import::rundeck(&read(file)?).map_err(|error| unmade(file, &error))?;
            if let Some(name) = job {
                drafts.retain(|draft| draft.title == *name);
                if drafts.is_empty() {
                    return Err(Failure::new(Exit::No, format!("{} holds no job called {name}", file.display())));
                }
            }
            (file, into, drafts)
        }
        Import::Markdown { file, into } => {
            let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (file, into, vec![import::markdown(&read(file)?, &name).map_err(|error| unmade(file, &error))?])
        }
    };
    if let Some(dir) = into {
        let written = write(dir, &drafts)?;
        return told(&written, as_json);
    }
    if as_json {
        let rows: Vec<Value> = drafts
            .iter()
            .map(|draft| json!({"id": draft.id, "title": draft.title, "todo": draft.todo(), "toml": draft.toml()}))
            .collect();
        say::out(&document(&json!({"drafts": rows})))?;
        return Ok(Exit::Done);
    }
    match drafts.as_slice() {
        [draft] => say::out(&draft.toml())?,
        several => {
            let names: Vec<&str> = several.iter().map(|draft| draft.title.as_str()).collect();
            let text = format!(
                "{} holds {} jobs: choose one with --job, or write all with --into DIR\n  {}",
                file.display(),
                several.len(),
                names.join("\n  ")
            );
            return Err(Failure::new(Exit::Usage, text));
        }
    }
    Ok(Exit::Done)
}

/// Each draft as a file of its own.
fn write(dir: &Path, drafts: &[Draft]) -> Result<Vec<(PathBuf, usize)>, Failure> {
    let cannot = |path: &Path, error: &io::Error| {
        let exit = if error.kind() == io::ErrorKind::AlreadyExists { Exit::No } else { Exit::Storage };
        Failure::new(exit, format!("{} cannot be written: {error}", path.display()))
    };
    fs::create_dir_all(dir).map_err(|error| cannot(dir, &error))?;
    let mut written = Vec::new();
    for draft in drafts {
        let path = dir.join(format!("{}.toml", draft.id));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(draft.toml().as_bytes())).map_err(|error| cannot(&path, &error))?;
        written.push((path, draft.todo().len()));
    }
    Ok(written)
}

fn told(written: &[(PathBuf, usize)], as_json: bool) -> Ended {
    let rows = written.iter().map(|(path, todo)| (path.display().to_string(), *todo));
    if as_json {
        let rows: Vec<Value> = rows.map(|(path, todo)| json!({"path": path, "todo": todo})).collect();
        say::out(&document(&json!({"written": rows})))?;
        return Ok(Exit::Done);
    }
    let text: String = rows.map(|(path, todo)| format!("wrote {path}, {todo} to do\n")).collect();
    say::out(&text)?;
    Ok(Exit::Done)
}

/// `hosts import --ssh-config [FILE]`, `hosts import --ansible INVENTORY`.
pub fn hosts(what: &ImportHosts, around: &Surroundings, as_json: bool) -> Ended {
    let (source, mut found) = match (&what.ssh_config, &what.ansible) {
        (Some(file), _) => {
            let file = match (file.as_os_str() == CLIENT_CONFIG, &around.home) {
                (true, Some(home)) => home.join(".ssh/config"),
                (true, None) => return Err(Failure::new(Exit::Usage, "no home directory: say which file")),
                (false, _) => file.clone(),
            };
            (file.clone(), of_ssh(&file, &what.hosts, around)?)
        }
        (None, Some(inventory)) => {
            let user = what.user.clone().or_else(|| around.account()).unwrap_or_default();
            (inventory.clone(), of_ansible(inventory, &user)?)
        }
        (None, None) => return Err(Failure::new(Exit::Usage, "say --ssh-config or --ansible")),
    };
    if !what.hosts.is_empty() {
        found.retain(|server| what.hosts.contains(&server.name));
        let missing = what.hosts.iter().find(|name| !found.iter().any(|server| server.name == **name));
        if let Some(name) = missing {
            return Err(Failure::new(Exit::No, format!("{} names no host {name}", source.display())));
        }
    }
    if found.is_empty() {
        return Err(Failure::new(
            Exit::No,
            format!("{} names no host by itself: patterns name nobody", source.display()),
        ));
    }
    let text = import::servers(&found, &source.display().to_string());
    if as_json {
        let rows: Vec<Value> = found.iter().map(row).collect();
        say::out(&document(&json!({"servers": rows, "toml": text})))?;
        return Ok(Exit::Done);
    }
    say::out(&text)?;
    Ok(Exit::Done)
}

fn row(server: &Found) -> Value {
    json!({
        "address": server.address,
        "groups": server.groups,
        "host_keys": server.host_keys,
        "jump": server.jump,
        "local": server.local,
        "name": server.name,
        "port": server.port.unwrap_or(22),
        "tags": server.tags,
        "todo": server.todo.iter().cloned().chain(server.unsound()).collect::<Vec<_>>(),
        "user": server.user,
    })
}

/// What `ssh` itself says of each host a configuration names.
fn of_ssh(file: &Path, wanted: &[String], around: &Surroundings) -> Result<Vec<Found>, Failure> {
    let text = read(file)?;
    // As the client does: from the directory of the user's configuration, unless a path says otherwise.
    let include = |pattern: &str| included(pattern, around.home.as_deref());
    let names = import::ssh_hosts(&text, &include);
    let chosen = names.into_iter().filter(|name| wanted.is_empty() || wanted.contains(name));
    let mut found = Vec::new();
    for name in chosen {
        let mut ssh = Command::new("ssh");
        // `--`: a name is never an option.
        ssh.arg("-G").arg("-F").arg(file).arg("--").arg(&name);
        found.push(import::ssh_settings(&name, &answer(ssh, "ssh -G")?));
    }
    Ok(found)
}

fn included(pattern: &str, home: Option<&Path>) -> Vec<String> {
    let path = match (pattern.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (None, Some(home)) if !pattern.starts_with('/') => home.join(".ssh").join(pattern),
        _ => PathBuf::from(pattern),
    };
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().map(|name| name.to_string_lossy().into_owned()))
    else {
        return Vec::new();
    };
    let paths: Vec<PathBuf> = match name.split_once('*') {
        None => vec![path.clone()],
        // One star, in the last part: what people write (`config.d/*`).
        Some((before, after)) => {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
            let fits = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name.starts_with(before) && name.ends_with(after) && name.len() >= before.len() + after.len()
            };
            let mut paths: Vec<PathBuf> = entries.filter(fits).collect();
            paths.sort();
            paths
        }
    };
    paths.iter().filter_map(|path| read(path).ok()).collect()
}

/// What an inventory names: as it was printed, or as `ansible-inventory` reads it.
fn of_ansible(inventory: &Path, user: &str) -> Result<Vec<Found>, Failure> {
    let printed = match read(inventory) {
        Ok(text) if text.trim_start().starts_with('{') => text,
        // A directory is an inventory too.
        _ => {
            let mut ansible = Command::new("ansible-inventory");
            ansible.arg("-i").arg(inventory).arg("--list");
            answer(ansible, "ansible-inventory")?
        }
    };
    import::inventory(&printed, user).map_err(|error| unmade(inventory, &error))
}

/// What a program prints.
fn answer(mut command: Command, called: &str) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        Failure::new(Exit::Unknown, format!("{called} cannot be asked: {error}; is it installed here?"))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(Exit::BadInput, format!("{called} could not read it: {}", said.trim())));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(Exit::BadInput, format!("what {called} says is not UTF-8")))
}

fn unmade(file: &Path, error: &ImportError) -> Failure {
    Failure::new(Exit::BadInput, format!("{}: {error}", file.display()))
}

/// A file, or standard input for `-`; no longer than anybody's.
fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::new(Exit::BadInput, format!("{}: {error}", file.display()));
    let source: Box<dyn io::Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(file).map_err(unreadable)?),
    };
    let mut text = String::new();
    source.take(SOURCE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}
