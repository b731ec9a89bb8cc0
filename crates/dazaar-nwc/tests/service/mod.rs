//! A wallet service behind a relay: both, and every event between, are real; only the money is made up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey as SignKey};
use lightning_invoice::{Bolt11Invoice, Currency, InvoiceBuilder, PaymentSecret};
use nostr_relay_builder::MockRelay;
use nostr_relay_pool::prelude::*;
use nwc::nostr::nips::nip04;
use nwc::nostr::nips::nip47::{
    ErrorCode, GetBalanceResponse, GetInfoResponse, LookupInvoiceResponse, MakeInvoiceRequest,
    MakeInvoiceResponse, Method, NIP47Error, NostrWalletConnectURI, PayInvoiceResponse, Request,
    RequestParams, Response, ResponseResult, TransactionState, TransactionType,
};

/// A running service, and the relay through which it hears.
pub(crate) struct Service {
    relay: MockRelay,
    keys: Keys,
    /// What everybody has, and owes.
    pub(crate) bank: Arc<Bank>,
}

/// Accounts of one bank, by the keys of connection strings.
#[derive(Default)]
pub(crate) struct Bank(Mutex<Books>);

#[derive(Default)]
struct Books {
    accounts: BTreeMap<PublicKey, Account>,
    invoices: BTreeMap<[u8; 32], Invoice>,
}

struct Account {
    msat: u64,
    can_pay: bool,
}

struct Invoice {
    text: String,
    payee: PublicKey,
    payer: Option<PublicKey>,
    msat: u64,
    preimage: [u8; 32],
}

impl Bank {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("nobody panicked")
    }

    /// How many invoices were paid.
    pub(crate) fn paid(&self) -> usize {
        self.books().invoices.values().filter(|invoice| invoice.payer.is_some()).count()
    }

    /// Does what a client asks.
    fn perform(&self, client: PublicKey, request: Request) -> Result<ResponseResult, NIP47Error> {
        let mut books = self.books();
        let Some(account) = books.accounts.get(&client) else {
            return Err(error(ErrorCode::Unauthorized, "nobody has this key"));
        };
        match request.params {
            RequestParams::GetInfo => {
                let mut methods =
                    vec![Method::GetInfo, Method::GetBalance, Method::MakeInvoice, Method::LookupInvoice];
                methods.extend(account.can_pay.then_some(Method::PayInvoice));
                Ok(ResponseResult::GetInfo(GetInfoResponse {
                    alias: Some("a bank\u{1b}[2J".to_owned()),
                    color: None,
                    pubkey: None,
                    network: Some("regtest".to_owned()),
                    block_height: None,
                    block_hash: None,
                    methods,
                    notifications: Vec::new(),
                }))
            }
            RequestParams::GetBalance => {
                Ok(ResponseResult::GetBalance(GetBalanceResponse { balance: account.msat }))
            }
            RequestParams::MakeInvoice(wanted) => {
                Ok(ResponseResult::MakeInvoice(books.invoice(client, &wanted)))
            }
            RequestParams::LookupInvoice(question) => books.look_up(client, question.payment_hash),
            RequestParams::PayInvoice(order) => books.pay(client, &order.invoice),
            _ => Err(error(ErrorCode::NotImplemented, "not here")),
        }
    }
}

impl Books {
    fn invoice(&mut self, payee: PublicKey, wanted: &MakeInvoiceRequest) -> MakeInvoiceResponse {
        let preimage = sha256::Hash::hash(&self.invoices.len().to_le_bytes()).to_byte_array();
        let hash = sha256::Hash::hash(&preimage);
        let (curve, key) = (Secp256k1::new(), SignKey::from_slice(&[5; 32]).expect("a key"));
        let text = InvoiceBuilder::new(Currency::Regtest)
            .description(wanted.description.clone().unwrap_or_default())
            .payment_hash(hash)
            .payment_secret(PaymentSecret([9; 32]))
            .duration_since_epoch(Duration::from_millis(dazaar::now_ms().unsigned_abs()))
            .expiry_time(Duration::from_secs(wanted.expiry.unwrap_or(3600)))
            .min_final_cltv_expiry_delta(18)
            .amount_milli_satoshis(wanted.amount)
            .build_signed(|hash| curve.sign_ecdsa_recoverable(hash, &key))
            .expect("an invoice")
            .to_string();
        let invoice = Invoice { text: text.clone(), payee, payer: None, msat: wanted.amount, preimage };
        self.invoices.insert(hash.to_byte_array(), invoice);
        MakeInvoiceResponse {
            invoice: text,
            payment_hash: Some(hash.to_string()),
            description: None,
            description_hash: None,
            preimage: None,
            amount: Some(wanted.amount),
            created_at: None,
            expires_at: None,
        }
    }

