//! Which functions and which crates a process spends its time in, as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::origin::Function;
use super::stacks::{Cost, Stacks};

/// Longest name of a function in a table; names of generic ones have hundreds of characters.
const MAX_NAME: usize = 100;

/// What a profile of a process shows.
#[derive(Debug, Default)]
pub(crate) struct Tops {
    /// Samples or instructions in all.
    pub(crate) all: u64,
    /// Which of both.
    pub(crate) unit: &'static str,
    /// Those that cost most by themselves first.
    functions: Vec<(Function, Cost)>,
    origins: Vec<(String, Cost)>,
}

impl Tops {
    /// Of sampled stacks.
    pub(crate) fn of(stacks: &Stacks) -> Self {
        Self::new("samples", stacks.costs(), stacks.costs_by_origin())
    }

    /// Of what functions and crates cost.
    pub(crate) fn new(
        unit: &'static str,
        functions: BTreeMap<Function, Cost>,
        origins: BTreeMap<String, Cost>,
    ) -> Self {
        Self {
            unit,
            all: functions.values().map(|cost| cost.own).sum(),
            functions: sorted(functions),
            origins: sorted(origins),
        }
    }

    /// Both tables with so many rows each, in per cent of the whole.
    pub(crate) fn table(&self, rows: usize) -> String {
        let mut text = String::from("    self   total  function\n");
        for (Function { symbol, origin }, cost) in self.functions.iter().take(rows) {
            let name = format!("{} [{origin}]", shortened(symbol));
            self.row(&mut text, &name, *cost);
        }
        text.push_str("\n    self   total  crate, package or library\n");
        for (origin, cost) in self.origins.iter().take(rows) {
            self.row(&mut text, origin, *cost);
        }
        text
    }

    fn row(&self, text: &mut String, name: &str, cost: Cost) {
        let (own, total) = (self.per_cent(cost.own), self.per_cent(cost.total));
        writeln!(text, "{own:>6.1} %{total:>6.1} %  {name}").expect("a String takes any text");
    }

    /// The crates' own shares of the whole, the largest first.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        let origins = self.origins.iter();
        origins.map(|(origin, cost)| (origin.as_str(), self.per_cent(cost.own) / 100.0))
    }

    fn per_cent(&self, part: u64) -> f64 {
        let number =
            |count: u64| f64::from(u32::try_from(count / self.scale()).unwrap_or(u32::MAX));
        number(part) * 100.0 / number(self.all).max(1.0)
    }

    /// Counts of instructions are too large for an exact conversion; what is cut off is no share.
    fn scale(&self) -> u64 {
        (self.all >> 31).max(1)
    }
}

fn sorted<K: Ord>(costs: BTreeMap<K, Cost>) -> Vec<(K, Cost)> {
    let mut costs: Vec<_> = costs.into_iter().collect();
    costs.sort_by_key(|(_, cost)| std::cmp::Reverse((cost.own, cost.total)));
    costs
}

/// Without the middle, when it is too long.
fn shortened(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= MAX_NAME {
        return name.to_owned();
    }
    let half = MAX_NAME / 2 - 1;
    let (head, tail) = (&characters[..half], &characters[characters.len() - half..]);
    format!(
        "{}…{}",
        head.iter().collect::<String>(),
        tail.iter().collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tops(scale: u64) -> Tops {
        let cost = |own, total| Cost {
            own: own * scale,
            total: total * scale,
        };
        let functions = [
            (Function::new("b::outer", "posthorn"), cost(1, 4)),
            (Function::new("a::inner", "posthorn"), cost(3, 3)),
        ];
        let origins = [("a", cost(3, 3)), ("b", cost(1, 4))];
        let origins = origins.map(|(origin, cost)| (origin.to_owned(), cost));
        Tops::new("samples", functions.into(), origins.into())
    }

    #[test]
    fn what_costs_most_by_itself_is_first_in_per_cent_of_the_whole() {
        let expected = "    self   total  function\n  75.0 %  75.0 %  a::inner [a]\n\n    \
                        self   total  crate, package or library\n  75.0 %  75.0 %  a\n";
        assert_eq!(tops(1).table(1), expected);
        assert_eq!(tops(1 << 40).table(1), expected);
        let shares: Vec<_> = tops(1)
            .shares()
            .map(|(name, share)| (name.to_owned(), share))
            .collect();
        assert_eq!(shares, [("a".to_owned(), 0.75), ("b".to_owned(), 0.25)]);
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let name = format!("{}middle{}", "ä".repeat(60), "z".repeat(60));
        let short = shortened(&name);
        assert_eq!(short.chars().count(), MAX_NAME - 1);
        assert!(short.starts_with("ää") && short.contains("ä…z"));
    }
}
