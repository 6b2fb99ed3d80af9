//! Takes our own lines (`NONCE PID`, `NONCE +`, `NONCE -`, `NONCE !`) out of a host's standard error, or out of its terminal.
//!
//! What a login shell says before them is noise, and kept. Once the script begins every byte passes untouched and uncopied: a
//! script that prints the nonce itself prints it.
//!
//! Invariant: what passes does not depend on how the stream was cut into pieces; at most [`HELD_BYTES_MAX`] bytes wait.

use super::script::Nonce;
use crate::domain::order::Stream;
use bytes::{Bytes, BytesMut};

/// Nonce, blank, process id and line end fit.
const HELD_BYTES_MAX: usize = 64;

/// One of our lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// A shell runs under this process id and reads its input.
    Reads(u32),
    /// All of it arrived, the shell leads its process group, and the script begins.
    Begins,
    /// The shell leads no process group and has left without beginning.
    NotLeading,
    /// The host lacks the program that would read the script, and the shell has left without beginning.
    NoProgram,
}

/// Finds the marks in one stream.
pub(super) struct Marker {
    /// Where they are looked for.
    pub stream: Stream,
    nonce: Nonce,
    held: BytesMut,
    open: bool,
}

impl Marker {
    /// Looks for the marks of one attempt.
    pub fn new(nonce: Nonce, stream: Stream) -> Self {
        Self { stream, nonce, held: BytesMut::new(), open: false }
    }

    /// Takes the next bytes: gives back what is not ours, and appends the marks found.
    pub fn take(&mut self, bytes: Bytes, marks: &mut Vec<Mark>) -> Bytes {
        if self.open {
            return bytes;
        }
        self.held.extend_from_slice(&bytes);
        let mut passed = BytesMut::new();
        while !self.open {
            let nonce = self.nonce.as_str().as_bytes();
            let Some(start) = find(&self.held, nonce) else {
                let kept = tail_that_begins(&self.held, nonce);
                passed.extend_from_slice(&self.held.split_to(self.held.len() - kept));
                break;
            };
            passed.extend_from_slice(&self.held.split_to(start));
            let Some(end) = self.held.iter().position(|byte| *byte == b'\n') else {
                if self.held.len() > HELD_BYTES_MAX {
                    // No line of ours: let the nonce pass as what it is, somebody's echo of our command.
                    passed.extend_from_slice(&self.held.split_to(nonce.len()));
                    continue;
                }
                break;
            };
            let line = self.held.split_to(end + 1);
            match meaning(line.get(nonce.len()..end).unwrap_or_default()) {
                Some(mark) => {
                    self.open = mark == Mark::Begins;
                    marks.push(mark);
                }
                None => passed.extend_from_slice(&line),
            }
        }
        if self.open {
            passed.extend_from_slice(&std::mem::take(&mut self.held));
        }
        passed.freeze()
    }

    /// The stream has ended: gives back what waited.
    pub fn finish(&mut self) -> Bytes {
        self.open = true;
        std::mem::take(&mut self.held).freeze()
    }
}

fn meaning(rest: &[u8]) -> Option<Mark> {
    match std::str::from_utf8(rest).ok()?.strip_prefix(' ')? {
        "+" => Some(Mark::Begins),
        "-" => Some(Mark::NotLeading),
        "!" => Some(Mark::NoProgram),
        // 0 and 1 are no process groups of ours: a signal to them would end everything.
        pid => pid.parse().ok().filter(|pid| *pid > 1).map(Mark::Reads),
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// Length of the longest end of `text` that is a beginning of `word`.
fn tail_that_begins(text: &[u8], word: &[u8]) -> usize {
    (1..word.len().min(text.len() + 1)).rev().find(|len| text.get(text.len() - len..) == word.get(..*len)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]], nonce: &Nonce) -> (Vec<Mark>, Vec<u8>) {
        let (mut marker, mut marks, mut passed) = (Marker::new(nonce.clone(), Stream::Err), Vec::new(), Vec::new());
        for piece in pieces {
            passed.extend_from_slice(&marker.take(Bytes::copy_from_slice(piece), &mut marks));
        }
        passed.extend_from_slice(&marker.finish());
        (marks, passed)
    }

    #[test]
    fn marks_are_found_and_taken_out_however_the_stream_is_cut() {
        let nonce = Nonce::fresh().unwrap();
        let stream = format!("banner\nno line end{0} 4711\n{0} +\nwords {0} 7\n", nonce.as_str());
        let expected =
            (vec![Mark::Reads(4711), Mark::Begins], format!("banner\nno line endwords {} 7\n", nonce.as_str()));
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let bytes = stream.as_bytes();
                let (marks, passed) = told(&[&bytes[..first], &bytes[first..second], &bytes[second..]], &nonce);
                assert_eq!((marks, String::from_utf8(passed).unwrap()), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_stream_without_marks_passes_whole() {
        let nonce = Nonce::fresh().unwrap();
        let half = &nonce.as_str()[..20];
        let (marks, passed) = told(&[b"sh: not found\n", half.as_bytes()], &nonce);
        assert_eq!(marks, []);
        assert_eq!(passed, format!("sh: not found\n{half}").into_bytes());
    }

    #[test]
    fn an_echo_of_our_command_is_no_mark() {
        let nonce = Nonce::fresh().unwrap();
        let echo = format!("+ exec sh -c 'echo \"{} $$\" >&2; eval \"$(cat)\" </dev/null'\n", nonce.as_str());
        for odd in [
            echo,
            format!("{} 1\n", nonce.as_str()),
            format!("{} 0\n", nonce.as_str()),
            format!("{}\n", nonce.as_str()),
        ] {
            let (marks, passed) = told(&[odd.as_bytes()], &nonce);
            assert_eq!((marks, passed), (vec![], odd.into_bytes()));
        }
    }

    #[test]
    fn little_waits_even_where_no_line_ends() {
        let nonce = Nonce::fresh().unwrap();
        let mut marker = Marker::new(nonce.clone(), Stream::Err);
        let long = nonce.as_str().repeat(100);
        marker.take(Bytes::from(long.into_bytes()), &mut Vec::new());
        assert!(marker.held.len() <= HELD_BYTES_MAX, "{} bytes wait", marker.held.len());
    }
}
