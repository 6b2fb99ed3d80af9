//! What a process has used, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// The kernel's clock ticks, the same on every Linux that user space sees.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time of a process so far, all its threads, user and system.
pub fn cpu(pid: u32) -> Duration {
    ticks(pid, 13)
}

/// Processor time of this process's children that have ended and been waited for, and of theirs.
pub fn cpu_of_children() -> Duration {
    ticks(std::process::id(), 15)
}

/// Two fields of `/proc/PID/stat`, counted from 0; the second, the name, may hold anything up to the last `)`.
fn ticks(pid: u32, first: usize) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let of = |field: usize| fields[field - 2].parse::<u64>().unwrap();
    Duration::from_millis((of(first) + of(first + 1)) * 1_000 / TICKS_PER_SECOND)
}

/// Forgets the peak of this process's memory, so that the next one counts from now.
pub fn forget_peak() {
    // Where the kernel refuses, the peak is that of the whole bench: more than what is asked for, never less.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process has held at once, in MiB.
pub fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}
