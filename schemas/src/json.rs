//! JSON as text: checked, read and changed in place, without a tree of values.
//!
//! Numbers, white space and the order of members stay as they were written. Texts nested deeper than
//! [`DEEPEST`] are refused, so that neither this process nor what comes after it runs out of stack.

mod scan;
mod text;

pub(crate) use scan::Scanner;
pub use scan::{DEEPEST, Fault, is_valid};
pub use text::{unescape, write_string};
