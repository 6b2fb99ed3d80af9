//! Written, read back, verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;

#[test]
fn what_was_appended_is_read_back_and_verifies() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    let stamps = ledger
        .append(&[
            note(1, "first words, äöü"),
            Draft { run: Some(7), ..note(2, "") },
            Draft { run: Some(7), run_closed: true, ..event(3) },
        ])
        .unwrap();
    assert_eq!(stamps.iter().map(|stamp| stamp.index).collect::<Vec<_>>(), [1, 2, 3]);
    drop(ledger);

    let ledger = open(&disk);
    let first = ledger.read(1).unwrap();
    assert_eq!((first.kind.as_str(), first.at, &first.by), ("note.written", 1, &json!({"person": "ada"})));
    assert_eq!(ledger.detail(&first, "text").unwrap(), Detail::Text("first words, äöü".into()));
    assert_eq!(ledger.read(2).unwrap().run, Some(RunLink { id: 7, seq: 1, prev: None, end: false }));
    let last = ledger.read(3).unwrap();
    assert_eq!(last.run, Some(RunLink { id: 7, seq: 2, prev: Some(stamps[1].hash), end: true }));
    assert_eq!(last.prev, Some(stamps[1].hash));
    assert_eq!(ledger.head(), Head { size: 4, hash: stamps[2].hash, at: 3 });
    assert_eq!(ledger.iter(1).map(|entry| entry.unwrap().index).collect::<Vec<_>>(), [1, 2, 3]);
    let verdict = verify_now(&disk);
    assert_eq!(verdict.outcome, Outcome::Intact, "{verdict}");
    assert_eq!((verdict.details, verdict.origin.as_deref()), (2, Some(ledger.genesis().origin.as_str())));
}

#[test]
fn a_leaf_is_canonical_and_chained_by_rfc_6962_hashes() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[note(5, "x")]).unwrap();
    let reader = ledger.reader();
    let (zero, one) = (reader.leaf(0).unwrap(), reader.leaf(1).unwrap());
    let value = canonical::parse(&one).unwrap();
    assert_eq!(value["prev"], json!(leaf_hash(&zero).to_base64()));
    assert_eq!(value["i"], json!(1));
    assert_eq!(value["v"], json!(1));
    assert!(!String::from_utf8(one).unwrap().contains("\"text\":\"x\""));
    let genesis = canonical::parse(&zero).unwrap();
    assert_eq!(genesis["kind"], json!(KIND_CREATED));
    assert_eq!(genesis["prev"], json!(null));
}

#[test]
fn the_private_key_is_event_0s_and_on_disk_only() {
    let disk = MemoryDisk::new();
    let ledger = init(&disk);
    assert_eq!(ledger.signer().unwrap().identity(), &ledger.genesis().identity());
    let other = MemoryDisk::new();
    Ledger::init(Arc::new(other.clone()), Box::new(SeededEntropy::new(99)), 0, json!({})).unwrap();
    let mut files = disk.files();
    files.insert("keys/ledger.ed25519".into(), other.files()["keys/ledger.ed25519"].clone());
    assert!(open(&MemoryDisk::with_files(&files)).signer().is_none());
}

#[test]
fn a_ledger_is_made_once() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let before = disk.files();
    let again = Ledger::init(Arc::new(disk.clone()), Box::new(SeededEntropy::new(2)), 0, json!({}));
    assert!(matches!(again, Err(LedgerError::AlreadyThere)));
    assert_eq!(disk.files(), before);
    let empty = Ledger::open(Arc::new(MemoryDisk::new()), Box::new(SeededEntropy::new(2)));
    assert!(matches!(empty, Err(LedgerError::Missing)));
}

/// Opening and making must both refuse, and change nothing.
fn lost(files: &BTreeMap<String, Vec<u8>>) -> bool {
    let disk = MemoryDisk::with_files(files);
    let opened = Ledger::open(shared(&disk), Box::new(SeededEntropy::new(2))).map(drop);
    let made = Ledger::init(shared(&disk), Box::new(SeededEntropy::new(2)), 0, json!({})).map(drop);
    let refused = matches!((&opened, &made), (Err(LedgerError::Lost { .. }), Err(LedgerError::Lost { .. })));
    assert!(!refused || (disk.files() == *files && opened.unwrap_err().exit_code() == 74));
    refused
}

