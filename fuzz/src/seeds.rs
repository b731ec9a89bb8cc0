//! Inputs to start from: what honest peers say, so that changes of it get far.

use std::collections::BTreeMap;

use bytes::Bytes;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use dazaar_log::codec::varint;
use dazaar_log::digest::{Digest, RemoteTree};
use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey};
use dazaar_trie::db::{Db, DbBatch, DbError, Said};
use dazaar_trie::hyperdrive::{DrivePath, Edit, Mount, Stat, header};
use dazaar_trie::hypertrie::{Along, Batch, ExtensionMessage, Options, Trie};

use crate::{discovery, ecash, evm_seeds, feed, files, invoice, table_seeds};

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "altered" => {
            let change: [u8; 12] = [1, 0, 40, 16, 4, 0, 3, 0xff, 6, 1, 0, 3];
            vec![vec![0], vec![1], prefixed(0, &change), prefixed(1, &change)]
        }
        "buyer_extension" | "seller_extension" => extensions(),
        "card" => texts(&[
            r#"{"id":"557e23d7346f213ec5a23713b2a2497eef35354d5b52088ac6a5993a5fdb091e","name":"n","version":1,"payment":[{"method":"lnd","currency":"sat","unit":"seconds","interval":"1","amount":"10"}]}"#,
            "null",
            "[]",
        ]),
        "contents" => vec![files::honest_contents()],
        "download" => vec![
            prefixed(0, &offer()),
            prefixed(1, &offer()),
            prefixed(2, &offer()),
            prefixed(0x81, &ranges()),
            prefixed(0x80, &ranges()),
        ],
        "ecash" => ecash::seeds(),
        "evm_answer" | "evm_demand" | "evm_payment" => evm_seeds::of(target),
        "db_talk" => db_talk(),
        "dht" | "mdns" => discovery::seeds(target),
        "folder" => {
            vec![vec![5, 0, 0, 0], vec![6, 0, 8, 2, 255, 255], vec![3, 0, 40, 3, 1, 2, 3], vec![4, 3, 0, 0]]
        }
        "handshake" => vec![
            prefixed(1, &[&[255, 58][..], &[9; 58]].concat()),
            prefixed(0, &[&[255, 122][..], &[9; 122]].concat()),
        ],
        "hyperdb" => vec![hyperdb()],
        "hyperdrive" => vec![with_lengths(drive_blocks().iter().map(|block| &block[..]))],
        "hypertrie" => vec![with_lengths(trie_blocks().iter().map(|block| &block[..]))],
        "invoice" => invoice::seeds(),
        "link" => texts(&[
            "dazaar:557e23d7346f213ec5a23713b2a2497eef35354d5b52088ac6a5993a5fdb091e?at=127.0.0.1:80&at=[::1]:9&name=a%20b",
        ]),
        "offers" => offers(),
        "payment" => texts(&[
            "WBYN7-MNWN5-6CJ4P-WPXR1-4Q4VQ-KAFEX",
            r#"{"order":"1","method":"credit","proof":"WBYN7-MNWN5-6CJ4P-WPXR1-4Q4VQ-KAFEX"}"#,
            r#"{"order":"1","method":"credit","units":5,"asset":"time","again":false,"credit":{"type":"time","remaining":5}}"#,
            r#"{"order":"1","code":"used","error":"this voucher was used by somebody else"}"#,
            r#"{"methods":["credit"],"offers":["0.1 EUR per hour by credit"]}"#,
        ]),
        "proof" => vec![(0..90).map(|step: u8| step.wrapping_mul(37)).collect(), vec![0; 60]],
        "protobuf" => vec![bitfield(), offer()],
        "rle" => {
            vec![vec![2, 0xf8], vec![0xa3, 0x1f, 2, 0xf0], vec![0x91, 3, 0x0f, 2, 0x80], vec![5, 7, 5, 7]]
        }
        "rows" => texts(&["0a,b\n1,\"x\"\"y\n\"\r\n\n3\n", "1{\"a\":1}\n[1,2]\nnull\nx\n"]),
        "session" => vec![prefixed(0, &control()), prefixed(1, &control())],
        "trie_extension" => trie_extension(),
        "upload" => vec![
            prefixed(0, &questions()),
            prefixed(1, &questions()),
            prefixed(0x80, &fetches()),
            prefixed(0x81, &fetches()),
        ],
        _ => table_seeds::of(target),
    }
}

