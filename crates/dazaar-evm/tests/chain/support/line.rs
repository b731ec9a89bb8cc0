//! A line between a wallet and its node, on which things go wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What happens on the line.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Questions and answers pass.
    Pass,
    /// So many questions pass, then the line is cut: before the next one, or before its answer.
    Cut { after: usize, before_answer: bool },
    /// Nothing is ever answered.
    Hang,
    /// Everything is answered with this.
    Answer(Vec<u8>),
    /// A node answers that knows of no transaction what became of it.
    Forgetful,
    /// A node answers that has no block above this one. If there are `two`, another one answers now and then.
    Behind { height: u64, two: bool },
}

pub(crate) struct Line {
    pub(crate) url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<AtomicUsize>,
}

impl Line {
    /// A line to the node at `target`.
    pub(crate) fn new(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Arc::new(Mutex::new(Behaviour::Pass));
        let asked = Arc::new(AtomicUsize::new(0));
        let (target, rules, count) = (target.to_owned(), Arc::clone(&behaviour), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (target, rules, count) = (target.clone(), Arc::clone(&rules), Arc::clone(&count));
                std::thread::spawn(move || serve(&stream.unwrap(), &target, &rules, &count));
            }
        });
        Self { url, behaviour, asked }
    }

    /// From now on, with questions counted from here.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.asked.store(0, Ordering::SeqCst);
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Questions since then.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Serves one connection, until somebody ends it.
fn serve(stream: &TcpStream, target: &str, rules: &Mutex<Behaviour>, count: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let question = question(&mut reader)?;
        let asked = count.fetch_add(1, Ordering::SeqCst);
        let behaviour = rules.lock().unwrap().clone();
        let forward = || send(target, &question);
        let answer = match behaviour {
            Behaviour::Pass => forward()?,
            Behaviour::Cut { after, .. } if asked < after => forward()?,
            Behaviour::Cut { after, before_answer } => {
                if before_answer && asked == after {
                    forward();
                }
                return None;
            }
            Behaviour::Hang => {
                // Until the other side gives up.
                reader.read_to_end(&mut Vec::new()).ok()?;
                return None;
            }
            Behaviour::Answer(answer) => answer,
            Behaviour::Forgetful if question["method"] == "eth_getTransactionReceipt" => {
                serde_json::to_vec(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": null })).ok()?
            }
            Behaviour::Forgetful => forward()?,
            Behaviour::Behind { two: true, .. } if is_turn_of_first(asked) => forward()?,
            Behaviour::Behind { height, .. } => behind(target, question, height)?,
        };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len()).ok()?;
        stream.write_all(&answer).ok()?;
    }
}

/// Which of two nodes answers, without a pattern that questions could follow.
fn is_turn_of_first(asked: usize) -> bool {
    asked.wrapping_mul(0x9e37_79b9) >> 16 & 1 == 0
}

fn send(target: &str, question: &Value) -> Option<Vec<u8>> {
    ureq::post(target).send_json(question).ok()?.body_mut().read_to_vec().ok()
}

/// What a node answers that is no further than this block.
fn behind(target: &str, mut question: Value, height: u64) -> Option<Vec<u8>> {
    let hex = json!(format!("{height:#x}"));
    let is_above = |block: &Value| {
        let number = block.as_str().and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        number.is_some_and(|number| number > height)
    };
    let null = json!({ "jsonrpc": "2.0", "id": question["id"], "result": null });
    let method = question["method"].as_str().unwrap().to_owned();
    let params = question["params"].as_array_mut().unwrap();
    match &*method {
        "eth_getBlockByNumber" if is_above(&params[0]) => return serde_json::to_vec(&null).ok(),
        "eth_getBlockByNumber" if params[0] == "latest" => params[0] = hex,
        "eth_getLogs" => {
            if is_above(&params[0]["toBlock"]) {
                params[0]["toBlock"] = hex.clone();
            }
            if is_above(&params[0]["fromBlock"]) {
                params[0]["fromBlock"] = hex;
            }
        }
        "eth_call" | "eth_estimateGas" | "eth_getTransactionCount" if params[1].is_string() => {
            params[1] = hex
        }
        "eth_getBalance" if params[1] == "latest" => params[1] = hex,
        "eth_getBalance" => {
            let block = json!({ "jsonrpc": "2.0", "id": 0, "method": "eth_getBlockByHash", "params": [params[1]["blockHash"], false] });
            let block: Value = serde_json::from_slice(&send(target, &block)?).ok()?;
            if is_above(&block["result"]["number"]) {
                let error = json!({ "code": -32000, "message": "header not found" });
                return serde_json::to_vec(&json!({ "id": question["id"], "error": error })).ok();
            }
        }
        "eth_getTransactionReceipt" => {
            let answer = send(target, &question)?;
            let told: Value = serde_json::from_slice(&answer).ok()?;
            let is_above = is_above(&told["result"]["blockNumber"]);
            return if is_above { serde_json::to_vec(&null).ok() } else { Some(answer) };
        }
        _ => {}
    }
    send(target, &question)
}

fn question(reader: &mut BufReader<TcpStream>) -> Option<Value> {
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).ok()? > 0 {
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return serde_json::from_slice(&body).ok();
        }
        line.clear();
    }
    None
}
