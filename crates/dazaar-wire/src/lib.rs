//! Two peers talking: handshake, cipher, frames, messages, channels and replication, without I/O.
