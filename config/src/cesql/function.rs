//! The functions of CESQL: specification, section 3.5, and the casts of section 3.7 by name.

use Type::{Boolean, Integer, String};

/// A type of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the three types of the language")]
pub enum Type {
    Boolean,
    Integer,
    String,
}

/// A built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the specification")]
pub enum Function {
    Length,
    Concat,
    ConcatWs,
    Lower,
    Upper,
    Trim,
    Left,
    Right,
    Substring,
    Abs,
    Int,
    Bool,
    String,
}

/// Name, least and most arguments; one that takes any number has no most.
const FUNCTIONS: [(&str, Function, usize, Option<usize>); 13] = [
    ("LENGTH", Function::Length, 1, Some(1)),
    ("CONCAT", Function::Concat, 0, None),
    ("CONCAT_WS", Function::ConcatWs, 1, None),
    ("LOWER", Function::Lower, 1, Some(1)),
    ("UPPER", Function::Upper, 1, Some(1)),
    ("TRIM", Function::Trim, 1, Some(1)),
    ("LEFT", Function::Left, 2, Some(2)),
    ("RIGHT", Function::Right, 2, Some(2)),
    ("SUBSTRING", Function::Substring, 2, Some(3)),
    ("ABS", Function::Abs, 1, Some(1)),
    ("INT", Function::Int, 1, Some(1)),
    ("BOOL", Function::Bool, 1, Some(1)),
    ("STRING", Function::String, 1, Some(1)),
];

impl Function {
    /// The function of this name, without regard to case, that takes `arguments` arguments.
    pub(super) fn find(name: &str, arguments: usize) -> Option<Self> {
        let takes = |least: usize, most: Option<usize>| {
            arguments >= least && most.is_none_or(|most| arguments <= most)
        };
        let found = FUNCTIONS.iter().find(|(other, _, least, most)| {
            other.eq_ignore_ascii_case(name) && takes(*least, *most)
        });
        found.map(|(_, function, ..)| *function)
    }

    /// What the argument in this place is cast to; `None` where it is taken as it is.
    pub fn parameter(self, place: usize) -> Option<Type> {
        match (self, place) {
            (Self::Left | Self::Right, 1) | (Self::Substring, 1..) | (Self::Abs, _) => {
                Some(Integer)
            }
            (Self::Int | Self::Bool | Self::String, _) => None,
            _ => Some(String),
        }
    }

    /// The type of what it gives.
    pub fn result(self) -> Type {
        match self {
            Self::Length | Self::Abs | Self::Int => Integer,
            Self::Bool => Boolean,
            _ => String,
        }
    }
}

/// What would be right instead of a function that there is not.
pub(super) fn help(name: &str) -> std::string::String {
    match FUNCTIONS.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name)) {
        Some((name, _, least, Some(most))) if least == most => {
            format!("{name} takes {least}")
        }
        Some((name, _, least, Some(most))) => format!("{name} takes {least} to {most}"),
        Some((name, _, least, None)) => format!("{name} takes {least} or more"),
        None => {
            let names: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
            format!("there are {}", names.join(", "))
        }
    }
}
