//! The one form of archive a pack has: plain files in the order of their names, each header to the byte what name and length make it.
//!
//! Invariant: what is read was written so. Links, devices, paths, long names, holes, other owners and times have another header, and
//! are refused with everything else that tools disagree about.

use std::collections::BTreeMap;

const BLOCK: usize = 512;
/// Longest name: what a header holds, with the zero behind it.
const NAME_BYTES_MAX: usize = 99;
/// Most files: a run has three, and some stand for themselves.
pub const FILES_MAX: usize = 10_000;
/// Longest pack that is read: the transcripts of a very wide run, and what fits into memory with room to spare.
pub const PACK_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Whether a file of a pack may have this name: lower case, no directories, nothing hidden.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with(['.', '-']) && name.bytes().all(plain)
}

/// The archive of these files.
pub fn write(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut archive =
        Vec::with_capacity(files.values().map(|bytes| bytes.len() + 2 * BLOCK).sum::<usize>() + 2 * BLOCK);
    for (name, bytes) in files {
        archive.extend_from_slice(&header(name, bytes.len()));
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// The files of an archive.
///
/// # Errors
/// In words, where it is not one that [`write`] writes.
pub fn read(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    let mut before = String::new();
    let mut rest = archive;
    loop {
        let Some((head, behind)) = rest.split_at_checked(BLOCK) else {
            return Err("it ends in the middle".to_owned());
        };
        if head.iter().all(|byte| *byte == 0) {
            let end = behind.len() == BLOCK && behind.iter().all(|byte| *byte == 0);
            return if end { Ok(files) } else { Err("something stands behind its end".to_owned()) };
        }
        let (name, size) = measured(head).ok_or("a header is not that of a plain file of a pack")?;
        if header(&name, size) != head {
            return Err(format!("the header of {name} is not that of a plain file of a pack"));
        }
        if name <= before {
            return Err(format!("{name} is not in the order of names"));
        }
        if files.len() == FILES_MAX {
            return Err(format!("it has more than {FILES_MAX} files"));
        }
        let padded = size.checked_next_multiple_of(BLOCK).and_then(|padded| behind.split_at_checked(padded));
        let (bytes, next) = padded.ok_or_else(|| format!("it ends in the middle of {name}"))?;
        let (bytes, padding) = bytes.split_at_checked(size).unwrap_or_default();
        if padding.iter().any(|byte| *byte != 0) {
            return Err(format!("something stands behind the end of {name}"));
        }
        before.clone_from(&name);
        files.insert(name, bytes.to_vec());
        rest = next;
    }
}

/// The name and the length that a header speaks of.
fn measured(head: &[u8]) -> Option<(String, usize)> {
    let name = head.get(..100)?.split(|byte| *byte == 0).next()?;
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name))?;
    let size = std::str::from_utf8(head.get(124..135)?).ok()?;
    let octal = size.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    Some((name.to_owned(), usize::from_str_radix(size, 8).ok().filter(|_| octal)?))
}

fn header(name: &str, size: usize) -> Vec<u8> {
    let mut head = vec![0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        for (into, byte) in head.iter_mut().skip(at).zip(bytes) {
            *into = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\x00");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\x00        0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\x00");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    for (into, byte) in head.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *into = byte;
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([
            ("a.txt".to_owned(), b"text".to_vec()),
            ("b-1.jsonl".to_owned(), vec![7; 1_024]),
            ("c".to_owned(), vec![]),
        ])
    }

    #[test]
    fn an_archive_is_read_as_it_was_written() {
        assert_eq!(read(&write(&files())), Ok(files()));
    }

    #[test]
    fn a23_no_other_archive_is_read() {
        let archive = write(&files());
        for bit in 0..archive.len() * 8 {
            let mut spoiled = archive.clone();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(read(&spoiled), Ok(files()), "bit {bit}");
        }
        for cut in 0..archive.len() {
            assert!(read(&archive[..cut]).is_err(), "{cut} bytes");
        }
        assert!(read(&[archive.as_slice(), &[0; 512]].concat()).is_err());
        let with = |at: usize, bytes: &[u8]| {
            let mut head = header("a.txt", 4);
            head[at..at + bytes.len()].copy_from_slice(bytes);
            head[148..156].fill(b' ');
            let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
            head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            let mut archive = head;
            archive.extend_from_slice(b"text");
            archive.resize(3 * 512 + 512, 0);
            read(&archive)
        };
        assert!(with(0, b"a.txt").is_ok());
        let tricks: [(&str, usize, &[u8]); 10] = [
            ("a link", 156, b"2"),
            ("a hard link", 156, b"1"),
            ("a device", 156, b"3"),
            ("a directory", 156, b"5"),
            ("a sparse file", 156, b"S"),
            ("a long name", 156, b"L"),
            ("another header", 156, b"x"),
            ("a parent", 0, b"../.."),
            ("an absolute path", 0, b"/.txt"),
            ("another case", 0, b"A.txt"),
        ];
        for (what, at, bytes) in tricks {
            assert!(with(at, bytes).is_err(), "{what}");
        }
        for (what, at, bytes) in
            [("a mode", 100, b"0004755".as_slice()), ("an owner", 108, b"0000001"), ("a time", 136, b"1")]
        {
            assert!(with(at, bytes).is_err(), "{what}");
        }
        let huge = with(124, b"77777777777");
        assert!(huge.unwrap_err().contains("in the middle"), "a bomb");
        let twice = [&write(&files())[..1_024], &write(&files())].concat();
        assert!(read(&twice).unwrap_err().contains("order"), "two of one name");
    }
}
