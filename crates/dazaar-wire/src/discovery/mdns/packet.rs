//! Packets of multicast DNS, as far as hyperswarm uses them: who sells this, and I do.
//!
//! Grade: plain. Everything else that goes over multicast DNS is passed over.
//! Source: classic protocol, section 8.4.

use std::net::Ipv4Addr;

use simple_dns::rdata::{A, RData, SRV, TXT};
use simple_dns::{
    CLASS, Name as DnsName, Packet as DnsPacket, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE,
};

use crate::discovery::Topic;
use crate::discovery::limits::PACKET_BYTES_MAX;

/// Topics in one packet.
pub(super) const ENTRIES_MAX: usize = 16;

/// The first bytes of a topic, which are its name.
pub(super) type Name = [u8; 20];

/// What names end with.
const DOMAIN: &str = "hyperswarm.local";

/// The host name that stands for the sender.
const SENDER: &str = "0.0.0.0";

/// The name with the address of who asked.
const REFERRER: &str = "referrer.hyperswarm.local";

/// The name of the attribute that tells announcers apart.
const ID: &str = "id";

/// Somebody who announces a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The name of the topic.
    pub name: Name,
    /// The TCP port of who announces.
    pub port: u16,
    /// Who announces; zeros if they do not say.
    pub id: [u8; 32],
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// Who announces these?
    Question {
        /// Names of topics.
        names: Vec<Name>,
    },
    /// I do.
    Answer {
        /// What is announced.
        entries: Vec<Entry>,
        /// Who asked, if anybody did.
        asker: Option<Ipv4Addr>,
    },
}

/// The name of a topic.
pub(super) fn name_of(topic: &Topic) -> Name {
    std::array::from_fn(|place| topic.0[place])
}

impl Packet {
    /// The bytes of the packet; none if it would be longer than a packet can be.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let text = |name: &Name| {
            let digits: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{digits}.{DOMAIN}")
        };
        match self {
            Self::Question { names } => {
                let texts: Vec<String> = names.iter().map(text).collect();
                let mut packet = DnsPacket::new_query(0);
                for text in &texts {
                    let (kind, class) = (QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN));
                    packet.questions.push(Question::new(DnsName::new(text).ok()?, kind, class, false));
                }
                packet.build_bytes_vec().ok()
            }
            Self::Answer { entries, asker } => {
                let texts: Vec<String> = entries.iter().map(|entry| text(&entry.name)).collect();
                let mut packet = DnsPacket::new_reply(0);
                packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
                for (entry, text) in entries.iter().zip(&texts) {
                    packet.answers.extend(records(entry, text)?);
                }
                if let Some(asker) = asker {
                    let address = RData::A(A { address: (*asker).into() });
                    packet.answers.push(record(REFERRER, address)?);
                }
                packet.build_bytes_vec().ok()
            }
        }
    }

    /// Reads a packet; none if it is none, or has nothing to do with us.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > PACKET_BYTES_MAX {
            return None;
        }
        let packet = DnsPacket::parse(bytes).ok()?;
        if packet.has_flags(PacketFlag::RESPONSE) {
            let entries = packet.answers.iter().filter_map(|record| entry(record, &packet.answers));
            let entries: Vec<Entry> = entries.take(ENTRIES_MAX).collect();
            let asker = packet.answers.iter().find_map(|record| match &record.rdata {
                RData::A(address) => Some(Ipv4Addr::from(address.address)),
                _ => None,
            });
            return (!entries.is_empty()).then_some(Self::Answer { entries, asker });
        }
        let wanted = packet.questions.iter().filter(|question| question.qtype == QTYPE::TYPE(TYPE::SRV));
        let names: Vec<Name> =
            wanted.filter_map(|question| read_name(&question.qname)).take(ENTRIES_MAX).collect();
        (!names.is_empty()).then_some(Self::Question { names })
    }
}

fn records<'a>(entry: &Entry, name: &'a str) -> Option<[ResourceRecord<'a>; 2]> {
    let target = DnsName::new(SENDER).ok()?;
    let service = SRV { priority: 0, weight: 0, port: entry.port, target };
    let id = TXT::new().with_attribute(ID, Some(&entry.id)).ok()?;
    Some([record(name, RData::SRV(service))?, record(name, RData::TXT(id))?])
}

fn record<'a>(name: &'a str, data: RData<'a>) -> Option<ResourceRecord<'a>> {
    Some(ResourceRecord::new(DnsName::new(name).ok()?, CLASS::IN, 0, data))
}

/// What an SRV record announces. Only the sender itself can be announced: others speak for themselves.
fn entry(record: &ResourceRecord<'_>, all: &[ResourceRecord<'_>]) -> Option<Entry> {
    let RData::SRV(service) = &record.rdata else { return None };
    let sender = DnsName::new(SENDER).ok()?;
    let name = read_name(&record.name).filter(|_| service.target == sender)?;
    let id = all.iter().filter(|other| other.name == record.name).find_map(|other| match &other.rdata {
        RData::TXT(text) => {
            let mut attributes = text.iter_raw();
            let (_, value) = attributes.find(|(key, _)| *key == ID.as_bytes())?;
            value?.try_into().ok()
        }
        _ => None,
    });
    Some(Entry { name, port: service.port, id: id.unwrap_or_default() })
}

/// The topic's name in a DNS name.
fn read_name(name: &DnsName<'_>) -> Option<Name> {
    let (first, rest) = name.get_labels().split_first()?;
    let domain = DnsName::new(DOMAIN).ok()?;
    let digits: &[u8; 40] = first.as_ref().try_into().ok()?;
    let (pairs, _) = digits.as_chunks::<2>();
    let mut bytes = Name::default();
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    (DnsName::new_with_labels(rest) == domain).then_some(bytes)
}