    fn pay(&mut self, payer: PublicKey, invoice: &str) -> Result<ResponseResult, NIP47Error> {
        let parsed: Bolt11Invoice =
            invoice.parse().map_err(|_| error(ErrorCode::Other, "that is no invoice"))?;
        let hash = parsed.payment_hash().to_byte_array();
        let Some(invoice) = self.invoices.get_mut(&hash).filter(|invoice| invoice.payer.is_none()) else {
            return Err(error(ErrorCode::PaymentFailed, "it is paid, or nobody knows the payee"));
        };
        let account = self.accounts.get_mut(&payer).expect("it asked");
        if !account.can_pay {
            return Err(error(ErrorCode::Restricted, "this key only receives"));
        }
        let left = account.msat.checked_sub(invoice.msat);
        account.msat = left.ok_or_else(|| error(ErrorCode::InsufficientBalance, "there is not so much"))?;
        invoice.payer = Some(payer);
        let (payee, msat, preimage) = (invoice.payee, invoice.msat, hex::encode(invoice.preimage));
        self.accounts.get_mut(&payee).expect("it made the invoice").msat += msat;
        Ok(ResponseResult::PayInvoice(PayInvoiceResponse { preimage, fees_paid: Some(0) }))
    }

    fn look_up(&self, client: PublicKey, hash: Option<String>) -> Result<ResponseResult, NIP47Error> {
        let mut bytes = [0; 32];
        let is_hash = hash.is_some_and(|hash| hex::decode_to_slice(hash, &mut bytes).is_ok());
        let found = self
            .invoices
            .get(&bytes)
            .filter(|invoice| is_hash && (invoice.payee == client || invoice.payer == Some(client)));
        let invoice = found.ok_or_else(|| error(ErrorCode::NotFound, "no such payment"))?;
        let is_incoming = invoice.payee == client;
        let is_settled = invoice.payer.is_some();
        Ok(ResponseResult::LookupInvoice(LookupInvoiceResponse {
            transaction_type: Some(if is_incoming {
                TransactionType::Incoming
            } else {
                TransactionType::Outgoing
            }),
            state: Some(if is_settled { TransactionState::Settled } else { TransactionState::Pending }),
            invoice: Some(invoice.text.clone()),
            description: None,
            description_hash: None,
            preimage: is_settled.then(|| hex::encode(invoice.preimage)),
            payment_hash: hex::encode(bytes),
            amount: invoice.msat,
            fees_paid: 0,
            created_at: Timestamp::now(),
            expires_at: None,
            settled_at: is_settled.then(Timestamp::now),
            metadata: None,
        }))
    }
}

fn error(code: ErrorCode, message: &str) -> NIP47Error {
    NIP47Error { code, message: message.to_owned() }
}

impl Service {
    pub(crate) async fn start() -> Self {
        let relay = MockRelay::run().await.expect("a relay");
        let (keys, bank) = (Keys::generate(), Arc::new(Bank::default()));
        let pool = RelayPool::default();
        pool.add_relay(relay.url().await, RelayOptions::default()).await.expect("its address");
        pool.connect().await;
        // Nobody keeps a request for a service that does not listen yet.
        pool.wait_for_connection(Duration::from_secs(30)).await;
        let mut heard = pool.notifications();
        let filter = Filter::new().kind(Kind::WalletConnectRequest).pubkey(keys.public_key());
        pool.subscribe(filter, SubscribeOptions::default()).await.expect("it listens");
        let (mine, books) = (keys.clone(), Arc::clone(&bank));
        tokio::spawn(async move {
            while let Ok(notification) = heard.recv().await {
                if let RelayPoolNotification::Event { event, .. } = notification
                    && let Some(answer) = answer(&mine, &books, &event)
                {
                    pool.send_event(&answer).await.expect("it is sent");
                }
            }
        });
        Self { relay, keys, bank }
    }

    /// The connection string of a new account.
    pub(crate) async fn connection(&self, msat: u64, can_pay: bool) -> String {
        let client = Keys::generate();
        self.bank.books().accounts.insert(client.public_key(), Account { msat, can_pay });
        let relays = vec![self.relay.url().await];
        let uri =
            NostrWalletConnectURI::new(self.keys.public_key(), relays, client.secret_key().clone(), None);
        uri.to_string()
    }
}

/// The event that answers another.
fn answer(keys: &Keys, bank: &Bank, event: &Event) -> Option<Event> {
    let text = nip04::decrypt(keys.secret_key(), &event.pubkey, &event.content).ok()?;
    let request = Request::from_json(text).ok()?;
    let result_type = request.method;
    let (result, error) = match bank.perform(event.pubkey, request) {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    let response = Response { result_type, error, result };
    let content = nip04::encrypt(keys.secret_key(), &event.pubkey, response.as_json()).ok()?;
    let builder = EventBuilder::new(Kind::WalletConnectResponse, content)
        .tags([Tag::public_key(event.pubkey), Tag::event(event.id)]);
    builder.sign_with_keys(keys).ok()
}
