//! What leaves, what waits, what is dropped and said to be.

use super::*;
use crate::domain::id::{HostIx, RunId};
use crate::domain::run::{Item, Slot};
use crate::secrets::Sealed;

fn outlet(masks: &watch::Sender<Masks>, room: usize) -> (Outlet, mpsc::Receiver<Chunk>) {
    let key = OrderKey { run: RunId(1), slot: Slot { item: Item::Step(0), host: Some(HostIx(0)) }, attempt: 1 };
    let (to, from) = mpsc::channel(room);
    (Outlet::new(key, to, masks.subscribe(), false), from)
}

fn taken(from: &mut mpsc::Receiver<Chunk>) -> Vec<(Stream, String)> {
    let mut all = Vec::new();
    while let Ok(chunk) = from.try_recv() {
        all.push((chunk.stream, String::from_utf8_lossy(&chunk.bytes).into_owned()));
    }
    all
}

#[tokio::test]
async fn output_beyond_the_cap_is_named_once_and_dropped() {
    let masks = watch::Sender::new(Masks::none());
    let (mut outlet, mut from) = outlet(&masks, 100);
    outlet.room = 10;
    for part in ["12345", "6789", "abcdef", "more", "still more"] {
        outlet.push(Stream::Out, Bytes::from(part));
    }
    outlet.finish().await;
    let all = taken(&mut from);
    assert_eq!(all[..3], [(Stream::Out, "12345".into()), (Stream::Out, "6789".into()), (Stream::Out, "a".into())]);
    assert_eq!((all.len(), all[3].0), (4, Stream::Note));
    assert!(all[3].1.contains("not kept"), "{}", all[3].1);
}

#[tokio::test]
async fn without_secrets_no_byte_is_copied() {
    let masks = watch::Sender::new(Masks::none());
    let (mut outlet, mut from) = outlet(&masks, 100);
    let bytes = Bytes::from(vec![b'x'; 32 * 1024]);
    outlet.push(Stream::Out, bytes.clone());
    assert_eq!(from.try_recv().unwrap().bytes.as_ptr(), bytes.as_ptr());
}

#[tokio::test]
async fn a_secret_learnt_later_is_masked_from_then_on_and_streams_are_apart() {
    let masks = watch::Sender::new(Masks::none());
    let (mut outlet, mut from) = outlet(&masks, 100);
    outlet.push(Stream::Out, Bytes::from("hunter2hunter2\n"));
    let value = Sealed::new(b"hunter2hunter2".to_vec()).unwrap();
    masks.send_replace(Masks::new(&[("pin", &value)]).unwrap());
    outlet.push(Stream::Out, Bytes::from("hunter2"));
    outlet.push(Stream::Err, Bytes::from("plain\n"));
    outlet.push(Stream::Out, Bytes::from("hunter2\n"));
    outlet.finish().await;
    let all = taken(&mut from);
    let of =
        |stream: Stream| all.iter().filter(|(of, _)| *of == stream).map(|(_, text)| text.as_str()).collect::<String>();
    assert_eq!((of(Stream::Out), of(Stream::Err)), ("hunter2hunter2\n[secret:pin]\n".to_owned(), "plain\n".to_owned()));
    assert_eq!(outlet.clean("said hunter2hunter2 aloud"), "said [secret:pin] aloud");
}

#[tokio::test]
async fn what_nobody_takes_waits_in_order_and_within_bounds() {
    let masks = watch::Sender::new(Masks::none());
    let (mut outlet, mut from) = outlet(&masks, 1);
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = WAITING_BYTES_MAX / piece.len() + 10;
    for _ in 0..pieces {
        outlet.push(Stream::Out, piece.clone());
    }
    assert!(outlet.is_waiting() && outlet.waiting_bytes <= WAITING_BYTES_MAX);
    let take = async {
        let (mut bytes, mut notes) = (0, String::new());
        while let Some(chunk) = from.recv().await {
            match chunk.stream {
                Stream::Out | Stream::Err => bytes += chunk.bytes.len(),
                Stream::Note => notes.push_str(&String::from_utf8_lossy(&chunk.bytes)),
            }
        }
        (bytes, notes)
    };
    let finish = async {
        outlet.finish().await;
        drop(outlet);
    };
    let ((bytes, notes), ()) = tokio::join!(take, finish);
    let lost = pieces * piece.len() - bytes;
    assert!(lost > 0 && notes.contains(&format!("{lost} bytes")), "{lost}: {notes}");
}

#[test]
fn last_words_are_whole_lines_where_one_fits_and_never_a_cut_character() {
    assert_eq!(clip_front("one\ntwo\nthree", 9), "three");
    assert_eq!(clip_front("eeeeeeeeee", 3), "eee");
    assert_eq!(clip_front("éééé", 3), "é");
    assert_eq!(clip_back("éééé", 6), "é…");
    assert_eq!(clip_back("abc", 3), "abc");
}

#[test]
fn what_waits_in_small_pieces_is_bounded_by_what_it_takes() {
    let masks = watch::Sender::new(Masks::none());
    let (mut outlet, _from) = outlet(&masks, 1);
    for _ in 0..WAITING_BYTES_MAX / 16 {
        outlet.push(Stream::Out, Bytes::from_static(b"x"));
    }
    assert!(outlet.waiting.len() * size_of::<Chunk>() <= WAITING_BYTES_MAX, "{} pieces wait", outlet.waiting.len());
}

#[test]
fn what_is_judged_says_when_it_is_not_all() {
    let masks = watch::Sender::new(Masks::none());
    let (mut outlet, _from) = outlet(&masks, 100);
    outlet.push(Stream::Out, Bytes::from_static(b"login noise\n"));
    outlet.forget_what_was_said();
    outlet.push(Stream::Out, Bytes::from(vec![b'x'; JUDGED_BYTES_MAX]));
    let judged = outlet.judged();
    assert_eq!((judged.stdout.len(), judged.extent), (JUDGED_BYTES_MAX, Extent::Whole));
    outlet.push(Stream::Out, Bytes::from_static(b"y"));
    let judged = outlet.judged();
    assert_eq!((judged.stdout.find('y'), judged.extent), (None, Extent::Cut));
}
