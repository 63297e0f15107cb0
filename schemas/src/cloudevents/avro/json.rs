//! JSON values in the union of the field `data`, as text.

use super::super::DecodeError;
use super::super::wire::Reader;
use super::decode::{boolean as read_boolean, entries, items, long, shape, string};
use crate::json::{DEEPEST, write_string};

pub(super) fn boolean(on: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if on { b"true" } else { b"false" });
}

/// A number; JSON has none that is infinite.
pub(super) fn double(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let bytes = reader.take(8)?;
    let number = bytes.first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
    match serde_json::Number::from_f64(number) {
        Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
        None => return Err(DecodeError::Data("a number that is not finite")),
    }
    Ok(())
}

/// The map that the data itself may be: its values are scalars or records.
pub(super) fn object_of_data(
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    object(reader, out, |reader, out| match long(reader)? {
        0 => null(out),
        1 => {
            boolean(read_boolean(reader)?, out);
            Ok(())
        }
        2 => record(reader, 1, out),
        3 => double(reader, out),
        4 => scalar_string(reader, out),
        _ => Err(shape("data of no type of the schema")),
    })
}

/// A record `AvroCloudEventData`: the map in it is an object.
fn record(reader: &mut Reader<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    check(depth)?;
    object(reader, out, |reader, out| match long(reader)? {
        0 => null(out),
        1 => {
            boolean(read_boolean(reader)?, out);
            Ok(())
        }
        2 => {
            check(depth + 1)?;
            object(reader, out, |reader, out| record(reader, depth + 2, out))
        }
        3 => array(reader, depth + 1, out),
        4 => double(reader, out),
        5 => scalar_string(reader, out),
        _ => Err(shape("data of no type of the schema")),
    })
}

/// An array of records.
pub(super) fn array(
    reader: &mut Reader<'_>,
    depth: u32,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    check(depth)?;
    out.push(b'[');
    let mut is_first = true;
    items(reader, |reader| {
        separate(&mut is_first, out);
        record(reader, depth + 1, out)
    })?;
    out.push(b']');
    Ok(())
}

fn object<'a>(
    reader: &mut Reader<'a>,
    out: &mut Vec<u8>,
    mut value: impl FnMut(&mut Reader<'a>, &mut Vec<u8>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    out.push(b'{');
    let mut is_first = true;
    entries(reader, |name, reader| {
        separate(&mut is_first, out);
        write_string(out, name);
        out.push(b':');
        value(reader, out)
    })?;
    out.push(b'}');
    Ok(())
}

fn separate(is_first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::replace(is_first, false) {
        out.push(b',');
    }
}

fn null(out: &mut Vec<u8>) -> Result<(), DecodeError> {
    out.extend_from_slice(b"null");
    Ok(())
}

fn scalar_string(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    write_string(out, string(reader)?);
    Ok(())
}

fn check(depth: u32) -> Result<(), DecodeError> {
    if depth < DEEPEST { Ok(()) } else { Err(DecodeError::Data("nested too deep")) }
}