/// Ways to pay of each kind, each behind two numbers to charge with and the field that has them.
fn offers() -> Vec<Vec<u8>> {
    let payment = [
        r#"[{"method":"Lightning","currency":"SATS","amount":100,"unit":"hours","interval":1,"minSeconds":1}]"#,
        r#"[{"method":"ETH","currency":"USDT","pubKey":"020202020202020202020202020202020202020202020202020202020202020202","erc20Contract":"0xdac17f958d2ee523a2206206994597c13d831ec7","erc20ContractDecimals":6,"amount":0.02,"unit":"hours","interval":1}]"#,
        r#"[{"currency":"LightningBTC","amount":"1e-8","unit":"minutes","interval":"0.5","paymentDelay":5}]"#,
    ];
    let prices = [
        r#"[{"method":"credit","currency":"EUR","amount":"0.10","per":"hour","cap":"5","trial":{"time":"10m"}}]"#,
        r#"[{"method":"cashu","currency":"SATS","amount":"2","per":"MB","min":1,"free":{"bytes":100,"every":"1d"}}]"#,
        r#"[{"method":"bolt11","currency":"BTC","amount":"0.1","per":"range","from":"2024-01-01","to":"2025-01-01"}]"#,
        r#"[{"asset":"time","method":"free","amount":1,"per":"ms","interval":7,"clock":"wall"},{"method":"free","asset":"btc","per":"once","amount":5}]"#,
    ];
    let seed = |which: u8, text: &str| [&[40, 20, which][..], text.as_bytes()].concat();
    let payment = payment.iter().map(|text| seed(0, text));
    payment.chain(prices.iter().map(|text| seed(1, text))).collect()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn prefixed(first: u8, rest: &[u8]) -> Vec<u8> {
    [&[first], rest].concat()
}

/// A message in its frame. The attacker's channel is 1, or 0 for the stream itself.
fn frame(channel: u64, kind: u64, body: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    varint::encode(channel << 4 | kind, &mut header);
    let mut frame = Vec::new();
    varint::encode((header.len() + body.len()) as u64, &mut frame);
    [frame, header, body.to_vec()].concat()
}

fn numbers(fields: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|(field, value)| encode_varint(*field, *value, &mut out));
    out
}

/// Options and extension messages, an offer of a feed, a keep-alive.
fn control() -> Vec<u8> {
    let mut names = Vec::new();
    ["dazaar/user-message", "dazaar/valid"]
        .iter()
        .for_each(|name| encode_bytes(1, name.as_bytes(), &mut names));
    let mut offer = Vec::new();
    encode_bytes(1, &[3; 32], &mut offer);
    encode_bytes(2, &[4; 32], &mut offer);
    [frame(0, 1, &names), frame(0, 15, b"\x01{\"a\":1}"), vec![0], frame(4, 0, &offer), frame(4, 10, &[])]
        .concat()
}

/// What a buyer asks.
fn questions() -> Vec<u8> {
    let request = |index, nodes| frame(1, 7, &numbers(&[(1, index), (2, 0), (3, 0), (4, nodes)]));
    let hash_only = frame(1, 7, &numbers(&[(1, 12), (2, 0), (3, 1), (4, 0)]));
    let seek = frame(1, 7, &numbers(&[(1, 0), (2, 30), (3, 0), (4, 0)]));
    let want = frame(1, 5, &numbers(&[(1, 0), (2, 1 << 20)]));
    let status = frame(1, 2, &numbers(&[(1, 1), (2, 1)]));
    let have = frame(1, 3, &numbers(&[(1, feed::LENGTH), (2, 1)]));
    [want, request(0, 0), request(3, 10), hash_only, seek, status, have, request(5, 1)].concat()
}

fn bitfield() -> Vec<u8> {
    let mut have = numbers(&[(1, 0), (2, 1 << 20)]);
    encode_bytes(3, &[0x04, 0xff, 0xf8], &mut have);
    have
}

