//! The node as a wallet.

use std::fmt;
use std::fs::File;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use dazaar::payment::{Answer, PaymentError};
use dazaar_pay::lightning::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::routing::router::RouteParametersConfig;
use ldk_node::lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescription, Description};
use ldk_node::payment::{PaymentDetails, PaymentDirection, PaymentKind, PaymentStatus};
use ldk_node::{ChannelDetails, Event, Node, NodeError};
use tokio::sync::{OnceCell, broadcast};

use crate::Provider;
use crate::sent::Sent;

/// How long what others take part in is waited for. What takes longer goes on by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Events of a node that somebody who waits may be late by. Whoever waits for a payment and is later looks again; whoever waits for a
/// channel hears that nobody answers.
const EVENTS: usize = 64;

/// How long a node that was just started waits for the others in its channels.
const CHANNELS_PATIENCE: Duration = Duration::from_secs(15);

/// Pause from one look whether others have come back to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// A Lightning node that runs. [Stop](Self::stop) it before the runtime of tokio ends, which it runs on.
#[derive(Clone)]
pub struct LdkWallet {
    running: Arc<Running>,
    events: broadcast::Sender<Event>,
    provider: Option<Provider>,
}

/// The node, and what keeps everybody else from running it.
struct Running {
    node: Node,
    lock: Mutex<Option<File>>,
    sent: Sent,
    /// Whether it has looked at the chain and for the others in its channels since it was started.
    is_ready: OnceCell<()>,
}

impl LdkWallet {
    /// Follows what happens to a node that was started. Must be called within tokio.
    pub(crate) fn new(node: Node, lock: File, sent: Sent, provider: Option<Provider>) -> Self {
        let (lock, is_ready) = (Mutex::new(Some(lock)), OnceCell::new());
        let running = Arc::new(Running { node, lock, sent, is_ready });
        let wallet = Self { running, events: broadcast::channel(EVENTS).0, provider };
        tokio::spawn(follow(Arc::downgrade(&wallet.running), wallet.events.clone()));
        wallet
    }

    /// The node itself.
    pub fn node(&self) -> &Node {
        &self.running.node
    }

