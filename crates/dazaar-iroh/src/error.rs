//! What can go wrong with an endpoint.

use std::io;
use std::path::PathBuf;

/// Why an endpoint cannot be had, or nobody be reached through one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IrohError {
    /// An address of another kind.
    #[error("this is no address of iroh")]
    OtherAddress,
    /// The key of an endpoint that no endpoint can have.
    #[error("the key of the endpoint is no key")]
    Key,
    /// The URL of a relay.
    #[error("`{url}` cannot be the URL of a relay")]
    Relay {
        /// What was given.
        url: String,
    },
    /// Certificates of authorities that cannot be used.
    #[error("{}: {problem}", path.display())]
    Authorities {
        /// Where they should be.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
    /// The address names neither a relay nor a host that is known.
    #[error("nobody says where the endpoint is")]
    NoHint,
    /// No socket, or not this one.
    #[error("cannot listen for iroh: {0}")]
    Bind(String),
    /// The endpoint was not reached, or is another one.
    #[error("iroh: {0}")]
    Connect(String),
    /// The endpoint took too long.
    #[error("iroh: the endpoint did not answer in time")]
    Silent,
}

impl From<IrohError> for io::Error {
    fn from(error: IrohError) -> Self {
        match error {
            IrohError::Silent => Self::new(io::ErrorKind::TimedOut, error),
            error => Self::other(error),
        }
    }
}
