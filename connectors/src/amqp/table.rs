//! Values of header tables as texts, and back.
//!
//! A header of a message is a name and bytes; a value of a table has a type. Texts and byte strings are their bytes. What is
//! none becomes the text that a person would write, and its type is noted in one more header, so that the way back gives the
//! same value: `count` = `5` beside `amqp-header-types` = `int32 count`. Tables and arrays become JSON: inside of them
//! numbers come back as 64 bits and byte strings that are not UTF-8 as base64.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lapin::types::{
    AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString,
};
use serde_json::Value as Json;

/// How deep tables and arrays may lie in each other; what is deeper is left out.
const DEEPEST: usize = 32;

/// The text of a value, and the name of its type where it is no text. `None` is no value.
pub(super) fn to_text(value: &AMQPValue) -> (Option<Bytes>, Option<&'static str>) {
    let text = |text: String| Some(Bytes::from(text));
    match value {
        AMQPValue::LongString(bytes) => (Some(Bytes::copy_from_slice(bytes.as_bytes())), None),
        AMQPValue::ShortString(string) => (text(string.to_string()), None),
        AMQPValue::ByteArray(bytes) => {
            (Some(Bytes::copy_from_slice(bytes.as_slice())), Some("bytes"))
        }
        AMQPValue::Void => (None, None),
        AMQPValue::Boolean(on) => (text(on.to_string()), Some("boolean")),
        AMQPValue::ShortShortInt(number) => (text(number.to_string()), Some("int8")),
        AMQPValue::ShortShortUInt(number) => (text(number.to_string()), Some("uint8")),
        AMQPValue::ShortInt(number) => (text(number.to_string()), Some("int16")),
        AMQPValue::ShortUInt(number) => (text(number.to_string()), Some("uint16")),
        AMQPValue::LongInt(number) => (text(number.to_string()), Some("int32")),
        AMQPValue::LongUInt(number) => (text(number.to_string()), Some("uint32")),
        AMQPValue::LongLongInt(number) => (text(number.to_string()), Some("int64")),
        AMQPValue::Float(number) => (text(number.to_string()), Some("float")),
        AMQPValue::Double(number) => (text(number.to_string()), Some("double")),
        AMQPValue::DecimalValue(number) => {
            (text(format!("{}e-{}", number.value, number.scale)), Some("decimal"))
        }
        AMQPValue::Timestamp(seconds) => (text(seconds.to_string()), Some("timestamp")),
        AMQPValue::FieldTable(_) => (text(to_json(value, DEEPEST).to_string()), Some("table")),
        AMQPValue::FieldArray(_) => (text(to_json(value, DEEPEST).to_string()), Some("array")),
    }
}

/// The value that has this text and type; without a type, or where the text is not of the type, the bytes as they are.
pub(super) fn from_text(value: Option<&Bytes>, kind: Option<&str>) -> AMQPValue {
    let Some(bytes) = value else { return AMQPValue::Void };
    let typed = kind.and_then(|kind| typed(bytes, kind));
    typed.unwrap_or_else(|| AMQPValue::LongString(LongString::from(bytes.to_vec())))
}

