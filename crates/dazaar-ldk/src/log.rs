//! What the node has to say goes where everything else goes.

use ldk_node::logger::{LogLevel, LogRecord, LogWriter};

/// Writes to `tracing`, one level lower than the node: what it calls information is news to its developers only.
pub(crate) struct Log;

impl LogWriter for Log {
    fn log(&self, record: LogRecord<'_>) {
        let (module, text) = (record.module_path, record.args);
        match record.level {
            LogLevel::Error => tracing::warn!(target: "ldk", module, "{text}"),
            LogLevel::Warn | LogLevel::Info => tracing::debug!(target: "ldk", module, "{text}"),
            _ => tracing::trace!(target: "ldk", module, "{text}"),
        }
    }
}
