//! How many files the program may have open: connections count, and the usual 1,024 are soon used up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for as many as the system grants, and says how many that is; none is any number. If it refuses, opening one too many says so.
pub(crate) fn raise() -> Option<u64> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    maximum
}
