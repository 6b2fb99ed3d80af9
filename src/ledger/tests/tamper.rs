//! Rows A that apply to a directory: whoever can write the files, and knows the format as well as we do.

use super::super::chain::BrokenLink;
use super::*;

/// Two runs, details, one segment.
fn honest() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    let run = |id, draft: Draft| Draft { run: Some(id), ..draft };
    ledger.append(&[run(1, note(10, "one")), note(11, "loose"), run(2, event(12))]).unwrap();
    ledger.append(&[run(1, event(13)), run(2, note(14, "two"))]).unwrap();
    ledger.append(&[Draft { run_closed: true, ..run(1, event(15)) }, run(2, event(16)), event(17)]).unwrap();
    drop(ledger);
    disk
}

fn tampered(disk: &MemoryDisk) -> Finding {
    let verdict = verify_now(disk);
    assert_eq!(verdict.exit_code(), 1, "{verdict}");
    match verdict.outcome {
        Outcome::Tampered(finding) => finding,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a00_the_honest_ledger_is_intact() {
    let verdict = verify_now(&honest());
    assert_eq!((verdict.exit_code(), verdict.head.unwrap().size, verdict.details), (0, 9, 3), "{verdict}");
}

#[test]
fn a02_a_leaf_edited_and_its_checksum_made_right() {
    let disk = honest();
    for index in 1..8 {
        let mut all = leaves(&disk);
        let mut leaf = canonical::parse(&all[index]).unwrap();
        leaf["by"] = json!({"person": "kim"});
        all[index] = canonical::to_bytes(&leaf).unwrap();
        // `ada` and `kim` are equally long: only the hashes tell.
        let finding = tampered(&with_leaves(&disk, &all));
        assert_eq!(finding.index, Some(index as u64 + 1));
        let link = matches!(finding.reason, Reason::Link(BrokenLink::Prev));
        assert!(link, "{finding}");
    }
}

#[test]
fn a02_a_leaf_edited_and_every_later_link_made_right_breaks_its_runs_link() {
    let disk = honest();
    let forged = forge(&disk, 1, |leaf| leaf["by"] = json!({"person": "kim"}));
    let finding = tampered(&forged);
    assert_eq!((finding.index, finding.reason), (Some(4), Reason::Link(BrokenLink::RunPrev { run: 1 })));
}

#[test]
fn a02_a_whole_history_rewritten_is_caught_by_a_head_kept_elsewhere() {
    let disk = honest();
    let head = open(&disk).head();
    let mut other = leaves(&disk);
    let mut last = canonical::parse(&other[8]).unwrap();
    last["by"] = json!({"person": "kim"});
    other[8] = canonical::to_bytes(&last).unwrap();
    let disk = with_leaves(&disk, &other);
    assert_eq!(verify_now(&disk).exit_code(), 0, "the last event has no successor that would tell");
    let verdict = verify(&shared(&disk), Known { kinds: KINDS, since: Some((head.size, head.hash)), outputs: None });
    let Outcome::Tampered(finding) = &verdict.outcome else { panic!("{verdict}") };
    assert_eq!((finding.index, &finding.reason), (Some(8), &Reason::Since(9)));
}

#[test]
fn a03_a_leaf_removed_and_the_rest_renumbered() {
    let disk = honest();
    // Event 4 is run 1's second: it is taken out, the rest renumbered, every event's link made right, and even the
    // details rewritten to fit. The run's own sequence and back-links still tell.
    let mut all = leaves(&disk);
    all.remove(4);
    for (index, leaf) in all.iter_mut().enumerate() {
        let mut value = canonical::parse(leaf).unwrap();
        value["i"] = json!(index);
        value.as_object_mut().unwrap().remove("c");
        *leaf = canonical::to_bytes(&value).unwrap();
    }
    relink(&mut all);
    let mut files = with_leaves(&disk, &all).files();
    files.insert(segment::details_path(0), Vec::new());
    let finding = tampered(&MemoryDisk::with_files(&files));
    assert_eq!(finding.reason, Reason::Link(BrokenLink::RunPrev { run: 2 }));

    let mut hashes = std::collections::BTreeMap::new();
    for index in 0..all.len() {
        let mut value = canonical::parse(&all[index]).unwrap();
        if let Some(run) = value["run"]["id"].as_u64() {
            value["run"]["prev"] = json!(hashes.get(&run).map(|hash: &Hash| hash.to_base64()));
            all[index] = canonical::to_bytes(&value).unwrap();
            relink(&mut all);
            hashes.insert(run, leaf_hash(&all[index]));
        }
    }
    files.extend(with_leaves(&MemoryDisk::with_files(&files), &all).files());
    let finding = tampered(&MemoryDisk::with_files(&files));
    let reason = Reason::Link(BrokenLink::RunSequence { run: 1, found: 3, expected: 2 });
    assert_eq!((finding.index, finding.reason), (Some(5), reason));
}

#[test]
fn a03_a_gap_in_a_runs_sequence() {
    let disk = honest();
    let forged = forge(&disk, 4, |leaf| {
        leaf["run"]["seq"] = json!(3);
    });
    let reason = Reason::Link(BrokenLink::RunSequence { run: 1, found: 3, expected: 2 });
    assert_eq!(tampered(&forged).reason, reason);
    // Event 8 belongs to no run: given to the ended one, it comes too late.
    let forged = forge(&disk, 8, |leaf| {
        leaf["run"] = json!({"id": 1, "seq": 4, "prev": null});
    });
    assert_eq!(tampered(&forged).reason, Reason::Link(BrokenLink::RunOver { run: 1 }));
}

#[test]
fn a04_leaves_swapped() {
    let disk = honest();
    let mut all = leaves(&disk);
    all.swap(2, 3);
    let finding = tampered(&with_leaves(&disk, &all));
    assert_eq!(finding.reason, Reason::Link(BrokenLink::Index { found: 3, expected: 2 }));
    for leaf in [2, 3] {
        let mut value = canonical::parse(&all[leaf]).unwrap();
        value["i"] = json!(leaf);
        all[leaf] = canonical::to_bytes(&value).unwrap();
    }
    let finding = tampered(&with_leaves(&disk, &all));
    assert_eq!((finding.index, finding.reason), (Some(2), Reason::Link(BrokenLink::Prev)));
    relink(&mut all);
    let finding = tampered(&with_leaves(&disk, &all));
    assert!(finding.index.is_some_and(|index| index >= 2), "{finding}");
}

#[test]
fn a04_records_swapped_whole() {
    let disk = honest();
    let path = segment::segment_path(0);
    let all = leaves(&disk);
    let mut segment = Vec::new();
    for index in [0, 2, 1, 3, 4, 5, 6, 7, 8] {
        record::encode(index as u64, &all[index], &mut segment);
    }
    let mut files = disk.files();
    files.insert(path, segment);
    let finding = tampered(&MemoryDisk::with_files(&files));
    assert_eq!(finding.reason, Reason::Record(record::BadRecord::Index { found: 2, expected: 1 }));
}

#[test]
fn a07_a_ledger_cut_short_is_caught_by_a_head_kept_elsewhere() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[event(1)]).unwrap();
    let yesterday = disk.files();
    let old = ledger.head();
    ledger.append(&[event(2)]).unwrap();
    let head = ledger.head();
    let since = |disk: &MemoryDisk, head: Head| {
        verify(&shared(disk), Known { kinds: KINDS, since: Some((head.size, head.hash)), outputs: None })
    };
    assert_eq!(since(&disk, head).exit_code(), 0);
    assert_eq!(since(&disk, old).exit_code(), 0, "an older genuine head is continued");
    let restored = MemoryDisk::with_files(&yesterday);
    assert_eq!(verify_now(&restored).exit_code(), 0);
    let verdict = since(&restored, head);
    assert!(matches!(&verdict.outcome, Outcome::Tampered(f) if f.reason == Reason::Since(3)), "{verdict}");
}

