//! Texts, numbers and booleans.

use serde_json::Value as Json;

use super::{Shape, expected, formats, type_name};
use crate::yaml::{Node, Place, Scalar, Value};

impl<'a> Shape<'a> {
    pub(super) fn scalar(&mut self, schema: &'a Json, node: &Node) {
        let format = schema.get("format").and_then(Json::as_str);
        let Value::Scalar(scalar) = &node.value else {
            let message = format!("{} where {} belongs", node.kind(), expected(schema));
            return self.refuse(node.place, message, "a value here is no list and no map");
        };
        let at = (node.place.file, node.place.start);
        if format.is_some_and(formats::is_secret) {
            self.secret.insert(at);
        } else {
            self.shown.insert(at);
        }
        match schema.get("type").map(type_name) {
            Some("string") => self.text(format, scalar, node.place),
            Some("boolean") if scalar.boolean().is_none() => self.wrong(schema, scalar, node.place),
            Some("number") if scalar.float().is_none() => self.wrong(schema, scalar, node.place),
            Some("integer") => self.integer(schema, scalar, node.place),
            _ => {}
        }
    }

    fn wrong(&mut self, schema: &Json, scalar: &Scalar, place: Place) {
        let expected = expected(schema);
        let quoted = scalar.quoted && scalar.written.is_none();
        let help = if quoted {
            format!("write {expected}, without quotes")
        } else {
            format!("write {expected}")
        };
        let message = format!("{}, {}, where {expected} belongs", scalar.kind(), scalar.shown());
        self.refuse(place, message, help);
    }

    fn integer(&mut self, schema: &Json, scalar: &Scalar, place: Place) {
        let number = scalar.unsigned().map(i128::from).or(scalar.signed().map(i128::from));
        let Some(number) = number else { return self.wrong(schema, scalar, place) };
        let limit = |key| schema.get(key).and_then(Json::as_u64).map(i128::from);
        let (least, most) = (limit("minimum"), limit("maximum"));
        if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
            return;
        }
        let help = match (least, most) {
            (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
            (Some(least), None) => format!("write a number of {least} or more"),
            (_, most) => format!("write a number of {} or less", most.unwrap_or(i128::MAX)),
        };
        self.refuse(place, format!("a number out of range, {}", scalar.shown()), help);
    }

    fn text(&mut self, format: Option<&'a str>, scalar: &Scalar, place: Place) {
        let Some(format) = format else { return };
        if formats::is_secret(format) && scalar.text.trim().is_empty() {
            let help = "give it a value, or leave the key out";
            return self.refuse(place, "an empty secret", help);
        }
        let Some((message, help)) = formats::check(format, &scalar.text) else { return };
        // A hint that repeats the value may show only what stands in the file.
        let help = match (&scalar.written, formats::example(format)) {
            (Some(_), Some(example)) => format!("what replaces it must be {example}"),
            _ => help,
        };
        if formats::is_secret(format) {
            return self.refuse(place, message, help);
        }
        self.refuse(place, format!("{message}, {}", scalar.shown()), help);
    }
}
