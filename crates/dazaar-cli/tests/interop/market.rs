//! A market folder of npm `dazaar`, imported.

use serde_json::Value;

use crate::support::{Process, Scene, blocks, text};

#[test]
fn keys_sales_cards_buyers_and_purchases_are_imported() {
    let scene = Scene::new();
    let theirs = make(&scene);
    import(&scene);

    let mut status = scene.dazaar("ours", &["status"]);
    status.succeed();
    for sale in rows(&theirs, "sales") {
        assert!(has(&status, "listing", &[("seller", &sale["seller"]), ("feed", &sale["feed"])]), "{status}");
    }
    for buy in rows(&theirs, "buys") {
        let wanted = [("seller", &buy["seller"]), ("feed", &buy["feed"]), ("length", &buy["length"])];
        assert!(has(&status, "purchase", &wanted), "{status}");
    }

    let mut sales = scene.dazaar("ours", &["sales"]);
    sales.succeed();
    for buyer in rows(&rows(&theirs, "sales")[0], "buyers") {
        assert!(
            has(&sales, "sale", &[("buyer", &buyer["buyer"]), ("unique_feed", &buyer["feed"])]),
            "{sales}"
        );
    }
}

#[test]
fn an_imported_sale_goes_on_for_the_buyers_that_it_had() {
    let scene = Scene::new();
    let theirs = make(&scene);
    import(&scene);
    let sale = &rows(&theirs, "sales")[0];
    let folder = scene.text_path("theirs/sold-0");
    let words = ["sell", &folder, "--admit-all", "--listen", "127.0.0.1:0"];
    let mut seller = scene.dazaar("ours", &words);
    let listening = seller.wait_for("listening");
    assert_eq!((&listening["seller"], &listening["feed"]), (&sale["seller"], &sale["feed"]));

    let address = text(&listening, "address");
    let port = address.rsplit(':').next().unwrap_or_default();
    let to = scene.text_path("bought.txt");
    let seller_key = text(sale, "seller");
    let words =
        ["--port", port, "--seller", &seller_key, "--identity", "100", "--until-length", "5", "--to", &to];
    let mut buyer = scene.js("buyer.js", "js-buyer", &words);
    let known = rows(sale, "buyers");
    let feed = buyer.wait_for("validated")["feed"].clone();
    assert!(
        known.iter().any(|record| record["feed"] == feed),
        "{feed} is not the feed that the buyer had: {known:?}"
    );
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..5));
}

fn make(scene: &Scene) -> Value {
    let mut maker = scene.js("make-market.js", "theirs", &[]);
    let market = maker.wait_for("market");
    maker.succeed();
    market
}

fn import(scene: &Scene) {
    let [market, first, second] =
        ["theirs", "theirs/sold-0", "theirs/sold-1"].map(|name| scene.text_path(name));
    scene.dazaar("ours", &["import", &market, "--feed", &first, "--feed", &second]).succeed();
}

fn rows(value: &Value, field: &str) -> Vec<Value> {
    value[field].as_array().unwrap_or_else(|| panic!("no list `{field}` in {value}")).clone()
}

/// Whether the process reported such an event with these fields.
fn has(process: &Process, event: &str, fields: &[(&str, &Value)]) -> bool {
    let matches = |found: &&Value| fields.iter().all(|(field, value)| found[*field] == **value);
    process.seen().iter().filter(|found| found["event"] == event).any(|found| matches(&found))
}