#[test]
fn a07_acknowledged_batches_cut_off_are_missed_by_their_details() {
    let disk = honest();
    let mut files = disk.files();
    let path = segment::segment_path(0);
    let mut kept = Vec::new();
    for (index, leaf) in leaves(&disk)[..4].iter().enumerate() {
        record::encode(index as u64, leaf, &mut kept);
    }
    files.insert(path, kept);
    let disk = MemoryDisk::with_files(&files);
    assert_eq!(tampered(&disk).reason, Reason::Gone);
    let opened = Ledger::open(shared(&disk), Box::new(SeededEntropy::new(1)));
    assert!(matches!(opened, Err(LedgerError::Damaged { .. })));
}

#[test]
fn a13_a_leaf_spelt_otherwise() {
    let disk = honest();
    let spellings: [fn(&str) -> String; 5] = [
        |leaf| leaf.replacen(':', ": ", 1),
        |leaf| leaf.replacen("\"ada\"", "\"\\u0061da\"", 1),
        |leaf| leaf.replacen("\"v\":1", "\"v\":1,\"v\":1", 1),
        |leaf| leaf.replacen("\"count\":3", "\"count\":3.0", 1),
        |leaf| {
            let rest = leaf.strip_prefix("{\"at\":17,").unwrap().strip_suffix('}').unwrap();
            format!("{{{rest},\"at\":17}}")
        },
    ];
    for spell in spellings {
        let mut all = leaves(&disk);
        let text = String::from_utf8(all[8].clone()).unwrap();
        all[8] = spell(&text).into_bytes();
        assert_ne!(all[8], text.as_bytes());
        // The last batch's announced length must fit, or it looks like a write that was never finished.
        let mut files = with_leaves(&disk, &all).files();
        let grown = all[8].len() - text.len();
        if grown > 0 {
            let details = files.get_mut(&segment::details_path(0)).unwrap();
            reannounce(details, grown as u64);
        }
        let finding = tampered(&MemoryDisk::with_files(&files));
        assert_eq!(finding.index, Some(8));
        assert!(matches!(finding.reason, Reason::Canonical(_)), "{finding}");
    }
}

