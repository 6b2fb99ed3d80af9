//! Reads a site's files: which belong to it, how large they may be, and that none of them lies elsewhere.

use super::diagnostic::{Code, Diagnostic, Severity};
use super::text::is_hidden;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Largest file: the largest that people keep readable is a tenth of it.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most files of a site: a start that reads more would be felt.
pub(super) const FILES_MAX: usize = 5_000;
/// Most bytes of a site: they are held in memory while it is in force.
const SITE_BYTES_MAX: usize = 64 << 20;
/// The folder of what steps bring along: playbooks, manifests. Every file of it counts, whatever its name.
pub(super) const ENCLOSED: &str = "files";
/// Deepest directory below `runbooks` and `files`.
const DEPTH_MAX: usize = 8;

/// The files of a site by path relative to it, in path order.
pub(super) fn read_all(dir: &Path, found: &mut Vec<Diagnostic>) -> BTreeMap<String, String> {
    let root = match dir.canonicalize() {
        Ok(root) if root.is_dir() => root,
        Ok(_) => {
            let message = "not a directory: a site is a directory with quarterdeck.toml in it";
            found.push(whole(&dir.display().to_string(), Code::FileMissing, message));
            return BTreeMap::new();
        }
        Err(error) => {
            let message = format!("cannot be read: {error}");
            found.push(whole(&dir.display().to_string(), Code::FileMissing, &message));
            return BTreeMap::new();
        }
    };
    let mut walk = Walk { root, paths: Vec::new(), found };
    for required in ["quarterdeck.toml", "people.toml"] {
        walk.required(required);
    }
    for (folder, depth) in [("workspaces", 0), ("runbooks", DEPTH_MAX), ("themes", 0), (ENCLOSED, DEPTH_MAX)] {
        walk.folder(Path::new(folder), depth);
    }
    let Walk { root, paths, found } = walk;
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    for path in paths {
        if bytes > SITE_BYTES_MAX {
            let message = format!("the site is larger than {} MiB", SITE_BYTES_MAX >> 20);
            found.push(whole(&path, Code::FileSize, &message));
            break;
        }
        match read(&root, Path::new(&path)) {
            Ok(text) => {
                bytes += text.len();
                files.insert(path, text);
            }
            Err(diagnostic) => found.push(*diagnostic),
        }
    }
    files
}

/// One file of a site.
pub(super) fn read(root: &Path, path: &Path) -> Result<String, Box<Diagnostic>> {
    let name = path.display().to_string();
    let wrong = |code, message: &str| Box::new(whole(&name, code, message));
    let real =
        root.join(path).canonicalize().map_err(|error| wrong(Code::FileRead, &format!("cannot be read: {error}")))?;
    if !real.starts_with(root) {
        let message = "a symbolic link that leads out of the site";
        return Err(Box::new(
            whole(&name, Code::FileLink, message).hint("what runs must lie in the site: copy it here"),
        ));
    }
    let mut file = open(&real).map_err(|error| wrong(Code::FileRead, &format!("cannot be read: {error}")))?;
    let is_file = file.metadata().is_ok_and(|data| data.is_file());
    if !is_file {
        return Err(wrong(Code::FileRead, "not a regular file"));
    }
    let mut bytes = Vec::new();
    let read = (&mut file).take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(Code::FileRead, &format!("cannot be read: {error}")))?;
    text(&name, bytes)
}

/// A file's bytes as text.
pub(super) fn text(name: &str, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("larger than {} KiB", FILE_BYTES_MAX / 1_024);
        let hint = "split it: a person has to be able to review it";
        return Err(Box::new(whole(name, Code::FileSize, &message).hint(hint)));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let message = format!("a binary file: byte {at} is zero");
        let hint = "files of a site are text: what nobody can read nobody can approve";
        return Err(Box::new(whole(name, Code::FileText, &message).hint(hint)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let message = format!("not UTF-8: byte {at}, in line {line}");
        Box::new(whole(name, Code::FileText, &message).hint("save it as UTF-8"))
    })
}

/// Whether a name ends in `.toml` in whatever case.
fn is_meant(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"))
}

/// Never waits: a named pipe in place of a file would otherwise hold the reader for good.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn whole(name: &str, code: Code, message: &str) -> Diagnostic {
    Diagnostic::whole(name, Severity::Error, code, message)
}

struct Walk<'a> {
    root: PathBuf,
    paths: Vec<String>,
    found: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn wrong(&mut self, path: &Path, code: Code, message: &str) {
        self.found.push(whole(&path.display().to_string(), code, message));
    }

    /// Somebody thinks that this file holds.
    fn unread(&mut self, path: &Path, message: &str) {
        self.found.push(Diagnostic::whole(path.display().to_string(), Severity::Warning, Code::FileUnread, message));
    }

    /// The files of a folder that lies deeper than is looked.
    fn unread_below(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(self.root.join(folder)).into_iter().flatten().filter_map(Result::ok);
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).take(FILES_MAX).collect();
        names.sort();
        for name in names.iter().filter_map(|name| name.to_str()) {
            if is_meant(name) && !name.starts_with('.') {
                self.unread(&folder.join(name), "not read: this folder lies too deep; move the file up");
            }
        }
    }

    fn required(&mut self, name: &str) {
        match self.root.join(name).symlink_metadata() {
            Ok(_) => self.paths.push(name.to_owned()),
            Err(_) => {
                let missing = whole(name, Code::FileMissing, "missing: every site has one");
                self.found.push(missing.hint("`quarterdeck init DIR` writes one to begin with"));
            }
        }
    }

    /// The `.toml` files of a folder; of the enclosed ones all. Hidden entries are passed over: editors and version control put theirs there.
    fn folder(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else {
            if self.root.join(folder).symlink_metadata().is_ok() {
                self.wrong(folder, Code::FileRead, "cannot be read as a directory");
            }
            return;
        };
        let mut names: Vec<_> = entries.filter_map(Result::ok).collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        for entry in names {
            let name = entry.file_name();
            let path = folder.join(&name);
            let Some(name) = name.to_str() else {
                self.wrong(&path, Code::FileText, "a file name that is not UTF-8");
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            if name.chars().any(is_hidden) {
                let message = "a file name with hidden characters";
                self.wrong(&path, Code::FileText, message);
                continue;
            }
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let counts = name.ends_with(".toml") || path.starts_with(ENCLOSED);
            if kind.is_dir() && depth == 0 {
                self.unread_below(&path);
            } else if kind.is_dir() {
                self.folder(&path, depth - 1);
            } else if !counts && is_meant(name) {
                self.unread(&path, "not read: its name ends in .toml, in small letters, or it is no part of the site");
            } else if kind.is_symlink() && self.root.join(&path).is_dir() {
                self.wrong(&path, Code::FileLink, "a symbolic link to a directory: it is not followed");
            } else if counts && self.paths.len() >= FILES_MAX {
                if self.paths.len() == FILES_MAX {
                    self.wrong(&path, Code::FileSize, &format!("more than {FILES_MAX} files"));
                }
                return;
            } else if counts {
                self.paths.push(path.display().to_string());
            }
        }
    }
}