    /// What happens to the node from now on.
    pub(crate) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Stops the node, and waits until it has.
    ///
    /// # Errors
    /// [`PaymentError::Unavailable`] if it was stopped already.
    pub async fn stop(self) -> Result<(), PaymentError> {
        // It waits for everything that is going on.
        let stopped = tokio::task::spawn_blocking(move || self.running.stop()).await;
        let error = match stopped {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(PaymentError::unavailable(format!("the Lightning node does not stop: {error}")))
    }

    /// Who sells channels to it.
    pub(crate) const fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    /// Waits, once, until the node knows the chain and has reached the others in its channels, or does not: without them nothing is paid,
    /// and nobody can be told how to.
    pub async fn ready(&self) {
        let get_ready = async || {
            if let Err(error) = self.look_at_chain().await {
                tracing::warn!(%error, "a Lightning node works with what it knew of the chain before");
            }
            self.wait_for_channels().await;
        };
        self.running.is_ready.get_or_init(get_ready).await;
    }

    async fn wait_for_channels(&self) {
        let is_waiting = || {
            let channels = self.node().list_channels();
            channels.iter().any(|channel| is_on_chain(channel) && !channel.is_usable)
        };
        let all = async {
            while is_waiting() {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        };
        if tokio::time::timeout(CHANNELS_PATIENCE, all).await.is_err() {
            tracing::warn!("somebody in a Lightning channel of ours is not reached now");
        }
    }

    fn payment(&self, hash: &PaymentHash, direction: PaymentDirection) -> Option<PaymentDetails> {
        self.node().payment(&PaymentId(*hash)).filter(|payment| payment.direction == direction)
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
        if self.payment(&spend.hash, PaymentDirection::Inbound).is_some() {
            return Err(PaymentError::refused("this is an invoice of our own"));
        }
        let failed = |error| PaymentError::unavailable(format!("a payment cannot be written down: {error}"));
        self.running.sent.put(spend).map_err(failed)?;
        let route = RouteParametersConfig {
            max_total_routing_fee_msat: Some(spend.fee_max_msat),
            ..RouteParametersConfig::default()
        };
        match self.node().bolt11_payment().send(&invoice, Some(route)) {
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

    /// What was to be sent when the program ended, and may have been: the node sends nothing twice that it remembers. After the invoice has
    /// expired nobody knows, and it is never called failed.
    fn send_again(&self, spend: &Spend) -> Outgoing {
        let is_open = Bolt11Invoice::from_str(&spend.invoice).is_ok_and(|invoice| !invoice.is_expired());
        let sent = if is_open { self.send(spend) } else { Ok(Outgoing::Pending) };
        sent.unwrap_or(Outgoing::Pending)
    }

    /// What all channels together can take.
    fn receivable_msat(&self) -> u64 {
        let channels = self.node().list_channels();
        let usable = channels.iter().filter(|channel| channel.is_usable);
        usable.map(|channel| channel.inbound_capacity_msat).fold(0, u64::saturating_add)
    }

    /// Waits until a payment has come to an end, but not for ever.
    async fn end(&self, hash: &PaymentHash) -> Outgoing {
        let mut events = self.events();
        let wait = async {
            loop {
                let state = self.state(hash);
                if state != Outgoing::Pending && state != Outgoing::Unknown {
                    return state;
                }
                if matches!(events.recv().await, Err(broadcast::error::RecvError::Closed)) {
                    return state;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or(Outgoing::Pending)
    }
}

impl Running {
    fn stop(&self) -> Result<(), NodeError> {
        self.node.stop()?;
        // Whoever takes its events may still have it for a moment. A node that does not stop keeps the lock until the program ends.
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

/// Takes the events of a node, as long as there is one. What they say is recorded already.
async fn follow(running: Weak<Running>, events: broadcast::Sender<Event>) {
    while let Some(running) = running.upgrade() {
        // A node that is dropped in the meantime must not be kept alive by whoever waits for its events.
        let event = tokio::time::timeout(Duration::from_secs(1), running.node.next_event_async()).await;
        if let Ok(event) = event {
            match &event {
                // Its preimage proves the payment to whoever has it.
                Event::PaymentSuccessful { payment_hash, .. } => {
                    tracing::debug!(%payment_hash, "a Lightning payment arrived");
                }
                event => tracing::debug!(?event, "event of the Lightning node"),
            }
            if let Event::ChannelClosed { channel_id, reason, .. } = &event {
                let reason = reason.as_ref().map(ToString::to_string);
                tracing::info!(channel = %channel_id, reason, "a Lightning channel is closed");
            }
            if let Err(error) = running.node.event_handled() {
                tracing::error!(%error, "the Lightning node cannot write down that an event was handled");
            }
            // Nobody may be waiting.
            let _ = events.send(event);
        }
        // The last one to go stops the node, which waits.
        let _ = tokio::task::spawn_blocking(move || drop(running)).await;
    }
}

/// Whether only the other side can keep a channel from being used.
fn is_on_chain(channel: &ChannelDetails) -> bool {
    let needed = channel.confirmations_required.unwrap_or(u32::MAX);
    channel.is_channel_ready || channel.confirmations.is_some_and(|blocks| blocks >= needed)
}

fn preimage(kind: &PaymentKind) -> Option<[u8; 32]> {
    match kind {
        PaymentKind::Bolt11 { preimage, .. } | PaymentKind::Bolt11Jit { preimage, .. } => {
            preimage.map(|it| it.0)
        }
        _ => None,
    }
}

/// What a provider of channels kept of a payment. The payer has paid it: the channel is the payee's affair.
fn kept_msat(kind: &PaymentKind) -> u64 {
    match kind {
        PaymentKind::Bolt11Jit { counterparty_skimmed_fee_msat, .. } => {
            counterparty_skimmed_fee_msat.unwrap_or(0)
        }
        _ => 0,
    }
}

impl LightningWallet for LdkWallet {
    fn about(&self) -> Answer<'_, About> {
        let name = format!("Lightning node {}", self.node().node_id());
        Box::pin(async { Ok(About { name, can_pay: true }) })
    }

    fn balance(&self) -> Answer<'_, u64> {
        let channels = self.node().list_channels();
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
            let provider = self.provider.as_ref().filter(|_| self.receivable_msat() < wanted.msat);
            let permille = provider.map(|provider| provider.permille);
            let wallet = self.clone();
            let msat = wanted.msat;
            let make = move || {
                let payments = wallet.node().bolt11_payment();
                let Some(permille) = permille else { return payments.receive(msat, &memo, seconds) };
                let kept = u128::from(msat) * u128::from(permille) / 1000;
                let kept = u64::try_from(kept).unwrap_or(u64::MAX);
                payments.receive_via_jit_channel(msat, &memo, seconds, Some(kept))
            };
            // A provider of channels is asked over the network.
            let made = tokio::task::spawn_blocking(make).await;
            let made = made.map_err(|error| PaymentError::unavailable(error.to_string()))?;
            made.map(|invoice| invoice.to_string()).map_err(|error| match error {
                NodeError::LiquidityFeeTooHigh => PaymentError::unavailable(
                    "the provider of Lightning channels would keep more of this payment than is allowed",
                ),
                error => PaymentError::unavailable(format!("the Lightning node: {error}")),
            })
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        let payment = self.payment(hash, PaymentDirection::Inbound);
        let settled = payment.filter(|payment| payment.status == PaymentStatus::Succeeded);
        let incoming = settled.map_or(Incoming::Nothing, |payment| Incoming::Settled {
            msat: payment.amount_msat.unwrap_or(0).saturating_add(kept_msat(&payment.kind)),
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
        let state = match (self.state(hash), self.running.sent.get(hash)) {
            (Outgoing::Unknown, Some(spend)) => self.send_again(&spend),
            (state, _) => state,
        };
        Box::pin(async { Ok(state) })
    }
}

impl fmt::Debug for LdkWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdkWallet").field("node", &self.node().node_id()).finish_non_exhaustive()
    }
}
