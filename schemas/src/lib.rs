//! What data looks like: CloudEvents formats and protocol bindings.
