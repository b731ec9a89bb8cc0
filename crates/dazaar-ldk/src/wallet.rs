//! The node as a wallet.

use std::fmt;
use std::str::FromStr as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use dazaar::payment::{Answer, PaymentError};
use dazaar_pay::lightning::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::routing::router::RouteParametersConfig;
use ldk_node::lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescription, Description};
use ldk_node::payment::{PaymentDetails, PaymentDirection, PaymentKind, PaymentStatus};
use ldk_node::{Node, NodeError};
use tokio::sync::Notify;

/// How long a payment is waited for. What takes longer goes on by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Lightning node that runs as long as somebody has this. [Stop](Self::stop) it before the runtime of tokio ends, which it runs on.
#[derive(Clone)]
pub struct LdkWallet {
    node: Arc<Node>,
    news: Arc<Notify>,
}

impl LdkWallet {
    /// Follows what happens to a node that was started. Must be called within tokio.
    pub(crate) fn new(node: Node) -> Self {
        let wallet = Self { node: Arc::new(node), news: Arc::default() };
        tokio::spawn(follow(Arc::downgrade(&wallet.node), Arc::clone(&wallet.news)));
        wallet
    }

    /// The node itself: its channels, its address for bitcoins.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Stops the node, and waits until it has.
    ///
    /// # Errors
    /// [`PaymentError::Unavailable`] if it was stopped already.
    pub async fn stop(self) -> Result<(), PaymentError> {
        // It waits for everything that is going on.
        let stopped = tokio::task::spawn_blocking(move || self.node.stop()).await;
        let error = match stopped {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(PaymentError::unavailable(format!("the Lightning node does not stop: {error}")))
    }

    fn payment(&self, hash: &PaymentHash, direction: PaymentDirection) -> Option<PaymentDetails> {
        self.node.payment(&PaymentId(*hash)).filter(|payment| payment.direction == direction)
    }

    fn state(&self, hash: &PaymentHash) -> Outgoing {
        let Some(payment) = self.payment(hash, PaymentDirection::Outbound) else { return Outgoing::Unknown };
        match payment.status {
            PaymentStatus::Pending => Outgoing::Pending,
            PaymentStatus::Succeeded => Outgoing::Paid {
                fee_msat: payment.fee_paid_msat.unwrap_or(0),
                preimage: preimage(&payment.kind),
            },
            PaymentStatus::Failed => Outgoing::Failed { reason: "every way there failed".to_owned() },
        }
    }

    fn send(&self, spend: &Spend) -> Result<Outgoing, PaymentError> {
        let invoice = Bolt11Invoice::from_str(&spend.invoice)
            .map_err(|_| PaymentError::refused("this is no Lightning invoice"))?;
        let route = RouteParametersConfig {
            max_total_routing_fee_msat: Some(spend.fee_max_msat),
            ..RouteParametersConfig::default()
        };
        match self.node.bolt11_payment().send(&invoice, Some(route)) {
            Ok(_) => Ok(Outgoing::Pending),
            // The node remembers more than it tells: a payment that it was about to record when it was killed.
            Err(NodeError::DuplicatePayment) => Ok(match self.state(&spend.hash) {
                Outgoing::Unknown => Outgoing::Pending,
                state => state,
            }),
            Err(NodeError::PaymentSendingFailed) => Ok(Outgoing::Failed {
                reason: "there is no way to the payee, or not enough money".to_owned(),
            }),
            Err(error) => Err(PaymentError::unavailable(format!("the Lightning node: {error}"))),
        }
    }

    /// Waits until a payment has come to an end, but not for ever.
    async fn end(&self, hash: &PaymentHash) -> Outgoing {
        let wait = async {
            loop {
                let news = self.news.notified();
                let state = self.state(hash);
                if state != Outgoing::Pending && state != Outgoing::Unknown {
                    return state;
                }
                news.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or(Outgoing::Pending)
    }
}

/// Takes the events of a node, as long as there is one. What they say is recorded already: that something happened is all the news.
async fn follow(node: Weak<Node>, news: Arc<Notify>) {
    while let Some(node) = node.upgrade() {
        // A node that is dropped in the meantime must not be kept alive by whoever waits for its events.
        let event = tokio::time::timeout(Duration::from_secs(1), node.next_event_async()).await;
        if let Ok(event) = event {
            tracing::debug!(?event, "event of the Lightning node");
            if let Err(error) = node.event_handled() {
                tracing::error!(%error, "the Lightning node cannot write down that an event was handled");
            }
            news.notify_waiters();
        }
        // The last one to go stops the node, which waits.
        let _ = tokio::task::spawn_blocking(move || drop(node)).await;
    }
}

fn preimage(kind: &PaymentKind) -> Option<[u8; 32]> {
    match kind {
        PaymentKind::Bolt11 { preimage, .. } | PaymentKind::Bolt11Jit { preimage, .. } => {
            preimage.map(|it| it.0)
        }
        _ => None,
    }
}

impl LightningWallet for LdkWallet {
    fn about(&self) -> Answer<'_, About> {
        let name = format!("Lightning node {}", self.node.node_id());
        Box::pin(async { Ok(About { name, can_pay: true }) })
    }

    fn balance(&self) -> Answer<'_, u64> {
        let channels = self.node.list_channels();
        let usable = channels.iter().filter(|channel| channel.is_usable);
        let msat = usable.map(|channel| channel.outbound_capacity_msat).fold(0, u64::saturating_add);
        Box::pin(async move { Ok(msat) })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let memo = Description::new(wanted.memo.clone()).map_err(|_| {
                PaymentError::refused("the description of a payment is too long for an invoice")
            })?;
            let seconds = u32::try_from(wanted.expiry.as_secs()).unwrap_or(u32::MAX);
            let memo = Bolt11InvoiceDescription::Direct(memo);
            let invoice = self.node.bolt11_payment().receive(wanted.msat, &memo, seconds);
            let invoice =
                invoice.map_err(|error| PaymentError::unavailable(format!("the Lightning node: {error}")))?;
            Ok(invoice.to_string())
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        let payment = self.payment(hash, PaymentDirection::Inbound);
        let settled = payment.filter(|payment| payment.status == PaymentStatus::Succeeded);
        let incoming = settled.map_or(Incoming::Nothing, |payment| Incoming::Settled {
            msat: payment.amount_msat.unwrap_or(0),
            preimage: preimage(&payment.kind),
        });
        Box::pin(async { Ok(incoming) })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async {
            match self.send(spend)? {
                Outgoing::Pending => Ok(self.end(&spend.hash).await),
                state => Ok(state),
            }
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        let state = self.state(hash);
        Box::pin(async { Ok(state) })
    }
}

impl fmt::Debug for LdkWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdkWallet").field("node", &self.node.node_id()).finish_non_exhaustive()
    }
}