/// What a seller offers and answers: every block, with a whole proof.
fn offer() -> Vec<u8> {
    let honest = feed::honest();
    let mut frames = frame(1, 3, &bitfield());
    for index in 0..feed::LENGTH {
        let proof =
            honest.proof(index, Digest(0), false, &mut RemoteTree::new()).ok().flatten().expect("a proof");
        let mut data = numbers(&[(1, index)]);
        encode_bytes(2, &feed::block(index), &mut data);
        for node in &proof.nodes {
            let mut body = numbers(&[(1, node.index.0)]);
            encode_bytes(2, node.hash.as_bytes(), &mut body);
            encode_varint(3, node.size, &mut body);
            encode_bytes(3, &body, &mut data);
        }
        let signature = honest.signature(feed::LENGTH).ok().flatten().expect("a signature");
        encode_bytes(4, &signature.0, &mut data);
        frames.extend(frame(1, 9, &data));
    }
    frames
}

/// What a buyer of our own kind asks: two ranges, one of them beyond the end, then everything, which is taken back.
fn fetches() -> Vec<u8> {
    let fetch = |fields: &[(u64, u64)]| frame(1, 11, &numbers(fields));
    let cancel = frame(1, 8, &numbers(&[(1, 7), (2, 0), (3, 0)]));
    [fetch(&[(1, 2), (2, 3)]), fetch(&[(1, 10), (2, 9)]), fetch(&[(1, 7)]), cancel].concat()
}

/// What a seller of our own kind sends: every block, in two messages, the second of which relies on the first.
fn ranges() -> Vec<u8> {
    let honest = feed::honest();
    let mut remote = RemoteTree::new();
    let mut frames = frame(1, 3, &bitfield());
    for blocks in [0..5, 5..feed::LENGTH] {
        let read = honest.blocks(blocks.clone()).expect("the blocks are here");
        let proof = honest.range_proof(&blocks, &remote).ok().flatten().expect("a proof");
        remote.learn_sent(&blocks, &proof);
        let mut body = numbers(&[(1, blocks.start), (2, read.len() as u64)]);
        let packed = |values: &mut dyn Iterator<Item = u64>| {
            let mut out = Vec::new();
            values.for_each(|value| varint::encode(value, &mut out));
            out
        };
        encode_bytes(3, &packed(&mut read.sizes()), &mut body);
        encode_bytes(4, read.data(), &mut body);
        let (mut nodes, mut before) = (Vec::new(), 0);
        for node in &proof.nodes {
            varint::encode(node.index.0 - before, &mut nodes);
            nodes.extend_from_slice(node.hash.as_bytes());
            varint::encode(node.size, &mut nodes);
            before = node.index.0;
        }
        encode_bytes(5, &nodes, &mut body);
        if let Some(length) = proof.signature_length {
            let signature = honest.signature(length).ok().flatten().expect("a signature");
            encode_varint(6, length, &mut body);
            encode_bytes(7, &signature.0, &mut body);
        }
        frames.extend(frame(1, 12, &body));
    }
    frames
}

/// One message of each extension, as both sides may send it.
fn extensions() -> Vec<Vec<u8>> {
    let payloads: [&[u8]; 7] = [
        br#"{"error":"no"}"#,
        &[5; 32],
        &[6; 32],
        &[7; 200],
        b"be nice",
        br#"{"name":"ping","message":{"n":1}}"#,
        br#"{"type":"time","remaining":5}"#,
    ];
    let message = |(which, payload): (u8, &[u8])| {
        [&[which, u8::try_from(payload.len()).unwrap_or(u8::MAX)], payload].concat()
    };
    let each: Vec<Vec<u8>> = (0..).zip(payloads).map(message).collect();
    [vec![each.concat()], each].concat()
}

/// The database of a market, with a master key and a purchase.
pub(crate) fn trie_blocks() -> Vec<Bytes> {
    let key = "07".repeat(32);
    let trie = Trie::new(Vec::<Bytes>::new());
    let mut batch = Batch::new(&trie);
    for (name, value) in [
        ("master-key", format!("\"{key}\"")),
        (&*format!("buys/feeds/{key}"), format!("{{\"seller\":\"{key}\",\"uniqueFeed\":\"{key}\"}}")),
        ("config/colour", "{\"name\":\"blue\"}".to_owned()),
        ("config/size", "1".to_owned()),
    ] {
        batch
            .put(&trie, name, Some(value.as_bytes()), Options::default())
            .expect("a key that can be written");
    }
    batch.delete(&trie, "config/size").expect("all blocks are here");
    batch.blocks().iter().cloned().map(Bytes::from).collect()
}

