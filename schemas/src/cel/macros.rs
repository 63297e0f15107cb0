//! What goes through the elements of a list or the keys of a map: `cel-spec`, section "Macros".

use std::rc::Rc;

use hybridge_config::cel::Macro;

use super::compile::Node;
use super::evaluate::Evaluation;
use super::fault::{Fault, FaultKind};
use super::value::Value;

impl<'a> Evaluation<'a> {
    pub(super) fn go_through(
        &mut self,
        kind: Macro,
        over: &'a Node,
        steps: &'a [Node],
    ) -> Result<Value<'a>, Fault> {
        let fault = |kind| Fault::new(kind, over.at);
        let value = self.value(over)?;
        let elements = match self.elements(&value) {
            Err(FaultKind::WrongType) => {
                let entries = self.entries(&value).map_err(fault)?;
                Rc::new(entries.iter().map(|(key, _)| key.clone()).collect())
            }
            elements => elements.map_err(fault)?,
        };
        let (condition, made) = match steps {
            [condition, made] => (Some(condition), Some(made)),
            [made] if kind == Macro::Map => (None, Some(made)),
            _ => (steps.first(), None),
        };
        let mut pass = Pass {
            kind,
            condition,
            made,
            holds: 0,
            was_met: false,
            is_decided: false,
            fault: None,
            values: Vec::new(),
        };
        for element in elements.iter() {
            self.variables.push(element.clone());
            let decided = self.element(&mut pass);
            let element = self.variables.pop();
            if decided? {
                break;
            }
            if let (Macro::Filter, true, Some(element)) = (kind, pass.was_met, element) {
                pass.values.push(element);
            }
        }
        pass.result()
    }

    /// Whether the result is decided by this element.
    fn element(&mut self, pass: &mut Pass<'a>) -> Result<bool, Fault> {
        pass.was_met = false;
        self.work(1).map_err(|kind| Fault::new(kind, 0))?;
        let met = match pass.condition {
            Some(condition) => self.boolean(condition),
            None => Ok(true),
        };
        let met = match (met, pass.kind) {
            // As with `&&` and `||`, a value that decides wins over faults.
            (Err(fault), Macro::All | Macro::Exists) if fault.kind != FaultKind::TooMuchWork => {
                pass.fault = pass.fault.or(Some(fault));
                return Ok(false);
            }
            (met, _) => met?,
        };
        pass.was_met = met;
        pass.holds += usize::from(met);
        match pass.kind {
            Macro::All if !met => {
                pass.is_decided = true;
                Ok(true)
            }
            Macro::Exists if met => {
                pass.is_decided = true;
                Ok(true)
            }
            Macro::Map if met => {
                if let Some(made) = pass.made {
                    pass.values.push(self.value(made)?);
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

struct Pass<'a> {
    kind: Macro,
    condition: Option<&'a Node>,
    made: Option<&'a Node>,
    holds: usize,
    /// Whether the condition held for the last element.
    was_met: bool,
    is_decided: bool,
    fault: Option<Fault>,
    values: Vec<Value<'a>>,
}

impl<'a> Pass<'a> {
    fn result(self) -> Result<Value<'a>, Fault> {
        match (self.kind, self.fault) {
            (Macro::All, _) if self.is_decided => Ok(Value::Boolean(false)),
            (Macro::Exists, _) if self.is_decided => Ok(Value::Boolean(true)),
            (Macro::All | Macro::Exists, Some(fault)) => Err(fault),
            (Macro::All, None) => Ok(Value::Boolean(true)),
            (Macro::Exists, None) => Ok(Value::Boolean(false)),
            (Macro::ExistsOne, _) => Ok(Value::Boolean(self.holds == 1)),
            (Macro::Filter | Macro::Map, _) => Ok(Value::List(Rc::new(self.values))),
        }
    }
}
