//! A file of the site for hosts: which, where to, and that its place is one place.

use super::{Report, tool};
use crate::domain::copy::FileCopy;
use crate::domain::tool::Enclosed;
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;

/// Longest time it may take on a host unless the file says otherwise: the largest file over a bad link.
const COPY_TIMEOUT_MS: u64 = 600_000;
/// Permissions unless the file says otherwise.
const MODE: u32 = 0o644;
/// Longest path: what most file systems know.
const PATH_BYTES_MAX: usize = 4_000;

/// A file and its place.
pub(super) fn copy(fields: &Fields, report: &mut Report) -> FileCopy {
    let path = fields.string("file");
    if !fields.lacks("file") {
        tool::is_below(&path, fields.span_of("file"), report);
    }
    let to = fields.string("to");
    if !fields.lacks("to") && !is_one_place(&to) {
        let hint = "write the whole path of the file, as in /etc/app/app.conf";
        report.error(Code::Value, fields.span_of("to"), "no place of a file on a host", hint);
    }
    let mode = match fields.text("mode") {
        None => MODE,
        Some(written) => mode(written).unwrap_or_else(|| {
            let hint = "write four octal digits, as in \"0640\"; nobody gets to run as its owner";
            report.error(Code::Value, fields.span_of("mode"), "no permissions of a file", hint);
            MODE
        }),
    };
    let file = Enclosed { path, text: String::new() };
    FileCopy { file, to, mode, timeout_ms: fields.duration_ms("timeout").unwrap_or(COPY_TIMEOUT_MS) }
}

/// An absolute path that means what it says.
fn is_one_place(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= PATH_BYTES_MAX && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain))
}

fn mode(written: &str) -> Option<u32> {
    let digits = written.strip_prefix('0').filter(|digits| digits.len() == 3)?;
    u32::from_str_radix(digits, 8).ok()
}
