//! The functions: specification, section 3.5.

use std::borrow::Cow;

use hybridge_config::cesql::Function;

use super::compile::Node;
use super::evaluate::{Evaluation, Part};
use super::{ErrorKind, Value};

/// Bytes that a text may have that is put together from others: expressions may not multiply what events bring.
const LONGEST: usize = 64 * 1024;

impl<'a> Evaluation<'a> {
    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: &'a [Node],
        node: &'a Node,
    ) -> Part<'a> {
        let result = match function {
            Function::Concat => self.concat("".into(), arguments),
            Function::ConcatWs => match arguments.split_first() {
                Some((separator, rest)) => {
                    self.text(separator).and_then(|separator| self.concat(separator, rest))
                }
                None => None,
            },
            _ => self.fixed(function, arguments, node),
        };
        result.map_or_else(|| Part::zero(function.result()), Part::from)
    }

    /// A function with one to three arguments; `None` where an attribute is missing in one.
    fn fixed(
        &mut self,
        function: Function,
        arguments: &'a [Node],
        node: &'a Node,
    ) -> Option<Value<'a>> {
        let first = arguments.first()?;
        Some(match function {
            Function::Int => {
                let value = self.present(first)?;
                Value::Integer(self.integer(&value, &first.span))
            }
            Function::Bool => {
                let value = self.present(first)?;
                Value::Boolean(self.boolean(&value, &first.span))
            }
            Function::String => Value::String(self.text(first)?),
            Function::Abs => {
                let value = self.present(first)?;
                let number = self.integer(&value, &first.span);
                Value::Integer(number.checked_abs().unwrap_or_else(|| {
                    self.fail(ErrorKind::Math, &node.span);
                    i32::MAX
                }))
            }
            Function::Length => {
                let length = self.text(first)?.chars().count();
                Value::Integer(i32::try_from(length).unwrap_or(i32::MAX))
            }
            Function::Lower => Value::String(self.text(first)?.to_lowercase().into()),
            Function::Upper => Value::String(self.text(first)?.to_uppercase().into()),
            Function::Trim => Value::String(cut(self.text(first)?, |text| text.trim())),
            Function::Left
            | Function::Right
            | Function::Substring
            | Function::Concat
            | Function::ConcatWs => Value::String(self.part_of_text(function, arguments, node)?),
        })
    }

    fn part_of_text(
        &mut self,
        function: Function,
        arguments: &'a [Node],
        node: &'a Node,
    ) -> Option<Cow<'a, str>> {
        let (first, rest) = arguments.split_first()?;
        // All arguments are evaluated before one of them counts as missing, so that all errors are told.
        let text = self.text(first);
        let mut numbers = [None; 2];
        for (number, argument) in numbers.iter_mut().zip(rest) {
            let part = self.part(argument);
            if part.is_missing {
                return None;
            }
            *number = Some(self.integer(&part.value, &argument.span));
        }
        let (text, place, length) = (text?, numbers[0]?, numbers[1]);
        let count = text.chars().count();
        let range = match function {
            Function::Left | Function::Right if place < 0 => {
                self.fail(ErrorKind::FunctionEvaluation, &node.span);
                return Some(text);
            }
            Function::Left => 0..count.min(size(place)),
            Function::Right => count - count.min(size(place))..count,
            _ => match substring(count, place, length) {
                Some(range) => range,
                None => {
                    self.fail(ErrorKind::FunctionEvaluation, &node.span);
                    0..0
                }
            },
        };
        Some(cut(text, |text| {
            let place = |at| text.char_indices().nth(at).map_or(text.len(), |(at, _)| at);
            &text[place(range.start)..place(range.end)]
        }))
    }

    /// The texts one after the other with `separator` between them.
    fn concat(&mut self, separator: Cow<'a, str>, arguments: &'a [Node]) -> Option<Value<'a>> {
        let mut whole = String::new();
        let mut is_missing = false;
        for (place, argument) in arguments.iter().enumerate() {
            let Some(text) = self.text(argument) else {
                is_missing = true;
                continue;
            };
            let separator = if place > 0 { &*separator } else { "" };
            if whole.len() + separator.len() + text.len() > LONGEST {
                self.fail(ErrorKind::FunctionEvaluation, &argument.span);
                return Some(Value::String("".into()));
            }
            whole.push_str(separator);
            whole.push_str(&text);
        }
        (!is_missing).then(|| Value::String(whole.into()))
    }

    /// `None` where an attribute is missing in it.
    fn present(&mut self, node: &'a Node) -> Option<Value<'a>> {
        let part = self.part(node);
        (!part.is_missing).then_some(part.value)
    }

    fn text(&mut self, node: &'a Node) -> Option<Cow<'a, str>> {
        self.present(node).map(Value::into_text)
    }
}

fn size(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// Which characters of `count` a substring has; `None` where it begins outside or its length is negative.
fn substring(count: usize, place: i32, length: Option<i32>) -> Option<std::ops::Range<usize>> {
    if length.is_some_and(|length| length < 0) || place.unsigned_abs() as usize > count {
        return None;
    }
    let start = match place {
        0 => return Some(0..0),
        1.. => size(place) - 1,
        _ => count - place.unsigned_abs() as usize,
    };
    let end = length.map_or(count, |length| count.min(start + size(length)));
    Some(start..end)
}

/// A part of a text; borrowed where the text is.
fn cut(text: Cow<'_, str>, part: impl Fn(&str) -> &str) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}
