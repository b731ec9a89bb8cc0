//! Seeds of the targets about tokens: what honest wallets and nodes say.

use dazaar_evm::authorisation::Authorisation;
use dazaar_evm::x402::{Payment, Requirements};
use dazaar_evm::{Address, B256, Key, Secret, Token, U256};

/// The seeds of a target; none if it is not about tokens.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "evm_answer" => texts(&[
            r#"0{"jsonrpc":"2.0","id":1,"result":{"number":"0x1b4","hash":"0x0000000000000000000000000000000000000000000000000000000000000001","timestamp":"0x6745","baseFeePerGas":"0x3b9aca00"}}"#,
            r#"1{"jsonrpc":"2.0","id":1,"result":"0x1b4"}"#,
            r#"1{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted"}}"#,
            &format!(
                r#"2{{"id":1,"result":{{"transactionHash":"{0}","blockNumber":"0x1","blockHash":"{0}","status":"0x1","logs":{1}}}}}"#,
                word(9),
                logs()
            ),
            &format!(r#"3{{"id":1,"result":{}}}"#, logs()),
        ]),
        "evm_demand" => vec![
            serde_json::to_vec(&demand()).expect("a message is JSON"),
            b"0x0202020202020202020202020202020202020202".to_vec(),
            b"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798".to_vec(),
        ],
        "evm_payment" => vec![serde_json::to_vec(&payment()).expect("a message is JSON")],
        _ => Vec::new(),
    }
}

fn token() -> Token {
    Token {
        contract: Address::repeat_byte(1),
        decimals: 6,
        name: "Dollar".to_owned(),
        version: "2".to_owned(),
    }
}

fn demand() -> Requirements {
    Requirements::new(1, &token(), U256::from(500), Address::repeat_byte(2))
}

fn payment() -> Payment {
    let key = Key::parse(&Secret::new("11".repeat(32))).expect("a key");
    let authorisation = Authorisation {
        from: key.address(),
        to: Address::repeat_byte(2),
        value: U256::from(500),
        valid_after: U256::ZERO,
        valid_before: U256::from(2_000_000),
        nonce: B256::repeat_byte(4),
    };
    Payment::new(demand(), authorisation.sign(&key, &token(), 1).expect("a signature"))
}

/// An authorisation that is used, and its transfer.
fn logs() -> String {
    let log = |topics: String, data: String| {
        format!(
            r#"{{"address":"0x{}","topics":[{topics}],"data":"{data}","blockNumber":"0x1","blockHash":"{1}","transactionHash":"{1}","logIndex":"0x0","removed":false}}"#,
            "01".repeat(20),
            word(9)
        )
    };
    let used = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5";
    let moved = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
    let address = |byte: u8| format!(r#""0x{}{}""#, "00".repeat(12), format!("{byte:02x}").repeat(20));
    let first = log(format!(r#""{used}",{},"{}""#, address(3), word(4)), "0x".to_owned());
    let second = log(format!(r#""{moved}",{},{}"#, address(3), address(2)), format!("0x{:064x}", 500));
    format!("[{first},{second}]")
}

fn word(byte: u8) -> String {
    format!("0x{}", format!("{byte:02x}").repeat(32))
}
