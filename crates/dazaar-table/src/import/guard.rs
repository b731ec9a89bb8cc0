//! Readers of files that panic on some damaged ones. Grade: plain.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `read` gives, or its panic as an error. Nothing that it used may be used again after that.
///
/// The Arrow and Parquet readers check most of what a file says, and panic on some of the rest.
pub(super) fn guarded<T, E: ToString>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(panic) => Err(words(&*panic)),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    words
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it makes no sense")
        .to_owned()
}
