//! The tree beside a second implementation: the definitions of RFC 6962 §2.1, written down as they stand there.

use std::convert::Infallible;

use super::super::hash::leaf_hash;
use super::*;

/// As many leaves as every proof is tried for.
const ALL_UP_TO: u64 = 600;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_le_bytes())).collect()
}

fn tree(leaves: &[Hash]) -> Tree {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

fn block_of(leaves: &[Hash]) -> impl FnMut(u64) -> Result<Vec<Hash>, Infallible> + '_ {
    |block| Ok(leaves.iter().skip((block * BLOCK) as usize).take(BLOCK as usize).copied().collect())
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// MTH(D[n]).
fn mth(d: &[Hash]) -> Hash {
    match d {
        [] => Hash(Sha256::digest([]).into()),
        [one] => *one,
        _ => node(mth(&d[..split(d.len())]), mth(&d[split(d.len())..])),
    }
}

/// PATH(m, D[n]).
fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    if d.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = d.split_at(split(d.len()));
    let (mut found, other) = match m < left.len() {
        true => (path(m, left), mth(right)),
        false => (path(m - left.len(), right), mth(left)),
    };
    found.push(other);
    found
}

/// PROOF(m, D[n]).
fn proof(m: usize, d: &[Hash]) -> Vec<Hash> {
    fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
        if m == d.len() {
            return if whole { Vec::new() } else { vec![mth(d)] };
        }
        let (left, right) = d.split_at(split(d.len()));
        let (mut found, other) = match m <= left.len() {
            true => (subproof(m, left, whole), mth(right)),
            false => (subproof(m - left.len(), right, false), mth(left)),
        };
        found.push(other);
        found
    }
    subproof(m, d, true)
}

/// A root from some leaves and the roots of all others, as whoever has a pack makes it.
fn from_parts(wanted: &[u64], leaves: &[Hash], from: u64, to: u64, others: &mut dyn Iterator<Item = Hash>) -> Hash {
    if wanted.is_empty() {
        return others.next().unwrap();
    }
    if to - from == 1 {
        return leaves[from as usize];
    }
    let middle = from + split((to - from) as usize) as u64;
    let (left, right) = wanted.split_at(wanted.partition_point(|index| *index < middle));
    let left = from_parts(left, leaves, from, middle, others);
    node(left, from_parts(right, leaves, middle, to, others))
}

#[test]
fn the_trees_of_rfc_6962_have_the_roots_of_their_reference() {
    // The leaves and roots that the reference implementation of Certificate Transparency is tested with.
    let d: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::default();
    for (size, root) in roots.iter().enumerate() {
        let hex: String = tree.root().0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, *root, "{size} leaves");
        if let Some(leaf) = d.get(size) {
            tree.push(leaf_hash(leaf));
        }
    }
}

/// RFC 9162 §2.1.5: the tree of seven leaves, its audit paths and its consistency proofs, by the names it gives to nodes.
#[test]
fn the_example_of_rfc_9162_has_the_proofs_that_stand_there() {
    let d = leaves(7);
    let (a, b, c, d3, e, f, j) = (d[0], d[1], d[2], d[3], d[4], d[5], d[6]);
    let (g, h, i) = (node(a, b), node(c, d3), node(e, f));
    let (k, l) = (node(g, h), node(i, j));
    let tree = tree(&d);
    assert_eq!(tree.root(), node(k, l));
    let path = |index| tree.inclusion(index, 7, block_of(&d)).unwrap();
    assert_eq!(path(0), [b, h, l]);
    assert_eq!(path(3), [c, g, l]);
    assert_eq!(path(4), [f, j, k]);
    assert_eq!(path(6), [i, k]);
    let proof = |old| tree.consistency(old, 7, block_of(&d)).unwrap();
    assert_eq!(proof(3), [c, d3, g, l]);
    assert_eq!(proof(4), [l]);
    assert_eq!(proof(6), [i, j, k]);
}

