//! The writer: whatever serialises becomes canonical bytes in one pass. An object's members are written as they come and put in
//! order at its end, so that no tree of values is built in between.

use super::{CanonicalError, DEPTH_MAX, INTEGER_MAX, is_key_bytes};
use serde::ser::{self, Serialize, Serializer};

type Written = Result<(), CanonicalError>;

/// Appends one value that lies so deep in others.
pub(super) fn value<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>, depth: usize) -> Written {
    if depth > DEPTH_MAX {
        return Err(CanonicalError::Depth);
    }
    value.serialize(Writer { out, depth })
}

impl ser::Error for CanonicalError {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        CanonicalError::Unwritable(what.to_string())
    }
}

/// The place one value goes to.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
}

impl<'a> Writer<'a> {
    fn literal(self, text: &str) -> Written {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn integer(self, number: i64) -> Written {
        match (-INTEGER_MAX..=INTEGER_MAX).contains(&number) {
            true => self.literal(&number.to_string()),
            false => Err(CanonicalError::Number(number.to_string())),
        }
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, yes: bool) -> Written {
        self.literal(if yes { "true" } else { "false" })
    }

    fn serialize_i8(self, n: i8) -> Written {
        self.integer(n.into())
    }

    fn serialize_i16(self, n: i16) -> Written {
        self.integer(n.into())
    }

    fn serialize_i32(self, n: i32) -> Written {
        self.integer(n.into())
    }

    fn serialize_i64(self, n: i64) -> Written {
        self.integer(n)
    }

    fn serialize_u8(self, n: u8) -> Written {
        self.integer(n.into())
    }

    fn serialize_u16(self, n: u16) -> Written {
        self.integer(n.into())
    }

    fn serialize_u32(self, n: u32) -> Written {
        self.integer(n.into())
    }

    fn serialize_u64(self, n: u64) -> Written {
        self.integer(i64::try_from(n).map_err(|_| CanonicalError::Number(n.to_string()))?)
    }

    fn serialize_f32(self, n: f32) -> Written {
        Err(CanonicalError::Number(n.to_string()))
    }

    fn serialize_f64(self, n: f64) -> Written {
        Err(CanonicalError::Number(n.to_string()))
    }

    fn serialize_char(self, c: char) -> Written {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Written {
        string(text, self.out);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Written {
        self.literal("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, held: &T) -> Written {
        held.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.literal("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.literal("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, held: &T) -> Written {
        held.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        held: &T,
    ) -> Written {
        opened(variant, self.out)?;
        value(held, self.out, self.depth + 1)?;
        self.literal("}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, CanonicalError> {
        Ok(Array::open(self, "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, CanonicalError> {
        Ok(Array::open(self, "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, CanonicalError> {
        Ok(Array::open(self, "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, CanonicalError> {
        opened(variant, self.out)?;
        Ok(Array::open(Writer { out: self.out, depth: self.depth + 1 }, "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, CanonicalError> {
        Ok(Object::open(self, "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, CanonicalError> {
        Ok(Object::open(self, "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, CanonicalError> {
        opened(variant, self.out)?;
        Ok(Object::open(Writer { out: self.out, depth: self.depth + 1 }, "}}"))
    }
}

/// Begins an object that has one member: a variant's name, before what it holds.
fn opened(variant: &str, out: &mut Vec<u8>) -> Written {
    out.push(b'{');
    named(variant, out)
}

fn named(key: &str, out: &mut Vec<u8>) -> Written {
    if !is_key_bytes(key.as_bytes()) {
        return Err(CanonicalError::Key(key.to_owned()));
    }
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    Ok(())
}

/// Ends an array or object, each of whose parts has left a comma behind it.
fn closed(out: &mut Vec<u8>, end: &str) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(end.as_bytes());
}

/// An array being written.
struct Array<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    end: &'static str,
}

impl<'a> Array<'a> {
    fn open(Writer { out, depth }: Writer<'a>, end: &'static str) -> Self {
        out.push(b'[');
        Array { out, depth, end }
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        value(item, self.out, self.depth + 1)?;
        self.out.push(b',');
        Ok(())
    }

    fn close(self) -> Written {
        closed(self.out, self.end);
        Ok(())
    }
}

/// An object being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    end: &'static str,
    /// Where the first member stands.
    begin: usize,
    members: Vec<Member>,
}

/// Where a member stands: `"key":value,` from its first quote to its comma.
struct Member {
    begin: usize,
    colon: usize,
    end: usize,
}

impl Member {
    fn key<'a>(&self, out: &'a [u8]) -> &'a [u8] {
        out.get(self.begin..self.colon).unwrap_or_default()
    }
}

impl<'a> Object<'a> {
    fn open(Writer { out, depth }: Writer<'a>, end: &'static str) -> Self {
        out.push(b'{');
        Object { begin: out.len(), out, depth, end, members: Vec::new() }
    }

    /// A member's key has been written from `begin` on.
    fn begun(&mut self, begin: usize) {
        let colon = self.out.len();
        self.members.push(Member { begin, colon, end: colon });
    }

    fn holds<T: Serialize + ?Sized>(&mut self, held: &T) -> Written {
        value(held, self.out, self.depth + 1)?;
        self.out.push(b',');
        if let Some(member) = self.members.last_mut() {
            member.end = self.out.len();
        }
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, held: &T) -> Written {
        let begin = self.out.len();
        named(key, self.out)?;
        self.begun(begin);
        self.holds(held)
    }

    fn close(self) -> Written {
        let Object { out, end, begin, mut members, .. } = self;
        let is_before = |one: &Member, other: &Member| one.key(out) < other.key(out);
        if !members.is_sorted_by(is_before) {
            members.sort_unstable_by(|one, other| one.key(out).cmp(other.key(out)));
            if !members.is_sorted_by(is_before) {
                return Err(CanonicalError::Unwritable("a key stands twice in one object".to_owned()));
            }
            let sorted: Vec<&[u8]> = members.iter().filter_map(|at| out.get(at.begin..at.end)).collect();
            let sorted = sorted.concat();
            out.truncate(begin);
            out.extend_from_slice(&sorted);
        }
        closed(out, end);
        Ok(())
    }
}

impl ser::SerializeSeq for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        self.item(item)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeTuple for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        self.item(item)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        self.item(item)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        self.item(item)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, held: &T) -> Written {
        self.member(key, held)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeStructVariant for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, held: &T) -> Written {
        self.member(key, held)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        let begin = self.out.len();
        value(key, self.out, self.depth)?;
        let written = self.out.get(begin..).unwrap_or_default();
        let bare = written.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        if !bare.is_some_and(is_key_bytes) {
            return Err(CanonicalError::Key(String::from_utf8_lossy(bare.unwrap_or(written)).into_owned()));
        }
        self.out.push(b':');
        self.begun(begin);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, held: &T) -> Written {
        self.holds(held)
    }

    fn end(self) -> Written {
        self.close()
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0x00..=0x1f);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
        let (as_it_is, then) = rest.split_at(plain);
        out.extend_from_slice(as_it_is);
        rest = match then.split_first() {
            Some((byte, after)) => {
                escaped(*byte, out);
                after
            }
            None => then,
        };
    }
    out.push(b'"');
}

fn escaped(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x09 => out.extend_from_slice(b"\\t"),
        0x0a => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        0x0d => out.extend_from_slice(b"\\r"),
        other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
    }
}
