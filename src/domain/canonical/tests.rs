//! Canonical JSON against its definition: Python's own writer, the strict reader, and hostile bytes.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x2f\\\\\"\u{7f}\u{80}\u{2028}\u{e9}\u{10ffff}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z0-9_]{1,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn bytes_equal_pythons() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = value();
    let mut lines = Vec::new();
    for _ in 0..2_000 {
        lines.push(to_bytes(&strategy.new_tree(&mut runner).unwrap().current()).unwrap());
    }
    // Python reads our bytes and a differently spelt copy of the same value, and writes both its own way.
    let script = "import sys, json\n\
        out = sys.stdout.buffer\n\
        for line in sys.stdin.buffer.read().split(b'\\n')[:-1]:\n\
        \x20   o = json.loads(line.decode('utf-8'))\n\
        \x20   out.write(json.dumps(o, sort_keys=True, separators=(',',':'), ensure_ascii=False).encode('utf-8') + b'\\n')\n";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed: it is what an auditor has");
    let mut input = Vec::new();
    for line in &lines {
        let spelt: Value = serde_json::from_slice(line).unwrap();
        let spelt = serde_json::to_string(&spelt).unwrap();
        for text in [String::from_utf8(line.clone()).unwrap(), spelt.replace("\u{e9}", "\\u00e9")] {
            input.extend_from_slice(text.as_bytes());
            input.push(b'\n');
        }
    }
    let mut stdin = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let mut theirs = output.stdout.split(|byte| *byte == b'\n');
    for line in &lines {
        assert_eq!(theirs.next().unwrap(), line.as_slice());
        assert_eq!(theirs.next().unwrap(), line.as_slice());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let bytes = to_bytes(&value).unwrap();
        prop_assert_eq!(parse(&bytes).unwrap(), value);
    }

    /// The walker agrees with its definition on any mutation: canonical means equal to its own rewriting.
    #[test]
    fn a13_the_strict_reader_is_re_serialisation(
        value in value(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), prop::sample::select(b" \"\\u00:,{}[]-.eE19bfnrt_aZ".to_vec())
        ], 0..3_u8), 0..3),
    ) {
        let mut bytes = to_bytes(&value).unwrap();
        for (place, byte, how) in edits {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { if bytes.len() > 1 { bytes.remove(at); } }
            }
        }
        let again = serde_json::from_slice::<Value>(&bytes).ok().and_then(|value| to_bytes(&value).ok());
        prop_assert_eq!(check(&bytes).is_ok(), again.as_deref() == Some(bytes.as_slice()), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a13_other_spellings_of_a_value_are_refused() {
    for text in [
        "{ \"a\":1}",
        "{\"a\":1} ",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":1}",
        "{\"A\":1}",
        "{\"\":1}",
        "{\"a\":1.0}",
        "{\"a\":1e2}",
        "-0",
        "01",
        "9007199254740992",
        "\"\\u0041\"",
        "\"\\u001F\"",
        "\"\\u0008\"",
        "\"\\/\"",
        "\"\\ud800\"",
        "\"\n\"",
        "[1,]",
        "[1 ,2]",
        "{\"a\":}",
        "tru",
        "",
        "\"",
        "{\"a\"",
        "nul",
        "\u{feff}1",
        "99999999999999999999999999",
        "{\"\\u0061\":1}",
    ] {
        assert!(check(text.as_bytes()).is_err(), "{text}");
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(check(b"\"\xff\"").is_err());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(check(deep.as_bytes()), Err(CanonicalError::Depth));
}

#[test]
fn what_has_no_canonical_form_is_not_written() {
    assert!(matches!(to_bytes(&json!({"Key": 1})), Err(CanonicalError::Key(_))));
    assert!(matches!(to_bytes(&json!({"a b": 1})), Err(CanonicalError::Key(_))));
    for number in [json!(1.5), json!(1.0), json!(INTEGER_MAX + 1), json!(-INTEGER_MAX - 1), json!(u64::MAX)] {
        assert!(matches!(to_bytes(&number), Err(CanonicalError::Number(_))), "{number}");
    }
    assert_eq!(to_bytes(&json!(-INTEGER_MAX)).unwrap(), b"-9007199254740991");
}

#[test]
fn no_dependency_changes_how_json_is_read() {
    // `preserve_order` and `arbitrary_precision`, switched on anywhere in the build, would change these.
    let value: Value = serde_json::from_str("{\"b\":1,\"a\":2}").unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), "{\"a\":2,\"b\":1}");
    let number: Value = serde_json::from_str("1.00").unwrap();
    assert_eq!(serde_json::to_string(&number).unwrap(), "1.0");
}

/// Every shape that serde knows, with keys in no order.
#[derive(Clone, serde::Serialize, serde::Deserialize, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Nothing,
    One(Newtype),
    Several(u8, Option<char>, (i64, bool)),
    Named {
        zebra: String,
        ant: Vec<Shape>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        left_out: Option<u8>,
    },
    Members(std::collections::BTreeMap<String, Shape>),
    Flat(Flat),
}

#[derive(Clone, serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Newtype(u64);

#[derive(Clone, serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Flat {
    second: (),
    #[serde(flatten)]
    first: Inner,
}

#[derive(Clone, serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Inner {
    first: Option<()>,
    a: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        (0..=INTEGER_MAX as u64).prop_map(|n| Shape::One(Newtype(n))),
        (any::<u8>(), any::<Option<char>>(), any::<i32>(), any::<bool>()).prop_map(|(a, b, c, d)| Shape::Several(
            a,
            b,
            (c.into(), d)
        )),
        any::<bool>().prop_map(|a| Shape::Flat(Flat { second: (), first: Inner { first: None, a } })),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            (any::<String>(), many, any::<Option<u8>>()).prop_map(|(zebra, ant, left_out)| Shape::Named {
                zebra,
                ant,
                left_out
            }),
            prop::collection::btree_map("[a-z0-9_]{1,6}", inner, 0..5).prop_map(Shape::Members),
        ]
    })
}

proptest! {
    /// What is written in one pass is what the tree of its values would be, and reads back as what it was.
    #[test]
    fn every_shape_is_written_as_its_tree_of_values(shape in shape()) {
        let bytes = of(&shape).unwrap();
        prop_assert_eq!(&bytes, &to_bytes(&serde_json::to_value(&shape).unwrap()).unwrap());
        prop_assert_eq!(check(&bytes), Ok(()));
        prop_assert_eq!(serde_json::from_slice::<Shape>(&bytes).unwrap(), shape);
    }
}

#[test]
fn a_plan_is_written_as_its_tree_of_values() {
    use crate::domain::fixture::{Driver, proposal, site};
    let mut driver = Driver::new(site());
    driver.as_person("ada", crate::domain::Ask::Propose(Box::new(proposal()))).unwrap();
    let plan = &driver.run(1).plan;
    assert_eq!(of(&**plan).unwrap(), to_bytes(&serde_json::to_value(&**plan).unwrap()).unwrap());
}

#[test]
fn one_name_for_two_members_or_none_for_one_is_not_written() {
    struct Twice;
    impl serde::Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("a", 1), ("b", 2), ("a", 3)])
        }
    }
    assert!(matches!(of(&Twice), Err(CanonicalError::Unwritable(why)) if why.contains("twice")));
    let numbered = std::collections::BTreeMap::from([(1, "one")]);
    assert!(matches!(of(&numbered), Err(CanonicalError::Key(key)) if key == "1"));
    assert!(matches!(of(&f64::NAN), Err(CanonicalError::Number(_))));
    let deep = (0..=DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(of(&deep), Err(CanonicalError::Depth));
}
