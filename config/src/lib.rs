//! What the routing-rule files say, checked: loading, interpolation, secrets, problems with positions, JSON Schema.
