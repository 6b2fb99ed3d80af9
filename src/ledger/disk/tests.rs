//! The disk in memory behaves like the real one, and loses what a real one may lose.

use super::*;

/// One script, and everything it saw.
fn script(disk: Arc<dyn Disk>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut note = |what: &str, result: Result<String, DiskError>| {
        seen.push(match result {
            Ok(text) => format!("{what}: {text}"),
            Err(error) => format!("{what}: {:?}", error.source.kind()),
        });
    };
    let done = |()| "done".to_owned();
    for path in ["../x", "/etc/passwd", "a//b", "", "a/./b", "a\0"] {
        note(path, disk.open(path, Mode::Append).map(|_| String::new()));
    }
    note("no directory", disk.open("d/f", Mode::Append).map(|_| String::new()));
    note("mkdir", disk.create_dir("d").map(done));
    note("mkdir again", disk.create_dir("d").map(done));
    note("missing", disk.open("d/f", Mode::Read).map(|_| String::new()));
    note("missing", disk.open("d/f", Mode::Overwrite).map(|_| String::new()));
    let file = disk.open("d/f", Mode::Append).unwrap();
    note("append", disk.append(file, b"hello").map(done));
    note("append", disk.append(file, b", world").map(done));
    note("create", disk.open("d/f", Mode::Create).map(|_| String::new()));
    let again = disk.open("d/f", Mode::Append).unwrap();
    note("append", disk.append(again, b"!").map(done));
    note("len", disk.len(file).map(|len| len.to_string()));
    let edit = disk.open("d/f", Mode::Overwrite).unwrap();
    note("overwrite", disk.overwrite(edit, 7, b"W").map(done));
    let mut bytes = [0; 40];
    for offset in [0, 5, 12, 13, 99] {
        let got = disk.read_at(file, offset, &mut bytes);
        note("read", got.map(|n| String::from_utf8_lossy(&bytes[..n]).into_owned()));
    }
    note("shorten", disk.truncate(file, 5).map(done));
    note("append", disk.append(file, b".").map(done));
    note("sync", disk.sync_data(file).map(done));
    let reader = disk.open("d/f", Mode::Read).unwrap();
    note(
        "append to a reader",
        disk.append(reader, b"x").map(done).map_err(|mut error| {
            error.source = io::Error::other("refused");
            error
        }),
    );
    note("rename", disk.rename("d/f", "d/g").map(done));
    note("rename the missing", disk.rename("d/f", "d/h").map(done));
    note("sync dir", disk.sync_dir("d").map(done));
    note("sync root", disk.sync_dir("").map(done));
    disk.open("top", Mode::Create).unwrap();
    note("list", disk.list("d").map(|names| names.join(",")));
    note("list", disk.list("").map(|names| names.join(",").replace("lock,", "")));
    note("list", disk.list("nowhere").map(|names| names.join(",")));
    note("still open", disk.len(file).map(|len| len.to_string()));
    disk.close(file);
    note("closed", disk.len(file).map(|len| len.to_string()));
    note("remove", disk.remove("d/g").map(done));
    note("remove", disk.remove("d/g").map(done));
    note("list", disk.list("d").map(|names| names.join(",")));
    seen
}

#[test]
fn both_disks_answer_alike() {
    let dir = tempfile::tempdir().unwrap();
    let real = script(Arc::new(RealDisk::lock(dir.path(), 1).unwrap()));
    let memory = script(Arc::new(MemoryDisk::new()));
    assert_eq!(real, memory);
    assert!(real.contains(&"read: hello, World!".to_owned()));
}

fn with_file(synced: &[u8]) -> (MemoryDisk, FileId) {
    let disk = MemoryDisk::new();
    let file = disk.open("f", Mode::Append).unwrap();
    disk.append(file, synced).unwrap();
    disk.sync_data(file).unwrap();
    disk.sync_dir("").unwrap();
    (disk, file)
}

#[test]
fn c4_what_was_synced_survives_every_cut() {
    let (disk, file) = with_file(&[7; 5_000]);
    disk.append(file, &[9; 9_000]).unwrap();
    let mut shapes = std::collections::BTreeSet::new();
    for cut in power_cuts() {
        let left = disk.power_cut(cut).files()["f"].clone();
        assert_eq!(left[..5_000], [7; 5_000], "{cut:?}");
        assert!(left.len() <= 14_000 && left[5_000..].iter().all(|byte| matches!(byte, 0 | 9)), "{cut:?}");
        assert_eq!(disk.power_cut(cut).files()["f"], left, "a cut is deterministic");
        shapes.insert(left);
    }
    assert!(shapes.len() > 20, "{} different remains", shapes.len());
}

#[test]
fn c4_a_name_survives_only_with_its_directory() {
    let disk = MemoryDisk::new();
    let file = disk.open("f", Mode::Append).unwrap();
    disk.append(file, b"x").unwrap();
    disk.sync_data(file).unwrap();
    assert!(disk.power_cut(PowerCut::Lost).files().is_empty());
    disk.sync_dir("").unwrap();
    disk.rename("f", "g").unwrap();
    assert_eq!(disk.power_cut(PowerCut::Lost).files().into_keys().collect::<Vec<_>>(), ["f"]);
    assert_eq!(disk.power_cut(PowerCut::Kept).files().into_keys().collect::<Vec<_>>(), ["g"]);
}

#[test]
fn c9_a_failed_sync_loses_its_pages_and_the_next_one_succeeds() {
    let (disk, file) = with_file(b"old ");
    disk.append(file, b"new").unwrap();
    disk.plan([(disk.operations() + 1, Fault::Io)]);
    disk.sync_data(file).unwrap_err();
    disk.sync_data(file).unwrap();
    assert_eq!(disk.files()["f"], b"old new", "reads still show it");
    assert_eq!(disk.power_cut(PowerCut::Kept).files()["f"], b"old ");
}

#[test]
fn faults_come_at_their_number() {
    let (disk, file) = with_file(b"");
    let next = disk.operations() + 1;
    disk.plan([(next, Fault::NoSpace), (next + 1, Fault::ShortWrite(2)), (next + 3, Fault::PowerOff)]);
    assert!(disk.append(file, b"abc").unwrap_err().is_full());
    assert!(disk.append(file, b"abc").unwrap_err().is_full());
    disk.append(file, b"d").unwrap();
    disk.append(file, b"e").unwrap_err();
    disk.append(file, b"f").unwrap_err();
    assert_eq!(disk.files()["f"], b"abde");
    assert_eq!(disk.acts().last(), Some(&"append to"));
}
