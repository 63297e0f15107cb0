//! Standard input and standard output, a message a line.
//!
//! Standard input has no position to go back to: what was read and not settled is lost with the
//! process. It is not lost with a route: what a source leaves behind, the route's next source gets.

mod input;
mod sink;
mod source;

pub use input::Input;
pub use sink::{Output, Sink};
pub use source::Source;

use hybridge_config::connector::stdio::Format;

use crate::line_format::LineFormat;

fn line_format(format: Format) -> LineFormat {
    match format {
        Format::JsonLines => LineFormat::Json,
        Format::Lines => LineFormat::Raw,
    }
}

#[cfg(test)]
mod tests;
