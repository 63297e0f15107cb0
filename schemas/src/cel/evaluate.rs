//! One evaluation of one expression for one message.

use std::rc::Rc;

use hybridge_core::Message;

use super::MOST_WORK;
use super::compile::{Kind, MOST_SLOTS, Node, Program};
use super::fault::{Fault, FaultKind};
use super::value::Value;

pub(super) struct Evaluation<'a> {
    pub(super) message: &'a Message,
    pub(super) program: &'a Program,
    pub(super) slots: [Option<&'a [u8]>; MOST_SLOTS],
    /// Whether the slots are filled.
    pub(super) is_read: bool,
    /// Whether the payload is JSON, as far as that was asked.
    pub(super) is_json: bool,
    /// What the macros round here go through, the innermost last.
    pub(super) variables: Vec<Value<'a>>,
    work: u32,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(message: &'a Message, program: &'a Program) -> Self {
        let payload = message.payload.as_ref().map_or(0, |payload| payload.len());
        let passes = u32::try_from(payload / 16).unwrap_or(u32::MAX);
        Self {
            message,
            program,
            slots: [None; MOST_SLOTS],
            is_read: false,
            is_json: true,
            variables: Vec::new(),
            work: MOST_WORK.saturating_add(passes),
        }
    }

    pub(super) fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Fault> {
        let fault = |kind| Fault::new(kind, node.at);
        self.work(1).map_err(fault)?;
        match &node.kind {
            Kind::Literal(literal) => Ok(Value::literal(literal)),
            Kind::Attribute(name) => self.attribute(name).map_err(fault),
            Kind::HasAttribute(name) if name == "data" => {
                Ok(Value::Boolean(self.message.payload.is_some()))
            }
            Kind::HasAttribute(name) => Ok(Value::Boolean(self.message.attributes.contains(name))),
            Kind::Data => self.data().map_err(fault),
            Kind::Slot(slot) => match self.slot(*slot).map_err(fault)? {
                Some(json) => Value::from_json(json).map_err(fault),
                None => Err(fault(FaultKind::Missing)),
            },
            Kind::HasSlot(object, member) => {
                self.has_slot(*object, *member).map(Value::Boolean).map_err(fault)
            }
            Kind::Header(name) => self.header(name).ok_or_else(|| fault(FaultKind::Missing)),
            Kind::HasHeader(name) => Ok(Value::Boolean(self.header(name).is_some())),
            Kind::HeaderOf(name) => {
                let name = self.text(name)?;
                self.header(&name).ok_or_else(|| fault(FaultKind::Missing))
            }
            Kind::IsHeader(name) => {
                let name = self.text(name)?;
                Ok(Value::Boolean(self.header(&name).is_some()))
            }
            Kind::Key => self.key().map_err(fault),
            Kind::Origin(field) => Ok(self.origin(*field)),
            Kind::Variable(outwards) => {
                let variable = self.variables.iter().rev().nth(*outwards);
                variable.cloned().ok_or_else(|| fault(FaultKind::Missing))
            }
            Kind::Select(target, name) => {
                let target = self.value(target)?;
                self.member(&target, name).map_err(fault)?.ok_or_else(|| fault(FaultKind::Missing))
            }
            Kind::Has(target, name) => {
                let target = self.value(target)?;
                Ok(Value::Boolean(self.member(&target, name).map_err(fault)?.is_some()))
            }
            Kind::Index(nodes) => {
                let (target, index) = (self.value(&nodes[0])?, self.value(&nodes[1])?);
                self.at(&target, &index).map_err(fault)
            }
            Kind::List(nodes) => {
                let mut values = Vec::with_capacity(nodes.len());
                for node in nodes {
                    values.push(self.value(node)?);
                }
                Ok(Value::List(Rc::new(values)))
            }
            Kind::Map(entries) => self.map(entries, node),
            Kind::Not(operand) => Ok(Value::Boolean(!self.boolean(operand)?)),
            Kind::Negate(operand) => {
                let value = self.value(operand)?;
                value.negated().map_err(fault)
            }
            Kind::Binary(operator, nodes) => {
                let (left, right) = (self.value(&nodes[0])?, self.value(&nodes[1])?);
                self.binary(*operator, &left, &right).map_err(fault)
            }
            Kind::And(nodes) => self.logic(nodes, true),
            Kind::Or(nodes) => self.logic(nodes, false),
            Kind::Conditional(nodes) => {
                let [condition, then, other] = &**nodes;
                let chosen = if self.boolean(condition)? { then } else { other };
                self.value(chosen)
            }
            Kind::Matches(text, pattern) => {
                let text = self.text(text)?;
                self.work_through(text.len().saturating_mul(16)).map_err(fault)?;
                let pattern = pattern.as_ref().ok_or_else(|| fault(FaultKind::TooMuchWork))?;
                Ok(Value::Boolean(pattern.is_match(&*text)))
            }
            Kind::Call(function, arguments) => self.call(*function, arguments, node.at),
            Kind::Macro(kind, over, steps) => self.go_through(*kind, over, steps),
            Kind::Default(nodes) => {
                let [wanted, other] = &**nodes;
                match self.value(wanted) {
                    Ok(Value::Null) => self.value(other),
                    Err(fault) if fault.kind == FaultKind::Missing => self.value(other),
                    result => result,
                }
            }
        }
    }

    pub(super) fn boolean(&mut self, node: &'a Node) -> Result<bool, Fault> {
        match self.value(node)? {
            Value::Boolean(value) => Ok(value),
            _ => Err(Fault::new(FaultKind::WrongType, node.at)),
        }
    }

    pub(super) fn text(&mut self, node: &'a Node) -> Result<std::borrow::Cow<'a, str>, Fault> {
        match self.value(node)? {
            Value::String(text) => Ok(text),
            _ => Err(Fault::new(FaultKind::WrongType, node.at)),
        }
    }

    /// A value that decides wins over faults, wherever it stands: `cel-spec`, section "Logical Operators".
    fn logic(&mut self, nodes: &'a [Node], all: bool) -> Result<Value<'a>, Fault> {
        let mut first = None;
        for node in nodes {
            match self.boolean(node) {
                Ok(value) if value != all => return Ok(Value::Boolean(value)),
                Ok(_) => {}
                Err(fault) if fault.kind == FaultKind::TooMuchWork => return Err(fault),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        first.map_or(Ok(Value::Boolean(all)), Err)
    }

    fn map(&mut self, entries: &'a [[Node; 2]], node: &'a Node) -> Result<Value<'a>, Fault> {
        let mut values: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
        for [name, value] in entries {
            let (key, value) = (self.value(name)?, self.value(value)?);
            if !key.is_key() {
                return Err(Fault::new(FaultKind::WrongType, name.at));
            }
            let fault = |kind| Fault::new(kind, node.at);
            self.work_times(values.len()).map_err(fault)?;
            for (other, _) in &values {
                if self.is_equal(other, &key).map_err(fault)? {
                    return Err(Fault::new(FaultKind::Conversion, name.at));
                }
            }
            values.push((key, value));
        }
        Ok(Value::Map(Rc::new(values)))
    }

    /// Counts one more thing that is done.
    pub(super) fn work(&mut self, amount: u32) -> Result<(), FaultKind> {
        self.work = self.work.checked_sub(amount).ok_or(FaultKind::TooMuchWork)?;
        Ok(())
    }

    pub(super) fn work_times(&mut self, times: usize) -> Result<(), FaultKind> {
        self.work(u32::try_from(times).unwrap_or(u32::MAX))
    }

    /// Counts bytes that are looked at or copied.
    pub(super) fn work_through(&mut self, bytes: usize) -> Result<(), FaultKind> {
        self.work_times(bytes / 64)
    }
}
