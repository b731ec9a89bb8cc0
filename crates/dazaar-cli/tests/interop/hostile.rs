//! Attackers in either role. After each attack our process still runs, used little memory, wrote nothing that it should
//! not have, and serves honest peers as before.

mod on_buyer;
mod on_seller;
mod proxy;

/// Memory that our process may have used at the end of an attack. The attacks send up to 256 MiB.
const MEMORY_MAX: u64 = 160 << 20;

/// How an attack has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// We close the connection.
    Closed,
    /// We ignore what was sent and go on with this very connection.
    Ignored,
    /// Either is fine.
    Either,
}
