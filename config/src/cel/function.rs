//! The functions of CEL: `cel-spec`, section "List of Standard Definitions", and some of its string extension.

/// A function or method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the specification")]
pub enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    Matches,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Bool,
    Dyn,
    Timestamp,
    Duration,
    GetFullYear,
    GetMonth,
    GetDate,
    GetDayOfMonth,
    GetDayOfWeek,
    GetDayOfYear,
    GetHours,
    GetMinutes,
    GetSeconds,
    GetMilliseconds,
    LowerAscii,
    UpperAscii,
    Trim,
    Substring,
    Replace,
    Split,
    Join,
    IndexOf,
}

/// How a function may be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `f(x)`.
    Free,
    /// `x.f()`.
    Method,
    Both,
}

/// Name, form, least and most arguments, the one before the dot counted.
const FUNCTIONS: [(&str, Function, Form, usize, usize); 32] = [
    ("size", Function::Size, Form::Both, 1, 1),
    ("startsWith", Function::StartsWith, Form::Method, 2, 2),
    ("endsWith", Function::EndsWith, Form::Method, 2, 2),
    ("contains", Function::Contains, Form::Method, 2, 2),
    ("matches", Function::Matches, Form::Both, 2, 2),
    ("int", Function::Int, Form::Free, 1, 1),
    ("uint", Function::Uint, Form::Free, 1, 1),
    ("double", Function::Double, Form::Free, 1, 1),
    ("string", Function::String, Form::Free, 1, 1),
    ("bytes", Function::Bytes, Form::Free, 1, 1),
    ("bool", Function::Bool, Form::Free, 1, 1),
    ("dyn", Function::Dyn, Form::Free, 1, 1),
    ("timestamp", Function::Timestamp, Form::Free, 1, 1),
    ("duration", Function::Duration, Form::Free, 1, 1),
    ("getFullYear", Function::GetFullYear, Form::Method, 1, 2),
    ("getMonth", Function::GetMonth, Form::Method, 1, 2),
    ("getDate", Function::GetDate, Form::Method, 1, 2),
    ("getDayOfMonth", Function::GetDayOfMonth, Form::Method, 1, 2),
    ("getDayOfWeek", Function::GetDayOfWeek, Form::Method, 1, 2),
    ("getDayOfYear", Function::GetDayOfYear, Form::Method, 1, 2),
    ("getHours", Function::GetHours, Form::Method, 1, 2),
    ("getMinutes", Function::GetMinutes, Form::Method, 1, 2),
    ("getSeconds", Function::GetSeconds, Form::Method, 1, 2),
    ("getMilliseconds", Function::GetMilliseconds, Form::Method, 1, 2),
    ("lowerAscii", Function::LowerAscii, Form::Method, 1, 1),
    ("upperAscii", Function::UpperAscii, Form::Method, 1, 1),
    ("trim", Function::Trim, Form::Method, 1, 1),
    ("substring", Function::Substring, Form::Method, 2, 3),
    ("replace", Function::Replace, Form::Method, 3, 3),
    ("split", Function::Split, Form::Method, 2, 2),
    ("join", Function::Join, Form::Method, 1, 2),
    ("indexOf", Function::IndexOf, Form::Method, 2, 2),
];

impl Function {
    /// The function of this name that takes `arguments` arguments; otherwise what is to be said.
    pub(super) fn find(name: &str, is_method: bool, arguments: usize) -> Result<Self, String> {
        let Some((_, function, form, least, most)) =
            FUNCTIONS.iter().find(|(other, ..)| *other == name)
        else {
            let wanted = if is_method { Form::Method } else { Form::Free };
            let fits =
                FUNCTIONS.iter().filter(|(_, _, form, ..)| *form == wanted || *form == Form::Both);
            let names: Vec<&str> = fits.map(|(name, ..)| *name).collect();
            return Err(format!("there are {}", names.join(", ")));
        };
        match form {
            Form::Free if is_method => return Err(format!("write {name}(...)")),
            Form::Method if !is_method => return Err(format!("write x.{name}(...)")),
            _ => {}
        }
        if (*least..=*most).contains(&arguments) {
            return Ok(*function);
        }
        let before = usize::from(is_method);
        match least == most {
            true => Err(format!("{name} takes {}", least - before)),
            false => Err(format!("{name} takes {} or {}", least - before, most - before)),
        }
    }
}
