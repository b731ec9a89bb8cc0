//! Our seller, the buyer of npm `dazaar`.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::support::{Scene, csv};

/// The key of the JavaScript buyer, whose master key is fixed.
const JS_BUYER: &str = "7f6f6572d580f2bd6846554e27ba3fee1c7b6d40223956ab8a58069634517c61";

#[test]
fn sells_everything_in_a_feed_of_the_buyer() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(300));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let to = scene.text_path("bought.csv");
    let mut buyer = scene.js_buyer(&place, &["--until-length", "300", "--to", &to]);
    assert_eq!(seller.wait_for("buyer-connected")["buyer"], JS_BUYER);
    assert_eq!(seller.last("buyer-connected")["authenticated"], false);
    assert_ne!(buyer.wait_for("validated")["feed"], place.feed.as_str());
    buyer.wait_for("valid");
    assert_eq!(buyer.wait_for("done")["length"], 300);
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(300));
}

#[test]
fn sells_a_free_feed() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (_seller, place) = scene.sell(&data, &["--free"]);
    let to = scene.text_path("bought.csv");
    let mut buyer = scene.js_buyer(&place, &["--until-length", "20", "--to", &to]);
    assert_eq!(buyer.wait_for("validated")["feed"], place.feed.as_str());
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));
}

#[test]
fn serves_a_buyer_that_cannot_sign_the_terms_if_told_to() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let terms = scene.file("terms.txt", "be nice\n");
    let (_seller, place) =
        scene.sell(&data, &["--admit-all", "--terms", &terms, "--unsigned-terms", "serve"]);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "20", "--terms", "be nice"]);
    buyer.wait_for("done");
    buyer.succeed();
}

#[test]
fn refuses_a_buyer_that_cannot_sign_the_terms_if_told_to() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let terms = scene.file("terms.txt", "be nice\n");
    let (_seller, place) =
        scene.sell(&data, &["--admit-all", "--terms", &terms, "--unsigned-terms", "refuse"]);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "20", "--terms", "be nice"]);
    buyer.wait_for("invalid");
    assert!(buyer.seen().iter().all(|event| event["event"] != "validated"), "{buyer}");
}

#[test]
fn tells_the_terms_to_a_buyer_that_knows_of_none() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let terms = scene.file("terms.txt", "be nice\n");
    let (mut seller, place) =
        scene.sell(&data, &["--admit-all", "--terms", &terms, "--unsigned-terms", "serve"]);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "20"]);
    let error = buyer.wait_for("error")["error"].to_string();
    assert!(error.contains("Terms of Use must be accepted"), "{error}");
    buyer.wait_for("closed");
    assert!(seller.is_running());
}

#[test]
fn grants_revokes_and_restores_without_reconnecting() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--follow", "--interval", "50"]);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "22"]);
    buyer.wait_for("invalid");
    assert_eq!(seller.wait_for("buyer-invalid")["buyer"], JS_BUYER);

    scene.dazaar("seller", &["grant", JS_BUYER, "2h"]).succeed();
    let info = buyer.wait_for("valid")["info"].clone();
    assert_eq!(info, serde_json::json!({ "type": "time", "remaining": 7_200_000 }));
    buyer.wait_until("all 20 blocks", |event| event["event"] == "synced" && event["length"] == 20);

    scene.dazaar("seller", &["revoke", JS_BUYER]).succeed();
    buyer.wait_for("invalid");
    append(&data, "20,20\n");

    scene.dazaar("seller", &["grant", JS_BUYER, "2h"]).succeed();
    buyer.wait_for("valid");
    append(&data, "21,21\n");
    buyer.wait_for("done");
    buyer.succeed();
    let connections = seller.seen().iter().filter(|event| event["event"] == "buyer-connected").count();
    assert_eq!(connections, 1, "{seller}");
    assert!(
        buyer.seen().iter().all(|event| event["event"] != "message"),
        "nothing that npm does not know: {buyer}"
    );
}