fn typed(bytes: &Bytes, kind: &str) -> Option<AMQPValue> {
    if kind == "bytes" {
        return Some(AMQPValue::ByteArray(ByteArray::from(bytes.to_vec())));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    Some(match kind {
        "boolean" => AMQPValue::Boolean(text.parse().ok()?),
        "int8" => AMQPValue::ShortShortInt(text.parse().ok()?),
        "uint8" => AMQPValue::ShortShortUInt(text.parse().ok()?),
        "int16" => AMQPValue::ShortInt(text.parse().ok()?),
        "uint16" => AMQPValue::ShortUInt(text.parse().ok()?),
        "int32" => AMQPValue::LongInt(text.parse().ok()?),
        "uint32" => AMQPValue::LongUInt(text.parse().ok()?),
        "int64" => AMQPValue::LongLongInt(text.parse().ok()?),
        "float" => AMQPValue::Float(text.parse().ok()?),
        "double" => AMQPValue::Double(text.parse().ok()?),
        "decimal" => {
            let (value, scale) = text.split_once("e-")?;
            let (value, scale) = (value.parse().ok()?, scale.parse().ok()?);
            AMQPValue::DecimalValue(DecimalValue { scale, value })
        }
        "timestamp" => AMQPValue::Timestamp(text.parse().ok()?),
        "table" | "array" => {
            let json: Json = serde_json::from_str(text).ok()?;
            let is_kind = if kind == "table" { json.is_object() } else { json.is_array() };
            is_kind.then(|| of_json(json))??
        }
        _ => return None,
    })
}

fn to_json(value: &AMQPValue, deepest: usize) -> Json {
    let Some(deeper) = deepest.checked_sub(1) else { return Json::Null };
    match value {
        AMQPValue::Void => Json::Null,
        AMQPValue::Boolean(on) => Json::from(*on),
        AMQPValue::ShortShortInt(number) => Json::from(*number),
        AMQPValue::ShortShortUInt(number) => Json::from(*number),
        AMQPValue::ShortInt(number) => Json::from(*number),
        AMQPValue::ShortUInt(number) => Json::from(*number),
        AMQPValue::LongInt(number) => Json::from(*number),
        AMQPValue::LongUInt(number) => Json::from(*number),
        AMQPValue::LongLongInt(number) => Json::from(*number),
        AMQPValue::Timestamp(seconds) => Json::from(*seconds),
        AMQPValue::Float(number) => Json::from(*number),
        AMQPValue::Double(number) => Json::from(*number),
        AMQPValue::DecimalValue(number) => {
            Json::from(format!("{}e-{}", number.value, number.scale))
        }
        AMQPValue::ShortString(text) => Json::from(text.as_str()),
        AMQPValue::LongString(text) => bytes_to_json(text.as_bytes()),
        AMQPValue::ByteArray(bytes) => bytes_to_json(bytes.as_slice()),
        AMQPValue::FieldArray(array) => {
            array.as_slice().iter().map(|value| to_json(value, deeper)).collect()
        }
        AMQPValue::FieldTable(table) => table
            .inner()
            .iter()
            .map(|(name, value)| (name.to_string(), to_json(value, deeper)))
            .collect(),
    }
}

fn bytes_to_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => Json::from(STANDARD.encode(bytes)),
    }
}

/// `None` where a name is too long for a table. As deep as the JSON parser lets it be.
fn of_json(json: Json) -> Option<AMQPValue> {
    Some(match json {
        Json::Null => AMQPValue::Void,
        Json::Bool(on) => AMQPValue::Boolean(on),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => AMQPValue::LongLongInt(whole),
            (None, Some(real)) => AMQPValue::Double(real),
            (None, None) => return None,
        },
        Json::String(text) => AMQPValue::LongString(LongString::from(text)),
        Json::Array(items) => {
            let items: Option<Vec<AMQPValue>> = items.into_iter().map(of_json).collect();
            AMQPValue::FieldArray(FieldArray::from(items?))
        }
        Json::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| Some((ShortString::try_new(name).ok()?, of_json(value)?)));
            let members: Option<BTreeMap<ShortString, AMQPValue>> = members.collect();
            AMQPValue::FieldTable(FieldTable::from(members?))
        }
    })
}

/// Bytes of a value on the wire, with its type.
pub(super) fn wire_size(value: &AMQPValue) -> usize {
    1 + match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Timestamp(_) | AMQPValue::Double(_) => 8,
        AMQPValue::ShortString(text) => 1 + text.as_str().len(),
        AMQPValue::LongString(text) => 4 + text.len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(array) => 4 + array.as_slice().iter().map(wire_size).sum::<usize>(),
        AMQPValue::FieldTable(table) => {
            let entry = |(name, value): (&ShortString, &AMQPValue)| {
                1 + name.as_str().len() + wire_size(value)
            };
            4 + table.into_iter().map(entry).sum::<usize>()
        }
    }
}

