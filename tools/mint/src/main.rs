//! A real mint with Lightning that pays itself: `dazaar-mint <folder> <fee in thousandths of a satoshi> <port or 0>`.
//!
//! Grade: tool. Prints its port once it listens. What it issued is in the folder, so it can be killed and started again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context as _;
use cdk::mint::{MintBuilder, MintMeltLimits};
use cdk::nuts::nut00::KnownMethod;
use cdk::nuts::{CurrencyUnit, PaymentMethod};
use cdk::types::{FeeReserve, QuoteTTL};
use cdk_fake_wallet::FakeWallet;

/// Its coins are worth nothing, so its seed is no secret.
const SEED: [u8; 64] = [9; 64];

/// The largest invoice, in satoshis.
const MELT_MAX: u64 = 1_000_000;

/// Seconds that an invoice stands.
const QUOTE_SECONDS: u64 = 10_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, fee, port] = words.as_slice() else {
        anyhow::bail!("usage: dazaar-mint <folder> <fee> <port>")
    };
    let store = cdk_sqlite::mint::MintSqliteDatabase::new(format!("{folder}/mint.sqlite").as_str()).await?;
    let store = Arc::new(store);
    let mut builder = MintBuilder::new(store.clone()).with_name("test mint".to_owned());
    let reserve = FeeReserve { min_fee_reserve: 1.into(), percent_fee_reserve: 0.02 };
    let lightning = FakeWallet::new(reserve, HashMap::new(), HashSet::new(), 0, CurrencyUnit::Sat);
    let (bolt11, limits) = (PaymentMethod::Known(KnownMethod::Bolt11), MintMeltLimits::new(1, MELT_MAX));
    builder.add_payment_processor(CurrencyUnit::Sat, bolt11, limits, Arc::new(lightning)).await?;
    builder.set_unit_fee(&CurrencyUnit::Sat, fee.parse().context("the fee is a number")?)?;
    let mint = builder.build_with_seed(store, &SEED).await?;
    mint.set_quote_ttl(QuoteTTL::new(QUOTE_SECONDS, QUOTE_SECONDS)).await?;
    mint.start().await?;
    let router = cdk_axum::create_mint_router(Arc::new(mint), vec!["bolt11".to_owned()]).await?;
    let port: u16 = port.parse().context("the port is a number")?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, router).await?;
    Ok(())
}
