//! A line between a wallet and its node, on which things go wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

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
        let forward = || -> Option<Vec<u8>> {
            ureq::post(target).send_json(&question).ok()?.body_mut().read_to_vec().ok()
        };
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
        };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len()).ok()?;
        stream.write_all(&answer).ok()?;
    }
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
