//! The operators: `cel-spec`, section "List of Standard Definitions".

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use hybridge_config::cel::Operator;

use super::evaluate::Evaluation;
use super::fault::FaultKind;
use super::value::Value;
use super::{number, time};
use crate::json;

/// Bytes or elements that a value may have that an expression makes.
pub(super) const LARGEST: usize = 1 << 20;

impl<'a> Evaluation<'a> {
    pub(super) fn binary(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Result<Value<'a>, FaultKind> {
        let is_met = match operator {
            Operator::Equal => self.is_equal(left, right)?,
            Operator::NotEqual => !self.is_equal(left, right)?,
            Operator::In => self.is_in(left, right)?,
            Operator::Less => self.order(left, right)? == Some(Ordering::Less),
            Operator::Greater => self.order(left, right)? == Some(Ordering::Greater),
            Operator::LessOrEqual => self.order(left, right)?.is_some_and(Ordering::is_le),
            Operator::GreaterOrEqual => self.order(left, right)?.is_some_and(Ordering::is_ge),
            Operator::Add => return self.sum(left, right),
            _ => return calculated(operator, left, right),
        };
        Ok(Value::Boolean(is_met))
    }

    /// Values of different types are not equal, but for numbers.
    pub(super) fn is_equal(
        &mut self,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Result<bool, FaultKind> {
        if number::is_number(left) && number::is_number(right) {
            return Ok(number::order(left, right) == Some(Ordering::Equal));
        }
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(left), Value::Boolean(right)) => left == right,
            (Value::String(left), Value::String(right)) => {
                self.work_through(left.len())?;
                left == right
            }
            (Value::Bytes(left), Value::Bytes(right)) => {
                self.work_through(left.len())?;
                left == right
            }
            (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
            (Value::Duration(left), Value::Duration(right)) => left == right,
            (left, right) if is_list(left) && is_list(right) => {
                let (left, right) = (self.elements(left)?, self.elements(right)?);
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right.iter()) {
                    if !self.is_equal(left, right)? {
                        return Ok(false);
                    }
                }
                true
            }
            (left, right) if is_map(left) && is_map(right) => {
                let (left, right) = (self.entries(left)?, self.entries(right)?);
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (key, value) in left.iter() {
                    match self.entry(&right, key)? {
                        Some(other) if self.is_equal(value, &other)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            _ => false,
        })
    }

    /// `None` where one of two numbers is NaN.
    fn order(
        &mut self,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Result<Option<Ordering>, FaultKind> {
        if number::is_number(left) && number::is_number(right) {
            return Ok(number::order(left, right));
        }
        Ok(Some(match (left, right) {
            (Value::Boolean(left), Value::Boolean(right)) => left.cmp(right),
            (Value::String(left), Value::String(right)) => {
                self.work_through(left.len())?;
                left.cmp(right)
            }
            (Value::Bytes(left), Value::Bytes(right)) => {
                self.work_through(left.len())?;
                left.cmp(right)
            }
            (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
            (Value::Duration(left), Value::Duration(right)) => left.cmp(right),
            _ => return Err(FaultKind::WrongType),
        }))
    }

    fn is_in(&mut self, wanted: &Value<'a>, container: &Value<'a>) -> Result<bool, FaultKind> {
        if is_list(container) {
            for element in self.elements(container)?.iter() {
                if self.is_equal(element, wanted)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let entries = self.entries(container)?;
        Ok(self.entry(&entries, wanted)?.is_some())
    }

    fn sum(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, FaultKind> {
        match (left, right) {
            (Value::String(left), Value::String(right)) => {
                self.grow(left.len() + right.len())?;
                Ok(Value::String(Cow::Owned([left.as_ref(), right.as_ref()].concat())))
            }
            (Value::Bytes(left), Value::Bytes(right)) => {
                self.grow(left.len() + right.len())?;
                Ok(Value::Bytes(Cow::Owned([left.as_ref(), right.as_ref()].concat())))
            }
            (left, right) if is_list(left) && is_list(right) => {
                let (left, right) = (self.elements(left)?, self.elements(right)?);
                self.work_times(left.len() + right.len())?;
                if left.len() + right.len() > LARGEST {
                    return Err(FaultKind::TooMuchWork);
                }
                Ok(Value::List(Rc::new(left.iter().chain(right.iter()).cloned().collect())))
            }
            _ => calculated(Operator::Add, left, right),
        }
    }

    /// Counts a text or bytes that are made.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), FaultKind> {
        self.work_through(bytes)?;
        if bytes > LARGEST { Err(FaultKind::TooMuchWork) } else { Ok(()) }
    }

    /// What is in a list.
    pub(super) fn elements(&mut self, list: &Value<'a>) -> Result<Rc<Vec<Value<'a>>>, FaultKind> {
        match list {
            Value::List(values) => Ok(values.clone()),
            Value::Json(text) if text.first() == Some(&b'[') => {
                self.work_through(text.len())?;
                let mut values = Vec::new();
                for element in json::elements(text) {
                    self.work(1)?;
                    values.push(Value::from_json(element.map_err(|_| FaultKind::NoText)?)?);
                }
                Ok(Rc::new(values))
            }
            _ => Err(FaultKind::WrongType),
        }
    }

    /// What is in a map; of two members of one name the last one counts.
    #[allow(clippy::type_complexity, reason = "the form in which a map has it")]
    pub(super) fn entries(
        &mut self,
        map: &Value<'a>,
    ) -> Result<Rc<Vec<(Value<'a>, Value<'a>)>>, FaultKind> {
        match map {
            Value::Map(entries) => Ok(entries.clone()),
            Value::Json(text) if text.first() == Some(&b'{') => {
                self.work_through(text.len())?;
                let mut entries: Vec<(Value<'a>, Value<'a>)> = Vec::new();
                let mut places = std::collections::HashMap::new();
                for member in json::members(text) {
                    self.work(1)?;
                    let (name, value) = member.map_err(|_| FaultKind::NoText)?;
                    let value = Value::from_json(value)?;
                    match places.get(&name).copied() {
                        Some(place) => {
                            let (_, old): &mut (Value<'a>, Value<'a>) = &mut entries[place];
                            *old = value;
                        }
                        None => {
                            places.insert(name.clone(), entries.len());
                            entries.push((Value::String(name), value));
                        }
                    }
                }
                Ok(Rc::new(entries))
            }
            _ => Err(FaultKind::WrongType),
        }
    }

    fn entry(
        &mut self,
        entries: &[(Value<'a>, Value<'a>)],
        key: &Value<'a>,
    ) -> Result<Option<Value<'a>>, FaultKind> {
        for (other, value) in entries {
            self.work(1)?;
            if self.is_equal(other, key)? {
                return Ok(Some(value.clone()));
            }
        }
        Ok(None)
    }

    /// A member of a map by its name.
    pub(super) fn member(
        &mut self,
        target: &Value<'a>,
        name: &'a str,
    ) -> Result<Option<Value<'a>>, FaultKind> {
        match target {
            Value::Map(entries) => self.entry(entries, &Value::String(Cow::Borrowed(name))),
            Value::Json(text) if text.first() == Some(&b'{') => {
                self.work_through(text.len())?;
                let found = json::get(text, &[json::Step::Member(name.into())]);
                found.ok().flatten().map(Value::from_json).transpose()
            }
            _ => Err(FaultKind::WrongType),
        }
    }

    /// An element of a list or a value of a map.
    pub(super) fn at(
        &mut self,
        target: &Value<'a>,
        index: &Value<'a>,
    ) -> Result<Value<'a>, FaultKind> {
        if is_list(target) {
            let place = number::index(index)?;
            return self.elements(target)?.get(place).cloned().ok_or(FaultKind::Missing);
        }
        let entries = self.entries(target)?;
        self.entry(&entries, index)?.ok_or(FaultKind::Missing)
    }
}

fn calculated<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<Value<'a>, FaultKind> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let result = match operator {
                Operator::Add => left.checked_add(*right),
                Operator::Subtract => left.checked_sub(*right),
                Operator::Multiply => left.checked_mul(*right),
                Operator::Divide => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            result.map(Value::Int).ok_or(FaultKind::Number)
        }
        (Value::Uint(left), Value::Uint(right)) => {
            let result = match operator {
                Operator::Add => left.checked_add(*right),
                Operator::Subtract => left.checked_sub(*right),
                Operator::Multiply => left.checked_mul(*right),
                Operator::Divide => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            result.map(Value::Uint).ok_or(FaultKind::Number)
        }
        (Value::Double(left), Value::Double(right)) => match operator {
            Operator::Add => Ok(Value::Double(left + right)),
            Operator::Subtract => Ok(Value::Double(left - right)),
            Operator::Multiply => Ok(Value::Double(left * right)),
            Operator::Divide => Ok(Value::Double(left / right)),
            _ => Err(FaultKind::WrongType),
        },
        _ => time::calculated(operator, left, right),
    }
}

fn is_list(value: &Value<'_>) -> bool {
    match value {
        Value::List(_) => true,
        Value::Json(text) => text.first() == Some(&b'['),
        _ => false,
    }
}

fn is_map(value: &Value<'_>) -> bool {
    match value {
        Value::Map(_) => true,
        Value::Json(text) => text.first() == Some(&b'{'),
        _ => false,
    }
}

impl Value<'_> {
    /// Whether it can be the key of a map.
    pub(super) fn is_key(&self) -> bool {
        matches!(self, Self::Boolean(_) | Self::Int(_) | Self::Uint(_) | Self::String(_))
    }
}