/// The types of headers by their names, written into one header.
#[derive(Default)]
pub(super) struct Types(String);

impl Types {
    /// Notes a type. A name with a line break in it loses its type.
    pub(super) fn note(&mut self, name: &str, kind: &str) {
        if name.contains('\n') {
            return;
        }
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(kind);
        self.0.push(' ');
        self.0.push_str(name);
    }

    /// The header, if a type was noted.
    pub(super) fn into_header(self) -> Option<Bytes> {
        (!self.0.is_empty()).then(|| Bytes::from(self.0))
    }

    /// The types by name that such a header notes.
    pub(super) fn read(header: &[u8]) -> HashMap<&str, &str> {
        let text = std::str::from_utf8(header).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(kind, name)| (name, kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scalar() -> impl Strategy<Value = AMQPValue> {
        prop_oneof![
            any::<bool>().prop_map(AMQPValue::Boolean),
            any::<i8>().prop_map(AMQPValue::ShortShortInt),
            any::<u8>().prop_map(AMQPValue::ShortShortUInt),
            any::<i16>().prop_map(AMQPValue::ShortInt),
            any::<u16>().prop_map(AMQPValue::ShortUInt),
            any::<i32>().prop_map(AMQPValue::LongInt),
            any::<u32>().prop_map(AMQPValue::LongUInt),
            any::<i64>().prop_map(AMQPValue::LongLongInt),
            (-1e30_f32..1e30).prop_map(AMQPValue::Float),
            (-1e300_f64..1e300).prop_map(AMQPValue::Double),
            (any::<u8>(), any::<u32>())
                .prop_map(|(scale, value)| AMQPValue::DecimalValue(DecimalValue { scale, value })),
            any::<u64>().prop_map(AMQPValue::Timestamp),
            any::<Vec<u8>>().prop_map(|bytes| AMQPValue::LongString(bytes.into())),
            any::<Vec<u8>>().prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
            Just(AMQPValue::Void),
        ]
    }

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_was(value in scalar(), name in "[^\n]{1,20}") {
            let (text, kind) = to_text(&value);
            let mut types = Types::default();
            kind.into_iter().for_each(|kind| types.note(&name, kind));
            let header = types.into_header().unwrap_or_default();
            let read = Types::read(&header).get(name.as_str()).copied();
            prop_assert_eq!(from_text(text.as_ref(), read), value);
        }

        #[test]
        fn any_text_of_any_type_is_a_value(text in any::<Vec<u8>>(), kind in "[a-z0-9]{1,9}|table|array") {
            from_text(Some(&text.into()), Some(&kind));
        }
    }

    #[test]
    fn what_lies_deep_comes_back_as_far_as_json_goes() {
        let mut inner = FieldTable::default();
        inner.insert("n".into(), AMQPValue::LongLongInt(-7));
        inner.insert("s".into(), AMQPValue::LongString("text".into()));
        let list = vec![AMQPValue::FieldTable(inner), AMQPValue::Void, AMQPValue::Boolean(true)];
        let value = AMQPValue::FieldArray(list.into());
        let (text, kind) = to_text(&value);
        assert_eq!(text.as_deref(), Some(br#"[{"n":-7,"s":"text"},null,true]"#.as_slice()));
        assert_eq!(from_text(text.as_ref(), kind), value);
        let mut deep = AMQPValue::Boolean(true);
        for _ in 0..10_000 {
            deep = AMQPValue::FieldArray(vec![deep].into());
        }
        assert!(to_text(&deep).0.unwrap().len() < 100);
        // Dropping it is as deep as it is: not the business of this test.
        std::mem::forget(deep);
    }
}