#[test]
fn a_lost_ledger_is_no_first_start_and_its_key_is_not_replaced() {
    let disk = MemoryDisk::new();
    init(&disk).append(&[note(1, "words")]).unwrap();
    let mut files = disk.files();
    files.retain(|path, _| !path.ends_with(".seg"));
    assert!(lost(&files));
    assert_eq!(verify_now(&MemoryDisk::with_files(&files)).exit_code(), 1, "something is gone");
    files.retain(|path, _| path.starts_with("keys/"));
    assert!(lost(&files), "the whole directory is gone");
    for left in ["ledger/details/00000000000000000000.det", "ledger/torn/1-2.recorded", "transcripts/1.qdt"] {
        assert!(lost(&BTreeMap::from([(left.to_owned(), vec![1])])), "{left}");
    }
}

#[test]
fn a_start_that_broke_off_is_begun_again_with_the_same_seed() {
    let disk = MemoryDisk::new();
    let identity = init(&disk).signer().unwrap().identity().clone();
    let mut files = disk.files();
    let seed = files.remove("keys/ledger.ed25519").unwrap();
    files.retain(|path, _| path.ends_with(".det"));
    files.insert("keys/ledger.seed".to_owned(), seed);
    let disk = MemoryDisk::with_files(&files);
    let again = Ledger::init(shared(&disk), Box::new(SeededEntropy::new(99)), 0, json!({})).unwrap();
    assert_eq!(again.signer().unwrap().identity().key, identity.key);
    assert!(!disk.files().contains_key("keys/ledger.seed"));
}

#[test]
fn segments_roll_and_every_event_is_found_again() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut ledger = open_small(&disk, 4_000);
    for at in 1..=300 {
        let draft = if at % 3 == 0 { note(at, &format!("note {at}")) } else { event(at) };
        if at % 5 == 0 {
            ledger.append(&[draft, note(at, "second")]).unwrap();
        } else {
            ledger.append(&[draft]).unwrap();
        }
    }
    let size = ledger.head().size;
    assert_eq!(size, 361);
    assert!(segment::segments(&shared(&disk)).unwrap().len() > 10);
    let live: Vec<_> = ledger.recorded(0).map(Result::unwrap).collect();
    drop(ledger);
    for forget_side_files in [false, true] {
        if forget_side_files {
            for name in shared(&disk).list("ledger/index").unwrap() {
                disk.remove(&format!("ledger/index/{name}")).unwrap();
            }
        }
        let ledger = open_small(&disk, 4_000);
        assert_eq!(ledger.head().size, size);
        assert_eq!(ledger.recorded(0).map(Result::unwrap).collect::<Vec<_>>(), live);
        for index in (0..size).rev() {
            let entry = ledger.read(index).unwrap();
            assert_eq!(entry, live[index as usize].entry);
            assert_eq!(ledger.reader().details(&entry).unwrap(), live[index as usize].details);
        }
        assert_eq!(
            ledger.recorded(200).map(|r| r.unwrap().entry.index).collect::<Vec<_>>(),
            (200..size).collect::<Vec<_>>()
        );
    }
    assert_eq!(verify_now(&disk).outcome, Outcome::Intact);
}

