//! The operators: specification, section 3.4.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_config::cesql::{Arithmetic, Comparison, Literal, Logic, Type};
use hybridge_core::{Message, ValueRef};

use super::compile::{Kind, Node};
use super::{Error, ErrorKind, Value};

/// One evaluation of one expression for one event.
pub(super) struct Evaluation<'a> {
    message: &'a Message,
    pub(super) errors: Vec<Error>,
    fails_fast: bool,
}

/// The value of a part.
pub(super) struct Part<'a> {
    pub(super) value: Value<'a>,
    /// Whether it is an attribute that is missing: the operator that has it for an operand is the zero value of its type,
    /// and from there on it is a value like others.
    pub(super) is_missing: bool,
}

impl<'a> Part<'a> {
    pub(super) fn zero(kind: Type) -> Self {
        Value::zero(kind).into()
    }
}

impl<'a> From<Value<'a>> for Part<'a> {
    fn from(value: Value<'a>) -> Self {
        Self { value, is_missing: false }
    }
}

impl From<bool> for Part<'_> {
    fn from(value: bool) -> Self {
        Value::Boolean(value).into()
    }
}

impl From<i32> for Part<'_> {
    fn from(value: i32) -> Self {
        Value::Integer(value).into()
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn complete(message: &'a Message) -> Self {
        Self { message, errors: Vec::new(), fails_fast: false }
    }

    /// Goes no further after an error; the value means nothing then.
    pub(super) fn fail_fast(message: &'a Message) -> Self {
        Self { message, errors: Vec::new(), fails_fast: true }
    }

    pub(super) fn value_of(&mut self, node: &'a Node) -> Value<'a> {
        self.part(node).value
    }

    pub(super) fn part(&mut self, node: &'a Node) -> Part<'a> {
        if self.fails_fast && !self.errors.is_empty() {
            return false.into();
        }
        match &node.kind {
            Kind::Literal(Literal::Boolean(value)) => (*value).into(),
            Kind::Literal(Literal::Integer(number)) => (*number).into(),
            Kind::Literal(Literal::String(text)) => {
                Value::String(Cow::Borrowed(text.as_str())).into()
            }
            Kind::Attribute(name) => self.attribute(name, &node.span),
            Kind::Exists(name) => self.message.attributes.contains(name).into(),
            Kind::Not(operand) => {
                let part = self.part(operand);
                if part.is_missing {
                    return Part::zero(Type::Boolean);
                }
                (!self.boolean(&part.value, &operand.span)).into()
            }
            Kind::Negate(operand) => {
                let part = self.part(operand);
                if part.is_missing {
                    return Part::zero(Type::Integer);
                }
                self.integer(&part.value, &operand.span).wrapping_neg().into()
            }
            Kind::Comparison(operator, operands) => self.comparison(*operator, operands),
            Kind::Arithmetic(operator, operands) => self.arithmetic(*operator, operands, node),
            Kind::Logic(operator, operands) => self.logic(*operator, operands),
            Kind::Like { operand, like, negated } => {
                let part = self.part(operand);
                if part.is_missing {
                    return Part::zero(Type::Boolean);
                }
                (like.matches(&part.value.into_text()) != *negated).into()
            }
            Kind::In { operand, set, negated } => self.is_in(operand, set, *negated),
            Kind::Call(function, arguments) => self.call(*function, arguments, node),
            Kind::UnknownCall => {
                self.fail(ErrorKind::MissingFunction, &node.span);
                false.into()
            }
        }
    }

    fn attribute(&mut self, name: &str, span: &Range<usize>) -> Part<'a> {
        let Some(value) = self.message.attributes.get_ref(name) else {
            self.fail(ErrorKind::MissingAttribute, span);
            return Part { value: Value::zero(Type::Boolean), is_missing: true };
        };
        match value {
            ValueRef::Boolean(value) => value.into(),
            ValueRef::Integer(number) => number.into(),
            ValueRef::Binary(bytes) => Value::String(Cow::Owned(STANDARD.encode(bytes))).into(),
            ValueRef::String(text)
            | ValueRef::Uri(text)
            | ValueRef::UriRef(text)
            | ValueRef::Timestamp(text) => Value::String(Cow::Borrowed(text)).into(),
        }
    }

    fn comparison(&mut self, operator: Comparison, operands: &'a [Node; 2]) -> Part<'a> {
        let [left_node, right_node] = operands;
        let (left, right) = (self.part(left_node), self.part(right_node));
        if left.is_missing || right.is_missing {
            return Part::zero(Type::Boolean);
        }
        let is_met = match operator {
            Comparison::Equal => self.is_equal(&left.value, &right.value, &left_node.span),
            Comparison::NotEqual => !self.is_equal(&left.value, &right.value, &left_node.span),
            _ => {
                let left = self.integer(&left.value, &left_node.span);
                let right = self.integer(&right.value, &right_node.span);
                match operator {
                    Comparison::Less => left < right,
                    Comparison::LessOrEqual => left <= right,
                    Comparison::Greater => left > right,
                    _ => left >= right,
                }
            }
        };
        is_met.into()
    }

    /// The type of `target` decides; `value` is cast to it.
    fn is_equal(&mut self, value: &Value<'_>, target: &Value<'_>, span: &Range<usize>) -> bool {
        match target {
            Value::Boolean(target) => self.boolean(value, span) == *target,
            Value::Integer(target) => self.integer(value, span) == *target,
            Value::String(target) => value.has_text(target),
        }
    }

    fn arithmetic(
        &mut self,
        operator: Arithmetic,
        operands: &'a [Node; 2],
        node: &'a Node,
    ) -> Part<'a> {
        let [left_node, right_node] = operands;
        let (left, right) = (self.part(left_node), self.part(right_node));
        if left.is_missing || right.is_missing {
            return Part::zero(Type::Integer);
        }
        let left = self.integer(&left.value, &left_node.span);
        let right = self.integer(&right.value, &right_node.span);
        let result = match operator {
            Arithmetic::Add => left.wrapping_add(right),
            Arithmetic::Subtract => left.wrapping_sub(right),
            Arithmetic::Multiply => left.wrapping_mul(right),
            Arithmetic::Divide | Arithmetic::Remainder if right == 0 => {
                self.fail(ErrorKind::Math, &node.span);
                0
            }
            Arithmetic::Divide => left.wrapping_div(right),
            Arithmetic::Remainder => left.wrapping_rem(right),
        };
        result.into()
    }

    /// A missing attribute alone is false here, as everywhere where no operator gives it a type.
    fn logic(&mut self, operator: Logic, operands: &'a [Node]) -> Part<'a> {
        let mut result = operator == Logic::And;
        let mut is_missing = false;
        for operand in operands {
            let part = self.part(operand);
            is_missing |= part.is_missing;
            let value = self.boolean(&part.value, &operand.span);
            match operator {
                Logic::And | Logic::Or => result = value,
                Logic::Xor => result ^= value,
            }
            if (operator == Logic::And && !value) || (operator == Logic::Or && value) {
                break;
            }
        }
        Part { value: Value::Boolean(result), is_missing }
    }

    fn is_in(&mut self, operand: &'a Node, set: &'a [Node], negated: bool) -> Part<'a> {
        let wanted = self.part(operand);
        if wanted.is_missing {
            return Part::zero(Type::Boolean);
        }
        for element in set {
            let part = self.part(element);
            if !part.is_missing && self.is_equal(&part.value, &wanted.value, &element.span) {
                return (!negated).into();
            }
        }
        negated.into()
    }

    pub(super) fn boolean(&mut self, value: &Value<'_>, span: &Range<usize>) -> bool {
        value.to_boolean().unwrap_or_else(|| {
            self.fail(ErrorKind::Cast, span);
            false
        })
    }

    pub(super) fn integer(&mut self, value: &Value<'_>, span: &Range<usize>) -> i32 {
        value.to_integer().unwrap_or_else(|| {
            self.fail(ErrorKind::Cast, span);
            0
        })
    }

    pub(super) fn fail(&mut self, kind: ErrorKind, span: &Range<usize>) {
        self.errors.push(Error { kind, span: span.clone() });
    }
}
