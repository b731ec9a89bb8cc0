//! Peers that do what they should not. The process survives, memory stays bounded, nothing false is stored, other peers go on.

use bytes::Bytes;
use dazaar_log::Log;
use dazaar_log::digest::RemoteTree;
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::hash::Node;
use dazaar_log::limits::MAX_LENGTH;
use dazaar_log::storage::{FileName, MemoryStorage};
use dazaar_log::verify::UnverifiedRange;

use super::jar::*;
use crate::message::{Data, Have, Message, Request};
use crate::replication::limits::*;
use crate::replication::{Download, Fault, PeerId, ReplicationFault, Transfer};

const EVIL: PeerId = PeerId(99);

/// A buyer with an honest seller of 100 blocks and a connection to an attacker. The jar does not know the attacker.
fn buyer() -> (Jar, usize) {
    let mut jar = Jar::new(1);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::All));
    jar.connect(seller, buyer);
    jar.hosts[buyer].feeds[0].add_peer(EVIL, Transfer::Blocks);
    (jar, buyer)
}

/// A seller of 100 blocks with an honest buyer and a connection to an attacker.
fn seller() -> (Jar, usize) {
    seller_with(Transfer::Blocks)
}

fn seller_with(transfer: Transfer) -> (Jar, usize) {
    let mut jar = Jar::new(1);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::All));
    jar.connect(seller, buyer);
    jar.hosts[seller].feeds[0].add_peer(EVIL, transfer);
    (jar, seller)
}

fn say(jar: &mut Jar, host: usize, message: Message) -> Result<(), Fault> {
    let host = &mut jar.hosts[host];
    host.feeds[0].handle_message(EVIL, message, &mut host.log, jar.now)
}

fn hear(jar: &mut Jar, host: usize) -> Result<Option<Message>, Fault> {
    let host = &mut jar.hosts[host];
    host.feeds[0].poll_message(EVIL, &host.log, jar.now)
}

/// Everything that the attacker is told until there is no more.
fn hear_all(jar: &mut Jar, host: usize) -> Vec<Message> {
    std::iter::from_fn(|| hear(jar, host).unwrap()).collect()
}