#[test]
fn every_proof_of_up_to_600_leaves_is_the_definitions_and_holds() {
    let all = leaves(ALL_UP_TO);
    let whole = tree(&all);
    let bytes: Vec<[u8; 8]> = (0..ALL_UP_TO).map(u64::to_le_bytes).collect();
    let near =
        |size: u64| size <= 130 || (254..=259).contains(&size) || (510..=514).contains(&size) || size == ALL_UP_TO;
    for size in (1..=ALL_UP_TO).filter(|size| super::super::tests::deep() || near(*size)) {
        let d = &all[..size as usize];
        let root = mth(d);
        assert_eq!(whole.root_at(size, block_of(&all)).unwrap(), root, "{size}");
        for index in 0..size {
            let found = whole.inclusion(index, size, block_of(&all)).unwrap();
            assert!(is_included(&bytes[index as usize], index, size, root, &found), "{index} of {size}");
            let other = (index + 1) % size;
            assert!(size == 1 || !is_included(&bytes[index as usize], other, size, root, &found), "A11 {index} {size}");
            // The definitions are slow: each leaf of each small tree, and every seventh beyond.
            if size <= 130 || (index + size) % 7 == 0 {
                assert_eq!(found, path(index as usize, d), "{index} of {size}");
            }
        }
        for old in 1..=size {
            let found = whole.consistency(old, size, block_of(&all)).unwrap();
            let before = mth_of(&all, old);
            assert!(is_continued((old, before), (size, root), &found), "{old} to {size}");
            assert!(old == size || !is_continued((old, root), (size, root), &found), "{old} to {size}");
            if size <= 130 || (old + size) % 7 == 0 {
                assert_eq!(found, proof(old as usize, d), "{old} to {size}");
            }
        }
    }
}

/// Roots of earlier trees, made once.
fn mth_of(all: &[Hash], size: u64) -> Hash {
    use std::sync::OnceLock;
    static ROOTS: OnceLock<Vec<Hash>> = OnceLock::new();
    ROOTS.get_or_init(|| (0..=all.len()).map(|size| mth(&all[..size])).collect())[size as usize]
}

#[test]
fn a_tree_is_the_same_however_its_side_files_cut_it() {
    let all = leaves(70_000);
    for cuts in
        [&[1, 255, 256, 257, 600, 70_000][..], &[300, 310, 65_536, 65_537, 70_000], &[70_000], &[512, 1_024, 70_000]]
    {
        let (mut written, mut read, mut first) = (Tree::default(), Tree::default(), 0);
        for &cut in cuts {
            all[first as usize..cut as usize].iter().for_each(|leaf| written.push(*leaf));
            let part: Part = serde_json::from_str(&serde_json::to_string(&written.part(first)).unwrap()).unwrap();
            assert!(!read.clone().join(&part, cut + 1), "a part that does not fit is none");
            assert!(read.join(&part, cut));
            assert_eq!(read, written, "{cuts:?} at {cut}");
            first = cut;
        }
        assert_eq!(read.root(), mth(&all));
        let size = 66_000;
        assert_eq!(read.root_at(size, block_of(&all)).unwrap(), mth(&all[..size as usize]));
        let found = read.inclusion(65_900, size, block_of(&all)).unwrap();
        assert_eq!(found, path(65_900, &all[..size as usize]));
    }
}

#[test]
fn the_roots_of_all_others_make_the_root_again() {
    let all = leaves(1_300);
    let tree = tree(&all);
    for wanted in [vec![0], vec![0, 1_299], (200..700).collect(), vec![0, 255, 256, 257, 1_024], (0..1_300).collect()] {
        for size in [1_300, 1_281] {
            let wanted: Vec<u64> = wanted.iter().copied().filter(|index| *index < size).collect();
            let others = tree.others(&wanted, size, block_of(&all)).unwrap();
            let mut rest = others.iter().copied();
            let root = from_parts(&wanted, &all, 0, size, &mut rest);
            assert_eq!((root, rest.next()), (mth(&all[..size as usize]), None));
        }
    }
}

#[test]
fn absurd_proofs_are_none() {
    let many = leaves(1_000);
    let root = many[0];
    for (index, size) in [(0, 0), (3, 2), (0, u64::MAX), (u64::MAX, u64::MAX), (1, LEAVES_MAX + 1)] {
        assert!(!is_included(b"x", index, size, root, &[]), "A16 {index} {size}");
        assert!(!is_included(b"x", index, size, root, &many), "A16 {index} {size}");
    }
    for (old, new) in [(2, 1), (1, u64::MAX), (u64::MAX, u64::MAX), (0, 1)] {
        assert!(!is_continued((old, root), (new, many[1]), &many), "A16 {old} {new}");
        assert!(!is_continued((old, root), (new, many[1]), &[]), "A16 {old} {new}");
    }
}
