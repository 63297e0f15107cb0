//! CEL expressions over a message, compiled once and evaluated for each.
//!
//! Values inside a payload are slices of its text: nothing is built of it but what an expression makes itself. What
//! several fields of the payload are needed for is found in one pass. The work on one message is bounded: whatever an
//! expression goes through is counted, and evaluation ends with a fault at [`MOST_WORK`].

mod compile;
mod data;
mod evaluate;
mod fault;
mod function;
mod macros;
mod number;
mod operator;
mod text;
mod time;
mod value;

use hybridge_config as config;
use hybridge_core::{Message, Text};

use compile::Program;
use evaluate::Evaluation;
pub use fault::{Fault, FaultKind};
pub use value::Value;

/// What one evaluation may do: parts evaluated, elements gone through, and 64 bytes of text looked at or made, all
/// together; a large payload may be gone through four times beside that.
pub const MOST_WORK: u32 = 200_000;

/// A compiled expression.
#[derive(Debug)]
pub struct Cel(Program);

impl Cel {
    /// Compiles what the routing-rule file says.
    pub fn compile(cel: &config::Cel) -> Self {
        Self(Program::new(cel.root()))
    }

    /// The value for one message. A missing field, a value of the wrong type, a calculation without a result and too much
    /// work are faults, but where `||`, `&&` and `default()` do without the part that has them.
    pub fn evaluate<'a>(&'a self, message: &'a Message) -> Result<Value<'a>, Fault> {
        Evaluation::new(message, &self.0).value(&self.0.root)
    }

    /// Whether it is true for one message; a value that is no boolean is a fault.
    pub fn test(&self, message: &Message) -> Result<bool, Fault> {
        match self.evaluate(message)? {
            Value::Boolean(value) => Ok(value),
            _ => Err(Fault::new(FaultKind::NoBoolean, 0)),
        }
    }

    /// The headers that it refers to by name.
    pub fn headers(&self) -> impl Iterator<Item = &Text> {
        self.0.headers.iter()
    }
}

#[cfg(test)]
mod tests;
