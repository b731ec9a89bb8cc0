//! Hosts in network namespaces of this machine, and an internet between them: routers with NAT, lost packets, cables to pull.
//!
//! Needs root, `ip`, `tc` and `nft`: `cargo xtask nat` sees to that.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Process, Scene};

/// How a router translates addresses, and what it lets through. Whoever is behind it is never reached by TCP.
#[derive(Clone, Copy)]
pub(crate) enum Router {
    /// One port outside for each inside, whoever is talked to; only they are let in there.
    PortRestricted,
    /// The same, and everybody is let in.
    FullCone,
    /// Another port outside for everybody who is talked to.
    Symmetric,
    /// No UDP, neither way.
    NoUdp,
}

/// An internet. It is gone after the test, with all hosts.
pub(crate) struct Lab {
    /// Its namespace, with a router that connects all sites.
    core: String,
    spaces: RefCell<Vec<String>>,
    sites: Cell<u8>,
}

/// A machine in a namespace of its own.
pub(crate) struct Host {
    space: String,
    /// Its own address.
    pub(crate) address: String,
    /// From where others see it.
    pub(crate) outside: String,
    /// The core's end of the cable to its site.
    cable: String,
    core: String,
}

static LABS: AtomicU32 = AtomicU32::new(0);

impl Lab {
    pub(crate) fn new() -> Self {
        let core = format!("lab{}-{}", std::process::id(), LABS.fetch_add(1, Ordering::Relaxed));
        let lab = Self { core: core.clone(), spaces: RefCell::default(), sites: Cell::new(0) };
        lab.add_space(&core);
        nft(
            &core,
            "add table ip weather\n\
             add chain ip weather passing { type filter hook forward priority 0; }",
        );
        lab
    }

    /// A host with an address that everybody can reach.
    pub(crate) fn host(&self, name: &str) -> Host {
        let space = format!("{}-{name}", self.core);
        self.add_space(&space);
        let (address, cable) = self.connect(&space);
        Host { space, outside: address.clone(), address, cable, core: self.core.clone() }
    }

    /// A host behind a router.
    pub(crate) fn host_behind(&self, router: Router, name: &str) -> Host {
        let gateway = self.host(&format!("{name}-router"));
        let space = format!("{}-{name}", self.core);
        self.add_space(&space);
        let site = self.sites.get();
        let (inside, address) = (format!("192.168.{site}.1"), format!("192.168.{site}.2"));
        join((&gateway.space, "lan", &inside), (&space, "eth0", &address), 24);
        run("ip", &["-n", &space, "route", "add", "default", "via", &inside]);
        nft(&gateway.space, &router.rules(&address));
        Host { space, address, ..gateway }
    }

    /// Loses so many packets in a hundred that go through the core, and counts their bytes.
    pub(crate) fn lose(&self, name: &str, percent: u8) {
        nft(
            &self.core,
            &format!(
                "add counter ip weather {name}\n\
                 add rule ip weather passing numgen random mod 100 < {percent} counter name {name} drop"
            ),
        );
    }

    /// Counts what goes from one host to another and matches: `meta l4proto udp`, for example.
    pub(crate) fn count(&self, name: &str, from: &Host, to: &Host, what: &str) {
        let (from, to) = (&from.outside, &to.outside);
        nft(
            &self.core,
            &format!(
                "add counter ip weather {name}\n\
                 add rule ip weather passing ip saddr {from} ip daddr {to} {what} counter name {name}"
            ),
        );
    }

