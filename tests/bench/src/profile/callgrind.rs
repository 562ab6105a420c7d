//! Counts instructions with Valgrind's callgrind, where perf does not work: exact, but some fifty times
//! as slow, without the kernel, and only for Posthorn's own processes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::origin::Function;
use super::stacks::Cost;
use super::tops::Tops;

/// Whether it is there; what the system says when not.
pub(crate) async fn find() -> Result<(), String> {
    for program in ["valgrind", "callgrind_control"] {
        let tried = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output();
        tried.await.map_err(|error| format!("{program}: {error}"))?;
    }
    Ok(())
}

/// What a program is started with, so that it can be counted later.
pub(crate) fn wrapper(folder: &Path) -> Vec<String> {
    let file = folder.join("callgrind.%p");
    vec![
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        "--instr-atstart=no".to_owned(),
        format!("--callgrind-out-file={}", file.display()),
    ]
}

/// Begins to count.
///
/// # Errors
/// When the process is not under callgrind.
pub(crate) async fn begin(pid: u32) -> anyhow::Result<()> {
    control(&["--instr=on"], pid).await
}

/// What was counted so far.
///
/// # Errors
/// When the process is not under callgrind, or wrote nothing.
pub(crate) async fn take(pid: u32, folder: &Path) -> anyhow::Result<Tops> {
    control(&["--dump"], pid).await?;
    let file = folder.join(format!("callgrind.{pid}.1"));
    let text = std::fs::read_to_string(&file);
    let text = text.with_context(|| format!("read {}", file.display()))?;
    Ok(read(&text))
}

/// What is left in the folder, for kcachegrind.
pub(crate) fn file(pid: u32, folder: &Path) -> PathBuf {
    folder.join(format!("callgrind.{pid}.1"))
}

async fn control(arguments: &[&str], pid: u32) -> anyhow::Result<()> {
    let asked = Command::new("callgrind_control")
        .args(arguments)
        .arg(pid.to_string())
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    ensure!(
        asked.status.success() && !said.contains("Error"),
        "callgrind_control: {said}"
    );
    Ok(())
}

/// Reads callgrind's output. A name stands once and is a number from then on; a line of costs belongs
/// to the function named last, unless a line `calls=` precedes it: then it is what was called.
/// *Source*: Valgrind's manual, "Callgrind Format Specification".
fn read(text: &str) -> Tops {
    let mut names = Names::default();
    let mut costs: BTreeMap<Function, Cost> = BTreeMap::new();
    let mut function = Function::new("???", "?");
    let mut object = String::new();
    let mut is_call = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = names.of("ob", name);
        } else if let Some(name) = line.strip_prefix("fn=") {
            function = Function::new(&names.of("fn", name), &object);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            names.of("fn", name);
        } else if let Some(name) = line.strip_prefix("cob=") {
            names.of("ob", name);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if let Some(count) = count(line) {
            let cost = costs.entry(function.clone()).or_default();
            cost.total += count;
            cost.own += if is_call { 0 } else { count };
            is_call = false;
        }
    }
    let mut origins: BTreeMap<String, Cost> = BTreeMap::new();
    for (function, cost) in &costs {
        // Calls within a crate would count twice in its total.
        let origin = origins.entry(function.origin.clone()).or_default();
        origin.own += cost.own;
        origin.total += cost.own;
    }
    Tops::new("instructions", costs, origins)
}

/// `<line> <count>`, where the line is a number that may be relative.
fn count(line: &str) -> Option<u64> {
    let (position, count) = line.split_once(' ')?;
    let is_position = position.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c));
    is_position.then(|| count.trim().parse().ok())?
}

/// Names by their kind and number.
#[derive(Default)]
struct Names(HashMap<(&'static str, String), String>);

impl Names {
    /// `(<number>) <name>`, or `(<number>)` for one that is known.
    fn of(&mut self, kind: &'static str, text: &str) -> String {
        let Some((number, name)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        else {
            return text.to_owned();
        };
        let (key, name) = ((kind, number.to_owned()), name.trim());
        match name {
            "" => self.0.get(&key).cloned().unwrap_or_default(),
            name => self.0.entry(key).or_insert_with(|| name.to_owned()).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_costs_and_those_of_calls_are_told_apart_and_names_stand_once() {
        let text = "\
version: 1
events: Ir

ob=(1) /x/posthorn
fl=(1) a.rs
fn=(1) a::outer
16 40
cob=(2) /lib/libc.so.6
cfn=(2) malloc
calls=2 0
+2 60

ob=(2)
fn=(2)
0 60

ob=(1)
fn=(3) a::inner'2
* 100
";
        let table = read(text).table(3);
        let expected = [
            "  50.0 %  50.0 %  a::inner'2 [a]",
            "  30.0 %  30.0 %  malloc [libc]",
            "  20.0 %  50.0 %  a::outer [a]",
            "  70.0 %  70.0 %  a",
            "  30.0 %  30.0 %  libc",
        ];
        for line in expected {
            assert!(table.contains(line), "{line}\n{table}");
        }
    }
}
