//! Maps and folders written as blocks: hypertrie.
