//! The runtime behind all calls, and waiting that Ctrl-C ends.

use std::sync::OnceLock;
use std::time::Duration;

use pyo3::{PyResult, Python};
use tokio::runtime::Runtime;

/// How often it is looked whether the user wants to stop.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// The one runtime.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("threads can be started"))
}

/// Waits for `work` while other threads of Python run.
pub(crate) fn wait<T: Send>(py: Python<'_>, work: impl Future<Output = T> + Send) -> PyResult<T> {
    py.detach(|| {
        runtime().block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match tokio::time::timeout(SIGNAL_INTERVAL, &mut work).await {
                    Ok(done) => return Ok(done),
                    Err(_) => Python::attach(|py| py.check_signals())?,
                }
            }
        })
    })
}