#[test]
fn takes_a_voucher_from_an_application_on_npm_dazaar() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &[]);
    let mut made = scene.dazaar("seller", &["credit", "new", "1h"]);
    made.succeed();
    let code = made.last("voucher-made")["code"].as_str().unwrap_or_default().to_owned();
    let mut buyer = scene.js_buyer(&place, &["--until-length", "20", "--voucher", &code]);
    let receipt = buyer.wait_for("message");
    assert_eq!((&receipt["name"], &receipt["message"]["units"]), (&"pay/receipt".into(), &3_600_000.into()));
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(seller.wait_for("buyer-paid")["buyer"], JS_BUYER);
}

#[test]
fn admits_only_the_buyers_on_the_list() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (_seller, place) = scene.sell(&data, &["--allow", JS_BUYER]);
    scene.js_buyer(&place, &["--until-length", "20"]).succeed();
    let mut other = scene.js(
        "buyer.js",
        "js-other",
        &["--port", place.port(), "--seller", &place.seller, "--identity", "9", "--until-length", "20"],
    );
    other.wait_for("invalid");
}

#[test]
fn sends_what_is_appended() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (_seller, place) = scene.sell(&data, &["--admit-all", "--follow"]);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "9", "--to", &scene.text_path("bought.csv")]);
    buyer.wait_until("all 5 blocks", |event| event["event"] == "synced" && event["length"] == 5);
    for row in 5..9 {
        append(&data, &format!("{row},7\n"));
        buyer.wait_until("one more", |event| event["event"] == "synced" && event["length"] == row + 1);
    }
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), scene.read("data.csv"));
}

#[test]
fn sends_single_blocks_and_later_the_rest() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(400));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let mut sparse = scene.js_buyer(&place, &["--sparse", "3,5-9,300"]);
    let lines: Vec<String> = csv(400).lines().map(str::to_owned).collect();
    for _ in 0..7 {
        let got = sparse.wait_for("got");
        let index = usize::try_from(got["index"].as_u64().expect("an index")).expect("a small index");
        assert_eq!(got["text"], format!("{}\n", lines[index]));
    }
    sparse.say("get 12");
    assert_eq!(sparse.wait_for("got")["text"], format!("{}\n", lines[12]));
    sparse.kill();
    let mut rest = scene.js_buyer(&place, &["--until-length", "400", "--to", &scene.text_path("bought.csv")]);
    assert_eq!(rest.wait_for("feed")["have"], 8);
    rest.succeed();
    assert_eq!(scene.read("bought.csv"), csv(400));
}

#[test]
fn sells_a_hundred_thousand_blocks() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(100_000));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let mut buyer =
        scene.js_buyer(&place, &["--until-length", "100000", "--to", &scene.text_path("bought.csv")]);
    assert_eq!(buyer.wait_for("done")["length"], 100_000);
    buyer.succeed();
    assert!(scene.read("bought.csv") == csv(100_000), "the copy differs");
}

#[test]
fn reports_user_messages() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let _buyer = scene.js_buyer(&place, &["--ping"]);
    let message = seller.wait_for("message");
    assert_eq!((&message["from"], &message["name"]), (&JS_BUYER.into(), &"ping".into()));
    assert_eq!(message["message"]["n"], 1);
}

#[test]
fn is_vetted_by_the_buyer() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    scene.js_buyer(&place, &["--vet-seller", "--until-length", "5"]).succeed();
}

#[test]
fn lives_with_a_buyer_that_expects_another_seller() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let mut wrong = scene.js("buyer.js", "js-wrong", &["--port", place.port(), "--seller", JS_BUYER]);
    assert_eq!(wrong.wait_for("invalid")["error"], "Not connected to seller");
    wrong.wait_for("closed");
    scene.js_buyer(&place, &["--until-length", "5"]).succeed();
    assert!(seller.is_running());
}

fn append(file: &str, rows: &str) {
    let mut file = OpenOptions::new().append(true).open(file).expect("the file that is sold");
    file.write_all(rows.as_bytes()).expect("rows are appended");
}
