//! The node's own affairs: coins on the chain, and channels.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use dazaar::payment::PaymentError;
use ldk_node::bitcoin::Address;
use ldk_node::bitcoin::address::NetworkUnchecked;
use ldk_node::bitcoin::secp256k1::PublicKey;
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::{ChannelDetails, Event, NodeError};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use crate::LdkWallet;
use crate::wallet::PATIENCE;

/// Pause from one look at the chain to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// How long a look may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

/// How long what was in a channel is waited for after it was closed.
const CLOSING_PATIENCE: Duration = Duration::from_secs(15);

/// Of less than this nothing comes back from a channel.
const DUST_MSAT: u64 = 1_000_000;

/// Another node, and where it is: `key@host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Peer {
    /// Who it is.
    pub id: PublicKey,
    /// Where it is.
    pub address: SocketAddress,
}

/// How a node is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who it is: its public key in hex.
    pub id: String,
    /// Where it listens.
    pub listening: Vec<String>,
    /// The last block that it has seen.
    pub height: u32,
    /// Satoshis on the chain, and how many of them may be spent: for each channel some are kept back.
    pub chain_sat: u64,
    /// See `chain_sat`.
    pub spendable_sat: u64,
    /// Its channels, open or on their way.
    pub channels: Vec<Channel>,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name, in hex.
    pub id: String,
    /// Who is at the other end, in hex.
    pub peer: String,
    /// Satoshis that are in it.
    pub capacity_sat: u64,
    /// What we can pay through it, in msat.
    pub outbound_msat: u64,
    /// What we can be paid through it, in msat.
    pub inbound_msat: u64,
    /// How far it is.
    pub state: &'static str,
}

impl LdkWallet {
    /// How the node is doing, after a look at the chain.
    ///
    /// # Errors
    /// [`PaymentError::Unavailable`] if the chain cannot be looked at.
    pub async fn standing(&self) -> Result<Standing, PaymentError> {
        self.look_at_chain().await?;
        let node = self.node();
        let balances = node.list_balances();
        let listening = node.listening_addresses().unwrap_or_default();
        Ok(Standing {
            id: node.node_id().to_string(),
            listening: listening.iter().map(ToString::to_string).collect(),
            height: node.status().current_best_block.height,
            chain_sat: balances.total_onchain_balance_sats,
            spendable_sat: balances.spendable_onchain_balance_sats,
            channels: node.list_channels().iter().map(channel).collect(),
        })
    }

    /// Learns what is new on the chain.
    pub(crate) async fn look_at_chain(&self) -> Result<(), PaymentError> {
        let look = self.blocking("cannot look at the chain", |wallet| wallet.node().sync_wallets());
        // The node may wait for another look of its own, and for ever if that was given up.
        let late = |_| PaymentError::unavailable("the Lightning node takes too long to look at the chain");
        tokio::time::timeout(LOOK_PATIENCE, look).await.map_err(late)?
    }

    /// A new address for bitcoins.
    ///
    /// # Errors
    /// [`PaymentError::Unavailable`] if it cannot be written down.
    pub async fn address(&self) -> Result<String, PaymentError> {
        let make = |wallet: &Self| wallet.node().onchain_payment().new_address();
        Ok(self.blocking("has no address", make).await?.to_string())
    }

    /// Opens a channel with so many satoshis of ours in it, and returns its name once others have seen its transaction. It can be used
    /// when that has been on the chain for a while.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if we have too little, [`PaymentError::Unavailable`] if the other is not reached or does not want to.
    pub async fn open(&self, peer: &Peer, sat: u64) -> Result<String, PaymentError> {
        let (mut events, before_sat) = (self.events(), self.chain_sat());
        let Peer { id, address } = peer.clone();
        let open = move |wallet: &Self| wallet.node().open_channel(id, address, sat, None, None);
        let opened = self.blocking("opens no channel", open).await?;
        let channel = self
            .until(async {
                loop {
                    match events.recv().await {
                        Ok(Event::ChannelPending { user_channel_id, channel_id, .. })
                            if user_channel_id == opened =>
                        {
                            return Ok(hex::encode(channel_id.0));
                        }
                        Ok(Event::ChannelClosed { user_channel_id, reason, .. })
                            if user_channel_id == opened =>
                        {
                            let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
                            return Err(PaymentError::unavailable(format!("there is no channel: {reason}")));
                        }
                        Err(RecvError::Closed) => return Err(stopped()),
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                    }
                }
            })
            .await?;
        self.seen(before_sat, &format!("channel {channel}")).await?;
        Ok(channel)
    }

    /// Closes the channel of this name, with the consent of the other side, or by `force` without: then what we have in it comes later, and
    /// costs more. Returns when it is closed; what we had in it comes when the chain says so.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if there is no such channel, or it is to be forced with the provider of channels, whose consent the node
    /// waits for whatever it is told; [`PaymentError::Unavailable`] if the other side does not answer.
    pub async fn close(&self, channel: &str, force: bool) -> Result<(), PaymentError> {
        let mut events = self.events();
        let found =
            self.node().list_channels().into_iter().find(|it| hex::encode(it.channel_id.0) == channel);
        let found = found.ok_or_else(|| PaymentError::refused("there is no channel of this name"))?;
        let (name, peer) = (found.user_channel_id, found.counterparty_node_id);
        if force && self.provider().is_some_and(|provider| provider.peer.id == peer) {
            return Err(PaymentError::refused(
                "a channel with the provider cannot be forced: remove the wallet, and add it again without a provider first",
            ));
        }
        let before_sat = self.chain_sat();
        let close = move |wallet: &Self| match force {
            true => wallet.node().force_close_channel(&name, peer, None),
            false => wallet.node().close_channel(&name, peer),
        };
        self.blocking("does not close the channel", close).await?;
        self.until(async {
            loop {
                match events.recv().await {
                    Ok(Event::ChannelClosed { user_channel_id, .. }) if user_channel_id == name => {
                        return Ok(());
                    }
                    Err(RecvError::Closed) => return Err(stopped()),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                }
            }
        })
        .await?;
        // The other side sends the transaction, too, and of a forced one nothing is ours at first: a node that ends now only waits longer.
        if !force && found.outbound_capacity_msat > DUST_MSAT {
            self.has_changed(before_sat, CLOSING_PATIENCE).await;
        }
        Ok(())
    }

