//! JSON as text: checked, read and changed in place, without a tree of values.
//!
//! Numbers, white space and the order of members stay as they were written. Texts nested deeper than
//! [`DEEPEST`] are refused, so that neither this process nor what comes after it runs out of stack.
//! Where an object has a name twice the last one counts, as for most readers; what is removed is
//! removed wherever it is.

mod edit;
mod find;
mod members;
mod path;
mod scan;
mod select;
mod text;

pub use edit::{EditError, remove, rename, set};
pub use find::Paths;
pub use members::{Elements, Members, elements, members};
pub use path::{Step, get};
pub(crate) use scan::Scanner;
pub use scan::{DEEPEST, Fault, is_valid};
pub use select::Selection;
pub use text::{unescape, write_inside, write_string};
