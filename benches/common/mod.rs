//! What the benches share: how a figure is printed, what a process has used. `ground.rs`, a site with
//! an engine, is taken in by those benches that also take in the kit of real servers.
//!
//! A figure is one line, `figure NAME VALUE UNIT peer=NAME ratio=R goal=G`; `ratio` is peer / ours where less is better and ours / peer
//! where more is. A peer that is not installed makes no ratio: the line says `peer=-`, and a note says why.

#![allow(dead_code, reason = "each bench uses its own part")]

pub mod used;

use std::fs;
use std::time::Duration;

/// A figure beside a peer's in the same run.
pub fn figure(name: &str, value: f64, unit: &str, peer: &str, ratio: f64, goal: &str) {
    println!("figure {name} {value:.3} {unit} peer={peer} ratio={ratio:.2} goal={goal}");
}

/// A figure that has no peer.
pub fn alone(name: &str, value: f64, unit: &str, goal: &str) {
    println!("figure {name} {value:.3} {unit} peer=- ratio=- goal={goal}");
}

/// What a reader of the figures wants to know besides.
pub fn note(words: &str) {
    println!("note {words}");
}

/// The last line of every bench.
pub fn machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0);
    println!("machine cores={cores} memory_mib={}", kib / 1024);
}

/// The value that so many hundredths of the times do not exceed, in milliseconds.
pub fn percentile_ms(times: &[Duration], hundredths: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * hundredths / 100).min(sorted.len() - 1)].as_secs_f64() * 1_000.0
}