/// The rule that was broken. The driver's part is done: the attacker is gone.
#[track_caller]
fn broken(jar: &mut Jar, host: usize, result: Result<(), Fault>) -> ReplicationFault {
    jar.hosts[host].feeds[0].remove_peer(EVIL);
    match result {
        Err(Fault::Peer(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

/// A `Data` as the holder of a key pair would send it for a log of these blocks.
fn data_of(seed: u8, blocks: &[Vec<u8>], index: u64) -> Data {
    let mut log = MemoryLog::create(MemoryStorage::new(), pair(seed)).unwrap();
    log.append(blocks).unwrap();
    let proof = log.proof(index, Default::default(), false, &mut Default::default()).unwrap().unwrap();
    let signature = log.signature(proof.signature_length.unwrap()).unwrap();
    Data { index, value: log.block(index).unwrap(), nodes: proof.nodes, signature }
}

fn honest_blocks(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(block_bytes).collect()
}

#[test]
fn have_with_huge_length() {
    let (mut jar, buyer) = buyer();
    say(&mut jar, buyer, Message::Have(Have::range(0, MAX_LENGTH))).unwrap();
    let asked = hear_all(&mut jar, buyer);
    let wants = asked.iter().filter(|message| matches!(message, Message::Want { .. })).count();
    let requests = asked.iter().filter(|message| matches!(message, Message::Request(_))).count();
    assert_eq!((wants, requests), (WANTS_OPEN_MAX, WINDOW_START));
    assert_eq!(jar.hosts[buyer].log.length(), 0, "a claim is not a proof");
    let said = say(&mut jar, buyer, Message::Have(Have::range(0, 1 << 44)));
    let fault = broken(&mut jar, buyer, said);
    assert_eq!(fault.to_string(), "claims 17592186044416 blocks from block 0");
    jar.settle();
    jar.assert_holds(buyer, 0..100);
    assert!(jar.hosts[buyer].feeds[0].is_complete(&jar.hosts[buyer].log));
}

#[test]
fn run_length_bomb() {
    let (mut jar, buyer) = buyer();
    // Zeros, 2^36 of them.
    let bitfield = Some(Bytes::from_static(&[0x81, 0x80, 0x80, 0x80, 0x80, 0x08]));
    let have = Have { start: 0, length: WANT_BLOCKS, bitfield, ack: false };
    let said = say(&mut jar, buyer, Message::Have(have));
    let fault = broken(&mut jar, buyer, said);
    assert_eq!(
        fault.to_string(),
        "a map of blocks from block 0 is malformed or expands to more than 131072 bytes"
    );
    jar.settle();
    jar.assert_holds(buyer, 0..100);
}

#[test]
fn a_map_that_starts_within_a_page() {
    let (mut jar, buyer) = buyer();
    let have = Have { start: 5, length: 8, bitfield: Some(Bytes::from_static(&[2, 0xff])), ack: false };
    let said = say(&mut jar, buyer, Message::Have(have));
    let fault = broken(&mut jar, buyer, said);
    assert_eq!(fault.to_string(), "a map of blocks starts at block 5, which no `Want` did");
}

#[test]
fn an_upload_only_peer_keeps_no_claims() {
    let (mut jar, seller) = seller();
    say(&mut jar, seller, Message::Have(Have::range(0, 1 << 30))).unwrap();
    let host = &jar.hosts[seller];
    assert_eq!(host.feeds[0].progress(&host.log).length, 100);
}

#[test]
fn an_upload_only_peer_takes_no_bombs() {
    let bomb = Some(Bytes::from_static(&[0x81, 0x80, 0x80, 0x80, 0x80, 0x08]));
    for bitfield in [None, bomb] {
        let (mut jar, seller) = seller();
        let have = Have { start: 0, length: 1 << 44, bitfield, ack: false };
        let said = say(&mut jar, seller, Message::Have(have));
        broken(&mut jar, seller, said);
    }
}

#[test]
fn unrequested_data() {
    let (mut jar, buyer) = buyer();
    for count in 0..STRAYS_MAX {
        say(&mut jar, buyer, Message::Data(data_of(1, &honest_blocks(9), u64::from(count) % 9))).unwrap();
    }
    assert_eq!(jar.hosts[buyer].log.length(), 0, "not even true blocks are stored unasked");
    let said = say(&mut jar, buyer, Message::Data(data_of(1, &honest_blocks(9), 3)));
    let fault = broken(&mut jar, buyer, said);
    assert_eq!(fault.to_string(), "more than 32 blocks that nobody asked for");
    jar.settle();
    jar.assert_holds(buyer, 0..100);
}

#[test]
fn strays_are_forgotten_over_many_blocks_that_were_asked_for() {
    let (blocks, log) = (10 * STRAY_FORGOTTEN_AFTER, Log::create(MemoryStorage::new(), pair(1)));
    let (mut jar, buyer, mut log) = (Jar::new(1), 0, log.unwrap());
    jar.reader(Download::Linear);
    log.append(&honest_blocks(blocks)).unwrap();
    jar.hosts[buyer].feeds[0].add_peer(EVIL, Transfer::Blocks);
    say(&mut jar, buyer, Message::Have(Have::range(0, blocks))).unwrap();
    let stray = data_of(1, &honest_blocks(9), 0);
    let answer = |jar: &mut Jar, count| {
        let mut requests = Vec::new();
        while requests.len() < count {
            let heard = hear_all(jar, buyer);
            let asked = heard.iter().filter_map(|message| match message {
                Message::Request(request) => Some(request.index),
                _ => None,
            });
            let asked: Vec<_> = asked.collect();
            for &index in &asked {
                let proof = log.proof(index, Default::default(), false, &mut Default::default());
                let (proof, value) = (proof.unwrap().unwrap(), log.block(index).unwrap());
                let signature = log.signature(proof.signature_length.unwrap()).unwrap();
                say(jar, buyer, Message::Data(Data { index, value, nodes: proof.nodes, signature })).unwrap();
            }
            requests.extend(asked);
        }
    };
    (0..STRAYS_MAX).for_each(|_| say(&mut jar, buyer, Message::Data(stray.clone())).unwrap());
    answer(&mut jar, blocks as usize);
    (0..10).for_each(|_| say(&mut jar, buyer, Message::Data(stray.clone())).unwrap());
    let said = say(&mut jar, buyer, Message::Data(stray));
    assert!(matches!(broken(&mut jar, buyer, said), ReplicationFault::TooManyStrays));
}

#[test]
fn unrequested_proof() {
    let (mut jar, buyer) = buyer();
    let data = Data { value: None, ..data_of(1, &honest_blocks(9), 3) };
    (0..STRAYS_MAX).for_each(|_| say(&mut jar, buyer, Message::Data(data.clone())).unwrap());
    let said = say(&mut jar, buyer, Message::Data(data));
    assert!(matches!(broken(&mut jar, buyer, said), ReplicationFault::TooManyStrays));
    assert_eq!(jar.hosts[buyer].log.length(), 0);
}

#[test]
fn who_sends_a_block_unasked_hears_that_we_do_not_have_it() {
    let (mut jar, seller) = seller();
    say(&mut jar, seller, Message::Want { start: 0, length: WANT_BLOCKS }).unwrap();
    hear_all(&mut jar, seller);
    for index in [3, 100, u64::MAX] {
        let data = Data { index, value: Some(Bytes::from_static(b"evil")), nodes: vec![], signature: None };
        say(&mut jar, seller, Message::Data(data)).unwrap();
    }
    assert_eq!(hear_all(&mut jar, seller), [Message::Unhave { start: 100, length: 1 }]);
}

/// Makes the buyer ask the attacker for block 0 of many, and returns the answer to its `Data`.
fn answer_with(jar: &mut Jar, buyer: usize, data: Data) -> ReplicationFault {
    say(jar, buyer, Message::Have(Have::range(data.index, 1))).unwrap();
    let asked = hear_all(jar, buyer);
    let request = |message: &Message| matches!(message, Message::Request(Request { index, .. }) if *index == data.index);
    assert!(asked.iter().any(request), "{asked:?}");
    let said = say(jar, buyer, Message::Data(data));
    broken(jar, buyer, said)
}

#[test]
fn who_has_lost_the_block_of_a_proof_is_not_waited_for() {
    let mut jar = Jar::new(1);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::Sparse));
    jar.hosts[buyer].feeds[0].add_peer(EVIL, Transfer::Blocks);
    say(&mut jar, buyer, Message::Have(Have::range(99, 1))).unwrap();
    jar.hosts[buyer].feeds[0].update();
    let asks_proof = |heard: Vec<Message>| {
        let proof = Message::Request(Request { index: 99, bytes: 0, hash: true, nodes: 0 });
        heard.contains(&proof)
    };
    assert!(asks_proof(hear_all(&mut jar, buyer)));
    say(&mut jar, buyer, Message::Unhave { start: 99, length: 1 }).unwrap();
    assert!(!asks_proof(hear_all(&mut jar, buyer)), "it has just said that it does not have it");
    assert_eq!(jar.hosts[buyer].feeds[0].poll_timeout(), None);
    jar.connect(seller, buyer);
    jar.settle();
    assert_eq!(jar.hosts[buyer].log.length(), 100, "another proves it");
    say(&mut jar, buyer, Message::Have(Have::range(100, 1))).unwrap();
    jar.hosts[buyer].feeds[0].update();
    let heard = hear_all(&mut jar, buyer);
    assert!(heard.iter().any(|message| matches!(message, Message::Request(Request { index: 100, .. }))));
}

#[test]
fn forged_data() {
    let honest = data_of(1, &honest_blocks(100), 7);
    let evil = Some(Bytes::from_static(b"evil"));
    let other_log = [honest_blocks(7), vec![b"evil".to_vec()], honest_blocks(92)].concat();
    let mut flipped = honest.clone();
    flipped.nodes[0].hash.0[0] ^= 1;
    let forgeries = [
        Data { value: evil, ..honest.clone() },
        Data { signature: None, ..honest.clone() },
        Data { nodes: vec![], ..honest.clone() },
        Data { nodes: vec![honest.nodes[0]; 250], ..honest.clone() },
        Data { nodes: vec![Node { index: NodeIndex(u64::MAX), ..honest.nodes[0] }], ..honest },
        flipped,
        data_of(2, &other_log, 7),
    ];
    for forgery in forgeries {
        let (mut jar, buyer) = buyer();
        let fault = answer_with(&mut jar, buyer, forgery);
        assert!(matches!(fault, ReplicationFault::Proof { block: 7, .. }), "{fault:?}");
        assert_eq!(jar.hosts[buyer].log.downloaded(), 0);
        jar.settle();
        jar.assert_holds(buyer, 0..100);
    }
}

#[test]
fn forged_length() {
    let mut jar = Jar::new(1);
    let buyer = jar.reader(Download::Sparse);
    jar.hosts[buyer].feeds[0].add_peer(EVIL, Transfer::Blocks);
    jar.hosts[buyer].feeds[0].update();
    say(&mut jar, buyer, Message::Have(Have::range(8, 1))).unwrap();
    let asked = hear_all(&mut jar, buyer);
    let request = Message::Request(Request { index: 8, bytes: 0, hash: true, nodes: 0 });
    assert!(asked.contains(&request), "{asked:?}");
    let data = data_of(2, &honest_blocks(9), 8);
    let leaf = Node::leaf(8, &data.value.unwrap());
    let nodes = [vec![leaf], data.nodes].concat();
    let said =
        say(&mut jar, buyer, Message::Data(Data { index: 8, value: None, nodes, signature: data.signature }));
    assert!(matches!(broken(&mut jar, buyer, said), ReplicationFault::Proof { block: 8, .. }));
    let seller = jar.writer(20);
    jar.connect(seller, buyer);
    jar.settle();
    assert_eq!(jar.hosts[buyer].log.length(), 20, "the question is put to the next");
}

#[test]
fn contradicting_proof() {
    let (mut jar, buyer) = buyer();
    jar.settle();
    let before = jar.hosts[buyer].log.tree_hash(100).unwrap();
    let forked = [honest_blocks(50), vec![b"another history".to_vec()], honest_blocks(51)].concat();
    let fault = answer_with(&mut jar, buyer, data_of(1, &forked, 100));
    let source = std::error::Error::source(&fault).unwrap();
    assert!(source.to_string().starts_with("the feed has forked"), "{source}");
    assert_eq!(jar.hosts[buyer].log.tree_hash(100).unwrap(), before);
    jar.assert_holds(buyer, 0..100);
}

#[test]
fn rekeyed_feed_written_from_outside() {
    let mut jar = Jar::new(1);
    let host = jar.writer(5);
    jar.hosts[host].feeds.clear();
    jar.rekey(host, 21);
    jar.hosts[host].feeds[0].add_peer(EVIL, Transfer::Blocks);
    jar.hosts[host].feeds[0].update();
    jar.hosts[host].feeds[0].set_downloading(EVIL, true);
    say(&mut jar, host, Message::Have(Have::range(5, 1))).unwrap();
    let asked = [
        Message::Status { uploading: true, downloading: false },
        Message::Want { start: 0, length: WANT_BLOCKS },
        Message::Request(Request { index: 5, bytes: 0, hash: true, nodes: 0 }),
    ];
    assert_eq!(hear_all(&mut jar, host), asked, "nothing is requested but the proof that the feed is longer");
    // The attacker holds the secret key of its own feed, so its proof is valid under that key.
    let blocks = [honest_blocks(5), vec![b"EVIL".to_vec()]].concat();
    let data = data_of(21, &blocks, 5);
    (0..STRAYS_MAX).for_each(|_| say(&mut jar, host, Message::Data(data.clone())).unwrap());
    let said = say(&mut jar, host, Message::Data(data));
    assert!(matches!(broken(&mut jar, host, said), ReplicationFault::TooManyStrays));
    let log = std::mem::replace(
        &mut jar.hosts[host].log,
        MemoryLog::create(MemoryStorage::new(), pair(9)).unwrap(),
    );
    assert_eq!(log.length(), 5);
    assert_eq!(log.into_storage().bytes(FileName::Data), honest_blocks(5).concat());
}

#[test]
fn want_flood() {
    let (mut jar, seller) = seller();
    let mut flood =
        (0..1000).map(|page| say(&mut jar, seller, Message::Want { start: page * 8192, length: 8192 }));
    assert_eq!(flood.by_ref().take_while(Result::is_ok).count(), WANTS_QUEUED_MAX);
    drop(flood);
    let said = say(&mut jar, seller, Message::Want { start: 1 << 40, length: 8192 });
    let fault = broken(&mut jar, seller, said);
    assert_eq!(fault.to_string(), "more than 64 unanswered `Want`s");
    jar.settle();
    jar.assert_holds(1, 0..100);
}

#[test]
fn request_flood() {
    let (mut jar, seller) = seller();
    let request = |index| Message::Request(Request { index, bytes: 0, hash: false, nodes: 0 });
    for count in 0..REQUESTS_QUEUED_MAX as u64 {
        say(&mut jar, seller, request(count % 100)).unwrap();
    }
    let said = say(&mut jar, seller, request(0));
    let fault = broken(&mut jar, seller, said);
    assert_eq!(fault.to_string(), "more than 4096 unanswered requests");
    jar.settle();
    jar.assert_holds(1, 0..100);
}

#[test]
fn a_cancel_takes_back_one_request() {
    let (mut jar, seller) = seller();
    hear_all(&mut jar, seller);
    for index in [3, 4, 3, 3] {
        say(&mut jar, seller, Message::Request(Request { index, bytes: 0, hash: false, nodes: 0 })).unwrap();
    }
    for index in [3, 5] {
        say(&mut jar, seller, Message::Cancel { index, bytes: 0, hash: false }).unwrap();
    }
    let heard = hear_all(&mut jar, seller).into_iter().map(|message| match message {
        Message::Data(data) => data.index,
        other => panic!("{other:?}"),
    });
    assert_eq!(heard.collect::<Vec<_>>(), [4, 3, 3]);
}

#[test]
fn request_for_missing_block() {
    for index in [100, 1 << 40, u64::MAX] {
        let (mut jar, seller) = seller();
        say(&mut jar, seller, Message::Request(Request { index, bytes: 0, hash: false, nodes: 0 })).unwrap();
        // A status and a `Want`.
        (0..2).for_each(|_| _ = hear(&mut jar, seller).unwrap());
        let heard = hear(&mut jar, seller).map(|message| panic!("{message:?}"));
        let fault = broken(&mut jar, seller, heard);
        assert_eq!(fault.to_string(), format!("requests block {index}, which is not in our tree"));
    }
}

#[test]
fn request_for_a_cleared_block() {
    for transfer in [Transfer::Blocks, Transfer::Ranges] {
        let (mut jar, seller) = seller_with(transfer);
        jar.hosts[seller].clear(5..6);
        for hash in [false, true] {
            say(&mut jar, seller, Message::Request(Request { index: 5, bytes: 0, hash, nodes: 0 })).unwrap();
        }
        let heard = hear_all(&mut jar, seller);
        let [.., Message::Unhave { start: 5, length: 1 }, Message::Data(proof)] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!(
            (proof.value.as_ref(), proof.nodes[0].index),
            (None, NodeIndex::leaf(5)),
            "the tree is still here"
        );
    }
}

/// Ranges belong to authenticated frames. Of a classic peer they are messages of an unknown type.
#[test]
fn ranges_from_and_for_a_classic_peer() {
    let (mut jar, seller) = seller();
    hear_all(&mut jar, seller);
    for length in [Some(3), None] {
        say(&mut jar, seller, Message::Fetch { start: 0, length }).unwrap();
    }
    assert_eq!(hear_all(&mut jar, seller), []);

    let (mut jar, buyer) = buyer();
    let blocks = jar.hosts[0].log.blocks(0..100).unwrap();
    let proof = jar.hosts[0].log.range_proof(&(0..100), &RemoteTree::new()).unwrap().unwrap();
    let signature = jar.hosts[0].log.signature(100).unwrap().map(|signature| (100, signature));
    let range = UnverifiedRange { start: 0, blocks, nodes: proof.nodes, signature };
    say(&mut jar, buyer, Message::Blocks(range)).unwrap();
    jar.assert_holds(buyer, 0..0);
}

#[test]
fn requests_for_bytes() {
    let (mut jar, seller) = seller();
    hear_all(&mut jar, seller);
    let seek = |bytes| Message::Request(Request { index: 1, bytes, hash: false, nodes: 9 });
    // Blocks 1 to 3 are "1", "22" and "333": byte 3 begins block 3. Nothing is at the end, so that the index counts.
    for bytes in [3, 3, 1 << 50, 2, jar.hosts[seller].log.byte_length()] {
        say(&mut jar, seller, seek(bytes)).unwrap();
    }
    let heard = hear_all(&mut jar, seller);
    let indices = heard.iter().map(|message| match message {
        Message::Data(data) => data.index,
        other => panic!("{other:?}"),
    });
    assert_eq!(indices.collect::<Vec<_>>(), [3, 1, 2, 1]);
}

#[test]
fn a_slow_reader_costs_its_requests_and_no_answers() {
    let (mut jar, seller) = seller();
    for index in 0..100 {
        say(&mut jar, seller, Message::Request(Request { index, bytes: 0, hash: false, nodes: 0 })).unwrap();
        say(&mut jar, seller, Message::Want { start: 0, length: WANT_BLOCKS }).unwrap();
    }
    say(&mut jar, seller, Message::Cancel { index: 7, bytes: 0, hash: false }).unwrap();
    jar.settle();
    let uploaded = |jar: &Jar| jar.hosts[seller].feeds[0].progress(&jar.hosts[seller].log).bytes_up;
    let before = uploaded(&jar);
    let heard = hear_all(&mut jar, seller);
    assert_eq!(heard.len(), 2 + 2 + 99);
    assert!(uploaded(&jar) > before, "answers are made when there is room for them");
}

#[test]
fn nothing_that_was_asked_before_a_revocation_is_answered_after_it() {
    let (mut jar, seller) = seller();
    let status = |uploading| Message::Status { uploading, downloading: false };
    let want = Message::Want { start: 0, length: WANT_BLOCKS };
    assert_eq!(hear_all(&mut jar, seller), [status(true), want]);
    let ask = |jar: &mut Jar| {
        say(jar, seller, Message::Request(Request { index: 3, bytes: 0, hash: false, nodes: 0 })).unwrap();
        say(jar, seller, Message::Want { start: 0, length: WANT_BLOCKS }).unwrap();
    };
    ask(&mut jar);
    jar.hosts[seller].feeds[0].set_uploading(EVIL, false);
    ask(&mut jar);
    assert_eq!(hear_all(&mut jar, seller), [status(false)]);
    jar.hosts[seller].feeds[0].set_uploading(EVIL, true);
    jar.hosts[seller].append(1);
    assert_eq!(hear_all(&mut jar, seller)[0], status(true));
    assert_eq!(hear_all(&mut jar, seller), []);
}

#[test]
fn a_peer_that_holds_one_block_back() {
    let mut jar = Jar::new(1);
    let (seller, buyer) = (jar.writer(3 * OVERTAKEN_MAX), jar.reader(Download::Linear));
    let link = jar.connect(seller, buyer);
    jar.hosts[buyer].feeds[0].add_peer(EVIL, Transfer::Blocks);
    say(&mut jar, buyer, Message::Have(Have::range(0, 3 * OVERTAKEN_MAX))).unwrap();
    let mut owed = std::collections::VecDeque::new();
    let mut blocks = MemoryLog::create(MemoryStorage::new(), pair(1)).unwrap();
    blocks.append(&honest_blocks(3 * OVERTAKEN_MAX)).unwrap();
    jar.links[link].deaf = Some(0);
    let fault = loop {
        for message in hear_all(&mut jar, buyer) {
            if let Message::Request(request) = message {
                owed.push_back(request);
            }
        }
        let index = owed.pop_front().map(|request: Request| request.index).unwrap();
        if index != 0 {
            let proof = blocks.proof(index, Default::default(), false, &mut Default::default());
            let (proof, value) = (proof.unwrap().unwrap(), blocks.block(index).unwrap());
            let signature = blocks.signature(proof.signature_length.unwrap()).unwrap();
            let said =
                say(&mut jar, buyer, Message::Data(Data { index, value, nodes: proof.nodes, signature }));
            if said.is_err() {
                break broken(&mut jar, buyer, said);
            }
        }
    };
    assert!(matches!(fault, ReplicationFault::RequestTimeout), "it was asked twice, and nobody else has it");
    assert!(!jar.hosts[buyer].log.has(0));
    jar.links[link].deaf = None;
    jar.settle();
    jar.assert_holds(buyer, 0..3 * OVERTAKEN_MAX);
}