#[test]
fn a_mistaken_draft_is_refused_and_nothing_is_written() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[Draft { run: Some(5), run_closed: true, ..event(10) }]).unwrap();
    let before = disk.files();
    let body = |value| serde_json::Map::from_iter([("x".to_owned(), value)]);
    let long = "x".repeat(TOKEN);
    type Expected = fn(&DraftError) -> bool;
    let wrong: Vec<(Draft, Expected)> = vec![
        (Draft { kind: "Note Written".into(), ..event(11) }, |e| matches!(e, DraftError::Kind(_))),
        (Draft { kind: String::new(), ..event(11) }, |e| matches!(e, DraftError::Kind(_))),
        (event(9), |e| matches!(e, DraftError::Clock { at: 9, last: 11 })),
        (Draft { body: body(json!("free text")), ..event(11) }, |e| matches!(e, DraftError::FreeText(_))),
        (Draft { body: body(json!({"y": ["ä"]})), ..event(11) }, |e| matches!(e, DraftError::FreeText(_))),
        (Draft { body: body(json!(long)), ..event(11) }, |e| matches!(e, DraftError::FreeText(_))),
        (Draft { by: json!("two words"), ..event(11) }, |e| matches!(e, DraftError::FreeText(_))),
        (Draft { body: body(json!(0.5)), ..event(11) }, |e| matches!(e, DraftError::Canonical(_))),
        (Draft { body: body(json!(vec!["x"; 5_000])), ..event(11) }, |e| matches!(e, DraftError::LeafBytes(_))),
        (Draft { run: Some(5), ..event(11) }, |e| matches!(e, DraftError::RunOver(5))),
        (Draft { run: Some(4), ..event(11) }, |e| matches!(e, DraftError::RunOver(4))),
        (Draft { run_closed: true, ..event(11) }, |e| matches!(e, DraftError::NoRun)),
        (Draft { details: [("No".into(), vec![])].into(), ..event(11) }, |e| matches!(e, DraftError::DetailName(_))),
        (Draft { details: [("x".into(), vec![0; DETAIL_BYTES_MAX + 1])].into(), ..event(11) }, |e| {
            matches!(e, DraftError::DetailBytes { .. })
        }),
    ];
    for (draft, expected) in wrong {
        match ledger.append(&[event(11), draft.clone()]) {
            Err(LedgerError::Draft { position: 1, source }) => assert!(expected(&source), "{source}"),
            other => panic!("{draft:?}: {other:?}"),
        }
    }
    let many = vec![event(11); BATCH_EVENTS_MAX + 1];
    assert!(matches!(ledger.append(&many), Err(LedgerError::Draft { source: DraftError::Batch { .. }, .. })));
    assert_eq!(disk.files(), before);
    assert_eq!(ledger.health(), Health::Fine);
    ledger.append(&[Draft { run: Some(6), ..event(10) }]).unwrap();
}

#[test]
fn z52_a_newer_format_is_refused() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[event(1)]).unwrap();
    drop(ledger);
    let genesis = forge(&disk, 0, |leaf| leaf["body"]["format"] = json!(2));
    let refused = Ledger::open(Arc::new(genesis.clone()), Box::new(SeededEntropy::new(1)));
    assert!(matches!(refused, Err(LedgerError::NewerFormat { found: 2 })));
    let leaf = forge(&disk, 1, |leaf| {
        leaf["v"] = json!(3);
        leaf["shape"] = json!("unknown");
    });
    let refused = Ledger::open(Arc::new(leaf), Box::new(SeededEntropy::new(1)));
    assert!(matches!(refused, Err(LedgerError::NewerFormat { found: 3 })));
}

#[test]
fn z52_an_unknown_file_beside_the_segments_is_left_alone() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut files = disk.files();
    files.insert("ledger/notes.txt".into(), b"x".to_vec());
    files.insert("ledger/1.seg".into(), b"x".to_vec());
    let disk = MemoryDisk::with_files(&files);
    assert_eq!(open(&disk).head().size, 1);
    assert_eq!(disk.files()["ledger/notes.txt"], b"x");
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let run = || {
        let disk = MemoryDisk::new();
        let mut ledger = init(&disk);
        ledger.append(&[note(1, "a"), note(2, "b")]).unwrap();
        disk.files()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_reader_on_another_thread_sees_only_what_was_acknowledged() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut ledger = open_small(&disk, 20_000);
    let reader = ledger.reader();
    let watcher = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 400 {
            for recorded in reader.recorded(seen) {
                let recorded = recorded.unwrap();
                assert_eq!(recorded.entry.index, seen);
                seen += 1;
            }
            std::thread::yield_now();
        }
    });
    for at in 1..400 {
        ledger.append(&[note(at, "words")]).unwrap();
    }
    watcher.join().unwrap();
}