    /// Sends satoshis on the chain, or all that need not be kept back for channels. Returns the name of the transaction once others have
    /// seen it.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if the address is not one of this network, or we have too little.
    pub async fn send_on_chain(&self, to: &str, sat: Option<u64>) -> Result<String, PaymentError> {
        let to = Address::<NetworkUnchecked>::from_str(to)
            .and_then(|address| address.require_network(self.node().config().network))
            .map_err(|_| PaymentError::refused("this is no address for these bitcoins"))?;
        let send = move |wallet: &Self| {
            let chain = wallet.node().onchain_payment();
            match sat {
                Some(sat) => chain.send_to_address(&to, sat, None),
                None => chain.send_all_to_address(&to, true, None),
            }
        };
        let before_sat = self.chain_sat();
        let transaction = self.blocking("does not send", send).await?;
        self.seen(before_sat, &format!("transaction {transaction}")).await?;
        Ok(transaction.to_string())
    }

    /// Waits until what we have on the chain is seen to have changed: a node that is stopped before may have sent its transaction nowhere.
    /// Whoever is told that `what` is not seen must not do it again without looking.
    async fn seen(&self, before_sat: u64, what: &str) -> Result<(), PaymentError> {
        if self.has_changed(before_sat, PATIENCE).await {
            return Ok(());
        }
        let reason =
            format!("{what} is not seen on the chain yet, and may still come: look before trying again");
        Err(PaymentError::unavailable(reason))
    }

    async fn has_changed(&self, before_sat: u64, patience: Duration) -> bool {
        let look = async {
            while self.chain_sat() == before_sat {
                // It may be looking already.
                let _ = self.look_at_chain().await;
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        };
        tokio::time::timeout(patience, look).await.is_ok()
    }

    fn chain_sat(&self) -> u64 {
        self.node().list_balances().total_onchain_balance_sats
    }

    /// Does what waits for the network or the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Self) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<T, PaymentError> {
        let wallet = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&wallet)).await;
        let done = done.map_err(|error| PaymentError::unavailable(error.to_string()))?;
        done.map_err(|error| match error {
            NodeError::InsufficientFunds | NodeError::InvalidAmount => {
                PaymentError::refused("there is too little on the chain: some is kept back for each channel")
            }
            error => PaymentError::unavailable(format!("the Lightning node {what}: {error}")),
        })
    }

    /// Waits, but not for ever.
    async fn until<T>(&self, end: impl Future<Output = Result<T, PaymentError>>) -> Result<T, PaymentError> {
        let late =
            |_| PaymentError::unavailable("the other Lightning node does not answer; it may still do so");
        tokio::time::timeout(PATIENCE, end).await.map_err(late)?
    }
}

fn channel(details: &ChannelDetails) -> Channel {
    let state = match (details.is_channel_ready, details.is_usable) {
        (false, _) => "waits for the chain",
        (true, false) => "waits for the other side",
        (true, true) => "open",
    };
    Channel {
        id: hex::encode(details.channel_id.0),
        peer: details.counterparty_node_id.to_string(),
        capacity_sat: details.channel_value_sats,
        outbound_msat: details.outbound_capacity_msat,
        inbound_msat: details.inbound_capacity_msat,
        state,
    }
}

fn stopped() -> PaymentError {
    PaymentError::unavailable("the Lightning node was stopped")
}

impl FromStr for Peer {
    type Err = PaymentError;

    fn from_str(text: &str) -> Result<Self, PaymentError> {
        let refused = || PaymentError::refused("a Lightning node is named like 02ab...@host:9735");
        let (id, address) = text.split_once('@').ok_or_else(refused)?;
        let id = id.parse().map_err(|_| refused())?;
        Ok(Self { id, address: address.parse().map_err(|_| refused())? })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

impl TryFrom<String> for Peer {
    type Error = PaymentError;

    fn try_from(text: String) -> Result<Self, PaymentError> {
        text.parse()
    }
}

impl From<Peer> for String {
    fn from(peer: Peer) -> Self {
        peer.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_read_as_they_are_shown() {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        for address in ["127.0.0.1:9735", "[::1]:9735", "node.example.org:9735"] {
            let text = format!("{key}@{address}");
            let peer: Peer = text.parse().unwrap();
            assert_eq!(peer.to_string().parse(), Ok(peer.clone()));
            assert_eq!(serde_json::from_value::<Peer>(serde_json::to_value(&peer).unwrap()).unwrap(), peer);
        }
        for wrong in ["", key, "@127.0.0.1:9735", &format!("{key}@"), &format!("{key}@host"), "02ab@host:1"] {
            assert!(matches!(wrong.parse::<Peer>(), Err(PaymentError::Refused { .. })), "{wrong}");
        }
    }
}
