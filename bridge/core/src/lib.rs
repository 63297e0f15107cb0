//! The vocabulary of hybridge: messages, deliveries, outcomes and the seams between parts.