/// A drive with files, a directory, links, a mount and a tag.
fn drive_blocks() -> Vec<Bytes> {
    let trie = Trie::new(Vec::<Bytes>::new());
    let mut batch = Batch::with_header(&trie, &header(FeedKey([7; 32])));
    let mut edit = Edit::new(&mut batch, &trie);
    let mut write = |path: &str, stat: &Stat| {
        edit.replace(&DrivePath::new(path), stat).expect("a path that can be written");
    };
    let mut noted = Stat { size: 70_000, blocks: 2, mtime_ms: 1, ..Stat::file(0o644) };
    noted.metadata.insert("color".to_owned(), Some(b"red".to_vec()));
    write("a/b", &noted);
    write("dir", &Stat::directory(0o755));
    write("dir/link", &Stat::symlink("../a/b"));
    write("loop", &Stat::symlink("/loop"));
    for (at, version, is_feed) in [("feed", Some(3), true), ("a/new", None, false), ("old", Some(5), false)] {
        let mount = Mount { key: FeedKey([9; 32]), version, hash: None, is_feed };
        edit.mount(&DrivePath::new(at), mount, Stat::directory(0o755)).expect("a path that is free");
    }
    edit.put_tag("v1", 4).expect("a name that can be written");
    edit.unlink(&DrivePath::new("a/b")).expect("it was written");
    batch.blocks().iter().cloned().map(Bytes::from).collect()
}

/// Two writers, the second of whom was let in; blocks in the order in which the target deals them out.
fn hyperdb() -> Vec<u8> {
    let keys = [1, 2].map(|byte| FeedKey([byte; 32]));
    let mut db = Db::new(keys[0], BTreeMap::<FeedKey, Vec<Bytes>>::new());
    let mut write = |own: usize, change: &dyn Fn(&mut DbBatch, &Db<_>) -> Result<u64, DbError>| {
        let mut batch = DbBatch::new(&db, keys[own]).expect("all blocks are here");
        change(&mut batch, &db).expect("a change that can be made");
        let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
        db.feeds_mut().entry(keys[own]).or_default().extend(blocks);
    };
    write(0, &|batch, db| batch.authorize(db, keys[1]));
    write(1, &|batch, db| batch.put(db, "a/b", Some(b"1")));
    write(0, &|batch, db| batch.put(db, "a/c", Some(b"2")));
    write(1, &|batch, db| batch.delete(db, "a/c"));
    let [ours, theirs] = keys.map(|key| db.feeds().get(&key).cloned().unwrap_or_default());
    let dealt = ours.iter().zip(&theirs).flat_map(|(ours, theirs)| [&ours[..], &theirs[..], b""]);
    with_lengths(dealt)
}

/// What writers of a map say to each other.
fn db_talk() -> Vec<Vec<u8>> {
    let [one, other] = [3, 4].map(|seed| IdentityKey([seed; 32]));
    let pair = FeedKeyPair::from_seed(&[5; 32]);
    let has = Said::Has(BTreeMap::from([(pair.public(), 300), (FeedKey([6; 32]), 0)]));
    [Said::proof(&pair, &one, &other), Said::Unknown, has].iter().map(Said::encode).collect()
}

/// Questions and answers of the trie extension.
fn trie_extension() -> Vec<Vec<u8>> {
    let iterator = |flags, checkpoint| ExtensionMessage::Iterator {
        head: 5,
        key: "config".to_owned(),
        flags,
        checkpoint,
    };
    let messages = [
        ExtensionMessage::Get { head: 5, key: "config/colour".to_owned() },
        iterator(1, None),
        iterator(6, Some(vec![1, 5, 2, 3])),
        ExtensionMessage::Cache { start: 1, end: 5, blocks: vec![4, 1, 2] },
    ];
    let alone = messages.iter().map(ExtensionMessage::encode);
    let along = messages.iter().zip([Along::all_but([1..3, 5..6]), Along::sent()]).map(|(message, along)| {
        let mut payload = message.encode();
        along.append_to(&mut payload);
        payload
    });
    alone.chain(along).collect()
}

fn with_lengths<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let length = |block: &[u8]| u8::try_from(block.len()).unwrap_or(u8::MAX);
    blocks.into_iter().flat_map(|block| [&[length(block)], block].concat()).collect()
}
