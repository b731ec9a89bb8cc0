//! Endpoints as we have them: no third parties, one stream a connection, bounded memory.

use std::net::SocketAddr;
use std::sync::Arc;

use iroh::dns::DnsResolver;
use iroh::endpoint::{AckFrequencyConfig, Builder, Connection, Endpoint, QuicTransportConfig, presets};
use iroh::{NetReportConfig, RelayConfig, RelayMap, RelayMode, RelayUrl, SecretKey};

use crate::authorities::Authorities;
use crate::error::IrohError;
use crate::window::WIDE;

/// Bytes that a connection keeps until the other side has them: what 100 milliseconds take at 10 MB/s. Who receives may want fewer.
pub(crate) const SEND_WINDOW: u64 = 1024 * 1024;

/// Packets that are acknowledged at once: each acknowledgement costs as much as a packet.
const ACKNOWLEDGED_AT_ONCE: u32 = 10;

/// Counts who uses an endpoint.
pub(crate) type InUse = Arc<()>;

/// How connections are: `receive_window` bytes may wait on one until they are read, though that may change, and `send_window` until the
/// other side has them.
pub(crate) fn transport(receive_window: u32, send_window: u64) -> QuicTransportConfig {
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(ACKNOWLEDGED_AT_ONCE.into());
    QuicTransportConfig::builder()
        .ack_frequency_config(Some(acknowledgements))
        .max_concurrent_bidi_streams(1_u32.into())
        .max_concurrent_uni_streams(0_u32.into())
        .datagram_receive_buffer_size(None)
        // There is one stream, and the window of the connection counts.
        .stream_receive_window(receive_window.max(WIDE).into())
        .receive_window(receive_window.into())
        .send_window(send_window)
        .build()
}

/// An endpoint that is not bound yet. `receive_window` bytes may wait on a connection until they are read.
pub(crate) fn builder(
    secret: SecretKey,
    relays: RelayMap,
    authorities: &Authorities,
    receive_window: u32,
) -> Builder {
    // Iroh would ask public name servers where those of the system are silent.
    let names = DnsResolver::builder().with_system_defaults().disable_fallback().build();
    let mut report = NetReportConfig::default();
    report.captive_portal_check = false;
    Endpoint::builder(presets::Minimal)
        .secret_key(secret)
        .transport_config(transport(receive_window, SEND_WINDOW))
        .dns_resolver(names)
        .ca_tls_config(authorities.tls())
        .net_report_config(report)
        .relay_mode(RelayMode::Custom(relays))
}

/// Binds sockets: this one, or any if there is none.
pub(crate) async fn bind(builder: Builder, address: Option<SocketAddr>) -> Result<Endpoint, IrohError> {
    let wrong = |error: &dyn std::fmt::Display| IrohError::Bind(format!("{error:#}"));
    let builder = match address {
        None => builder,
        // The socket of the other family, if there is one, has the same port.
        Some(address) if address.ip().is_unspecified() => {
            builder.bind_addr(address).map_err(|e| wrong(&e))?
        }
        Some(address) => builder.clear_ip_transports().bind_addr(address).map_err(|e| wrong(&e))?,
    };
    builder.bind().await.map_err(|error| wrong(&error))
}

/// A relay by its URL.
pub(crate) fn relay(url: &str) -> Result<RelayConfig, IrohError> {
    let url: RelayUrl = url.parse().map_err(|_| IrohError::Relay { url: url.to_owned() })?;
    Ok(url.into())
}

/// Ends a connection about which there is nothing more to say.
pub(crate) fn hang_up(connection: &Connection) {
    connection.close(0_u32.into(), b"");
}
