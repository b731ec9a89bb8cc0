use std::sync::Arc;

use dazaar_wire::discovery::Mode;

use super::*;
use crate::discovery::{Discovery, Handle};

const TOPIC: Topic = Topic([7; 32]);

fn settings(mode: Mode) -> DiscoverySettings {
    let bind = Some("127.0.0.1:0".parse().unwrap());
    DiscoverySettings { dht: Some(mode), bind, lan: LanScope::None, ..DiscoverySettings::default() }
}

#[tokio::test]
async fn an_announcement_waits_for_the_names_of_bootstrap_nodes() {
    let entrance = Discovery::start(settings(Mode::Full)).unwrap();
    let (commands, received) = mpsc::unbounded_channel();
    let mut task = Task::new(settings(Mode::Client), received).unwrap();
    let (resolve, resolved) = mpsc::channel(1);
    let dht = task.dht.as_mut().unwrap();
    (dht.resolved, dht.is_resolving) = (resolved, true);
    tokio::spawn(task.run());
    let discovery = Discovery(Arc::new(Handle { commands }));
    discovery.announce(TOPIC, 80, true);
    let mut announced = std::pin::pin!(discovery.announced(TOPIC));
    tokio::select! {
        biased;
        nodes = &mut announced => panic!("announced to {nodes}"),
        // Commands are obeyed in order.
        _ = discovery.status() => {}
    }
    resolve.send(vec![entrance.status().await.bound.unwrap()]).await.unwrap();
    assert_eq!(announced.await, 1);
}

#[tokio::test]
async fn nobody_waits_for_an_announcement_that_was_taken_back() {
    let (commands, received) = mpsc::unbounded_channel();
    let mut task = Task::new(settings(Mode::Client), received).unwrap();
    let wait = |task: &mut Task| {
        let (done, is_done) = oneshot::channel();
        task.handle_command(Command::WaitAnnounced { topic: TOPIC, done });
        is_done
    };
    drop((wait(&mut task), commands));
    task.drop_searches();
    assert!(task.waiting.is_empty());
    let waiting = wait(&mut task);
    task.withdraw(TOPIC, oneshot::channel().0);
    assert!(waiting.await.is_err());
}