/// Lets the last frame announce `grown` more bytes of leaves.
fn reannounce(details: &mut [u8], grown: u64) {
    let at = details.windows(4).rposition(|window| window == b"QDF1").unwrap();
    let frame = &mut details[at..at + detail::FRAME_BYTES];
    let bytes = u64::from_le_bytes(frame[40..48].try_into().unwrap()) + grown;
    frame[40..48].copy_from_slice(&bytes.to_le_bytes());
    let crc = crc32c::crc32c(&frame[8..48]);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn a14_an_unknown_kind_or_version_is_not_judged() {
    let disk = honest();
    let verdict = verify(&shared(&disk), Known { kinds: &["thing.happened"], since: None, outputs: None });
    assert_eq!(verdict.exit_code(), 2);
    let Outcome::CannotTell(finding) = &verdict.outcome else { panic!("{verdict}") };
    assert_eq!((finding.index, &finding.reason), (Some(1), &Reason::UnknownKind("note.written".into())));
    assert!(verdict.to_string().contains("newer schema"), "{verdict}");
    assert_eq!(verdict.head.unwrap().size, 9, "everything else is still checked");

    let newer = forge(&disk, 8, |leaf| leaf["v"] = json!(2));
    let verdict = verify_now(&newer);
    assert_eq!(verdict.exit_code(), 2);
    assert!(verdict.to_string().contains("newer schema"), "{verdict}");
    assert_eq!(verify_now(&MemoryDisk::new()).exit_code(), 2, "no ledger at all");
}

#[test]
fn a14_tampering_outranks_an_unknown_kind() {
    let disk = honest();
    let mut all = leaves(&disk);
    all.swap(6, 7);
    let verdict = verify(&shared(&with_leaves(&disk, &all)), Known { kinds: &[], since: None, outputs: None });
    assert_eq!(verdict.exit_code(), 1, "{verdict}");
}

#[test]
fn a20_a_detail_replaced_by_another() {
    let disk = honest();
    let path = segment::details_path(0);
    let replace = |from: &[u8], to: &[u8]| {
        let mut files = disk.files();
        let details = files.get_mut(&path).unwrap();
        let at = details.windows(from.len()).position(|window| window == from).unwrap();
        details[at..at + to.len()].copy_from_slice(to);
        MemoryDisk::with_files(&files)
    };
    let forged = replace(b"one", b"won");
    let finding = tampered(&forged);
    assert_eq!((finding.index, finding.reason, finding.file), (Some(1), Reason::Detail("text".into()), path.clone()));
    let ledger = open(&forged);
    let entry = ledger.read(1).unwrap();
    assert!(matches!(ledger.detail(&entry, "text"), Err(LedgerError::DetailDamaged { index: 1, .. })));

    // A detail with its own genuine salt, from another event of the same kind and length.
    let files = disk.files();
    let details = &files[&path];
    let value = |text: &[u8]| details.windows(3).position(|window| window == text).unwrap();
    let salted = details[value(b"two") - 32..value(b"two") + 3].to_vec();
    let mut forged = files.clone();
    let at = value(b"one") - 32;
    forged.get_mut(&path).unwrap()[at..at + 35].copy_from_slice(&salted);
    assert_eq!(tampered(&MemoryDisk::with_files(&forged)).reason, Reason::Detail("text".into()));
}

#[test]
fn a20_a_detail_wiped_by_hand_is_an_erasure_that_nobody_recorded() {
    let disk = honest();
    let path = segment::details_path(0);
    let mut files = disk.files();
    let details = files.get_mut(&path).unwrap();
    let at = details.windows(3).position(|window| window == b"two").unwrap();
    details[at - 32..at + 3].fill(0);
    let finding = tampered(&MemoryDisk::with_files(&files));
    assert_eq!((finding.index, finding.reason), (Some(5), Reason::ErasureUnrecorded("text".into())));
}

#[test]
fn a20_details_taken_away_or_added() {
    let disk = honest();
    let mut files = disk.files();
    files.insert(segment::details_path(0), Vec::new());
    let finding = tampered(&MemoryDisk::with_files(&files));
    assert_eq!((finding.index, finding.reason), (Some(1), Reason::DetailGone("text".into())));

    // An event's commitment removed, its detail left.
    let forged = forge(&disk, 2, |leaf| {
        leaf.as_object_mut().unwrap().remove("c");
        leaf["by"]["pad"] = json!("x".repeat(47));
    });
    assert_eq!(tampered(&forged).reason, Reason::DetailsExtra);
}

#[test]
fn a20_a_detail_doubled_in_the_place_of_another() {
    let disk = MemoryDisk::new();
    let details = [("reason".to_owned(), b"because".to_vec()), ("ticket".to_owned(), b"CHG-123".to_vec())];
    init(&disk).append(&[Draft { details: details.into(), ..event(1) }]).unwrap();
    let mut files = disk.files();
    let bytes = files.get_mut(&segment::details_path(0)).unwrap();
    let entry = (bytes.len() - detail::FRAME_BYTES) / 2;
    bytes.copy_within(detail::FRAME_BYTES..detail::FRAME_BYTES + entry, detail::FRAME_BYTES + entry);
    assert_eq!(tampered(&MemoryDisk::with_files(&files)).reason, Reason::DetailGone("ticket".into()));
}

#[test]
fn a20_a_detail_whose_salt_alone_is_wiped_is_not_an_erased_one() {
    let disk = honest();
    let mut files = disk.files();
    let details = files.get_mut(&segment::details_path(0)).unwrap();
    let at = details.windows(3).position(|window| window == b"two").unwrap();
    details[at - 32..at].fill(0);
    assert_eq!(tampered(&MemoryDisk::with_files(&files)).reason, Reason::Detail("text".into()));
}

#[test]
fn a_crafted_frame_ends_every_walk() {
    let disk = honest();
    let before = u64::MAX - detail::FRAME_BYTES as u64 + 1;
    // Entries that end where their frame begins, events and leaves beyond all numbers, a batch of no events.
    for (field, bytes) in [(24, before), (8, u64::MAX), (32, u64::MAX), (16, 0)] {
        let mut files = disk.files();
        let frame = &mut files.get_mut(&segment::details_path(0)).unwrap()[..detail::FRAME_BYTES];
        let bytes = if field == 16 { vec![0; 4] } else { u64::to_le_bytes(bytes).to_vec() };
        frame[field..field + bytes.len()].copy_from_slice(&bytes);
        let crc = crc32c::crc32c(&frame[8..48]);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        let disk = MemoryDisk::with_files(&files);
        assert_eq!(tampered(&disk).reason, Reason::DetailGone("text".into()), "field {field}");
        let opened = Ledger::open(shared(&disk), Box::new(SeededEntropy::new(1)));
        assert!(matches!(opened, Err(LedgerError::Damaged { .. })), "field {field}");
    }
}

#[test]
fn a21_a_backdated_event() {
    let disk = honest();
    let forged = forge(&disk, 8, |leaf| leaf["at"] = json!(12));
    let finding = tampered(&forged);
    assert_eq!(finding.reason, Reason::Link(BrokenLink::Clock { at: 12, before: 16 }));
}

#[test]
fn a05_a_forged_event_appended_by_hand_changes_the_head() {
    // Without the key nobody can sign the new head; what is at hand here is that an older head is still continued,
    // and that the forged event must fit every rule.
    let disk = honest();
    let mut all = leaves(&disk);
    let mut leaf = canonical::parse(&all[8]).unwrap();
    leaf["i"] = json!(9);
    all.push(canonical::to_bytes(&leaf).unwrap());
    assert_eq!(tampered(&with_leaves(&disk, &all)).reason, Reason::Link(BrokenLink::Prev));
}

#[test]
fn a12_event_0_of_another_ledger() {
    let disk = honest();
    let other = MemoryDisk::new();
    drop(Ledger::init(shared(&other), Box::new(SeededEntropy::new(77)), 0, json!({"process": "init"})).unwrap());
    let mut all = leaves(&disk);
    all[0] = leaves(&other)[0].clone();
    assert_eq!(tampered(&with_leaves(&disk, &all)).index, Some(1));
    let not_genesis = forge(&disk, 0, |leaf| leaf["kind"] = json!("note.written"));
    assert_eq!(tampered(&not_genesis).reason, Reason::Genesis);
}
