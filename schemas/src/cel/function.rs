//! The functions: `cel-spec`, section "List of Standard Definitions", and some of its string extension.

use std::borrow::Cow;
use std::rc::Rc;

use hybridge_config::cel::Function;
use jiff::Timestamp;

use super::compile::Node;
use super::evaluate::Evaluation;
use super::fault::{Fault, FaultKind};
use super::value::Value;
use super::{number, text, time};

impl<'a> Evaluation<'a> {
    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: &'a [Node],
        at: usize,
    ) -> Result<Value<'a>, Fault> {
        let mut values = [Value::Null, Value::Null, Value::Null];
        for (value, argument) in values.iter_mut().zip(arguments) {
            *value = self.value(argument)?;
        }
        let values = &values[..arguments.len().min(3)];
        self.applied(function, values).map_err(|kind| Fault::new(kind, at))
    }

    fn applied(
        &mut self,
        function: Function,
        values: &[Value<'a>],
    ) -> Result<Value<'a>, FaultKind> {
        let [value, rest @ ..] = values else { return Err(FaultKind::WrongType) };
        match function {
            Function::Size => self.size(value),
            Function::Int => int(value),
            Function::Uint => uint(value),
            Function::Double => double(value),
            Function::Bool => boolean(value),
            Function::Dyn => Ok(value.clone()),
            Function::String => self.string(value),
            Function::Bytes => match value {
                Value::Bytes(_) => Ok(value.clone()),
                Value::String(text) => Ok(Value::Bytes(match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.clone().into_bytes()),
                })),
                _ => Err(FaultKind::WrongType),
            },
            Function::Timestamp => match value {
                Value::Timestamp(_) => Ok(value.clone()),
                Value::String(text) => time::timestamp(text).map(Value::Timestamp),
                Value::Int(seconds) => Timestamp::from_second(*seconds)
                    .map(Value::Timestamp)
                    .map_err(|_| FaultKind::Number),
                _ => Err(FaultKind::WrongType),
            },
            Function::Duration => match value {
                Value::Duration(_) => Ok(value.clone()),
                Value::String(text) => {
                    text::duration(text).map(Value::Duration).ok_or(FaultKind::Conversion)
                }
                _ => Err(FaultKind::WrongType),
            },
            Function::Join => self.join(value, rest),
            Function::StartsWith
            | Function::EndsWith
            | Function::Contains
            | Function::Matches
            | Function::LowerAscii
            | Function::UpperAscii
            | Function::Trim
            | Function::Substring
            | Function::Replace
            | Function::Split
            | Function::IndexOf => match value {
                Value::String(text) => self.of_text(function, text, rest),
                _ => Err(FaultKind::WrongType),
            },
            _ => time::part(function, value, rest.first()),
        }
    }

    fn size(&mut self, value: &Value<'a>) -> Result<Value<'a>, FaultKind> {
        let size = match value {
            Value::String(text) => {
                self.work_through(text.len())?;
                text.chars().count()
            }
            Value::Bytes(bytes) => bytes.len(),
            _ => match self.elements(value) {
                Err(FaultKind::WrongType) => self.entries(value)?.len(),
                elements => elements?.len(),
            },
        };
        i64::try_from(size).map(Value::Int).map_err(|_| FaultKind::Number)
    }

    fn string(&mut self, value: &Value<'a>) -> Result<Value<'a>, FaultKind> {
        let text = match value {
            Value::String(_) => return Ok(value.clone()),
            Value::Null | Value::List(_) | Value::Map(_) | Value::Json(_) => {
                return Err(FaultKind::WrongType);
            }
            Value::Double(number) => text::double_text(*number),
            value => {
                let text = value.to_text()?.ok_or(FaultKind::WrongType)?;
                self.grow(text.len())?;
                text.into_owned()
            }
        };
        Ok(Value::String(Cow::Owned(text)))
    }

    fn of_text(
        &mut self,
        function: Function,
        text: &Cow<'a, str>,
        rest: &[Value<'a>],
    ) -> Result<Value<'a>, FaultKind> {
        self.work_through(text.len())?;
        let other = || match rest.first() {
            Some(Value::String(other)) => Ok(other.as_ref()),
            _ => Err(FaultKind::WrongType),
        };
        let made = |text: String| Value::String(Cow::Owned(text));
        Ok(match function {
            Function::StartsWith => Value::Boolean(text.starts_with(other()?)),
            Function::EndsWith => Value::Boolean(text.ends_with(other()?)),
            Function::Contains => Value::Boolean(text.contains(other()?)),
            Function::LowerAscii => made(text.to_ascii_lowercase()),
            Function::UpperAscii => made(text.to_ascii_uppercase()),
            Function::Trim => made(text.trim().to_owned()),
            Function::IndexOf => match text.find(other()?) {
                Some(at) => Value::Int(i64::try_from(text[..at].chars().count()).unwrap_or(-1)),
                None => Value::Int(-1),
            },
            Function::Substring => made(substring(text, rest)?.to_owned()),
            Function::Replace => {
                let [Value::String(old), Value::String(new)] = rest else {
                    return Err(FaultKind::WrongType);
                };
                let places = text.matches(old.as_ref()).count();
                self.grow(text.len() + places.saturating_mul(new.len()))?;
                made(text.replace(old.as_ref(), new))
            }
            Function::Split => {
                let separator = other()?;
                let places = text.matches(separator).count();
                self.work_times(places)?;
                let parts = match separator {
                    "" => text.chars().map(|c| made(c.to_string())).collect(),
                    _ => text.split(separator).map(|part| made(part.to_owned())).collect(),
                };
                Value::List(Rc::new(parts))
            }
            _ => return Err(FaultKind::WrongType),
        })
    }

    fn join(&mut self, list: &Value<'a>, rest: &[Value<'a>]) -> Result<Value<'a>, FaultKind> {
        let separator = match rest {
            [] => "",
            [Value::String(separator), ..] => separator.as_ref(),
            _ => return Err(FaultKind::WrongType),
        };
        let mut joined = String::new();
        for (place, element) in self.elements(list)?.iter().enumerate() {
            let Value::String(text) = element else { return Err(FaultKind::WrongType) };
            self.grow(joined.len() + separator.len() + text.len())?;
            if place > 0 {
                joined.push_str(separator);
            }
            joined.push_str(text);
        }
        Ok(Value::String(Cow::Owned(joined)))
    }
}

