//! The summary of a sweep in Markdown, ready for the documentation.

use std::fmt::Write;

use super::figures::{Cost, Found};
use crate::plot::scale::label;

/// Writes it; the plots stand beside it.
pub(crate) fn write(found: &Found) -> String {
    let mut text = String::new();
    sections(found, &mut text).expect("a String takes any text");
    text
}

fn sections(found: &Found, text: &mut String) -> std::fmt::Result {
    writeln!(text, "# What `make bench BENCH=sweep` measured\n")?;
    writeln!(text, "Load: {}.\n", found.load)?;
    writeln!(text, "| Condition | |\n| --- | --- |")?;
    for (name, value) in &found.conditions.0 {
        writeln!(text, "| {name} | {value} |")?;
    }
    if !found.latency.is_empty() {
        latency(found, text)?;
    }
    if !found.cost.is_empty() {
        cost(found, text)?;
    }
    if !found.left_out.is_empty() {
        writeln!(text, "\nNot measured: {}.", found.left_out.join("; "))?;
    }
    Ok(())
}

fn latency(found: &Found, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n## Latency over load\n")?;
    writeln!(
        text,
        "From the moment at which an event was due, whether or not the producer could send it then, to \
         its delivery.\n\n![Latency over load](latency.svg)\n"
    )?;
    writeln!(
        text,
        "| events/s | deliveries/s | p50 ms | p90 ms | p99 ms |"
    )?;
    writeln!(text, "| ---: | ---: | ---: | ---: | ---: |")?;
    let mut is_too_much = false;
    for step in &found.latency {
        let mark = if step.keeps_up { "" } else { " \\*" };
        writeln!(
            text,
            "| {}{mark} | {:.0} | {:.2} | {:.2} | {:.2} |",
            label(step.rate.into()),
            step.reached,
            step.p50_ms,
            step.p90_ms,
            step.p99_ms
        )?;
        is_too_much |= !step.keeps_up;
    }
    if is_too_much {
        writeln!(
            text,
            "\n\\* More than is delivered meanwhile: these times only tell how long it went on."
        )?;
    }
    Ok(())
}

fn cost(found: &Found, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n## Cost over endpoints\n")?;
    writeln!(
        text,
        "Core-seconds per 1,000 deliveries at {} events per second, an application for each \
         endpoint.\n\n![Cost over endpoints](cost.svg)\n![Memory over endpoints](memory.svg)\n",
        label(found.cost_rate.into())
    )?;
    let names = processes(found.cost.first());
    writeln!(
        text,
        "| endpoints | deliveries/s | all | {} |",
        names.join(" | ")
    )?;
    writeln!(
        text,
        "| ---: | ---: | ---: |{}",
        " ---: |".repeat(names.len())
    )?;
    for step in &found.cost {
        let endpoints = f64::from(u32::try_from(step.endpoints).unwrap_or(u32::MAX));
        let (all, reached) = (step.core_seconds_per_1000(), step.reached);
        write!(text, "| {} | {reached:.0} | {all:.3} |", label(endpoints))?;
        for process in &step.processes {
            write!(text, " {:.3} |", process.core_seconds_per_1000)?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn processes(step: Option<&Cost>) -> Vec<String> {
    let processes = step.map_or(&[][..], |step| &step.processes);
    processes
        .iter()
        .map(|process| process.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::figures::tests::found;

    #[test]
    fn the_summary_has_conditions_a_row_for_each_step_and_what_is_missing() {
        let text = write(&found());
        for line in [
            "| processors | 2 processors (X) |",
            "| 1,000 | 1000 | 2.50 | 5.00 | 7.50 |",
            "| 5,000 \\* | 5000 | 999.00 | 1998.00 | 2997.00 |",
            "| endpoints | deliveries/s | all | sender | postgres |",
            "| 10,000 | 500 | 0.375 | 0.250 | 0.125 |",
            "\\* More than is delivered meanwhile: these times only tell how long it went on.",
            "Not measured: 100,000 endpoints: no time.",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_part_without_steps_is_left_out() {
        let mut found = found();
        found.cost.clear();
        found.left_out.clear();
        found.latency.retain(|step| step.keeps_up);
        let text = write(&found);
        assert!(text.contains("latency.svg") && !text.contains("cost.svg"));
        assert!(!text.contains("Not measured"));
        assert!(!text.contains("More than is delivered"));
    }
}
