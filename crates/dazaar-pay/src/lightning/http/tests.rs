//! Services that answer with anything, and wallets that must make the best of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;
use crate::lightning::{
    CoreLightning, Incoming, LightningWallet, Lnbits, Lnd, NewInvoice, Outgoing, Phoenixd, Spend,
};

const KEY: &str = "0201036c6e64";

/// A service that answers every request with the same bytes. It ends with the program.
fn service(answer: Vec<u8>) -> SocketAddr {
    service_by(move |_| answer.clone())
}

/// A service that answers by the first line of a request.
fn service_by(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|stream| serve(stream, &answer));
        }
    });
    address
}

fn serve(stream: TcpStream, answer: impl Fn(&str) -> Vec<u8>) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    let answer = answer(&line);
    line.clear();
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    (&stream).write_all(&answer)
}

fn http(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { url: format!("http://{address}/"), certificate: None, plain_http: false }
}

fn wallets(address: SocketAddr) -> Vec<Box<dyn LightningWallet>> {
    let (endpoint, key) = (endpoint(address), Secret::new(KEY));
    vec![
        Box::new(Lnbits::new(&endpoint, key.clone()).unwrap()),
        Box::new(Lnd::new(&endpoint, key.clone()).unwrap()),
        Box::new(CoreLightning::new(&endpoint, key.clone()).unwrap()),
        Box::new(Phoenixd::new(&endpoint, &key).unwrap()),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

const SPEND: Spend = Spend { invoice: String::new(), hash: [7; 32], msat: 1000, fee_max_msat: 5 };

/// All errors of all calls to a wallet; panics if it takes anything for a payment.
fn errors(wallet: &dyn LightningWallet) -> Vec<PaymentError> {
    let wanted =
        NewInvoice { order: [1; 16], msat: 1000, memo: "a & b".to_owned(), expiry: Duration::from_secs(60) };
    let (incoming, outgoing, paid) = block_on(async {
        (wallet.incoming(&[7; 32]).await, wallet.outgoing(&[7; 32]).await, wallet.pay(&SPEND).await)
    });
    assert!(!matches!(incoming, Ok(Incoming::Settled { .. })));
    for outcome in [&outgoing, &paid] {
        assert!(!matches!(outcome, Ok(Outgoing::Paid { .. })));
    }
    let rest = block_on(async {
        [wallet.balance().await.err(), wallet.about().await.err(), wallet.invoice(&wanted).await.err()]
    });
    [incoming.err(), outgoing.err(), paid.err()].into_iter().chain(rest).flatten().collect()
}

#[test]
fn garbage_is_neither_a_payment_nor_a_refusal() {
    let fields = br#"{"paid": "yes", "isPaid": 1, "invoices": {}, "pays": 7, "result": [], "state": null}"#;
    for body in [&b""[..], b"<html>", b"null", b"[]", b"{}", fields, &[0xff; 100]] {
        for wallet in wallets(service(http(200, body))) {
            for error in errors(&*wallet) {
                assert!(matches!(error, PaymentError::Unavailable { .. }), "{wallet:?}: {error}");
            }
        }
    }
}

#[test]
fn an_endless_answer_is_cut_off() {
    let answer = http(200, &vec![b' '; 10 << 20]);
    for wallet in wallets(service(answer)) {
        let error = block_on(wallet.incoming(&[7; 32])).map(drop).unwrap_err();
        assert!(matches!(error, PaymentError::Unavailable { .. }), "{error}");
    }
}

#[test]
fn a_key_that_may_not_is_a_refusal_and_not_shown() {
    let body = format!(r#"{{"message": "permission denied for {KEY}"}}"#);
    for status in [401, 403] {
        for wallet in wallets(service(http(status, body.as_bytes()))) {
            let error = block_on(wallet.pay(&SPEND)).unwrap_err();
            assert!(matches!(error, PaymentError::Refused { .. }), "{error}");
            assert!(error.to_string().contains("may not do this: permission denied"), "{error}");
            assert!(!error.to_string().contains(KEY) && !format!("{wallet:?}").contains(KEY));
        }
    }
}

#[test]
fn only_the_service_itself_says_that_a_payment_is_unknown() {
    let of_lnd = [
        r#"{"code":5,"message":"payment isn't initiated","details":[]}"#,
        r#"{"error":{"code":5,"message":"payment isn't initiated","details":[]}}"#,
        r#"{"error":{"grpc_code":5,"http_code":404,"message":"payment isn't initiated"}}"#,
    ];
    let of_lnbits = r#"{"detail":"Payment does not exist."}"#;
    let of_phoenixd = "Unknown endpoint (check api doc)";
    let own = |wallet: usize, body: &str| match wallet {
        0 => body == of_lnbits,
        1 => of_lnd.contains(&body),
        3 => body == of_phoenixd,
        _ => false,
    };
    let of_others = [
        "",
        "<html><h1>404 Not Found</h1></html>",
        "404 page not found",
        "null",
        "{}",
        r#"{"detail":"Not Found"}"#,
        r#"{"code":5,"message":"Not Found","details":[]}"#,
        r#"{"code":404,"message":"no such host"}"#,
    ];
    for body in of_others.into_iter().chain(of_lnd).chain([of_lnbits, of_phoenixd]) {
        for (nth, wallet) in wallets(service(http(404, body.as_bytes()))).iter().enumerate() {
            let (outgoing, incoming) =
                block_on(async { (wallet.outgoing(&[7; 32]).await, wallet.incoming(&[7; 32]).await) });
            if own(nth, body) {
                assert_eq!(outgoing, Ok(Outgoing::Unknown), "{wallet:?}: {body}");
                assert_eq!(incoming, Ok(Incoming::Nothing), "{wallet:?}: {body}");
            } else {
                assert!(outgoing.is_err() && incoming.is_err(), "{wallet:?}: {body}");
            }
        }
    }
    // Nor is it a refusal that ends an order.
    for body in &of_others[..3] {
        for wallet in wallets(service(http(404, body.as_bytes()))) {
            for error in errors(&*wallet) {
                assert!(matches!(error, PaymentError::Unavailable { .. }), "{wallet:?}: {error}");
            }
        }
    }
}

/// A Core Lightning that answers so to `xpay`, and lists these payments.
fn core_lightning(xpay: (u16, &'static str), pays: Value) -> CoreLightning {
    let address = service_by(move |line| {
        if line.contains("/v1/xpay") {
            return http(xpay.0, xpay.1.as_bytes());
        }
        assert!(line.contains("/v1/listpays"), "{line}");
        http(201, serde_json::json!({ "pays": pays }).to_string().as_bytes())
    });
    CoreLightning::new(&endpoint(address), Secret::new(KEY)).unwrap()
}

#[test]
fn core_lightning_has_failed_only_when_it_gave_up() {
    let now_s = dazaar::now_ms() / 1000;
    let failed = |created_at| serde_json::json!([{ "status": "failed", "created_at": created_at }]);
    let no_route = (500, r#"{"code":205,"message":"no route"}"#);
    let goes_on = (500, r#"{"code":200,"message":"payment still in progress"}"#);
    let away = (502, "<html>bad gateway</html>");
    let is_failed = |outgoing: &Outgoing| matches!(outgoing, Outgoing::Failed { .. });
    // Between two attempts it is called failed as well.
    for (xpay, pays, outcome) in [
        (no_route, failed(now_s), true),
        (goes_on, failed(now_s), false),
        (away, failed(now_s), false),
        ((201, "{}"), failed(now_s), false),
        (no_route, serde_json::json!([{ "status": "failed" }, { "status": "pending" }]), false),
        (no_route, serde_json::json!([]), true),
    ] {
        let paid = block_on(core_lightning(xpay, pays.clone()).pay(&SPEND)).unwrap();
        assert_eq!(is_failed(&paid), outcome, "{xpay:?} {pays}");
        assert!(outcome || paid == Outgoing::Pending, "{xpay:?} {pays}");
    }
    // Of a payment that was begun long ago nobody tries any more.
    for (pays, outcome) in [
        (failed(now_s), false),
        (failed(now_s - 500), false),
        (failed(1_700_000_000), true),
        (serde_json::json!([{ "status": "failed" }]), false),
    ] {
        let known = block_on(core_lightning(away, pays.clone()).outgoing(&[7; 32])).unwrap();
        assert_eq!(is_failed(&known), outcome, "{pays}");
    }
}

#[test]
fn whether_a_key_pays_is_found_out_or_not_known() {
    let info = br#"{"id":"02","alias":"a","identity_pubkey":"02","nodeId":"02","version":"0.8"}"#;
    // LNbits tells its wallet's number to the admin key only.
    let invoice_key = br#"{"name":"w","balance":1}"#;
    let able = |status: u16, body: &'static [u8]| {
        let address = service_by(move |line| {
            let is_try = ["payinvoice", "xpay", "router/send"].iter().any(|call| line.contains(call));
            match line.contains("api/v1/wallet") {
                true => http(200, invoice_key),
                false if is_try => http(status, body),
                false => http(200, info),
            }
        });
        wallets(address)
            .iter()
            .map(|wallet| block_on(wallet.about()).map(|it| it.can_pay))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        able(401, br#"{"code":1502,"message":"permission denied"}"#),
        [Ok(false), Ok(false), Ok(false), Ok(false)]
    );
    assert_eq!(
        able(400, br#"{"code":-32602,"message":"bad invoice"}"#),
        [Ok(false), Ok(true), Ok(true), Ok(true)]
    );
    let broken = able(502, b"<html>bad gateway</html>");
    assert!(broken[1..].iter().all(Result::is_err), "{broken:?}");
}

#[test]
fn a_key_does_not_follow_to_another_address() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = elsewhere.local_addr().unwrap();
    let answer = format!("HTTP/1.1 302 X\r\nlocation: http://{location}/\r\ncontent-length: 0\r\n\r\n");
    for wallet in wallets(service(answer.into_bytes())) {
        assert!(!errors(&*wallet).is_empty());
    }
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[test]
fn a_service_that_hangs_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap());
    let service = Service::new("test", &endpoint, "key", Secret::new(KEY)).unwrap();
    let call = Call { patience: Duration::from_millis(50), ..Call::get("") };
    let begin = Instant::now();
    let error = block_on(service.send(call)).map(drop).unwrap_err();
    assert!(matches!(error, PaymentError::Unavailable { .. }), "{error}");
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn of_a_stream_the_first_line_is_enough() {
    // Neither a length nor an end: a connection that stays open.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let line = b"HTTP/1.1 200 X\r\n\r\n{\"result\": {\"status\": \"IN_FLIGHT\"}}\n";
        serve(stream.try_clone().unwrap(), |_| line.to_vec()).unwrap();
        let _ = wait.recv();
    });
    let lnd = Lnd::new(&endpoint(address), Secret::new(KEY)).unwrap();
    assert_eq!(block_on(lnd.outgoing(&[7; 32])), Ok(Outgoing::Pending));
    drop(done);
    server.join().unwrap();
}

#[test]
fn keys_go_over_https_or_stay_on_this_machine() {
    for good in ["https://node.example:8080/lnd", "http://127.0.0.1:1", "http://localhost", "http://[::1]:5"]
    {
        assert_eq!(verify(good, false), Ok(()), "{good}");
    }
    assert_eq!(verify("http://lnbits:5000", true), Ok(()));
    let bad = [
        "http://node.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "node",
        "https://me:secret@node",
        "https://n/?k=1",
        "",
    ];
    for bad in bad {
        let error = verify(bad, false).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
    assert!(tls(Some("no certificate")).is_err());
}

proptest! {
    #[test]
    fn forms_are_read_back(text in any::<String>()) {
        let field = form(&[("a", text.clone()), ("b", String::new())]);
        let (value, rest) = field.strip_prefix("a=").unwrap().split_once('&').unwrap();
        prop_assert_eq!(rest, "b=");
        prop_assert!(value.is_ascii());
        let mut bytes = Vec::new();
        let mut chars = value.bytes();
        while let Some(byte) = chars.next() {
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let digits: Vec<u8> = chars.by_ref().take(2).collect();
                    bytes.extend(hex::decode(digits).unwrap());
                }
                byte => bytes.push(byte),
            }
        }
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }
}