/// From one character up to another one.
fn substring<'t>(text: &'t str, rest: &[Value<'_>]) -> Result<&'t str, FaultKind> {
    let byte = |value: &Value<'_>| {
        let wanted = number::index(value)?;
        let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        places.nth(wanted).ok_or(FaultKind::Missing)
    };
    let start = byte(rest.first().ok_or(FaultKind::WrongType)?)?;
    let end = rest.get(1).map_or(Ok(text.len()), byte)?;
    text.get(start..end).ok_or(FaultKind::Missing)
}

fn int<'a>(value: &Value<'a>) -> Result<Value<'a>, FaultKind> {
    let number = match value {
        Value::Int(number) => Some(*number),
        Value::Uint(number) => i64::try_from(*number).ok(),
        // The ends of the range are no doubles themselves.
        Value::Double(number) if number.abs() < 9_223_372_036_854_775_808.0 => Some(*number as i64),
        Value::Double(_) => None,
        Value::String(text) => {
            return text.parse().map(Value::Int).map_err(|_| FaultKind::Conversion);
        }
        Value::Timestamp(time) => Some(time.as_second()),
        _ => return Err(FaultKind::WrongType),
    };
    number.map(Value::Int).ok_or(FaultKind::Number)
}

fn uint<'a>(value: &Value<'a>) -> Result<Value<'a>, FaultKind> {
    let number = match value {
        Value::Uint(number) => Some(*number),
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Double(number) if *number > -1.0 && *number < 18_446_744_073_709_551_616.0 => {
            Some(*number as u64)
        }
        Value::Double(_) => None,
        Value::String(text) => {
            return text.parse().map(Value::Uint).map_err(|_| FaultKind::Conversion);
        }
        _ => return Err(FaultKind::WrongType),
    };
    number.map(Value::Uint).ok_or(FaultKind::Number)
}

fn double<'a>(value: &Value<'a>) -> Result<Value<'a>, FaultKind> {
    Ok(Value::Double(match value {
        Value::Double(number) => *number,
        Value::Int(number) => *number as f64,
        Value::Uint(number) => *number as f64,
        Value::String(text) => text.parse().map_err(|_| FaultKind::Conversion)?,
        _ => return Err(FaultKind::WrongType),
    }))
}

fn boolean<'a>(value: &Value<'a>) -> Result<Value<'a>, FaultKind> {
    match value {
        Value::Boolean(_) => Ok(value.clone()),
        Value::String(text) => match text.as_ref() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Boolean(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Boolean(false)),
            _ => Err(FaultKind::Conversion),
        },
        _ => Err(FaultKind::WrongType),
    }
}
