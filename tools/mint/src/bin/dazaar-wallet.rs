//! One step of a wallet, in a process of its own that a test can kill: `dazaar-wallet <file> <master byte> <mint> <verb> [words]`.
//!
//! Grade: tool. Prints what came of it as one line of JSON.

use anyhow::Context as _;

use dazaar::payment::{Payee as _, Payer as _};
use dazaar_cashu::{Ecash, Settings};
use dazaar_market::{Asset, MasterKey};
use dazaar_mint::bill;
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [file, master, mint, verb, rest @ ..] = words.as_slice() else { anyhow::bail!("too few words") };
    let master = MasterKey::new(&[master.parse().context("the master is a byte")?; 32]);
    // What is on its way counts as lost after a moment: tests cut connections.
    let settings = Settings { mints: vec![(*mint).to_owned()], ..Settings::default() };
    let wallet = Ecash::open(file.as_ref(), &master, settings)?;
    let done = match (*verb, rest) {
        ("pay", [order, sat, request]) => {
            let paid = wallet.pay(&bill(order.parse()?, sat.parse()?), request).await?;
            json!({ "reference": paid.reference, "proof": paid.proof, "fee": paid.fee })
        }
        ("take", [order, sat, proof]) => {
            let bill = bill(order.parse()?, sat.parse()?);
            let demand = wallet.demand(&bill).await?;
            let receipts = wallet.take(&bill, &demand, proof).await?;
            json!(receipts.iter().map(|receipt| receipt.units).sum::<u64>())
        }
        ("redeem", []) => json!(wallet.redeem().await?.sat),
        ("collect", []) => json!(wallet.collect().await?),
        ("refund", [name, sat, to]) => {
            let units = sat.parse::<u64>()? * 1000;
            json!(wallet.refund(name.as_bytes(), &Asset::Bitcoin, units, to).await?)
        }
        ("cash-out", [invoice]) => json!(wallet.cash_out(invoice, 100).await?.sat),
        _ => anyhow::bail!("no such step"),
    };
    println!("{done}");
    Ok(())
}
