//! Pays when the seller asks, as the user said: how much, with what, and how much at most.

use std::cell::{Cell, RefCell};

use dazaar::cards::price::TimeRange;
use dazaar::cards::{BuyerEvent, Method, PriceTerms, Wish};
use dazaar::{Buyer, BuyerNotice};
use serde_json::Value;

use crate::failure::{Failure, Kind};

/// The part of what was bought last at which more is bought.
const LOW_WATER_PART: i64 = 10;

/// What the user wants to pay.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// With each order.
    pub(crate) wish: Wish,
    /// In which way only.
    pub(crate) by: Option<Method>,
    /// With all orders of this command together.
    pub(crate) most: Option<Wish>,
    /// Whether to pay again when little is left.
    pub(crate) top_up: bool,
}

impl Plan {
    /// Whether the seller admits us to nothing but ranges of time, and something else is wanted.
    fn is_beyond(&self, info: &Value) -> bool {
        let is_admitted_to = |range: &TimeRange| {
            let (from, to) = range.ends();
            let ranges = info["ranges"].as_array().into_iter().flatten();
            ranges.into_iter().any(|range| range["from"] == from.as_str() && range["to"] == to.as_str())
        };
        info["type"] == "range" && !matches!(&self.wish, Wish::Range(range) if is_admitted_to(range))
    }
}

/// A plan at work.
#[derive(Debug)]
pub(super) struct Paying<'a> {
    plan: Plan,
    buyer: &'a Buyer,
    /// What the card asks: sellers with npm dazaar say nothing else.
    asked: &'a [PriceTerms],
    /// The seller's software is npm dazaar, as far as its connection says.
    is_npm: Cell<bool>,
    /// Such a seller was paid, and has not admitted us since.
    is_unanswered: Cell<bool>,
    /// No more may be spent.
    is_spent: Cell<bool>,
    /// What the seller asked, and we pay.
    chosen: RefCell<Option<PriceTerms>>,
    /// Units that were ordered.
    spent: Cell<u64>,
    /// What is left when more is bought.
    low_water: Cell<Option<i64>>,
}

impl<'a> Paying<'a> {
    pub(super) const fn new(plan: Plan, buyer: &'a Buyer, asked: &'a [PriceTerms]) -> Self {
        Self {
            plan,
            buyer,
            asked,
            is_npm: Cell::new(false),
            is_unanswered: Cell::new(false),
            is_spent: Cell::new(false),
            chosen: RefCell::new(None),
            spent: Cell::new(0),
            low_water: Cell::new(None),
        }
    }

    /// Pays if the seller asks for it, or if little is left. Whether it does.
    pub(super) fn handle_notice(&self, notice: &BuyerNotice) -> Result<bool, Failure> {
        match notice {
            BuyerNotice::Connected { authenticated, .. } => {
                self.is_npm.set(!authenticated);
                Ok(false)
            }
            BuyerNotice::Due(due) => {
                self.handle_due(&due.asked.iter().filter_map(|asked| asked.terms()).collect::<Vec<_>>())
            }
            BuyerNotice::Session(BuyerEvent::Invalid { .. })
                if self.is_npm.get() && !self.is_unanswered.get() =>
            {
                let pays = self.handle_due(self.asked)?;
                self.is_unanswered.set(pays);
                Ok(pays)
            }
            BuyerNotice::Paid(receipt) => {
                let left = receipt.credit["remaining"].as_i64();
                self.low_water.set(left.map(|left| left / LOW_WATER_PART));
                Ok(false)
            }
            BuyerNotice::Session(BuyerEvent::Valid { info }) => {
                self.is_unanswered.set(false);
                if self.plan.is_beyond(info) { self.handle_due(self.asked) } else { self.handle_left(info) }
            }
            _ => Ok(false),
        }
    }

    fn handle_due(&self, asked: &[PriceTerms]) -> Result<bool, Failure> {
        let has_paid = self.chosen.borrow().is_some();
        if self.buyer.is_paying() || (has_paid && !self.plan.top_up) {
            return Ok(false);
        }
        let terms = self.choose(asked)?;
        self.pay(&terms)?;
        self.chosen.replace(Some(terms));
        Ok(true)
    }

    fn handle_left(&self, info: &Value) -> Result<bool, Failure> {
        let left = info["remaining"].as_i64();
        let is_low = left.zip(self.low_water.get()).is_some_and(|(left, low)| left < low);
        if !self.plan.top_up || !is_low || self.buyer.is_paying() || self.is_spent.get() {
            return Ok(false);
        }
        let chosen = self.chosen.borrow();
        let Some(terms) = chosen.as_ref() else { return Ok(false) };
        if let Err(failure) = self.pay(terms) {
            // What is paid for is used up first.
            tracing::warn!(?failure, "nothing more is paid");
            self.is_spent.set(true);
            return Ok(false);
        }
        Ok(true)
    }

    /// The first way to pay that the seller takes, a wallet of ours can, and the wish makes sense for.
    fn choose(&self, asked: &[PriceTerms]) -> Result<PriceTerms, Failure> {
        let mut reasons = Vec::new();
        for terms in asked {
            match self.obstacle(terms) {
                None => return Ok(terms.clone()),
                Some(reason) => reasons.push(format!("{terms}: {reason}")),
            }
        }
        let reasons = if reasons.is_empty() {
            "nothing is asked that could be paid".to_owned()
        } else {
            reasons.join("; ")
        };
        Err(Failure::new(Kind::Refused, format!("the seller cannot be paid: {reasons}")))
    }

    fn obstacle(&self, terms: &PriceTerms) -> Option<String> {
        if self.plan.by.is_some_and(|by| by != terms.method) {
            return Some("not the way that --pay-by says".to_owned());
        }
        if terms.method == Method::Credit {
            return Some("paid with a voucher: --voucher".to_owned());
        }
        if !self.buyer.can_pay(terms) {
            return Some("no wallet can pay so: dazaar wallet add".to_owned());
        }
        match self.plan.wish.units(terms) {
            None => Some(format!("`{}` is not what is counted", self.plan.wish)),
            Some(units) if units < terms.price.minimum => Some("less than the least that is sold".to_owned()),
            Some(_) => None,
        }
    }

    fn pay(&self, terms: &PriceTerms) -> Result<(), Failure> {
        let units = Buyer::whole_units(terms, self.plan.wish.units(terms).unwrap_or(0));
        let spent = self.spent.get().saturating_add(units);
        if let Some(most) = &self.plan.most {
            let most = most.units(terms).ok_or_else(|| {
                Failure::new(Kind::Refused, format!("`{most}` is not in what the seller is paid"))
                    .hint("allow so much in the seller's currency: --max-spend")
            })?;
            if spent > most {
                let (wanted, most) = (terms.shown.amount(spent), terms.shown.amount(most));
                return Err(Failure::new(
                    Kind::Refused,
                    format!("{wanted} would be spent, and {most} may be"),
                )
                .hint("allow more with --max-spend"));
            }
        }
        self.buyer.pay(terms, units)?;
        self.spent.set(spent);
        Ok(())
    }
}
