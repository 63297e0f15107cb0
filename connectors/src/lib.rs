//! What talks to a broker, a cloud bus, a socket or the embedded log.
