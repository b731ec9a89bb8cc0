//! Maps of several writers in folders that both sides write.
