//! What changes or selects a message between source and targets.
