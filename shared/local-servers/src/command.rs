//! Running a helper command (pip, npm, initdb, `--version`) to its end, with a deadline.

use std::{process::Stdio, time::Duration};

use crate::error::Error;

/// How much of a failed command's output an error carries.
const TAIL_BYTES: usize = 2_000;

/// Runs `command` and returns what it wrote to standard output.
///
/// # Cancel safety
/// Dropping the future kills the command.
pub(crate) async fn run(command: std::process::Command, limit: Duration) -> Result<String, Error> {
    run_with_input(command, limit, "").await
}

/// Like [`run`], with `input` on the command's standard input.
pub(crate) async fn run_with_input(
    command: std::process::Command,
    limit: Duration,
    input: &str,
) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let cannot_run = |source| Error::CannotRun {
        program: program.clone(),
        source,
    };
    let mut command = tokio::process::Command::from(command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(cannot_run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ends without reading its input is judged by its exit status below.
        drop(tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await);
    }
    let Ok(ended) = tokio::time::timeout(limit, child.wait_with_output()).await else {
        return Err(Error::CommandSlow { program, limit });
    };
    let output = ended.map_err(cannot_run)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let all = stdout + &String::from_utf8_lossy(&output.stderr);
    Err(Error::CommandFailed {
        program,
        status: output.status,
        output: tail(&all).to_owned(),
    })
}

fn tail(text: &str) -> &str {
    let text = text.trim();
    let mut start = text.len().saturating_sub(TAIL_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::{run, run_with_input};
    use crate::error::Error;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_command_returns_what_it_printed() {
        let printed = run_with_input(shell("cat"), Duration::from_secs(5), "hello")
            .await
            .unwrap();
        assert_eq!(printed, "hello");
    }

    #[tokio::test]
    async fn a_failure_carries_the_output() {
        let failed = run(shell("echo why >&2; exit 3"), Duration::from_secs(5))
            .await
            .unwrap_err();
        let Error::CommandFailed { status, output, .. } = failed else {
            panic!("{failed}")
        };
        assert_eq!((status.code(), output.as_str()), (Some(3), "why"));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up() {
        let slow = run(shell("sleep 60"), Duration::from_millis(50))
            .await
            .unwrap_err();
        assert!(matches!(slow, Error::CommandSlow { .. }), "{slow}");
    }
}
