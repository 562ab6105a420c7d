//! Stacks that were sampled, read from what `perf script` prints, and folded: one line for each
//! different stack with its samples, which flame graph programs read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{BufRead, Result};

use super::origin::Function;

/// Different stacks, the outermost function first, with their samples.
#[derive(Debug, Default)]
pub(crate) struct Stacks(pub(crate) BTreeMap<Vec<Function>, u64>);

/// What a function took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// In the function itself.
    pub(crate) own: u64,
    /// With all that it called; once, however often it stands in a stack.
    pub(crate) total: u64,
}

impl Stacks {
    /// Reads what `perf script -F comm,tid,ip,sym,dso` prints: a line for the thread, a line for each
    /// function from the innermost on, and an empty line.
    ///
    /// # Errors
    /// When the input breaks off.
    pub(crate) fn read(script: impl BufRead) -> Result<Self> {
        let mut stacks = Self::default();
        let mut stack = Vec::new();
        for line in script.lines() {
            let line = line?;
            if line.trim().is_empty() {
                stacks.add(std::mem::take(&mut stack));
            } else if line.starts_with([' ', '\t'])
                && let Some(function) = function(&line)
            {
                stack.push(function);
            }
        }
        stacks.add(stack);
        Ok(stacks)
    }

    fn add(&mut self, mut stack: Vec<Function>) {
        if !stack.is_empty() {
            stack.reverse();
            *self.0.entry(stack).or_default() += 1;
        }
    }

    /// All samples.
    pub(crate) fn samples(&self) -> u64 {
        self.0.values().sum()
    }

    /// A line for each stack: `outer;inner 12`.
    pub(crate) fn folded(&self) -> String {
        let mut text = String::new();
        for (stack, samples) in &self.0 {
            let names: Vec<_> = stack.iter().map(|one| one.symbol.as_str()).collect();
            writeln!(text, "{} {samples}", names.join(";")).expect("a String takes any text");
        }
        text
    }

    /// What each function took.
    pub(crate) fn costs(&self) -> BTreeMap<Function, Cost> {
        self.costs_by(Function::clone)
    }

    /// What each crate, package or library took.
    pub(crate) fn costs_by_origin(&self) -> BTreeMap<String, Cost> {
        self.costs_by(|function| function.origin.clone())
    }

    fn costs_by<K: Ord>(&self, key: impl Fn(&Function) -> K) -> BTreeMap<K, Cost> {
        let mut costs: BTreeMap<K, Cost> = BTreeMap::new();
        for (stack, samples) in &self.0 {
            if let Some(innermost) = stack.last() {
                costs.entry(key(innermost)).or_default().own += samples;
            }
            let different: BTreeSet<K> = stack.iter().map(&key).collect();
            for key in different {
                costs.entry(key).or_default().total += samples;
            }
        }
        costs
    }
}

/// `<address> <symbol> (<file>)`; `None` for the end of a stack, which has neither.
fn function(line: &str) -> Option<Function> {
    let (_address, rest) = line.trim().split_once(' ')?;
    let (symbol, file) = rest.rsplit_once(" (")?;
    let file = file.strip_suffix(')')?;
    (file != "[unknown]").then(|| Function::new(symbol, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
tokio-rt-worker 12
\t  7f01 malloc (/usr/lib/libc.so.6)
\t  55aa <alloc::vec::Vec<T> as core::ops::Drop>::drop (/x/posthorn)
\t  55ab tokio::poll (/x/posthorn)
\tffff [unknown] ([unknown])

tokio-rt-worker 13
\t  55aa <alloc::vec::Vec<T> as core::ops::Drop>::drop (/x/posthorn)
\t  55ab tokio::poll (/x/posthorn)
\t  55ac tokio::poll (/x/posthorn)
\t  55ad tokio::poll (/x/posthorn)

tokio-rt-worker 12
\t  7f01 malloc (/usr/lib/libc.so.6)
\t  55aa <alloc::vec::Vec<T> as core::ops::Drop>::drop (/x/posthorn)
\t  55ab tokio::poll (/x/posthorn)
";

    #[test]
    fn equal_stacks_are_one_line_with_the_outermost_function_first() {
        let stacks = Stacks::read(SCRIPT.as_bytes()).unwrap();
        let drop = "<alloc::vec::Vec<T> as core::ops::Drop>::drop";
        let expected =
            format!("tokio::poll;{drop};malloc 2\ntokio::poll;tokio::poll;tokio::poll;{drop} 1\n");
        assert_eq!(stacks.folded(), expected);
        assert_eq!(stacks.samples(), 3);
    }

    #[test]
    fn a_function_that_calls_itself_counts_once() {
        let costs = Stacks::read(SCRIPT.as_bytes()).unwrap().costs_by_origin();
        let cost = |own, total| Some(Cost { own, total });
        assert_eq!(costs.get("tokio").copied(), cost(0, 3));
        assert_eq!(costs.get("alloc").copied(), cost(1, 3));
        assert_eq!(costs.get("libc").copied(), cost(2, 2));
        assert_eq!(costs.len(), 3);
    }
}