    /// Bytes that were counted under this name.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let listed =
            run("ip", &["netns", "exec", &self.core, "nft", "list", "counter", "ip", "weather", name]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut words = listed.split_whitespace().skip_while(|word| *word != "bytes").skip(1);
        words.next().and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("no bytes in {listed}"))
    }

    fn add_space(&self, space: &str) {
        run("ip", &["netns", "add", space]);
        self.spaces.borrow_mut().push(space.to_owned());
        run("ip", &["-n", space, "link", "set", "lo", "up"]);
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        run("ip", &["netns", "exec", space, "sh", "-c", forward]);
    }

    /// Connects a namespace with the core: its address, and the core's end of the cable.
    fn connect(&self, space: &str) -> (String, String) {
        let site = self.sites.get() + 1;
        self.sites.set(site);
        let cable = format!("site{site}");
        let (near, far) = (format!("203.0.{site}.1"), format!("203.0.{site}.2"));
        join((&self.core, &cable, &near), (space, "wan", &far), 24);
        run("ip", &["-n", space, "route", "add", "default", "via", &near]);
        (far, cable)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in self.spaces.borrow().iter().rev() {
            // What cannot be taken away must not hide why the test failed.
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

impl Host {
    /// Runs our program here, with `who`'s market.
    pub(crate) fn dazaar(&self, scene: &Scene, who: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space, env!("CARGO_BIN_EXE_dazaar")]);
        scene.start(command, who, arguments, &[])
    }

    /// Lets no more than so much pass towards the host.
    pub(crate) fn slow_down(&self, rate: &str) {
        let words = ["qdisc", "add", "dev", &self.cable, "root", "tbf", "rate", rate];
        run("tc", &[&["-n", &self.core], &words[..], &["burst", "32kb", "latency", "100ms"]].concat());
    }

    /// Pulls the cable of the site.
    pub(crate) fn unplug(&self) {
        run("ip", &["-n", &self.core, "link", "set", &self.cable, "down"]);
    }

    /// Plugs it in again.
    pub(crate) fn plug_in(&self) {
        run("ip", &["-n", &self.core, "link", "set", &self.cable, "up"]);
    }

    /// Gives a host behind a router another address in its own network.
    pub(crate) fn renumber(&mut self) {
        let (network, _) = self.address.rsplit_once('.').expect("an address");
        let (gateway, new) = (format!("{network}.1"), format!("{network}.77"));
        run("ip", &["-n", &self.space, "addr", "flush", "dev", "eth0", "scope", "global"]);
        run("ip", &["-n", &self.space, "addr", "add", &format!("{new}/24"), "dev", "eth0"]);
        run("ip", &["-n", &self.space, "route", "add", "default", "via", &gateway]);
        self.address = new;
    }
}

impl Router {
    /// The rules of a router before a host with this address.
    fn rules(self, host: &str) -> String {
        let masquerade =
            if matches!(self, Self::Symmetric) { "masquerade fully-random" } else { "masquerade" };
        let mut rules = vec![
            "add table ip router".to_owned(),
            "add chain ip router leaving { type nat hook postrouting priority 100; }".to_owned(),
            format!("add rule ip router leaving oifname wan {masquerade}"),
            "add chain ip router coming { type nat hook prerouting priority -100; }".to_owned(),
            "add chain ip router passing { type filter hook forward priority 0; }".to_owned(),
            // What nobody asked for is not taken in: else the kernel would remember its port as taken.
            "add chain ip router staying { type filter hook input priority 0; }".to_owned(),
            "add rule ip router staying iifname wan ct state new drop".to_owned(),
        ];
        match self {
            Self::FullCone => {
                rules.push(format!("add rule ip router coming iifname wan meta l4proto udp dnat to {host}"))
            }
            Self::NoUdp => rules.push("add rule ip router passing meta l4proto udp drop".to_owned()),
            Self::PortRestricted | Self::Symmetric => {}
        }
        rules.join("\n")
    }
}

/// Lays a cable between two namespaces: each with the name of the end there, and its address.
fn join(near: (&str, &str, &str), far: (&str, &str, &str), bits: u8) {
    let words =
        ["link", "add", near.1, "netns", near.0, "type", "veth", "peer", "name", far.1, "netns", far.0];
    run("ip", &words);
    for (space, name, address) in [near, far] {
        run("ip", &["-n", space, "addr", "add", &format!("{address}/{bits}"), "dev", name]);
        // Packets are those of a real cable, each lost by itself.
        run("ip", &["-n", space, "link", "set", name, "gso_max_segs", "1"]);
        run("ip", &["-n", space, "link", "set", name, "up"]);
    }
}

fn nft(space: &str, rules: &str) {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space, "nft", "-f", "-"]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run nft: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(rules.as_bytes()).expect("nft reads");
    drop(stdin);
    let status = child.wait().expect("nft ends");
    assert!(status.success(), "nft does not take: {rules}");
}

fn run(program: &str, words: &[&str]) -> Output {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {complaint}", words.join(" "));
    output
}

/// Makes a certificate for an address that only those trust who are told to, and its key.
pub(crate) fn certificate(address: &str, certificate: &str, key: &str) {
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let name = format!("subjectAltName=IP:{address}");
    let subject = ["-subj", "/CN=relay", "-addext", &name, "-addext", "basicConstraints=critical,CA:FALSE"];
    run(
        "openssl",
        &[&["req", "-x509"], &curve[..], &subject, &["-keyout", key, "-out", certificate]].concat(),
    );
}
