//! Turns what happens in the library into events of the program.

use dazaar::cards::extension::display_text;
use dazaar::cards::pay::{Due, Receipt, Refusal};
use dazaar::cards::{BuyerEvent, Method, SellerEvent, TermsHash};
use dazaar::log::FeedKey;
use dazaar::{BuyerNotice, SellerNotice};
use dazaar_data::is_question;
use serde_json::Value;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// Reports what happens at a seller, for as long as it exists. `remedy` gives the command that admits a buyer.
pub(crate) async fn watch_seller(
    mut notices: Receiver<SellerNotice>,
    feed: FeedKey,
    remedy: impl Fn(&str) -> Option<String>,
    output: &Output,
) -> Result<(), Failure> {
    while let Some(notice) = next(&mut notices).await {
        if let Some(event) = seller_event(notice, feed, &remedy) {
            output.event(&event)?;
        }
    }
    Ok(())
}

/// The next notice; some may be missing if there were too many at once.
pub(crate) async fn next<T: Clone>(notices: &mut Receiver<T>) -> Option<T> {
    loop {
        match notices.recv().await {
            Ok(notice) => return Some(notice),
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "too much happens to report all of it"),
            Err(RecvError::Closed) => return None,
        }
    }
}

fn seller_event(
    notice: SellerNotice,
    feed: FeedKey,
    remedy: impl Fn(&str) -> Option<String>,
) -> Option<Event> {
    Some(match notice {
        SellerNotice::Connected { buyer, authenticated } => {
            Event::BuyerConnected { buyer: buyer.to_string(), authenticated }
        }
        SellerNotice::Disconnected { buyer, reason } => {
            Event::BuyerDisconnected { buyer: buyer.map(|buyer| buyer.to_string()), reason }
        }
        SellerNotice::Forked { buyer, ours, theirs } => {
            Event::forked(feed, Some(buyer), ours.as_ref(), &theirs)
        }
        SellerNotice::Ordered { buyer, method, money } => Event::BuyerOrdered {
            buyer: buyer.to_string(),
            method: method.to_string(),
            asset: money.asset.to_string(),
            units: money.units,
        },
        SellerNotice::Paid { buyer, method, money, again, .. } => {
            let units = money.as_ref().map(|money| money.units);
            Event::BuyerPaid {
                buyer: buyer.to_string(),
                method: method.to_string(),
                amount_ms: units.filter(|_| method == Method::Credit).and_then(|ms| ms.try_into().ok()),
                asset: money.map(|money| money.asset.to_string()),
                units,
                again,
            }
        }
        SellerNotice::PaymentRefused { buyer, reason } => {
            Event::BuyerPaymentRefused { buyer: buyer.to_string(), error: reason }
        }
        SellerNotice::TermsAccepted { buyer } => Event::TermsAccepted { buyer: buyer.to_string() },
        SellerNotice::Session { buyer, event } => {
            let buyer = buyer.to_string();
            match event {
                SellerEvent::Admitted { info } => {
                    Event::BuyerValid { buyer, info: info.unwrap_or(Value::Null) }
                }
                SellerEvent::Refused { reason } => {
                    Event::BuyerInvalid { remedy: remedy(&buyer), buyer, error: reason }
                }
                SellerEvent::UserMessage { name, .. } if is_question(&name) => return None,
                SellerEvent::UserMessage { name, message } => Event::Message { from: buyer, name, message },
                SellerEvent::ServedUnsigned => Event::Note {
                    text: format!("buyer {buyer} cannot sign the terms and is served all the same"),
                },
                SellerEvent::BuyerInvalid { reason } => {
                    Event::Note { text: format!("buyer {buyer} does not want to download: {reason}") }
                }
                SellerEvent::BuyerValid { .. } => return None,
            }
        }
    })
}

/// What a notice of a purchase says to the user.
pub(crate) fn buyer_event(seller: &str, notice: BuyerNotice) -> Event {
    let seller = seller.to_owned();
    match notice {
        BuyerNotice::Connected { address, authenticated } => {
            Event::Connected { seller, address: address.to_string(), authenticated }
        }
        BuyerNotice::Disconnected { address, reason } => {
            Event::Disconnected { address: address.to_string(), error: reason }
        }
        BuyerNotice::Paid(Receipt { method, asset, units, again, credit, .. }) => {
            let (method, asset) = (display_text(&method), display_text(&asset));
            Event::Paid { method, asset, units, again, credit }
        }
        BuyerNotice::PaymentRefused(Refusal { code, error, .. }) => Event::PaymentRefused { code, error },
        BuyerNotice::Sent { method, money, fee } => Event::Sent {
            method: method.to_string(),
            asset: money.asset.to_string(),
            units: money.units,
            fee,
        },
        BuyerNotice::Due(Due { methods, offers, .. }) => Event::Due { methods, offers },
        BuyerNotice::Session(event) => match event {
            BuyerEvent::SellerId(id) => Event::SellerId { id: hex::encode(id) },
            BuyerEvent::TermsRequired { text } => {
                let hash = TermsHash::of(&text).to_string();
                Event::Terms { text, hash }
            }
            BuyerEvent::FeedOpened { key } => Event::Feed { feed: key.to_string() },
            BuyerEvent::MemberOpened(member) => {
                Event::Member { feed: member.feed.to_string(), key: member.key.to_string() }
            }
            BuyerEvent::FeedChanged { known, offered } => Event::Note {
                text: format!(
                    "the seller now offers feed {offered}; the feed that was bought, {known}, stays"
                ),
            },
            BuyerEvent::FeedRefused { key } => {
                Event::Note { text: format!("the seller does not serve feed {key} any more") }
            }
            BuyerEvent::Valid { info } => Event::Valid { info },
            BuyerEvent::Invalid { reason } => Event::Invalid { error: reason },
            BuyerEvent::SellerAdmitted { .. } => {
                Event::Note { text: "the seller passed the check".to_owned() }
            }
            BuyerEvent::SellerRefused { reason } => {
                Event::Note { text: format!("the seller did not pass the check: {reason}") }
            }
            BuyerEvent::UserMessage { name, message } => Event::Message { from: seller, name, message },
        },
    }
}
